"""What the evaluation leaves beside its numbers: tables by clip and system, the matrix of controls, the worst clips."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from talkedit.evaluate.footage import Video
from talkedit.evaluate.loop import CONTROLS, IDENTITY
from talkedit.manifest import write_atomically
from talkedit.media.video import write_video
from talkedit.records import CLIP_FPS, EMOTIONS

CLIPS_FILE, SYSTEMS_FILE, MATRIX_FILE, PAIRS_FILE = "clips.csv", "systems.json", "disentanglement.csv", "pairs.csv"
EMOTIONS_FILE, REASONS_FILE, VIDEOS = "emotions.csv", "reasons.json", "videos"
N_WORST, CRF = 10, 20


def worst_clips(clips: list[tuple[str, int, dict[str, float]]], most: int = N_WORST) -> list[str]:
    """The ids of the clips that came out worst, the worst one first."""
    ranked = sorted(clips, key=lambda clip: clip[2]["ssim_in_mask"])
    return [clip_id for clip_id, *_ in ranked[:most]]


def write_beside(path: Path, videos: list[Video]) -> None:
    """Writes videos of one height and length side by side; sides are brought to even numbers, as H.264 wants."""
    video = np.concatenate(videos, axis=2)
    height, width = (side // 2 * 2 for side in video.shape[1:3])
    write_video(path, [np.ascontiguousarray(image[:height, :width]) for image in video], CLIP_FPS, CRF)


def write_clips(path: Path, clips: list[tuple[str, int, dict[str, float]]]) -> None:
    """A row a clip: what this system's numbers are the means of."""
    rows = [["clip_id", "n_frames", *clips[0][2]]]
    rows += [[clip_id, str(n), *map(_cell, scores.values())] for clip_id, n, scores in clips]
    write_atomically(path, _csv(rows).encode())


def write_matrix(path: Path, matrix: dict[str, dict[str, float]]) -> None:
    """A row a control that was asked for, a column for each that was measured."""
    rows = [["asked", *CONTROLS, IDENTITY], *([control, *map(_cell, row.values())] for control, row in matrix.items())]
    write_atomically(path, _csv(rows).encode())


def write_emotions(path: Path, matrix: dict[str, dict[str, float]]) -> None:
    """A row an emotion that was asked for, and one of the frames as they are; no rows where none was asked for."""
    rows = [["asked", *EMOTIONS], *([name or "nothing", *map(_cell, row.values())] for name, row in matrix.items())]
    write_atomically(path, _csv(rows).encode())


def write_sweeps(folder: Path, sweeps: dict[str, list[tuple[float, float]]]) -> None:
    """A file a control: what was asked, the mean of what was measured, and what a perfect control would give.

    What could not be measured is nan, which `dvc plots` leaves out; an empty cell it would draw as 0.
    """
    for control, points in sweeps.items():
        rows = [["asked", "measured", "perfect"], *([f"{value:.4g}" for value in (x, y, x)] for x, y in points)]
        write_atomically(folder / f"sweep_{control}.csv", _csv(rows).encode())


def write_json(path: Path, content: Any) -> None:
    """JSON that a person can read."""
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def _csv(rows: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _cell(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else ""
