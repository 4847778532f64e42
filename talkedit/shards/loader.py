"""Shards to windows, decoded in the background just before a step asks for them."""

import math
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np
import torch

from talkedit.errors import ParamsError, TalkeditError
from talkedit.shards.clips import LoadedClip, load_clip
from talkedit.shards.index import Entry, index_split, read_sample
from talkedit.shards.sampler import Sampler, draw_frames
from talkedit.shards.windows import Window

WINDOWS_AHEAD = 128
MAX_THREADS = 4
# Decoded clips stay in memory up to this size, so that little footage is decoded once; never less than the pool stays.
KEPT_BYTES = 2 << 30
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
        rank: Which of the processes this is; each gets its own part of the step's windows, in order.
        n_ranks: How many processes share a step.

    Attributes:
        waited_s: How long callers have waited for clips that were not ready, in seconds.

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
        rank: int = 0,
        n_ranks: int = 1,
    ) -> None:
        if n_windows % n_ranks:
            raise ParamsError(f"n_windows is {n_windows}, which {n_ranks} processes cannot share; make it a multiple")
        self._entries = [entry for entry in index_split(folder, split) if entry.n_frames >= 2 * n_frames]
        if not self._entries:
            raise TalkeditError(
                f"no {split} clip has {2 * n_frames} frames; give longer footage or raise segment.clip_s"
            )
        self._image_px, self._n_frames, self._n_windows, self._seed = image_px, n_frames, n_windows, seed
        n_own = n_windows // n_ranks
        self._own = slice(rank * n_own, (rank + 1) * n_own)
        self._n_steps_ahead = math.ceil(WINDOWS_AHEAD / n_own)
        n_threads = min(max((os.cpu_count() or 1) // (2 * n_ranks), 1), MAX_THREADS)
        self._decoders = ThreadPoolExecutor(n_threads, thread_name_prefix="decoder")
        self._clips: dict[int, Future[LoadedClip]] = {}
        self._start_over()
        self.waited_s = 0.0

    def windows(self, step: int, in_a_row: bool = True) -> list[Window]:
        """This process's windows of a step.

        Args:
            step: Any step; quick if it is the one after the last.
            in_a_row: As in `talkedit.shards.sampler.draw_frames`.

        Raises:
            TalkeditError: One of the clips is damaged.
        """
        planned = self._plan(step)
        started = time.monotonic()
        clips = [self._clips[clip].result() for clip in planned]
        self.waited_s += time.monotonic() - started
        self._forget()
        first = step * self._n_windows + self._own.start
        return [self._window(clip, first + index, in_a_row) for index, clip in enumerate(clips)]

    def close(self) -> None:
        """Ends the threads; what they have begun is finished first."""
        self._decoders.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_over(self) -> None:
        self._sampler = Sampler([entry.n_frames for entry in self._entries], self._n_frames, self._seed)
        self._planned: dict[int, list[int]] = {}  # this process's clips of the steps to come
        self._next_step = 0

    def _plan(self, step: int) -> list[int]:
        """The clips of a step's windows; these and those of the next steps are being decoded."""
        if step < self._next_step and step not in self._planned:
            self._start_over()
        self._planned = {later: clips for later, clips in self._planned.items() if later >= step}
        while self._next_step <= step + self._n_steps_ahead:
            clips = [next(self._sampler) for _ in range(self._n_windows)][self._own]
            if self._next_step >= step:
                self._planned[self._next_step] = clips
                for clip in clips:
                    self._request(clip)
            self._next_step += 1
        return self._planned.pop(step)

    def _request(self, clip: int) -> None:
        if clip not in self._clips:
            self._clips[clip] = self._decoders.submit(_load, self._entries[clip], self._image_px)

    def _forget(self) -> None:
        """Lets go of clips that are out of the pool, the oldest first, while there are too many in memory."""
        needed = self._sampler.pool().union(*self._planned.values())
        n_bytes = sum(self._n_bytes(clip) for clip in self._clips)
        for clip in [clip for clip in self._clips if clip not in needed]:
            if n_bytes <= KEPT_BYTES:
                break
            self._clips.pop(clip).cancel()
            n_bytes -= self._n_bytes(clip)

    def _n_bytes(self, clip: int) -> int:
        return self._entries[clip].n_frames * (3 * self._image_px**2 + MEL_BYTES)

    def _window(self, clip: LoadedClip, index: int, in_a_row: bool) -> Window:
        rng = np.random.default_rng((self._seed, index))
        target, source = draw_frames(clip.sample.n_frames, self._n_frames, rng, in_a_row)
        return Window(clip, torch.from_numpy(target), torch.from_numpy(source))


def _load(entry: Entry, image_px: int) -> LoadedClip:
    return load_clip(read_sample(entry), image_px)
