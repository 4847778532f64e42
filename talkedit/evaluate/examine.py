"""What is asked of a model on clips that it never saw, and what comes back.

Three examinations: held-out frames are drawn again (`talkedit.evaluate.reconstruct`), edited one control at a time
(`talkedit.evaluate.loop`), and driven by another clip's speech and blinks (`talkedit.evaluate.drive`).
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from talkedit.evaluate.drive import Drive, shut_below
from talkedit.evaluate.footage import Indices, load_sources
from talkedit.evaluate.loop import ANGLES, OPENNESS, Loop, number, turned_where_seen
from talkedit.evaluate.mesh import lid_opening
from talkedit.evaluate.reconstruct import Reconstruction
from talkedit.evaluate.sheet import Row, write_sheet
from talkedit.evaluate.signals import fit
from talkedit.evaluate.tools import Held, Tools, Video, lids_to_openness
from talkedit.manifest import write_atomically
from talkedit.params import Section
from talkedit.progress import track
from talkedit.records import Floats
from talkedit.shards.index import read_samples
from talkedit.train.artifact import load_model

SHEET_FILE, LOOP_FILE = "contact_sheet.png", "closed_loop.csv"


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
    tools = Tools(load_model(model_folder))
    samples = list(read_samples(shards, "validation"))
    samples = samples[:: max(len(samples) // params.max_clips, 1)][: params.max_clips]
    held = [tools.hold(sample) for sample in track(samples, "looking at held-out clips", "clips")]
    training = list(read_samples(shards, "train"))
    reconstruction, loop, drive = Reconstruction(tools), Loop(tools, _steps(params)), Drive(tools)
    rows: list[Row] = []
    for clip, driver in zip(held, held[1:] + held[:1], strict=True):
        sources = load_sources(training, params.max_source_frames, clip.sample.track.size_px)
        videos = {"drawn again": reconstruction.examine(clip, sources)}
        if driver is not clip:
            videos["driven by another"] = drive.examine(clip, driver, shut_below(held))
        first = max(len(clip.mel) - params.sweep_frames, 0) // 2
        middle = np.arange(len(clip.mel))[first : first + params.sweep_frames]
        ends = loop.examine(clip.take(middle))
        rows += _rows(clip, middle, videos, ends, params.sheet_rows)
    units = lids_to_openness(held)
    out.mkdir(parents=True, exist_ok=True)
    write_sheet(out / SHEET_FILE, rows)
    write_atomically(out / LOOP_FILE, loop.table(*units).encode())
    return {
        "n_clips": len(held),
        **reconstruction.scores(),
        **loop.scores(*units),
        **drive.scores(),
        **_agreement(held, *units),
    }


def _steps(params: EvaluateParams) -> dict[str, list[float]]:
    return {**dict.fromkeys(ANGLES, params.pose_sweep_deg), OPENNESS: params.openness_sweep}


def _agreement(held: list[Held], factor: float, offset: float) -> dict[str, Any]:
    """How far the witness agrees with the codes on real frames, which no model has touched: the measuring noise.

    Each frame is held against the one in the middle of its clip.
    """
    agreement: dict[str, Any] = {}
    turns = np.concatenate([turned_where_seen(np.broadcast_to(_middle(h.mesh), h.mesh.shape), h.mesh) for h in held])
    codes = np.concatenate([h.footage.attributes.pose_deg - _middle(h.footage.attributes.pose_deg) for h in held])
    pairs = {control: (codes[:, at], turns[:, at]) for at, control in enumerate(ANGLES)}
    lids = np.concatenate([lid_opening(h.mesh) for h in held])
    pairs[OPENNESS] = (np.concatenate([h.footage.attributes.eye_openness for h in held]), factor * lids + offset)
    for control, pair in pairs.items():
        found = fit(*pair)
        agreement |= {f"witness_{control}_{name}": number(getattr(found, name)) for name in ("slope", "r", "error")}
    return agreement


def _middle(values: Floats) -> Floats:
    return values[len(values) // 2]


def _rows(held: Held, frames: Indices, videos: dict[str, Video], ends: dict[str, Video], n_rows: int) -> list[Row]:
    """Rows of the contact sheet: the truth, what was drawn of all frames, and of the frames in the middle."""
    truth, step = held.footage.crops.images, max(len(frames) // n_rows, 1)
    return [
        Row(
            f"{held.sample.clip_id}, frame {frames[at]}",
            {"held out": truth[frames[at]]}
            | {label: video[frames[at]] for label, video in videos.items() if frames[at] < len(video)}
            | {label: video[at] for label, video in ends.items()},
        )
        for at in range(0, len(frames), step)[:n_rows]
    ]
