"""Shards to windows, decoded in the background just before a step asks for them."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
import torch

from talkedit.cores import n_cores
from talkedit.errors import ParamsError, TalkeditError
from talkedit.shards.clips import LoadedClip, load_clip
from talkedit.shards.index import index_split, read_sample
from talkedit.shards.sampler import Floats, Pick, Sampler, Visit, draw_part, draw_targets, rarity
from talkedit.shards.windows import Window

Rare = Literal["targets", "sources"]

WINDOWS_AHEAD = 128
MAX_THREADS = 4
# Footage that is no larger when decoded is decoded once.
KEPT_BYTES = 2 << 30
PART_DRAW = 3  # tells this random sequence from those of the windows, their negatives and lips
# Frames whose eyes are equally open to this are alike to the balance between open and closed eyes.
OPENNESS_BIN = 0.2
MEL_BYTES = 80 * 16 * 4  # of a frame


class Loader:
    """The windows of every step of a run: a pure function of seed and step, whichever step comes first.

    Clips are decoded on threads of their own, in the order in which they are needed; `close` ends these. Footage that
    fits into memory stays there. Of a clip of larger footage, each stay in the pool decodes some second, so that a
    decoded frame is shown several times before it is let go of. Then a window's own sources are of its second, and rare
    ones are less often among sources than `rare` makes them where all stays.

    Args:
        folder: Folder of the shards stage.
        split: ``train`` or ``validation``.
        image_px: Side of the pictures.
        n_frames: T, frames in a window.
        n_windows: B, windows in a step, of all processes together.
        seed: Which run.
        other_clips_share: Share of the windows whose sources come from another clip of the person.
        rank: Which of the processes this is; each gets its own part of the step's windows, in order, and decodes
            the clips of these alone.
        n_ranks: How many processes share a step.
        kept_bytes: Decoded clips stay in memory if all of them together are no larger.
        rare: Which frames of a window are often those whose eyes are as seldom so far open; the others are any.
        windows_ahead: For how many windows to come clips are decoded.

    Raises:
        TalkeditError: The split is missing or damaged, or no clip is long enough.
        ParamsError: The processes cannot share the windows evenly.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        image_px: int,
        n_frames: int,
        n_windows: int,
        seed: int,
        other_clips_share: float = 0.0,
        rank: int = 0,
        n_ranks: int = 1,
        kept_bytes: int = KEPT_BYTES,
        rare: Rare = "targets",
        windows_ahead: int = WINDOWS_AHEAD,
    ) -> None:
        if n_windows % n_ranks:
            raise ParamsError(f"n_windows is {n_windows}, which {n_ranks} processes cannot share; make it a multiple")
        self._entries = [entry for entry in index_split(folder, split) if entry.n_frames >= 2 * n_frames]
        if not self._entries:
            raise TalkeditError(
                f"no {split} clip has {2 * n_frames} frames; give longer footage or raise segment.clip_s"
            )
        self._image_px, self._n_frames, self._n_windows, self._seed = image_px, n_frames, n_windows, seed
        self._other_clips_share, self._rare = other_clips_share, rare
        n_bytes = sum(entry.n_frames for entry in self._entries) * (3 * image_px**2 + MEL_BYTES)
        self._all_stay = n_bytes <= kept_bytes
        n_own = n_windows // n_ranks
        self._own = slice(rank * n_own, (rank + 1) * n_own)
        self._n_steps_ahead = math.ceil(windows_ahead / n_own)
        n_threads = min(max(n_cores() // (2 * n_ranks), 1), MAX_THREADS)
        self._decoders = ThreadPoolExecutor(n_threads, thread_name_prefix="decoder")
        self._clips: dict[int, Future[_Ready]] = {}
        self._start_over()

    def windows(self, step: int, in_a_row: bool = True, one_source: bool = False) -> list[Window]:
        """This process's windows of a step.

        Args:
            step: Any step; quick if it is the one after the last.
            in_a_row: As in `talkedit.shards.sampler.draw_targets`.
            one_source: A window's frames all come with the same source frame, rather than each with its own.

        Raises:
            TalkeditError: One of the clips is damaged.
        """
        first, windows = step * self._n_windows + self._own.start, []
        for index, pick in enumerate(self._plan(step)):
            own, other = (self._clips[self._key(visit)].result() for visit in pick)
            windows.append(self._window(own, other, first + index, in_a_row, one_source))
        return windows

    def close(self) -> None:
        """Ends the threads; what they have begun is finished first."""
        self._decoders.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_over(self) -> None:
        lengths = [entry.n_frames for entry in self._entries]
        self._sampler = Sampler(lengths, self._n_frames, self._n_windows, self._seed)
        self._planned: dict[int, list[Pick]] = {}  # this process's clips of the steps to come
        self._next_step = 0

    def _plan(self, step: int) -> list[Pick]:
        """The clips of a step's windows; these and those of the next steps are being decoded."""
        if step < self._next_step and step not in self._planned:
            self._start_over()
        self._planned = {later: clips for later, clips in self._planned.items() if later >= step}
        while self._next_step <= step + self._n_steps_ahead:
            picks = next(self._sampler)[self._own]
            if self._next_step >= step:
                self._planned[self._next_step] = picks
                self._request(set(chain.from_iterable(picks)))
            self._next_step += 1
        return self._planned.pop(step)

    def _key(self, visit: Visit) -> int:
        """Under which number a clip is found: its own, or that of its stay."""
        return visit.clip if self._all_stay else visit.number

    def _request(self, visits: set[Visit]) -> None:
        new = {self._key(visit): visit for visit in visits if self._key(visit) not in self._clips}
        if new and not self._all_stay:
            self._forget()
        for key in sorted(new):
            self._clips[key] = self._decoders.submit(self._load, new[key])

    def _forget(self) -> None:
        """Lets go of what is out of the pool."""
        planned = chain.from_iterable(chain.from_iterable(self._planned.values()))
        needed = {self._key(visit) for visit in self._sampler.pool(self._own).union(planned)}
        for key in self._clips.keys() - needed:
            self._clips.pop(key).cancel()

    def _load(self, visit: Visit) -> "_Ready":
        sample = read_sample(self._entries[visit.clip])
        weights = rarity(sample.attributes.eye_openness, OPENNESS_BIN)
        alike = np.ones_like(weights)
        target_weights, source_weights = (weights, None) if self._rare == "targets" else (alike, weights)
        shown = range(sample.n_frames)
        if not self._all_stay:
            rng = np.random.default_rng((self._seed, visit.number, PART_DRAW))
            shown = draw_part(target_weights, 2 * self._n_frames, rng)
        return _Ready(load_clip(sample, self._image_px, shown), target_weights, source_weights)

    def _window(self, ready: "_Ready", other: "_Ready", index: int, in_a_row: bool, one_source: bool) -> Window:
        rng, clip, n_frames = np.random.default_rng((self._seed, index)), ready.clip, self._n_frames
        weights = ready.target_weights[clip.shown.start : clip.shown.stop]
        target = clip.shown.start + draw_targets(weights, n_frames, rng, in_a_row)
        source_clip, _, weights = other if rng.random() < self._other_clips_share else ready
        others = np.array(source_clip.shown)
        if source_clip.sample.clip_id == clip.sample.clip_id:
            others = others[~np.isin(others, target)]
        share = None if weights is None else weights[others] / weights[others].sum()
        source = rng.choice(others, size=n_frames, replace=False, p=share)
        if one_source:
            source = source[:1].repeat(n_frames)
        return Window(clip, torch.from_numpy(target), source_clip, torch.from_numpy(source))


class _Ready(NamedTuple):
    """A clip, and how often each of its frames is to be a target, and a source, relative to the others.

    Sources without weights are all as likely.
    """

    clip: LoadedClip
    target_weights: Floats
    source_weights: Floats | None
