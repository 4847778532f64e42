"""The pipeline's last stage: one edit of the person's own footage, measured, with a picture of before and after."""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkedit.edit.editor import Editor
from talkedit.edit.limits import trusted
from talkedit.edit.measure import Measured
from talkedit.edit.timeline import EditParams
from talkedit.edit.wanted import Wanted
from talkedit.errors import TalkeditError
from talkedit.folders import SOURCES_TABLE, kept_rows
from talkedit.manifest import write_atomically
from talkedit.media.rewrite import Encoding
from talkedit.media.video import read_frames
from talkedit.records import POSE, Image
from talkedit.train.artifact import TrainedModel

VIDEO_FILE, PICTURE_FILE = "edited.mp4", "before_after.png"
N_PICTURES = 4


def demonstrate(raw: Path, model_folder: Path, out: Path, params: EditParams) -> dict[str, Any]:
    """Edits the person's first source.

    A number beyond what the model's footage showed is drawn to the nearest that can be trusted. What else is asked for
    beyond it is tried. Either is said on stderr: the last stage of a long run does not fail for a wish.

    Args:
        raw: Folder of the download stage.
        model_folder: The model.
        out: Gets ``edited.mp4`` and ``before_after.png``.
        params: What to change.

    Returns:
        Metrics: frames in and out, the seam (see `talkedit.edit.seam`), and how far pose and eyes, measured again over
        the frames with a face in both, have moved; None where there is none.

    Raises:
        TalkeditError: There is no usable source; or as `Editor.edit`.
    """
    kept = kept_rows(raw / SOURCES_TABLE)
    if not kept:
        raise TalkeditError(f"{raw}: holds no usable source; see its {SOURCES_TABLE}")
    source = raw / kept[0]["file"]
    out.mkdir(parents=True, exist_ok=True)
    editor = Editor.load(model_folder)
    wishes = _within_trust(params, editor.model)
    timeline = wishes.timeline().taken_by(editor.model.params.attributes)  # an ablation shows what it has
    # A damaged source was good enough to train on, so it is good enough here.
    wanted, encoding = Wanted(timeline, force=True, accept_damage=True), Encoding(params.crf, params.preset)
    report = editor.edit(source, out / VIDEO_FILE, wanted, encoding)
    for sentence in report.forced:
        sys.stderr.write(f"beyond what can be trusted: {sentence}\n")
    _write_picture(source, out / VIDEO_FILE, report.n_frames, out / PICTURE_FILE)
    metrics: dict[str, Any] = {"n_frames": report.n_frames, "n_edited": report.n_edited}
    metrics |= {"seam_median": float(np.median(report.seam)), "seam_p95": float(np.percentile(report.seam, 95))}
    return metrics | _moved(report.plan.measured, editor.measure_again(report))


def _within_trust(params: EditParams, model: TrainedModel) -> EditParams:
    changed: dict[str, float] = {}
    for name in (*(f"{angle}_deg" for angle in POSE), "eye_openness"):
        value = getattr(params, name)
        if isinstance(value, float):  # words may add or multiply
            low, high = trusted(name, model.ranges, model.params.sources)
            if not low <= value <= high:
                changed[name] = min(max(value, low), high)
                sys.stderr.write(
                    f"edit.{name} is {value:g}: the model's footage is good for {low:.3g} to {high:.3g}; "
                    f"{changed[name]:.3g} is shown\n"
                )
    return params.model_copy(update=changed)


def _moved(before: Measured, after: Measured | None) -> dict[str, float | None]:
    """Means before and after, over the frames that show a face in both: all others have a pose of 0 and open eyes."""
    both = before.found if after is None else before.found & after.found
    pairs = {
        f"{angle}_{{}}_deg": [each and each.attributes.pose_deg[:, i] for each in (before, after)]
        for i, angle in enumerate(POSE)
    }
    pairs["eye_openness_{}"] = [each and each.attributes.eye_openness for each in (before, after)]
    return {
        name.format(when): None if values is None or not both.any() else float(values[both].mean())
        for name, pair in pairs.items()
        for when, values in zip(("before", "after"), pair, strict=True)
    }


def _write_picture(source: Path, edited: Path, n_frames: int, path: Path) -> None:
    """A few frames of the input above the same frames of the output."""
    wanted = set(np.linspace(0, n_frames - 1, N_PICTURES + 2)[1:-1].round().astype(int).tolist())
    rows = [np.concatenate(_pick(video, wanted), axis=1) for video in (source, edited)]
    _, png = cv2.imencode(".png", cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))
    write_atomically(path, png.tobytes())


def _pick(video: Path, wanted: set[int]) -> list[Image]:
    return [frame.image for index, frame in enumerate(read_frames(video)) if index in wanted]
