"""What became of a person's clips: a table by reason, and pictures of kept and rejected ones side by side."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from talkedit.errors import MediaError
from talkedit.evaluate.sheet import CELL_PX, write_sheet
from talkedit.evaluate.sheet import Row as SheetRow
from talkedit.media.video import read_frames_at
from talkedit.records import CLIP_FPS, Image
from talkedit.tables import Row

KEPT = "kept"
PICTURES_PER_ROW = 6
_TEN = 10.0  # from here on one decimal is enough, so that the table fits 80 columns
# Medians in the table: what they are called there, and the column.
_NUMBERS = {
    "px": "face_px",
    "sharp": "sharpness",
    "yaw": "yaw_deg",
    "dB": "loudness_db",
    "speech": "speech_share",
    "voices": "n_speakers",
    "late": "offset_frames",
    "sure": "offset_certainty",
}


def by_reason(rows: list[Row]) -> dict[str, list[Row]]:
    """The clips under ``kept`` and under each reason, the most frequent reason first."""
    groups: dict[str, list[Row]] = {KEPT: []}
    for row in rows:
        groups.setdefault(KEPT if row["status"] == "kept" else row["reason"], []).append(row)
    return dict(sorted(groups.items(), key=lambda group: (group[0] != KEPT, -len(group[1]))))


def summary(rows: list[Row]) -> Table:
    """A line for the kept clips and one for each reason: how many, how long, and the median of each number.

    px is the face's size; late is the clips' own offset in frames, sure how certain that is.
    """
    table = Table("", "clips", "s", "moved", *_NUMBERS, box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.columns[0].no_wrap = True
    for reason, group in by_reason(rows).items():
        length_s = sum(row["n_frames"] or 0 for row in group) / float(CLIP_FPS)
        moved = sum(bool(row["shift_frames"]) for row in group)
        medians = (_median([row[column] for row in group]) for column in _NUMBERS.values())
        table.add_row(reason, str(len(group)), f"{length_s:.0f}", str(moved), *medians)
    return table


def listing(rows: list[Row]) -> Table:
    """One line a clip, with what is known of it."""
    table = Table("clip", "split", "reason", "detail", box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        moved = f"sound moved by {row['shift_frames']} frames" if row["shift_frames"] else ""
        cells = row["clip_id"], row["split"], row["reason"] or KEPT, row["detail"] or moved
        table.add_row(*map(Text, cells))  # brackets in a path or in another program's words are no markup
    return table


def _median(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    median = float(np.median(known))
    return f"{round(median, 1 if abs(median) >= _TEN else 2):g}"


def write_clips_sheet(path: Path, rows: list[Row], raw: Path) -> None:
    """A row of pictures, the middle frames of some clips, for the kept ones and for each reason.

    Args:
        path: The PNG.
        rows: Of the curate stage's table.
        raw: Folder of the sources.
    """
    write_sheet(path, [_pictures(reason, group, raw) for reason, group in by_reason(rows).items() if group])


def _pictures(reason: str, group: list[Row], raw: Path) -> SheetRow:
    step = max(1, len(group) // PICTURES_PER_ROW)
    shown = {row["clip_id"]: image for row, image in _middles(group[::step][:PICTURES_PER_ROW], raw)}
    blank = np.full((CELL_PX, CELL_PX, 3), 255, np.uint8)
    shown |= {" " * i: blank for i in range(1, PICTURES_PER_ROW + 1 - len(shown))}
    return SheetRow(f"{reason}: {len(group)} clips", shown)


def _middles(group: list[Row], raw: Path) -> Iterator[tuple[Row, Image]]:
    for row in group:
        middle_s = Fraction(row["start_s"] or 0) + Fraction(row["n_frames"] or 0) / 2 / CLIP_FPS
        try:
            (image,) = read_frames_at(raw / row["source"], [middle_s])
            yield row, _square(image)
        except MediaError:
            yield row, np.full((CELL_PX, CELL_PX, 3), 128, np.uint8)  # grey: a source that cannot be read


def _square(image: Image) -> Image:
    """The whole picture on white, not stretched."""
    height, width = image.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    edges = (top, side - height - top, left, side - width - left)
    padded = cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    return np.asarray(padded, np.uint8)
