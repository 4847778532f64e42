"""What is asked of a model on clips that it never saw, and what comes back.

Reconstruction: each held-out frame is drawn from its own speech and codes, with training frames as sources.
Closed loop: held-out frames are edited as the editor does it (the sources are the frames themselves), one control at
a time, and the control is measured again.
"""

import csv
import io
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from talkedit.edit.renderer import Renderer, take
from talkedit.evaluate import metrics
from talkedit.evaluate.footage import (
    Footage,
    Indices,
    ask,
    column,
    load_footage,
    load_sources,
    nearest_in_codes,
    nearest_in_landmarks,
)
from talkedit.evaluate.measure import measure_crops
from talkedit.evaluate.sheet import Row, write_sheet
from talkedit.face.extract import AttributesParams, build_extractors
from talkedit.face.head import turn_heads
from talkedit.face.track import FaceTracker
from talkedit.manifest import write_atomically
from talkedit.media.audio import mel_windows
from talkedit.models.codes import draw_mask
from talkedit.params import Section, parse
from talkedit.progress import track
from talkedit.records import CLIP_FPS, POSE, Attributes, Floats
from talkedit.shards.loader import read_samples
from talkedit.shards.samples import Sample
from talkedit.train.artifact import TrainedModel, load_model

DETECT_EVERY_N_FRAMES, MAX_GAP_S = 5, 0.0
SHEET_FILE, LOOP_FILE = "contact_sheet.png", "closed_loop.csv"

Video = NDArray[np.uint8]


class EvaluateParams(Section):
    """How a model is examined."""

    section: ClassVar[str] = "evaluate"
    max_clips: int = Field(gt=0, description="most held-out clips that are looked at")
    max_source_frames: int = Field(gt=0, description="most training frames that sources are chosen from")
    sweep_frames: int = Field(gt=1, description="frames of each clip that are edited in the closed loop")
    pose_sweep_deg: list[float] = Field(min_length=2, description="changes of each angle that are asked for, degrees")
    openness_sweep: list[float] = Field(min_length=2, description="values of eye openness that are asked for, 0..1")
    sheet_rows: int = Field(gt=0, description="frames of each clip on the contact sheet")


