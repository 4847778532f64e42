"""Numbers from signals: does what came back follow what was asked for? Pure functions; NaN is not measured."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bools = NDArray[np.bool_]


class Fit(NamedTuple):
    """Least squares of measured over asked, with intercept.

    Attributes:
        slope: 1.0 for a control that does what was asked, 0.0 for one that does nothing, negative for the opposite;
            NaN if fewer than two different values were asked for.
        intercept: In the unit of what was measured.
        r: Pearson's correlation, -1..1.
        error: Mean of |measured - asked|.
        n: Pairs that were measured.
    """

    slope: float
    intercept: float
    r: float
    error: float
    n: int


def fit(asked: ArrayLike, measured: ArrayLike) -> Fit:
    """How much of a change that was asked for is found again.

    Args:
        asked: (N,), any unit.
        measured: (N,), the same unit; NaN where nothing could be measured, which leaves the pair out.

    Raises:
        ValueError: The two differ in length.
    """
    x, y = _pairs(asked, measured)
    error = float(np.abs(y - x).mean()) if x.size else float("nan")
    if x.size == 0 or np.ptp(x) == 0:
        return Fit(float("nan"), float("nan"), float("nan"), error, int(x.size))
    dx, dy = x - x.mean(), y - y.mean()
    slope = float(dx @ dy / (dx @ dx))
    return Fit(slope, float(y.mean() - slope * x.mean()), correlation(x, y), error, int(x.size))


def measured_mean(values: ArrayLike, weights: ArrayLike) -> float:
    """Mean of the values that were measured, by their weights; NaN if none was.

    Args:
        values: (N,), any unit; NaN where nothing could be measured.
        weights: (N,), above 0.

    Raises:
        ValueError: The two differ in length.
    """
    x, w = _pairs(values, weights)
    return float(np.average(x, weights=w)) if x.size else float("nan")


def correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Pearson's correlation of the pairs that are both finite; NaN if one of the two does not vary."""
    x, y = _pairs(a, b)
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def offset_frames(wanted: ArrayLike, got: ArrayLike, most: int) -> int:
    """By how many frames `got` comes after `wanted`: the shift of highest correlation, -most..most."""
    x, y = np.asarray(wanted, np.float64), np.asarray(got, np.float64)
    shifts = range(-most, most + 1)
    pairs = ((x[max(-s, 0) : len(x) - max(s, 0)], y[max(s, 0) : len(y) + min(s, 0)]) for s in shifts)
    scores = [correlation(*pair) for pair in pairs]
    return shifts[int(np.nanargmax(scores))] if np.isfinite(scores).any() else most + 1


def events(low: Bools) -> list[tuple[int, int]]:
    """Runs of True: first frame and the one after the last, in order."""
    edges = np.diff(np.concatenate([[0], np.asarray(low, np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


class Matches(NamedTuple):
    """Events that were found, that were missed, and that nobody asked for. `f1` is NaN if there was none at all."""

    found: int
    missed: int
    extra: int

    @property
    def f1(self) -> float:
        """2 found / (2 found + missed + extra)."""
        n = 2 * self.found + self.missed + self.extra
        return 2 * self.found / n if n else float("nan")


def match_events(wanted: list[tuple[int, int]], got: list[tuple[int, int]], slack: int) -> Matches:
    """Pairs events one to one, in order; two belong together if they overlap once `slack` frames are added around."""
    left, found = list(got), 0
    for first, end in wanted:
        partner = next((event for event in left if event[0] < end + slack and first < event[1] + slack), None)
        if partner is not None:
            left.remove(partner)
            found += 1
    return Matches(found, len(wanted) - found, len(left))


def _pairs(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if x.shape != y.shape:
        raise ValueError(f"these cannot be compared: {x.shape} and {y.shape}")
    there = np.isfinite(x) & np.isfinite(y)
    return x[there], y[there]
