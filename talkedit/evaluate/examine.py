"""What is asked of a model on clips that it never saw, and what comes back.

Four examinations: held-out frames are drawn again (`talkedit.evaluate.reconstruct`), given the attributes of other
clips (`talkedit.evaluate.cross`), edited one control at a time (`talkedit.evaluate.loop`; emotions:
`talkedit.evaluate.feelings`), and driven by other clips' speech (`talkedit.evaluate.drive`).
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from talkedit.evaluate import outputs
from talkedit.evaluate.cross import Cross
from talkedit.evaluate.drive import Drive
from talkedit.evaluate.experts import OwnExpert
from talkedit.evaluate.feelings import Feelings
from talkedit.evaluate.footage import Indices, Sources
from talkedit.evaluate.frechet import LEAST_FRAMES
from talkedit.evaluate.headline import divide
from talkedit.evaluate.likeness import Likeness
from talkedit.evaluate.loop import ANGLES, OPENNESS, Loop, number, turned_where_seen
from talkedit.evaluate.mesh import lid_opening
from talkedit.evaluate.protocol import Pair, draw_pairs, pairs_csv
from talkedit.evaluate.reconstruct import OURS, Reconstruction
from talkedit.evaluate.sheet import REAL, Row, drawn_only, write_sheet
from talkedit.evaluate.signals import fit
from talkedit.evaluate.syncnet import SyncNetExpert
from talkedit.evaluate.systems import OutsideSystem, SystemParams
from talkedit.evaluate.tools import Held, Tools, Video, lids_to_openness, shut_below
from talkedit.face.extract import AttributesParams, build_extractors
from talkedit.manifest import write_atomically
from talkedit.params import Section, parse
from talkedit.progress import track
from talkedit.records import Floats
from talkedit.shards.index import read_preparation, read_samples
from talkedit.shards.samples import Sample
from talkedit.train.artifact import load_model

SHEET_FILE, HEADS_FILE, LOOP_FILE = "contact_sheet.png", "heads.jpg", "closed_loop.csv"
HEADS_ROWS = 2


class EvaluateParams(Section):
    """How a model is examined."""

    section: ClassVar[str] = "evaluate"
    n_pairs: int = Field(gt=0, description="random pairs of held-out clips; all there are, where these are fewer")
    seed: int = Field(ge=0, description="another one draws other pairs")
    sync: Literal["own", "syncnet"] = Field(description="who judges lips against speech; the numbers carry the name")
    max_clips: int = Field(gt=0, description="most held-out clips that are looked at")
    max_source_frames: int = Field(gt=0, description="most training frames that sources are chosen from")
    sweep_clips: int = Field(gt=0, description="clips in the closed loop, and driven by other clips' speech")
    sweep_frames: int = Field(gt=1, description="frames of each clip that are edited in the closed loop")
    pose_sweep_deg: list[float] = Field(min_length=2, description="changes of each angle that are asked for, degrees")
    openness_sweep: list[float] = Field(min_length=2, description="values of eye openness that are asked for, 0..1")
    sheet_rows: int = Field(gt=0, description="frames of each clip on the contact sheet")
    systems: dict[str, SystemParams] = Field(description="outside systems of the table, by name")


def evaluate(
    shards: Path, model_folder: Path, judges: Path, clips: Path | None, out: Path, params: EvaluateParams
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Examines a model on the validation clips.

    Args:
        shards: Folder of the shards stage.
        model_folder: The model.
        judges: Folder of the stage train_discriminator: the person's own lip-sync expert.
        clips: Folder of the curate stage: the clips' sound, which SyncNet hears; None where it is not asked.
        out: Output folder: see `talkedit.evaluate.outputs`, the contact sheet, its drawn heads alone, and the closed
            loop's points.
        params: How to examine.

    Returns:
        The headline, and all other numbers; each key names its variant, see docs/metrics.md.
    """
    model = load_model(model_folder)
    likeness = Likeness(SyncNetExpert(clips) if params.sync == "syncnet" else OwnExpert(judges, model.params))
    tools = Tools(model)
    outside = {
        name: OutsideSystem(name, Path(system.folder)) for name, system in params.systems.items() if system.folder
    }
    samples = _chosen(list(read_samples(shards, "validation")), params.max_clips)
    held = [tools.hold(sample) for sample in track(samples, "looking at held-out clips", "clips")]
    pairs = draw_pairs([sample.clip_id for sample in samples], params.n_pairs, params.seed)
    n_frames = sum(sample.n_frames for sample in samples)
    reconstruction = Reconstruction(tools, likeness, n_frames)
    worst, rows, heads = outputs.Worst(), [], []
    sources = Sources(read_samples(shards, "train"), params.max_source_frames)
    for clip in track(held, "drawing again", "clips"):
        seen = reconstruction.examine(clip, sources.at(clip.sample.track.size_px))
        for name, system in outside.items():
            if system.has(clip.sample.clip_id):
                reconstruction.add(name, system.video(clip), clip)
        worst.add(
            reconstruction.clips[OURS][-1][2]["ssim_in_mask"], clip.sample.clip_id, [clip.footage.crops.images, seen]
        )
    eyes = _real_eyes(tools, held, sources)
    units = lids_to_openness(*eyes)
    emotion = build_extractors(parse(AttributesParams, read_preparation(shards)["attributes"], str(shards)))[1]
    cross = Cross(tools, likeness, emotion, shut_below(held), units[0])
    crossed = _cross(cross, pairs, {clip.sample.clip_id: clip for clip in held})
    loop, feelings, drive = Loop(tools, _steps(params), likeness.identity), Feelings(tools, emotion), Drive(tools)
    some = held[:: max(len(held) // params.sweep_clips, 1)][: params.sweep_clips]
    for clip, driver in zip(some, some[1:] + some[:1], strict=True):
        videos = {"given attributes": crossed[clip.sample.clip_id]} if clip.sample.clip_id in crossed else {}
        if driver is not clip:
            videos["other speech"] = drive.examine(clip, driver)
        first = max(len(clip.mel) - params.sweep_frames, 0) // 2
        middle = np.arange(len(clip.mel))[first : first + params.sweep_frames]
        ends = loop.examine(clip.take(middle)) | feelings.examine(clip.take(middle))
        rows += _rows(clip, middle, videos, ends, params.sheet_rows)
        heads.append(drawn_only(rows[-1], tools.renderer.paste_mask(clip.footage.crops.images.shape[1])))
    out.mkdir(parents=True, exist_ok=True)
    write_sheet(out / SHEET_FILE, rows)
    write_sheet(out / HEADS_FILE, heads[:HEADS_ROWS])
    write_atomically(out / LOOP_FILE, loop.table(*units).encode())
    write_atomically(out / outputs.PAIRS_FILE, pairs_csv(pairs).encode())
    outputs.write_matrix(out / outputs.MATRIX_FILE, loop.matrix(*units))
    outputs.write_sweeps(out, loop.sweeps(*units))
    outputs.write_emotions(out / outputs.EMOTIONS_FILE, feelings.matrix())
    outputs.write_clips(out / outputs.CLIPS_FILE, reconstruction.clips[OURS])
    outputs.write_json(out / outputs.SYSTEMS_FILE, _systems(reconstruction, params))
    outputs.write_json(out / outputs.REASONS_FILE, _reasons(n_frames, held, feelings, units[0]))
    worst.write(out / outputs.VIDEOS)
    scores = {
        "n_clips": len(held),
        "n_pairs": len(pairs),
        **reconstruction.scores(),
        **cross.scores(),
        **loop.scores(*units),
        **feelings.scores(),
        **drive.scores(),
        **_agreement(held, *lids_to_openness(*eyes, least_r=0)),
    }
    return divide(scores, likeness.expert.name)


def _chosen(samples: list[Sample], most: int) -> list[Sample]:
    """At most so many clips, evenly spread."""
    return samples[:: max(len(samples) // most, 1)][:most]


def _cross(cross: Cross, pairs: list[Pair], held: dict[str, Held]) -> dict[str, Video]:
    """Examines the pairs; returns a video of each source."""
    videos: dict[str, Video] = {}
    for pair in track(pairs, "giving attributes to other clips", "pairs"):
        video = cross.examine(held[pair.source], held[pair.giver])
        videos.setdefault(pair.source, video)
    return videos


def _systems(reconstruction: Reconstruction, params: EvaluateParams) -> dict[str, Any]:
    """By system: on how many clips, with which results; or the reason why there are none."""
    systems: dict[str, Any] = {}
    for name, clips in reconstruction.clips.items():
        systems[name] = {"n_clips": len(clips), "reason": None, "scores": reconstruction.mean(name)}
    for name, system in params.systems.items():
        if name not in systems:
            reason = system.reason or f"{system.folder} holds none of the clips that were looked at"
            systems[name] = {"n_clips": 0, "reason": reason, "scores": {}}
    return systems


def _reasons(n_frames: int, held: list[Held], feelings: Feelings, lids_factor: float) -> dict[str, str]:
    """Why a number is empty."""
    reasons = {}
    if n_frames < LEAST_FRAMES:
        reasons["self_fid_hed_vgg"] = f"{n_frames} held-out frames; under {LEAST_FRAMES} FID says nothing"
    if np.isnan(lids_factor):
        reasons["eye_openness_*"] = "in real frames the witness's lids hardly go with the codes: it sees too little"
    if len(held) == 1:
        reasons["cross_*, lip_*"] = "one held-out clip has no other to be paired with"
    shown = np.unique(np.concatenate([clip.footage.attributes.emotion.argmax(axis=1) for clip in held]))
    if len(shown) == 1:
        reasons["cross_emotion_agreement"] = "the held-out footage shows one emotion: agreement says nothing"
    if not feelings.wanted:
        reasons["emotion_share"] = "the training footage shows one emotion, or the model takes none: none is asked for"
    return reasons


def _real_eyes(tools: Tools, held: list[Held], sources: Sources) -> tuple[Floats, Floats]:
    """What the witness sees, and the codes, of all real frames at hand: held-out ones alone may hold no blink."""
    lids = [lid_opening(clip.mesh) for clip in held] + [tools.lids(part) for part in sources.parts]
    openness = [footage.attributes.eye_openness for footage in [*(clip.footage for clip in held), *sources.parts]]
    return np.concatenate(lids), np.concatenate(openness)


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
            {REAL: truth[frames[at]]}
            | {label: video[frames[at]] for label, video in videos.items() if frames[at] < len(video)}
            | {label: video[at] for label, video in ends.items()},
        )
        for at in range(0, len(frames), step)[:n_rows]
    ]
