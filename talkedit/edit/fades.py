"""Which frames are drawn again, and how they pass over into those that stay as they are. Pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from talkedit.edit.gestures import smooth_step
from talkedit.records import Attributes, Doubles, Floats

# A head that is drawn again is a little softer than the footage, which would be seen to jump at the first frame that
# is edited. So heads are drawn again from this long before, as they are, and shown more and more.
FADE_S = 0.2
# Changes of degrees, and of shares, that are none: asked for is what rounding left.
LEAST_DEG, LEAST_SHARE = 1e-3, 1e-4


def is_changed(asked: Attributes, measured: Attributes) -> NDArray[np.bool_]:
    """(T,), the frames of which something else is asked than they show."""
    return (
        (np.abs(asked.pose_deg - measured.pose_deg) > LEAST_DEG).any(axis=1)
        | (np.abs(asked.emotion - measured.emotion) > LEAST_SHARE).any(axis=1)
        | (np.abs(asked.eye_openness - measured.eye_openness) > LEAST_SHARE)
    )


def shown_share(
    changed: NDArray[np.bool_], stays: NDArray[np.bool_], times_s: Doubles, cuts: Sequence[int] = ()
) -> Floats:
    """How much of each frame's head is the drawn one: (T,), 0 where the frame stays as it is, 1 where it is edited.

    Around what is changed, and towards what stays, it fades within `FADE_S`; nothing fades across a cut.

    Args:
        changed: (T,), the frames of which something is asked.
        stays: (T,), the frames that are to stay whatever is asked.
        times_s: (T,), when they are shown.
        cuts: The frames at which a shot begins, but the first.
    """
    near = smooth_step(1 - distance_s(changed & ~stays, times_s, cuts) / FADE_S)
    away = smooth_step(distance_s(stays, times_s, cuts) / FADE_S)
    return np.minimum(near, away).astype(np.float32)


def distance_s(flags: NDArray[np.bool_], times_s: Doubles, cuts: Sequence[int] = ()) -> Doubles:
    """(T,), seconds from each frame to the nearest one of its shot that has its flag; inf in a shot without one."""
    distance = np.full(len(flags), np.inf)
    for shot in np.split(np.arange(len(flags)), cuts):
        marked = times_s[shot[flags[shot]]]
        if len(marked):
            after = np.searchsorted(marked, times_s[shot])
            nearest = [marked[np.clip(after + step, 0, len(marked) - 1)] for step in (-1, 0)]
            distance[shot] = np.abs(np.stack(nearest) - times_s[shot]).min(axis=0)
    return distance
