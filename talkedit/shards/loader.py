"""Shards to windows, decoded in the background just before a step asks for them."""

import math
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
import torch

from talkedit.cores import n_cores
from talkedit.errors import ParamsError, TalkeditError
from talkedit.shards.clips import LoadedClip, load_clip
from talkedit.shards.index import Entry, index_split, read_sample
from talkedit.shards.sampler import Floats, Pick, Sampler, draw_targets, rarity
from talkedit.shards.windows import Window

Rare = Literal["targets", "sources"]

WINDOWS_AHEAD = 128
MAX_THREADS = 4
# So that little footage is decoded once; never less than the pool stays.
KEPT_BYTES = 2 << 30
# Frames whose eyes are equally open to this are alike to the balance between open and closed eyes.
OPENNESS_BIN = 0.2
MEL_BYTES = 80 * 16 * 4  # of a frame


class Loader:
    """The windows of every step of a run: a pure function of seed and step, whichever step comes first.

    Clips are decoded on threads of their own, in the order in which they are needed; `close` ends these.

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
        kept_bytes: Decoded clips stay in memory up to this size.
        rare: Which frames of a window are often those whose eyes are as seldom so far open; the others are any.
        windows_ahead: For how many windows to come clips are decoded.

    Attributes:
        waited_s: How long work was kept waiting for data, in seconds: what was spent inside of `waiting`.

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
        self._other_clips_share, self._kept_bytes, self._rare = other_clips_share, kept_bytes, rare
        n_own = n_windows // n_ranks
        self._own = slice(rank * n_own, (rank + 1) * n_own)
        self._n_steps_ahead = math.ceil(windows_ahead / n_own)
        n_threads = min(max(n_cores() // (2 * n_ranks), 1), MAX_THREADS)
        self._decoders = ThreadPoolExecutor(n_threads, thread_name_prefix="decoder")
        self._clips: dict[int, Future[_Ready]] = {}
        self._start_over()
        self.waited_s = 0.0

    def windows(self, step: int, in_a_row: bool = True, one_source: bool = False) -> list[Window]:
        """This process's windows of a step.

        Args:
            step: Any step; quick if it is the one after the last.
            in_a_row: As in `talkedit.shards.sampler.draw_targets`.
            one_source: A window's frames all come with the same source frame, rather than each with its own.

        Raises:
            TalkeditError: One of the clips is damaged.
        """
        pairs = [(self._clips[pick.clip].result(), self._clips[pick.other].result()) for pick in self._plan(step)]
        first = step * self._n_windows + self._own.start
        return [self._window(*pair, first + index, in_a_row, one_source) for index, pair in enumerate(pairs)]

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """For what is done before a step has its data: `windows`, stacking, moving to the device."""
        started = time.monotonic()
        yield
        self.waited_s += time.monotonic() - started

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
                self._request({clip for clip in chain.from_iterable(picks) if clip not in self._clips})
            self._next_step += 1
        return self._planned.pop(step)

    def _request(self, clips: set[int]) -> None:
        if clips:
            self._forget()
        for clip in sorted(clips):
            self._clips[clip] = self._decoders.submit(_load, self._entries[clip], self._image_px)

    def _forget(self) -> None:
        """Lets go of clips that are out of the pool, the oldest first, while there are too many in memory."""
        n_bytes = sum(self._n_bytes(clip) for clip in self._clips)
        if n_bytes <= self._kept_bytes:
            return
        needed = self._sampler.pool(self._own).union(chain.from_iterable(chain.from_iterable(self._planned.values())))
        for clip in [clip for clip in self._clips if clip not in needed]:
            if n_bytes <= self._kept_bytes:
                break
            self._clips.pop(clip).cancel()
            n_bytes -= self._n_bytes(clip)

    def _n_bytes(self, clip: int) -> int:
        return self._entries[clip].n_frames * (3 * self._image_px**2 + MEL_BYTES)

    def _window(self, ready: "_Ready", other: "_Ready", index: int, in_a_row: bool, one_source: bool) -> Window:
        rng, clip = np.random.default_rng((self._seed, index)), ready.clip
        rare_targets = self._rare == "targets"
        weights = ready.weights if rare_targets else np.ones(clip.sample.n_frames)
        target = draw_targets(weights, self._n_frames, rng, in_a_row)
        source_clip, weights = other if rng.random() < self._other_clips_share else ready
        others = np.arange(source_clip.sample.n_frames)
        if source_clip is clip:
            others = np.delete(others, target)
        share = None if rare_targets else weights[others] / weights[others].sum()
        source = rng.choice(others, size=self._n_frames, replace=False, p=share)
        if one_source:
            source = source[:1].repeat(self._n_frames)
        return Window(clip, torch.from_numpy(target), source_clip, torch.from_numpy(source))


class _Ready(NamedTuple):
    """A clip, and how often each of its frames is to be a target, relative to the others."""

    clip: LoadedClip
    weights: Floats


def _load(entry: Entry, image_px: int) -> _Ready:
    clip = load_clip(read_sample(entry), image_px)
    return _Ready(clip, rarity(clip.sample.attributes.eye_openness, OPENNESS_BIN))
