"""What is asked of a model on clips that it never saw, and what comes back.

Four examinations: held-out frames are drawn again (`talkedit.evaluate.reconstruct`), given the attributes of other
clips (`talkedit.evaluate.cross`), edited one control at a time (`talkedit.evaluate.loop`; emotions:
`talkedit.evaluate.feelings`), and driven by other clips' speech (`talkedit.evaluate.drive`). Processes share the clips
(`talkedit.evaluate.work`); what they bring is put together here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talkedit.evaluate import outputs, trust, work
from talkedit.evaluate.cross import Crossed, cross_scores
from talkedit.evaluate.drive import drive_scores
from talkedit.evaluate.features import FID_FRAMES
from talkedit.evaluate.feelings import Feelings
from talkedit.evaluate.frechet import LEAST_FRAMES
from talkedit.evaluate.headline import divide
from talkedit.evaluate.loop import Loop
from talkedit.evaluate.protocol import Pair, draw_pairs, pairs_csv
from talkedit.evaluate.reconstruct import OURS, Reconstruction, Redrawn
from talkedit.evaluate.settings import EvaluateParams
from talkedit.evaluate.sheet import drawn_only, write_sheet
from talkedit.evaluate.tools import lids_to_openness, shut_below
from talkedit.evaluate.work import Job, Seen, Swept
from talkedit.manifest import write_atomically
from talkedit.progress import track
from talkedit.records import Floats
from talkedit.shards.index import read_samples
from talkedit.shards.samples import Sample
from talkedit.workers import workers

SHEET_FILE, HEADS_FILE, LOOP_FILE = "contact_sheet.png", "heads.jpg", "closed_loop.csv"
HEADS_ROWS = 2
MOST_ON_A_GPU = 4  # processes, unless TALKEDIT_WORKERS says how many: each holds its own copy of the networks there
PARTS = ("looking at held-out clips", "drawing again", "giving attributes to other clips", "moving each control")

Share = Callable[[str, Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]


@dataclass(frozen=True)
class Findings:
    """What the processes brought.

    Attributes:
        seen: The held-out clips.
        redrawn: What came of each when it was drawn again.
        eyes: What the witness sees, and the codes, of the training frames' eyes.
        pairs: Who was given whose attributes.
        crossed: What came of each pair.
        swept: What came of some clips when each control was moved, and when they spoke as others do.
    """

    seen: list[Seen]
    redrawn: list[Redrawn]
    eyes: tuple[Floats, Floats]
    pairs: list[Pair]
    crossed: list[Crossed]
    swept: list[Swept]


def evaluate(
    shards: Path,
    model_folder: Path,
    judges: Path,
    clips: Path | None,
    out: Path,
    params: EvaluateParams,
    n_workers: int | None = None,
    part_done: Callable[[str], None] = lambda part: None,
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
        n_workers: Most processes; see `talkedit.workers`. What comes out is the same whatever it is.
        part_done: Called after each of `PARTS`, with its name.

    Returns:
        The headline, and all other numbers; each key names its variant, see docs/metrics.md.
    """
    job = Job(shards, model_folder, judges, clips, params.model_dump_json())
    work.crew.cache_clear()
    crew = work.crew(job)  # before the processes do, so that weights are fetched once and errors arrive whole
    samples = evenly_spread(list(read_samples(shards, "validation")), params.max_clips)
    n_usual = MOST_ON_A_GPU if torch.cuda.is_available() else None
    out.mkdir(parents=True, exist_ok=True)
    with workers(len(samples), n_workers, n_usual=n_usual) as run_all:

        def share(part: str, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
            of_job = [(job, *task) for task in tasks]
            done = list(track(run_all(function, of_job), part, "clips", total=len(tasks)))
            part_done(part)
            return done

        found = _examine(samples, params, share)
        _film(found, out / outputs.VIDEOS, share)
    units = lids_to_openness(*trust.real_eyes(found.seen, found.eyes))
    loop = Loop(params.steps, [swept.looped for swept in found.swept])
    feelings = Feelings(crew.wanted_emotions, [swept.felt for swept in found.swept])
    reconstruction = Reconstruction(found.redrawn)
    _write(out, found, params, reconstruction, loop, feelings, units, crew.tools.renderer.paste_mask)
    scores = {
        "n_clips": len(found.seen),
        "n_pairs": len(found.pairs),
        **reconstruction.scores(),
        **cross_scores(found.crossed, shut_below([clip.look.mesh for clip in found.seen]), units[0]),
        **loop.scores(*units),
        **feelings.scores(),
        **drive_scores([swept.driven for swept in found.swept if swept.driven]),
        **trust.agreement(found.seen, *lids_to_openness(*trust.real_eyes(found.seen, found.eyes), least_r=0)),
    }
    return divide(scores, crew.likeness.expert.name)


def _examine(samples: list[Sample], params: EvaluateParams, share: Share) -> Findings:
    looking, drawing, giving, moving = PARTS
    looks = share(looking, work.look_at, [(sample,) for sample in samples])
    seen = [Seen(*pair) for pair in zip(samples, looks, strict=True)]
    n_frames = sum(sample.n_frames for sample in samples)
    fid_step = max(n_frames // FID_FRAMES, 1) if n_frames >= LEAST_FRAMES else None
    redrawn = share(drawing, work.redraw, [(clip, fid_step) for clip in seen])
    (eyes,) = share("looking at training frames", work.look_at_sources, [()])
    by_id = {clip.sample.clip_id: clip for clip in seen}
    pairs = draw_pairs(list(by_id), params.n_pairs, params.seed)
    crossed = share(giving, work.pair_up, [(by_id[pair.source], by_id[pair.giver]) for pair in pairs])
    pictures = {pair.source: each.pictures for pair, each in reversed(list(zip(pairs, crossed, strict=True)))}
    some = evenly_spread(seen, params.sweep_clips)
    drivers = some[1:] + some[:1] if len(some) > 1 else [None]
    swept = share(
        moving,
        work.sweep,
        [(*both, pictures.get(both[0].sample.clip_id, {})) for both in zip(some, drivers, strict=True)],
    )
    return Findings(seen, redrawn, eyes, pairs, crossed, swept)


def _film(found: Findings, folder: Path, share: Share) -> None:
    """Writes the worst clips as videos, named by rank and clip."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.mp4"):
        old.unlink()
    by_id = {clip.sample.clip_id: clip for clip in found.seen}
    worst = outputs.worst_clips(Reconstruction(found.redrawn).of(OURS))
    files = [(by_id[clip_id], folder / f"{rank:02d}-{clip_id}.mp4") for rank, clip_id in enumerate(worst, 1)]
    share("filming the worst", work.film, files)


def evenly_spread(items: list[Any], most: int) -> list[Any]:
    """At most so many, evenly spread from the first to the last."""
    at = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[index] for index in at.tolist()]


def _write(
    out: Path,
    found: Findings,
    params: EvaluateParams,
    reconstruction: Reconstruction,
    loop: Loop,
    feelings: Feelings,
    units: tuple[float, float],
    mask: Callable[[int], Floats],
) -> None:
    """Writes all but the videos."""
    rows = [row for swept in found.swept for row in swept.rows]
    heads = [swept.rows[-1] for swept in found.swept[:HEADS_ROWS]]
    write_sheet(out / SHEET_FILE, rows)
    write_sheet(out / HEADS_FILE, [drawn_only(row, mask(row.side_px)) for row in heads])
    write_atomically(out / LOOP_FILE, loop.table(*units).encode())
    write_atomically(out / outputs.PAIRS_FILE, pairs_csv(found.pairs).encode())
    outputs.write_matrix(out / outputs.MATRIX_FILE, loop.matrix(*units))
    outputs.write_sweeps(out, loop.sweeps(*units))
    outputs.write_emotions(out / outputs.EMOTIONS_FILE, feelings.matrix())
    outputs.write_clips(out / outputs.CLIPS_FILE, reconstruction.of(OURS))
    outputs.write_json(out / outputs.SYSTEMS_FILE, _systems(reconstruction, params))
    outputs.write_json(out / outputs.REASONS_FILE, _reasons(found.seen, feelings, units[0]))


def _systems(reconstruction: Reconstruction, params: EvaluateParams) -> dict[str, Any]:
    """By system: on how many clips, with which results; or the reason why there are none."""
    systems: dict[str, Any] = {}
    for name in reconstruction.systems:
        n_clips = len(reconstruction.of(name))
        systems[name] = {"n_clips": n_clips, "reason": None, "scores": reconstruction.mean(name)}
    for name, system in params.systems.items():
        if name not in systems:
            reason = system.reason or f"{system.folder} holds none of the clips that were looked at"
            systems[name] = {"n_clips": 0, "reason": reason, "scores": {}}
    return systems


def _reasons(seen: list[Seen], feelings: Feelings, lids_factor: float) -> dict[str, str]:
    """Why a number is empty."""
    reasons, n_frames = {}, sum(clip.sample.n_frames for clip in seen)
    if n_frames < LEAST_FRAMES:
        reasons["self_fid_hed_vgg"] = f"{n_frames} held-out frames; under {LEAST_FRAMES} FID says nothing"
    if np.isnan(lids_factor):
        reasons["eye_openness_*"] = "in real frames the witness's lids hardly go with the codes: it sees too little"
    if len(seen) == 1:
        reasons["cross_*, lip_*"] = "one held-out clip has no other to be paired with"
    shown = np.unique(np.concatenate([clip.sample.attributes.emotion.argmax(axis=1) for clip in seen]))
    if len(shown) == 1:
        reasons["cross_emotion_agreement"] = "the held-out footage shows one emotion: agreement says nothing"
    if not feelings.wanted:
        reasons["emotion_*"] = "the model takes no emotion, or knows but one, of raw sources: none is asked for"
    return reasons