def evaluate(shards: Path, model_folder: Path, out: Path, params: EvaluateParams) -> dict[str, Any]:
    """Examines a model on the validation clips; writes the contact sheet and the closed loop's points.

    Args:
        shards: Folder of the shards stage.
        model_folder: The model.
        out: Output folder.
        params: How to examine.

    Returns:
        Metrics, each key naming its variant; see docs/metrics.md.
    """
    model = load_model(model_folder)
    clips = list(read_samples(shards, "validation"))
    clips = clips[:: max(len(clips) // params.max_clips, 1)][: params.max_clips]
    training = list(read_samples(shards, "train"))
    examiner = Examiner(model, params)
    rows: list[Row] = []
    for clip in clips:
        sources = load_sources(training, params.max_source_frames, clip.track.size_px)
        rows += examiner.examine(clip, sources)
    out.mkdir(parents=True, exist_ok=True)
    write_sheet(out / SHEET_FILE, rows)
    write_atomically(out / LOOP_FILE, examiner.loop_table().encode())
    return {"n_clips": len(clips), **examiner.reconstruction_scores(), **examiner.control_scores()}


class Examiner:
    """Puts one model to the test, clip by clip.

    Args:
        model: What is examined.
        params: How.
    """

    def __init__(self, model: TrainedModel, params: EvaluateParams) -> None:
        self._params, self._mask_share = params, model.params.mask_share
        self._renderer = Renderer(model)
        self._tracker = FaceTracker(DETECT_EVERY_N_FRAMES, MAX_GAP_S)
        where = str(model.folder)
        self._extractors = build_extractors(parse(AttributesParams, model.preparation["attributes"], where))
        self._scores: list[tuple[int, dict[str, float]]] = []
        self._loop: list[tuple[str, float, float]] = []

    def examine(self, sample: Sample, sources: Footage) -> list[Row]:
        """Reconstructs and edits one held-out clip; returns rows for the contact sheet."""
        everything = np.arange(sample.n_frames)
        truth = load_footage(sample, everything)
        mel = mel_windows(sample.mel, (everything + 0.5) / float(CLIP_FPS))
        drawn = self._reconstruct(sample, truth, sources, mel)
        first = max(sample.n_frames - self._params.sweep_frames, 0) // 2
        middle = everything[first : first + self._params.sweep_frames]
        edits = self._sweep(sample, truth.take(middle), mel[middle], middle)
        step = max(len(middle) // self._params.sheet_rows, 1)
        return [
            Row(
                f"{sample.clip_id}, frame {middle[at]}",
                {"held out": truth.crops.images[middle[at]], "drawn again": drawn[middle[at]]}
                | {label: video[at] for label, video in edits.items()},
            )
            for at in range(0, len(middle), step)[: self._params.sheet_rows]
        ]

    def reconstruction_scores(self) -> dict[str, Any]:
        """Means over clips, weighted by their frames; what could not be measured is None."""
        weights = [weight for weight, _ in self._scores]
        return {
            key: _number(np.average([scores[key] for _, scores in self._scores], weights=weights))
            for key in self._scores[0][1]
        }

    def control_scores(self) -> dict[str, Any]:
        """Slope, mean absolute error and number of measured points of each control."""
        result: dict[str, Any] = {}
        for control in dict.fromkeys(control for control, _, _ in self._loop):
            pairs = np.array([(asked, got) for name, asked, got in self._loop if name == control])
            result[f"{control}_slope"] = _number(metrics.slope(pairs[:, 0], pairs[:, 1]))
            result[f"{control}_error"] = _number(metrics.mean_absolute_error(pairs[:, 0], pairs[:, 1]))
        result["closed_loop_detection_rate"] = float(np.mean([np.isfinite(got) for _, _, got in self._loop]))
        return result

    def loop_table(self) -> str:
        """CSV: control, asked, measured (empty where no face was found)."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["control", "asked", "measured"])
        for control, asked, got in self._loop:
            writer.writerow([control, f"{asked:.4g}", f"{got:.4g}" if np.isfinite(got) else ""])
        return buffer.getvalue()

    def _reconstruct(self, sample: Sample, truth: Footage, sources: Footage, mel: Floats) -> Video:
        chosen = sources.take(nearest_in_codes(truth.attributes, sources.attributes))
        drawn = self._renderer.draw(truth.crops, truth.crops.camera_from_head, chosen.crops, mel, truth.attributes)
        nearest = sources.take(nearest_in_landmarks(truth.crops.landmarks, sources.crops.landmarks)).crops.images
        size_px = sample.track.size_px
        mask = draw_mask(size_px, self._mask_share)[0, 0].numpy()
        seen = np.where(mask[..., None] > 0, drawn, truth.crops.images)
        self._scores.append((len(seen), self._score(sample, seen, truth.crops.images, nearest, mask)))
        return seen

    def _score(self, sample: Sample, seen: Video, truth: Video, nearest: Video, mask: Floats) -> dict[str, float]:
        found, wanted = (
            measure_crops(crops, sample.track, self._tracker, self._extractors).landmarks_px for crops in (seen, truth)
        )
        mouth = metrics.lmd(found, wanted, metrics.MOUTH_POINTS, sample.track.size_px)
        face = metrics.lmd(found, wanted, metrics.FACE_POINTS, sample.track.size_px)
        ours, copied = metrics.ssim_inside(seen, truth, mask), metrics.ssim_inside(nearest, truth, mask)
        return {
            "ssim_in_mask": ours,
            "ssim_in_mask_nearest_frame": copied,
            "ssim_in_mask_gain": ours - copied,
            "lmd_m_px256": mouth.px,
            "lmd_f_px256": face.px,
            "lmd_m_interocular": mouth.interocular,
            "lmd_f_interocular": face.interocular,
            "detection_rate": face.detection_rate,
        }

    def _sweep(self, sample: Sample, truth: Footage, mel: Floats, frames: Indices) -> dict[str, Video]:
        """Edits one control at a time; returns the videos at both ends of each sweep."""
        videos: dict[str, Video] = {}
        place = take(sample.track, frames)
        steps = {f"{angle}_deg": self._params.pose_sweep_deg for angle in POSE}
        steps["eye_openness"] = self._params.openness_sweep
        asks = [(control, value) for control, values in steps.items() for value in values]
        for control, value in track(asks, f"closed loop on {sample.clip_id}", "edits"):
            asked = ask(truth.attributes, control, value)
            video = self._edit(truth, mel, asked)
            found = measure_crops(video, place, self._tracker, self._extractors).attributes
            got = np.full(len(frames), np.nan) if found is None else column(found, control)
            self._loop += zip([control] * len(got), column(asked, control).tolist(), got.tolist(), strict=True)
            if value in (min(steps[control]), max(steps[control])):
                videos[_label(control, value)] = video
        return videos

    def _edit(self, truth: Footage, mel: Floats, asked: Attributes) -> Video:
        heads = turn_heads(truth.crops.camera_from_head, asked.pose_deg)
        drawn = self._renderer.draw(truth.crops, heads, truth.crops, mel, asked)
        return np.stack([self._renderer.blend(*pair) for pair in zip(drawn, truth.crops.images, strict=True)])


def _label(control: str, value: float) -> str:
    return f"eyes {value:g}" if control == "eye_openness" else f"{control.removesuffix('_deg')} {value:+g}"


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
