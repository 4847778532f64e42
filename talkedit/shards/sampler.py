"""Which frames a run looks at, and in which order: decided by the seed alone, and known without decoding anything."""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkedit.records import CLIP_FPS

POOL = 32
MAX_ITEMS = 16
PART_FRAMES = round(CLIP_FPS)  # the crops' videos have a key frame every second

Indices = NDArray[np.intp]
Floats = NDArray[np.floating]


class Visit(NamedTuple):
    """One stay of a clip in the pool.

    Attributes:
        number: Which of all stays of the run, as they come.
        clip: The clip's number.
        n_items: How many windows it gives.
    """

    number: int
    clip: int
    n_items: int


class Pick(NamedTuple):
    """The clip of a window, and another one that its sources may come from: the same only where clips are few."""

    visit: Visit
    other: Visit


class Sampler:
    """An endless sequence of steps: for each the clips of its windows.

    All clips come, in a new random order each time, into a pool of at least 32; each window is of a random one of
    these, so that windows of one clip lie far apart. A clip that has given its windows leaves the pool. It is therefore
    decoded once for up to 16 windows. Where there are fewer clips, the pool holds them several times.

    The pool is divided among the windows of a step: each has its own part, which its clip and the other one come from.
    So processes that share the windows need different clips, and however many they are, the windows are the same.

    To go on from a step, draw as many as were drawn before: half a million windows a second.

    Args:
        n_frames: Length of each clip; long clips give more windows than short ones.
        n_window_frames: T, length of a window.
        n_windows: B, windows in a step.
        seed: Which run.
    """

    def __init__(self, n_frames: Sequence[int], n_window_frames: int, n_windows: int, seed: int) -> None:
        self._stays = [stay for clip, length in enumerate(n_frames) for stay in _stays(clip, length, n_window_frames)]
        self._random = random.Random(seed).random  # noqa: S311 (its sequence is the same in every version of Python)
        self._coming: list[tuple[int, int]] = []
        self._n_visits = 0
        self._n_slots = max(math.ceil(POOL / n_windows), 2)  # of each window
        self._pool = [self._next_visit() for _ in range(n_windows * self._n_slots)]
        # A run begins in the midst of their windows, or all would be used up, and the next ones needed, at about once.
        self._left = [1 + int(self._random() * visit.n_items) for visit in self._pool]

    def __next__(self) -> list[Pick]:
        """The clips of the next step's windows."""
        return [self._pick(first) for first in range(0, len(self._pool), self._n_slots)]

    def pool(self, windows: slice = slice(None)) -> set[Visit]:
        """What some of a step's windows are being drawn from."""
        slots = range(len(self._pool) // self._n_slots)[windows]
        return set(self._pool[slots.start * self._n_slots : slots.stop * self._n_slots])

    def _pick(self, first: int) -> Pick:
        slot, n_slots = int(self._random() * self._n_slots), self._n_slots
        other = (slot + 1 + int(self._random() * (n_slots - 1))) % n_slots
        pick = Pick(self._pool[first + slot], self._pool[first + other])
        self._use(first + slot)
        return pick

    def _use(self, slot: int) -> None:
        self._left[slot] -= 1
        if not self._left[slot]:
            self._pool[slot] = self._next_visit()
            self._left[slot] = self._pool[slot].n_items

    def _next_visit(self) -> Visit:
        if not self._coming:
            self._coming = sorted(self._stays, key=lambda _: self._random())
        self._n_visits += 1
        return Visit(self._n_visits - 1, *self._coming.pop())


def _stays(clip: int, n_frames: int, n_window_frames: int) -> list[tuple[int, int]]:
    """How often a clip comes around, and with how many windows: each frame is a target about once."""
    n_items = max(n_frames // n_window_frames, 1)
    n_stays = max(round(n_items / MAX_ITEMS), 1)
    return [(clip, min(n_items // n_stays, MAX_ITEMS))] * n_stays


def draw_targets(weights: Floats, n_frames: int, rng: np.random.Generator, in_a_row: bool) -> Indices:
    """The frames of one window, (T,).

    Args:
        weights: (N,), how often each frame of the clip is to be among them, relative to the others.
        n_frames: T.
        rng: Where the randomness comes from.
        in_a_row: Frames that follow each other, which what judges windows needs. Otherwise any T frames: nearly equal
            frames teach little, and a generator that draws each frame by itself learns much faster from unlike ones.
    """
    if in_a_row:
        starts = np.convolve(weights, np.ones(n_frames), mode="valid")
        return int(rng.choice(len(starts), p=starts / starts.sum())) + np.arange(n_frames)
    return rng.choice(len(weights), size=n_frames, replace=False, p=weights / weights.sum())


def draw_part(weights: Floats, least: int, rng: np.random.Generator) -> range:
    """Some frames of a clip in a row, about a second, from one key frame of the crops' video to another.

    Args:
        weights: (N,), how often each frame of the clip is to be a target, relative to the others. A part comes the more
            often the more its frames are to, so that they come as often as in whole clips; in windows of frames in a
            row, those at a part's ends less often.
        least: How many frames it has at least; the clip has no fewer.
        rng: Where the randomness comes from.
    """
    step = PART_FRAMES * math.ceil(least / PART_FRAMES)
    starts = range(0, len(weights) - least + 1, step)
    sums = np.add.reduceat(weights, starts)
    chosen = int(rng.choice(len(starts), p=sums / sums.sum()))
    return range(starts[chosen], (*starts[1:], len(weights))[chosen])


def rarity(values: Floats, bin_width: float) -> Floats:
    """(N,) weights, 1 on average: half of all draws go to all frames alike, half to all bins of `values` (N,) alike.

    Blinks fill one frame in twenty, and a network that hardly ever sees one does not learn to close an eye.
    """
    _, bins, counts = np.unique(np.floor(values / bin_width), return_inverse=True, return_counts=True)
    return 0.5 + 0.5 * len(values) / len(counts) / counts[bins]
