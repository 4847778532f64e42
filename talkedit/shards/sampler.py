"""Which frames a run looks at, and in which order: decided by the seed alone, and known without decoding anything."""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

POOL = 32
MAX_ITEMS = 16

Indices = NDArray[np.intp]
Floats = NDArray[np.floating]


class Visit(NamedTuple):
    """One stay of a clip in the pool, and how many windows it gives."""

    clip: int
    n_items: int


class Pick(NamedTuple):
    """The clip of a window, and another one that its sources may come from: the same only where clips are few."""

    clip: int
    other: int


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
        self._visits = [
            visit for clip, length in enumerate(n_frames) for visit in _visits(clip, length, n_window_frames)
        ]
        self._random = random.Random(seed).random  # noqa: S311 (its sequence is the same in every version of Python)
        self._coming: list[Visit] = []
        self._n_slots = max(math.ceil(POOL / n_windows), 2)  # of each window
        self._pool = [self._next_visit() for _ in range(n_windows * self._n_slots)]
        # A run begins in the midst of their windows, or all would be used up, and the next ones needed, at about once.
        self._left = [1 + int(self._random() * visit.n_items) for visit in self._pool]

    def __next__(self) -> list[Pick]:
        """The clips of the next step's windows, by their numbers."""
        return [self._pick(first) for first in range(0, len(self._pool), self._n_slots)]

    def pool(self, windows: slice = slice(None)) -> set[int]:
        """The clips that some of a step's windows are being drawn from."""
        slots = range(len(self._pool) // self._n_slots)[windows]
        first, last = slots.start * self._n_slots, slots.stop * self._n_slots
        return {visit.clip for visit in self._pool[first:last]}

    def _pick(self, first: int) -> Pick:
        slot, n_slots = int(self._random() * self._n_slots), self._n_slots
        other = (slot + 1 + int(self._random() * (n_slots - 1))) % n_slots
        pick = Pick(self._pool[first + slot].clip, self._pool[first + other].clip)
        self._use(first + slot)
        return pick

    def _use(self, slot: int) -> None:
        self._left[slot] -= 1
        if not self._left[slot]:
            self._pool[slot] = self._next_visit()
            self._left[slot] = self._pool[slot].n_items

    def _next_visit(self) -> Visit:
        if not self._coming:
            self._coming = sorted(self._visits, key=lambda _: self._random())
        return self._coming.pop()


def _visits(clip: int, n_frames: int, n_window_frames: int) -> list[Visit]:
    """How often a clip comes around, and with how many windows: each frame is a target about once."""
    n_items = max(n_frames // n_window_frames, 1)
    n_visits = max(round(n_items / MAX_ITEMS), 1)
    return [Visit(clip, min(n_items // n_visits, MAX_ITEMS))] * n_visits


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


def rarity(values: Floats, bin_width: float) -> Floats:
    """(N,) weights, 1 on average: half of all draws go to all frames alike, half to all bins of `values` (N,) alike.

    Blinks fill one frame in twenty, and a network that hardly ever sees one does not learn to close an eye.
    """
    _, bins, counts = np.unique(np.floor(values / bin_width), return_inverse=True, return_counts=True)
    return 0.5 + 0.5 * len(values) / len(counts) / counts[bins]
