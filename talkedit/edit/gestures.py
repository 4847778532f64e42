"""Movements that are asked for by name, as curves over a video's frames. Pure."""

import numpy as np

from talkedit.edit.moments import Clock, bounds_s
from talkedit.edit.timeline import Blink, Gesture, NaturalBlinking
from talkedit.records import POSE, Doubles

# Of a blink's time: lids fall until the first, stay shut until the second, and rise until the end. Real blinks fall
# about twice as fast as they rise.
SHUT_FROM, SHUT_UNTIL = 0.3, 0.5
MOST_HELD, MOST_HELD_S = 2.0, 0.4  # a frame that stands for longer, in lengths of the blink and in seconds, stays open
NATURAL_BLINK_S = 0.3
LEAST_GAP_SHARE = 0.3  # between natural blinks, of the mean
AWAY_SHARE = 0.25  # of a look away, for going and again for coming back


def smooth_step(shares: Doubles) -> Doubles:
    """0 up to 0, 1 from 1 on, and without a jolt in between."""
    x = np.clip(shares, 0, 1)
    return x * x * (3 - 2 * x)


def gesture_deg(gesture: Gesture, clock: Clock) -> Doubles:
    """What a gesture adds to the pose; (T, 3) float64, degrees."""
    done = (clock.times_s - gesture.at.time_s(clock)) / gesture.for_s
    inside = np.clip(done, 0, 1)  # every gesture begins and ends at 0
    if gesture.preset == "nod":
        column, shape = "pitch", -(1 - np.cos(2 * np.pi * gesture.times * inside)) / 2
    elif gesture.preset == "shake":
        column, shape = "yaw", np.sin(2 * np.pi * gesture.times * inside) * np.sin(np.pi * inside)
    else:
        column, shape = "yaw", smooth_step(inside / AWAY_SHARE) * smooth_step((1 - inside) / AWAY_SHARE)
    added = np.zeros((len(done), len(POSE)))
    added[:, POSE.index(column)] = gesture.deg * shape
    return added


def lids(blink: Blink, clock: Clock) -> Doubles:
    """How open a blink leaves the eyes, as a share of what they were; (T,) float64.

    The frame that is shown at the blink's middle is shut, however few frames there are; but not one that stands for so
    long that nobody would take it for a blink.
    """
    begin_s = blink.at.time_s(clock)
    done = (clock.times_s - begin_s) / blink.for_s
    open_share = np.maximum(1 - smooth_step(done / SHUT_FROM), smooth_step((done - SHUT_UNTIL) / (1 - SHUT_UNTIL)))
    middle_s = begin_s + blink.for_s * (SHUT_FROM + SHUT_UNTIL) / 2
    if 0 <= middle_s < clock.end_s:
        at = int(np.searchsorted(clock.times_s, middle_s, side="right")) - 1
        shown_s = np.diff(clock.times_s, append=clock.end_s)[at]
        if shown_s <= max(MOST_HELD * blink.for_s, MOST_HELD_S):
            open_share[at] = 0
    return open_share


def natural_blinks(preset: NaturalBlinking, clock: Clock) -> list[Blink]:
    """Blinks at uneven times: the least gap, and a random one that is short more often than long."""
    mean_s = 60 / preset.per_minute
    at_s, end_s = bounds_s(preset.begin, preset.end, clock, preset.preset)
    end_s = min(end_s, clock.end_s) - NATURAL_BLINK_S
    rng, blinks = np.random.default_rng(preset.seed), []
    while True:
        at_s += mean_s * (LEAST_GAP_SHARE + (1 - LEAST_GAP_SHARE) * rng.exponential())
        if at_s > end_s:
            return blinks
        blinks.append(Blink.model_validate({"at": f"{at_s:.3f}", "for": NATURAL_BLINK_S}))
