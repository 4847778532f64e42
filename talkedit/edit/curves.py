"""From what is wished for and what was measured to what is asked of every frame. Pure."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from talkedit.edit.gestures import gesture_deg, lids, natural_blinks, smooth_step
from talkedit.edit.moments import Clock, bounds_s
from talkedit.edit.timeline import EASE_S, POSE_LIMIT_DEG, Channel, Gesture, Key, NaturalBlinking, Span, Timeline
from talkedit.edit.wishes import Wish
from talkedit.errors import ParamsError
from talkedit.records import POSE, Attributes, Doubles


def ask(timeline: Timeline, base: Attributes, clock: Clock, measured: Attributes | None = None) -> Attributes:
    """The input's attributes, with what is wished for in place of what was there.

    Keyframes come first, then stretches on what these give, then gestures and blinks on top. Pose is held within
    +-60 degrees, openness within 0..1. Towards a part that is left alone, all returns to what was measured.

    Args:
        timeline: What is wished for.
        base: What wishes act on, T frames: what was measured, or was taken from elsewhere.
        clock: When the frames are shown.
        measured: What parts that are left alone return to; `base` if not given.

    Raises:
        ParamsError: Two keyframes of one control are at one time, or a stretch ends before it begins.
    """
    columns = [wished(getattr(timeline, f"{angle}_deg"), base.pose_deg[:, [i]], clock, angle)
               for i, angle in enumerate(POSE)]  # fmt: skip
    pose = np.concatenate(columns, axis=1)
    blinks = list(timeline.blinks)
    for preset in timeline.presets:
        if isinstance(preset, Gesture):
            pose += gesture_deg(preset, clock)
        elif isinstance(preset, NaturalBlinking):
            blinks += natural_blinks(preset, clock)
    openness = wished(timeline.eye_openness, base.eye_openness[:, None], clock, "eye openness")[:, 0]
    for blink in blinks:
        openness *= lids(blink, clock)
    asked = Attributes(
        np.clip(pose, -POSE_LIMIT_DEG, POSE_LIMIT_DEG).astype(np.float32),
        wished(timeline.emotion, base.emotion, clock, "emotion").astype(np.float32),
        np.clip(openness, 0, 1).astype(np.float32),
    )
    return (
        blended(base if measured is None else measured, asked, _away_from(timeline.keep, clock))
        if timeline.keep
        else asked
    )


def kept(timeline: Timeline, clock: Clock) -> NDArray[np.bool_]:
    """(T,), which frames are to be left alone."""
    alone = np.zeros(len(clock.times_s), np.bool_)
    for begin_s, end_s in (bounds_s(span.begin, span.end, clock, "keep") for span in timeline.keep):
        alone |= (clock.times_s >= begin_s) & (clock.times_s < end_s)
    return alone


def blended(a: Attributes, b: Attributes, share_of_b: Doubles) -> Attributes:
    """The way from a to b, for each frame its own share of it."""
    share = share_of_b[:, None].astype(np.float32)
    openness = a.eye_openness + share[:, 0] * (b.eye_openness - a.eye_openness)
    mixed = [a_of + share * (b_of - a_of) for a_of, b_of in ((a.pose_deg, b.pose_deg), (a.emotion, b.emotion))]
    return replace(a, pose_deg=mixed[0], emotion=mixed[1], eye_openness=openness)


def wished(channel: Channel[Wish], measured: np.ndarray, clock: Clock, name: str) -> Doubles:
    """One control: (T, n) as measured to (T, n) float64 as wished for."""
    values = measured.astype(np.float64)
    if channel.keys:
        scale, offset = _between_keys(channel.keys, clock, name)
        values = scale * values + offset
    for stretch in channel.stretches:
        weight = _weight(stretch, stretch.ease_s, clock, name)[:, None]
        wish = stretch.value.scale * values + np.array(stretch.value.offset)
        values = values + weight * (wish - values)
    return values


def _between_keys(keys: Sequence[Key[Wish]], clock: Clock, name: str) -> tuple[Doubles, Doubles]:
    """Scale (T, 1) and offset (T, n) at each frame."""
    placed = sorted(((key.at.time_s(clock), key) for key in keys), key=lambda pair: pair[0])
    at_s = np.array([time_s for time_s, _ in placed])
    if (np.diff(at_s) <= 0).any():
        twice = placed[int(np.argmin(np.diff(at_s)))][1]
        raise ParamsError(f"{name} has two keyframes at {twice.at.said}; give each a time of its own")
    last = np.clip(np.searchsorted(at_s, clock.times_s, side="right") - 1, 0, len(placed) - 1)
    following = np.minimum(last + 1, len(placed) - 1)
    done = np.clip((clock.times_s - at_s[last]) / np.maximum(at_s[following] - at_s[last], 1e-9), 0, 1)
    ways = np.array([key.then for _, key in placed])[last]
    share = np.select([ways == "hold", ways == "smooth"], [np.zeros_like(done), smooth_step(done)], done)[:, None]
    table = np.array([(key.value.scale, *key.value.offset) for _, key in placed])
    values = table[last] + share * (table[following] - table[last])
    return values[:, :1], values[:, 1:]


def _weight(span: Span, ease_s: float, clock: Clock, name: str) -> Doubles:
    """(T,), 1 inside, 0 outside, eased at the ends that were said."""
    begin_s, end_s = bounds_s(span.begin, span.end, clock, name)
    times_s = clock.times_s
    weight = ((times_s >= begin_s) & (times_s < end_s)).astype(np.float64)
    ease_s = min(ease_s, (end_s - begin_s) / 2)
    if ease_s > 0 and span.begin:
        weight *= smooth_step((times_s - begin_s) / ease_s)
    if ease_s > 0 and span.end:
        weight *= smooth_step((end_s - times_s) / ease_s)
    return weight


def _away_from(spans: Sequence[Span], clock: Clock) -> Doubles:
    """(T,), 0 in the spans, rising to 1 within `EASE_S` outside."""
    away = np.ones(len(clock.times_s))
    for begin_s, end_s in (bounds_s(span.begin, span.end, clock, "keep") for span in spans):
        distance_s = np.maximum(np.maximum(begin_s - clock.times_s, clock.times_s - end_s), 0)
        away = np.minimum(away, smooth_step(distance_s / EASE_S))
    return away
