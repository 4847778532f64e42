"""A contact sheet: what a person judges at a glance."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from talkedit.errors import TalkeditError
from talkedit.manifest import write_atomically
from talkedit.records import Floats, Image

CELL_PX = 224
HEADER_PX = 26
GREY = 214
JPEG_QUALITY = 85
REAL = "held out"  # the column of what nobody drew


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        title: Says which frame it is.
        pictures: By the name of the column, (S, S, 3) uint8 RGB.
    """

    title: str
    pictures: dict[str, Image]

    @property
    def side_px(self) -> int:
        """S."""
        return len(next(iter(self.pictures.values())))


def write_sheet(path: Path, rows: list[Row]) -> None:
    """Writes the rows below each other, each picture under its name; a shorter row ends in white.

    Args:
        path: A PNG or a JPEG file, by its ending.
        rows: From the top.

    Raises:
        TalkeditError: Its ending is no picture's, or it cannot be written.
    """
    drawn = [_draw(row) for row in rows]
    width_px = max(row.shape[1] for row in drawn)
    whole = [np.pad(row, ((0, 0), (0, width_px - row.shape[1]), (0, 0)), constant_values=255) for row in drawn]
    sheet = np.concatenate(whole)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []
    try:
        _, picture = cv2.imencode(path.suffix, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), quality)
    except cv2.error as error:
        raise TalkeditError(f"{path}: is not called as a picture is; give the name of a .png or .jpg file") from error
    write_atomically(path, picture.tobytes())


def drawn_only(row: Row, shown: Floats) -> Row:
    """The row without the real frame, cut to what is drawn and grey where it is not wholly so: for others to see.

    Args:
        row: Of pictures of one size.
        shown: (S, S), 1 where a picture is drawn, less where the real frame shows.
    """
    drawn = shown >= 1
    part = np.ix_(drawn.any(axis=1), drawn.any(axis=0))
    pictures = {name: np.where(drawn[part][..., None], each[part], GREY) for name, each in row.pictures.items()}
    return Row(row.title, {name: each.astype(np.uint8) for name, each in pictures.items() if name != REAL})


def _draw(row: Row) -> Image:
    cells = np.concatenate([_cell(name, image) for name, image in row.pictures.items()], axis=1)
    return np.concatenate([_text(row.title, cells.shape[1]), cells])


def _cell(name: str, image: Image) -> Image:
    small = cv2.resize(image, (CELL_PX, CELL_PX), interpolation=cv2.INTER_AREA)
    return np.concatenate([_text(name, CELL_PX), small]).astype(np.uint8)


def _text(text: str, width_px: int) -> Image:
    strip = np.full((HEADER_PX, width_px, 3), 255, np.uint8)
    cv2.putText(strip, text, (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return strip
