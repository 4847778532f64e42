"""What one process of the evaluation does: pure functions of a clip or a pair, which are the same whoever does them.

Models are loaded once in each process. Sums are made by one thread: how many share one changes its last bit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from talkedit.evaluate.cross import Crossed, examine_pair
from talkedit.evaluate.drive import Driven, drive_clip
from talkedit.evaluate.experts import OwnExpert
from talkedit.evaluate.feelings import Felt, ask_clip, wanted_of
from talkedit.evaluate.footage import Footage, Sources
from talkedit.evaluate.likeness import Likeness
from talkedit.evaluate.loop import Looped, edit_clip
from talkedit.evaluate.outputs import write_beside
from talkedit.evaluate.reconstruct import Redrawn, draw_again, examine_clip
from talkedit.evaluate.settings import EvaluateParams
from talkedit.evaluate.sheet import REAL, Row
from talkedit.evaluate.syncnet import SyncNetExpert
from talkedit.evaluate.systems import OutsideSystem
from talkedit.evaluate.tools import Held, Look, Tools
from talkedit.face.extract import AttributesParams, build_extractors
from talkedit.params import parse
from talkedit.records import Floats, Image
from talkedit.shards.index import index_split, read_preparation
from talkedit.shards.samples import Sample
from talkedit.train.artifact import load_model


class Job(NamedTuple):
    """What is examined, and how.

    Attributes:
        shards: Folder of the shards stage.
        model: The model's folder.
        judges: Folder of the stage train_discriminator.
        clips: Folder of the curate stage; None where SyncNet is not asked.
        params_json: Of `EvaluateParams`.
    """

    shards: Path
    model: Path
    judges: Path
    clips: Path | None
    params_json: str


class Seen(NamedTuple):
    """A held-out clip, and what is seen in its frames."""

    sample: Sample
    look: Look


class Swept(NamedTuple):
    """What came of all edits of one clip; `driven` is None where it is the only one."""

    looped: Looped
    felt: Felt
    driven: Driven | None
    rows: list[Row]


class Crew:
    """All that a process needs for a job.

    Raises:
        TalkeditError: A model, its weights or an outside system cannot be had.
    """

    def __init__(self, job: Job) -> None:
        self._shards = job.shards
        self.params = EvaluateParams.model_validate_json(job.params_json)
        model = load_model(job.model)
        syncs = self.params.sync == "syncnet"
        self.tools = Tools(model)
        self.likeness = Likeness(self.tools, SyncNetExpert(job.clips) if syncs else OwnExpert(job.judges))
        preparation = read_preparation(job.shards)["attributes"]
        self.emotion = build_extractors(parse(AttributesParams, preparation, str(job.shards)))[1]
        self.wanted_emotions = wanted_of(model)
        self.outside = {
            name: OutsideSystem(name, Path(system.folder))
            for name, system in self.params.systems.items()
            if system.folder
        }

    @cached_property
    def sources(self) -> Sources:
        """Training frames to draw from; they take as long to decode as a clip to examine."""
        return Sources(index_split(self._shards, "train"), self.params.max_source_frames)

    def hold(self, seen: Seen) -> Held:
        """The clip, decoded."""
        return self.tools.hold(*seen)

    def sources_of(self, held: Held) -> Footage:
        """The sources, as large as the clip's crops."""
        return self.sources.at(held.sample.track.size_px)


@lru_cache(maxsize=1)
def crew(job: Job) -> Crew:
    """Built once in each process."""
    return Crew(job)


def look_at(job: Job, sample: Sample) -> Look:
    """What is seen in the real frames of a held-out clip."""
    with one_thread():
        return crew(job).tools.hold(sample).look


def redraw(job: Job, seen: Seen, fid_step: int | None) -> Redrawn:
    """Draws a clip again; see `talkedit.evaluate.reconstruct.examine_clip`."""
    with one_thread():
        own = crew(job)
        held = own.hold(seen)
        return examine_clip(own.tools, own.likeness, held, own.sources_of(held), own.outside, fid_step)


def film(job: Job, seen: Seen, path: Path) -> None:
    """Writes a clip as a video, the truth on the left, drawn again on the right."""
    with one_thread():
        own = crew(job)
        held = own.hold(seen)
        write_beside(path, [held.footage.crops.images, draw_again(own.tools, held, own.sources_of(held))[0]])


def look_at_sources(job: Job) -> tuple[Floats, Floats]:
    """What the witness sees of the eyes of the training frames, and their codes."""
    with one_thread():
        own, parts = crew(job), crew(job).sources.parts
        codes = [part.attributes.eye_openness for part in parts]
        return np.concatenate([own.tools.lids(part) for part in parts]), np.concatenate(codes)


def pair_up(job: Job, source: Seen, giver: Seen) -> Crossed:
    """Gives one clip the attributes of another; see `talkedit.evaluate.cross.examine_pair`."""
    with one_thread():
        own = crew(job)
        shown = own.params.shown(source.sample.n_frames)
        return examine_pair(own.tools, own.likeness, own.emotion, own.hold(source), own.hold(giver), shown)


def sweep(job: Job, seen: Seen, driver: Seen | None, given: dict[int, Image]) -> Swept:
    """Edits a clip one control at a time, asks it for emotions, and drives it by another one's speech.

    Args:
        job: What is examined.
        seen: The clip.
        driver: Gives the speech.
        given: Its frames with another clip's attributes, by their numbers, for the contact sheet.
    """
    with one_thread():
        own = crew(job)
        held, params = own.hold(seen), own.params
        middle = params.middle(len(held.mel))
        part = held.take(middle)
        looped, ends = edit_clip(own.tools, own.likeness, params.steps, part)
        felt, emotions = ask_clip(own.tools, own.emotion, own.wanted_emotions, part)
        driven, speaking = drive_clip(own.tools, held, own.hold(driver)) if driver else (None, [])
    rows = []
    for at in params.shown(len(held.mel)).tolist():
        pictures = {REAL: held.footage.crops.images[at]}
        pictures |= {"given attributes": given[at]} if at in given else {}
        pictures |= {"other speech": speaking[at]} if at < len(speaking) else {}
        pictures |= {name: video[at - int(middle[0])] for name, video in (ends | emotions).items()}
        rows.append(Row(f"{held.sample.clip_id}, frame {at}", pictures))
    return Swept(looped, felt, driven, rows)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for all sums."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(n_threads)
