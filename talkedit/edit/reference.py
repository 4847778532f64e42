"""Takes pose, emotion or blinks from another video. Pure."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from talkedit.edit.gestures import smooth_step
from talkedit.edit.moments import Clock
from talkedit.edit.timeline import EASE_S
from talkedit.errors import ParamsError
from talkedit.records import Attributes, Doubles, Floats

TAKES = {"pose": "pose_deg", "emotion": "emotion", "blink": "eye_openness"}
ALIGNS = ("time", "stretch")


def check_taking(take: Sequence[str], align: str) -> None:
    """Refuses what cannot be taken.

    Raises:
        ParamsError: A name is not known, or none is given.
    """
    unknown = [name for name in take if name not in TAKES]
    if not take or unknown:
        given = ", ".join(unknown) or "nothing"
        raise ParamsError(f"to take {given!r} from a reference is not possible: give any of {', '.join(TAKES)}")
    if align not in ALIGNS:
        raise ParamsError(f"a reference cannot be aligned by {align!r}: give {' or '.join(ALIGNS)}")


def take_over(
    measured: Attributes,
    clock: Clock,
    reference: Attributes,
    reference_clock: Clock,
    found: NDArray[np.bool_],
    take: Sequence[str],
    align: str,
) -> Attributes:
    """What was measured, with some of it taken from a reference.

    By ``time``, each frame takes what the reference shows at its own time; past the reference's end all stays as it
    was. With ``stretch``, the reference is slowed down or sped up to the same length. Where the reference shows no
    face, all stays as it was. What was measured is passed to and from smoothly.

    Args:
        measured: T frames.
        clock: When they are shown.
        reference: R frames.
        reference_clock: When they are shown.
        found: (R,), whether they show a face.
        take: Any of `TAKES`.
        align: One of `ALIGNS`.
    """
    pace = reference_clock.end_s / clock.end_s if align == "stretch" else 1.0
    at_s = clock.times_s * pace
    share = smooth_step(_distance_to_nothing(at_s, reference_clock, found) / (EASE_S * pace))
    taken: dict[str, Floats] = {}
    for name in (TAKES[each] for each in take):
        values = getattr(measured, name).astype(np.float64).reshape(len(at_s), -1)
        others = getattr(reference, name).reshape(len(found), -1)[found]
        there = np.stack([np.interp(at_s, reference_clock.times_s[found], column) for column in others.T], axis=1)
        mixed = values + share[:, None] * (there - values)
        taken[name] = mixed.reshape(getattr(measured, name).shape).astype(np.float32)
    return replace(measured, **taken)


def _distance_to_nothing(at_s: Doubles, clock: Clock, found: NDArray[np.bool_]) -> Doubles:
    """Seconds to where the reference has ended or shows no face; the very beginning and end count as shown."""
    on_screen = np.clip(np.searchsorted(clock.times_s, at_s + 1e-9, side="right") - 1, 0, len(found) - 1)
    inside = found[on_screen] & (at_s < clock.end_s)
    distance = np.full(len(at_s), np.inf)
    padded = np.concatenate([[False], found, [False]])
    borders = np.flatnonzero(~found & (padded[:-2] | padded[2:]))  # others are further away
    for missing_s in clock.times_s[borders]:
        distance = np.minimum(distance, np.abs(at_s - missing_s))
    if at_s[-1] >= clock.end_s:
        distance = np.minimum(distance, clock.end_s - at_s)
    return np.where(inside, np.maximum(distance, 0), 0)
