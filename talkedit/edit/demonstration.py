"""The pipeline's last stage: one edit of the person's own footage, measured, with a picture of before and after."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkedit.edit.editor import Editor, Wanted
from talkedit.edit.timeline import EditParams
from talkedit.errors import TalkeditError
from talkedit.folders import SOURCES_TABLE, kept_rows
from talkedit.manifest import write_atomically
from talkedit.media.rewrite import Encoding
from talkedit.media.video import read_frames
from talkedit.records import Image

VIDEO_FILE, PICTURE_FILE = "edited.mp4", "before_after.png"
N_PICTURES = 4


def demonstrate(raw: Path, model_folder: Path, out: Path, params: EditParams) -> dict[str, Any]:
    """Edits the person's first source.

    Args:
        raw: Folder of the download stage.
        model_folder: The model.
        out: Gets ``edited.mp4`` and ``before_after.png``.
        params: What to change.

    Returns:
        Metrics: frames in and out, and how far the pose, measured again, has moved.
    """
    kept = kept_rows(raw / SOURCES_TABLE)
    if not kept:
        raise TalkeditError(f"{raw}: holds no usable source; see its {SOURCES_TABLE}")
    source = raw / kept[0]["file"]
    out.mkdir(parents=True, exist_ok=True)
    editor = Editor.load(model_folder)
    timeline = params.timeline().taken_by(editor.model.params.attributes)  # an ablation shows what it has
    # A damaged source was good enough to train on, so it is good enough here.
    wanted, encoding = Wanted(timeline, accept_damage=True), Encoding(params.crf, params.preset)
    report = editor.edit(source, out / VIDEO_FILE, wanted, encoding)
    _write_picture(source, out / VIDEO_FILE, report.n_frames, out / PICTURE_FILE)
    before, after = report.plan.measured.attributes, editor.measure(out / VIDEO_FILE).attributes
    metrics: dict[str, Any] = {"n_frames": report.n_frames, "n_edited": report.n_edited}
    for index, angle in enumerate(("yaw", "pitch", "roll")):
        metrics[f"{angle}_before_deg"] = float(before.pose_deg[:, index].mean())
        metrics[f"{angle}_after_deg"] = float(after.pose_deg[:, index].mean())
    metrics["eye_openness_before"] = float(before.eye_openness.mean())
    metrics["eye_openness_after"] = float(after.eye_openness.mean())
    return metrics


def _write_picture(source: Path, edited: Path, n_frames: int, path: Path) -> None:
    """A few frames of the input above the same frames of the output."""
    wanted = set(np.linspace(0, n_frames - 1, N_PICTURES + 2)[1:-1].round().astype(int).tolist())
    rows = [np.concatenate(_pick(video, wanted), axis=1) for video in (source, edited)]
    _, png = cv2.imencode(".png", cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))
    write_atomically(path, png.tobytes())


def _pick(video: Path, wanted: set[int]) -> list[Image]:
    return [frame.image for index, frame in enumerate(read_frames(video)) if index in wanted]
