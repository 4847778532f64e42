"""What of a wish the model's footage never showed. Pure."""

from collections.abc import Iterator

import numpy as np

from talkedit.edit.moments import Clock
from talkedit.edit.timeline import Gesture, Timeline
from talkedit.records import EMOTIONS, POSE, Attributes

Ranges = dict[str, tuple[float, float]]

# How far past the footage a pose may be asked for: guided sources are turned by geometry and reach further.
POSE_REACH_DEG = {"guided": 12.0, "raw": 3.0}
# An emotion counts as shown by the footage where it was the likeliest one in some frame, or about so.
MIN_EMOTION_SHOWN = 0.5
OPENNESS_SLACK = 0.1
ROUNDING = 1e-4  # of curves in single precision


def beyond_footage(asked: Attributes, measured: Attributes, clock: Clock, ranges: Ranges, sources: str) -> list[str]:
    """Sentences on each control that asks somewhere for what the footage never showed, and when.

    A frame that is no further out than it was asks for nothing.

    Args:
        asked: T frames.
        measured: The same frames as they are.
        clock: When they are shown.
        ranges: Lowest and highest value of each control in the training footage.
        sources: ``raw`` or ``guided``, the model's sources.
    """
    sentences: list[str] = []
    for column, angle in enumerate(POSE):
        after, before = asked.pose_deg[:, column], measured.pose_deg[:, column]
        sentences += _beyond(f"{angle}_deg", after, ranges, sources, clock, before)
    sentences += _beyond("eye_openness", asked.eye_openness, ranges, sources, clock, measured.eye_openness)
    more = np.where(asked.emotion > measured.emotion, asked.emotion, 0)
    return sentences + list(_emotions(more, ranges, sources, clock))


def trusted(name: str, ranges: Ranges, sources: str) -> tuple[float, float]:
    """Lowest and highest value of pose or eyes that can be asked for: what the footage showed, and a little beyond.

    Args:
        name: ``yaw_deg``, ``pitch_deg``, ``roll_deg`` or ``eye_openness``.
        ranges: As of `beyond_footage`.
        sources: As of `beyond_footage`.
    """
    (low, high), reach = ranges[name], _reach(name, sources)
    return low - reach, high + reach


def too_late(timeline: Timeline, clock: Clock) -> list[str]:
    """Sentences on what begins when the video is over, keyframes left out: what lies before them leads there."""
    parts = [
        (name.removesuffix("_deg").replace("_", " "), part.begin)
        for name, channel in timeline.channels().items()
        for part in channel.stretches
    ]
    parts += [("blink", blink.at) for blink in timeline.blinks]
    parts += [(each.preset, each.at if isinstance(each, Gesture) else each.begin) for each in timeline.presets]
    parts += [("keep", span.begin) for span in timeline.keep]
    return [
        f"{name} at {begin.said}: begins when the video is over, at {clock.end_s:.2f} s"
        for name, begin in parts
        if begin is not None and begin.time_s(clock) >= clock.end_s
    ]


def _beyond(
    name: str,
    values: np.ndarray,
    ranges: Ranges,
    sources: str,
    clock: Clock,
    before: np.ndarray,
) -> Iterator[str]:
    (low, high), reach = ranges[name], _reach(name, sources)
    outside = np.maximum(values - high, low - values) - reach
    # Where the input is further out itself, nothing new is asked for.
    outside = np.where(outside > np.maximum(before - high, low - before) - reach, outside, -1)
    worst = int(np.argmax(outside))
    if outside[worst] <= ROUNDING:
        return
    at = _at(clock, worst)
    if name == "eye_openness":
        yield f"eye openness {values[worst]:.2g}{at}: the model's footage shows {low:.2f} to {high:.2f}"
    else:
        yield (
            f"{name.removesuffix('_deg')} {values[worst]:.3g} degrees{at}: the model's footage shows {low:.0f} to "
            f"{high:.0f}, and it can be trusted up to {reach:g} degrees beyond"
        )


def _reach(name: str, sources: str) -> float:
    return OPENNESS_SLACK if name == "eye_openness" else POSE_REACH_DEG[sources]


def _emotions(shares: np.ndarray, ranges: Ranges, sources: str, clock: Clock) -> Iterator[str]:
    """An emotion is beyond where it is asked to rule, and never did; guided sources are given it by geometry."""
    if sources == "guided":
        return
    for column, name in enumerate(EMOTIONS):
        worst = int(np.argmax(shares[:, column]))
        if shares[worst, column] >= MIN_EMOTION_SHOWN > ranges[name][1]:
            yield f"emotion {name}{_at(clock, worst)}: the model's footage never shows it"


def _at(clock: Clock, frame: int) -> str:
    return f" at {clock.times_s[frame]:.2f} s"
