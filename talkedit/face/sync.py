"""How far the sound is ahead of the picture or behind it, from the mouth and the level of speech.

A mouth follows the levels of speech linearly, well enough: six bands within two frames predict how high and how wide it
is, and how both change. The prediction is held against the mouth of each lag, and the best lag is the offset.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from talkedit.face.geometry import smooth
from talkedit.media.speech import speech_bands_db
from talkedit.records import CLIP_FPS, Doubles, Floats

MAX_LAG = 12  # frames: half a second either way
MIN_FRAMES = 50  # shorter clips say nothing
_TREND_FRAMES = 12.0  # what is slower than this is no syllable
_REACH = 2  # frames of sound on either side of a mouth
_RIDGE = 100.0
_EYES = (slice(36, 42), slice(42, 48))
_LIP_PAIRS = ((50, 58), (51, 57), (52, 56))
_CORNERS = (48, 54)
_APART = 3  # frames from the best lag; a curve this far from its peak no longer belongs to it

# Unrelated sound: in 1% of 1,578 pairs of 3 s (five people) its peak stands out by more than 0.29, of 12 s by 0.15, of
# 48 s by 0.08; that is, this over the root of the seconds.
_CHANCE_AT_1_S = 0.52

# How the mouth follows each of 6 bands, two frames before it to two after. Fitted on 54 clips of 3 s of the GRID corpus
# (speaker s1, CC BY 4.0), of sentences that begin with b or s.
# fmt: off
WEIGHTS = (
    (0.058, 0.072, -0.179, 0.091, -0.074, -0.112, -0.116, -0.023, -0.262, 0.061, -0.106, 0.059, -0.046, 0.029, -0.094,
     -0.009, -0.032, 0.015, 0.104, 0.021, 0.22, -0.102, 0.19, -0.091, 0.065, -0.085, 0.231, -0.145, 0.304, -0.111),
    (0.041, 0.087, -0.148, 0.185, -0.22, -0.041, -0.028, 0.007, -0.068, 0.269, -0.263, -0.033, 0.056, -0.05, -0.02,
     0.133, -0.157, 0.009, 0.015, -0.077, 0.154, -0.074, 0.11, -0.022, -0.002, -0.114, 0.233, -0.345, 0.402, -0.016),
    (-0.008, -0.088, -0.099, -0.013, 0.132, -0.031, -0.009, -0.064, 0.131, -0.058, 0.125, 0.024, 0.111, -0.104, 0.267,
     -0.094, 0.205, -0.03, 0.091, -0.079, 0.266, -0.072, 0.196, -0.067, -0.012, -0.226, 0.019, 0.021, -0.025, 0.084),
    (-0.059, -0.098, 0.098, -0.04, -0.026, 0.021, 0.036, -0.111, 0.113, -0.16, 0.153, 0.053, 0.023, -0.153, 0.168,
     -0.308, 0.273, 0.076, 0.031, -0.115, 0.205, -0.261, 0.295, -0.008, -0.038, -0.145, -0.001, -0.22, 0.116, 0.049),
)
# fmt: on

Pair = tuple[Doubles, Doubles]


@dataclass(frozen=True)
class Offset:
    """What the lips say.

    Attributes:
        frames: How late the sound is, in frames at 25 fps; negative when it is early.
        certainty: How far the best lag stands out; 1 is what unrelated sound reaches in one case of a hundred.
    """

    frames: int
    certainty: float


def mouth_shape(landmarks_px: ArrayLike) -> Doubles:
    """What of the mouth goes with speech, without slow trends, each to a deviation of 1.

    Args:
        landmarks_px: (T, 68, 2), finite.

    Returns:
        (4, T) float64: change of height, change of width, height, width.
    """
    points = np.asarray(landmarks_px, np.float64)
    right, left = (points[:, eye].mean(axis=1) for eye in _EYES)
    scale = float(np.median(np.linalg.norm(right - left, axis=1)))
    distances = [np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in (*_LIP_PAIRS, _CORNERS)]
    height, width = np.mean(distances[:-1], axis=0), distances[-1]
    shape = _without_trend(np.stack([height, width]) / max(scale, 1.0))
    return _unit(np.concatenate([np.gradient(shape, axis=1), shape]))


def speech_shape(samples: Floats, n_frames: int) -> Doubles:
    """(6, T) float64: the levels of `speech_bands_db` without slow trends, each to a deviation of 1."""
    return _unit(_without_trend(speech_bands_db(samples, n_frames)))


def lag_curve(mouth: Doubles, speech: Doubles) -> Doubles:
    """How well the mouth fits the sound at each lag.

    Args:
        mouth: (4, T) from `mouth_shape`, T at least `MIN_FRAMES`.
        speech: (6, T) from `speech_shape`.

    Returns:
        (2 * MAX_LAG + 1,) float64 in -1..1: the mean correlation where the sound is -MAX_LAG..MAX_LAG frames late.
    """
    predicted = np.asarray(WEIGHTS) @ _context(speech)
    n = mouth.shape[1]
    lags = range(-MAX_LAG, MAX_LAG + 1)
    pairs = ((mouth[:, max(0, -k) : n - max(0, k)], predicted[:, max(0, k) : n + min(0, k)]) for k in lags)
    return np.array([_correlation(seen, heard) for seen, heard in pairs])


def pooled_offset(curves: Sequence[Doubles], n_frames: Sequence[int]) -> Offset:
    """Where the mean of some clips' lag curves has its peak.

    Args:
        curves: From `lag_curve`, at least one.
        n_frames: The length of each clip.
    """
    curve = np.average(curves, axis=0, weights=n_frames)
    best = int(curve.argmax())
    apart = np.abs(np.arange(len(curve)) - best) > _APART
    stands_out = max(float(curve[best] - curve[apart].max()), 0.0)
    return Offset(best - MAX_LAG, stands_out * (sum(n_frames) / float(CLIP_FPS)) ** 0.5 / _CHANCE_AT_1_S)


def fit_weights(pairs: Sequence[Pair]) -> Doubles:
    """`WEIGHTS` from (mouth, speech) of clips that are known to be in sync; ridge regression."""
    heard = np.concatenate([_context(speech) for _, speech in pairs], axis=1)
    seen = np.concatenate([mouth for mouth, _ in pairs], axis=1)
    weights = np.linalg.solve(heard @ heard.T + _RIDGE * np.eye(len(heard)), heard @ seen.T)
    return weights.T.astype(np.float64)


def _context(speech: Doubles) -> Doubles:
    """(6 * 5, T): the speech 2 frames before each frame, all bands, to 2 frames after it."""
    padded = np.pad(speech, ((0, 0), (_REACH, _REACH)), mode="edge")
    return np.concatenate([padded[:, i : i + speech.shape[1]] for i in range(2 * _REACH + 1)])


def _correlation(a: Doubles, b: Doubles) -> float:
    """The mean over the rows."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return float(((a * b).sum(axis=1) / np.maximum(scale, 1e-3)).mean())


def _without_trend(rows: Doubles) -> Doubles:
    return rows - smooth(rows.T, _TREND_FRAMES).T


def _unit(rows: Doubles) -> Doubles:
    return rows / np.maximum(rows.std(axis=1, keepdims=True), 1e-6)
