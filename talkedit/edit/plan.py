"""What is asked of every frame of one video."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkedit.edit.curves import ask, blended, kept
from talkedit.edit.fades import FADE_S, distance_s, is_changed, shown_share
from talkedit.edit.gestures import smooth_step
from talkedit.edit.limits import too_late
from talkedit.edit.measure import Measured, Stretches, stretches
from talkedit.edit.moments import Clock
from talkedit.edit.renderer import take_attributes
from talkedit.edit.speech import Speech
from talkedit.edit.timeline import EASE_S, Timeline
from talkedit.errors import ParamsError
from talkedit.records import Attributes, Floats


@dataclass(frozen=True)
class Plan:
    """A video's edit before it is drawn; T frames.

    Attributes:
        measured: The video as it is.
        asked: Pose, emotion and blink asked of each frame.
        shown: (T,) float32, how much of each frame's head is the drawn one, 0..1.
        speech: What is heard.
        spoken: (T,) float32, how far the lips are those of new speech, 0..1: towards frames that stay as they are, lips
            come back to what they were before one picture fades into the other.
    """

    measured: Measured
    asked: Attributes
    shown: Floats
    speech: Speech
    spoken: Floats

    @property
    def edited(self) -> NDArray[np.bool_]:
        """(T,), the frames whose head is drawn again."""
        return self.shown > 0

    @property
    def left_alone(self) -> Stretches:
        """Stretches of frames that stay as they are, (first, last) each."""
        return stretches(~self.edited)

    def part(self) -> tuple[Attributes, Attributes, Clock]:
        """What is asked, what was measured and when, of the frames that are edited."""
        chosen = np.flatnonzero(self.edited)
        clock = self.measured.clock
        return (
            take_attributes(self.asked, chosen),
            take_attributes(self.measured.attributes, chosen),
            Clock(clock.times_s[chosen], clock.fps),
        )


def make_plan(measured: Measured, timeline: Timeline, speech: Speech, base: Attributes | None = None) -> Plan:
    """Applies a timeline. Frames of which nothing is asked stay as they are; an empty timeline draws every head again.

    Towards a gap without a face all returns to what was measured, as it does towards a part that is left alone.

    Args:
        measured: The video as it is.
        timeline: What is wished for.
        speech: What is heard.
        base: What the timeline starts from; without it, from what was measured.

    Raises:
        ParamsError: The timeline contradicts itself, or changes no frame.
    """
    before, clock, cuts = measured.attributes, measured.clock, measured.cuts
    asked = ask(timeline, before if base is None else base, clock, before)
    near_gaps = smooth_step(distance_s(~measured.found, clock.times_s, cuts) / EASE_S)
    asked = blended(before, asked, near_gaps) if measured.gaps else asked
    if speech.is_new or (timeline.is_empty and base is None):
        changed = np.ones_like(measured.found)
    else:
        changed = is_changed(asked, before)
    stays = ~measured.found | kept(timeline, clock)
    spoken = smooth_step((distance_s(stays, clock.times_s, cuts) - FADE_S) / EASE_S).astype(np.float32)
    plan = Plan(measured, asked, shown_share(changed, stays, clock.times_s, cuts), speech, spoken)
    if not plan.edited.any():
        said = [
            f"{measured.info.path}: nothing that is asked for changes any of its {len(stays)} frames, the last of "
            f"which ends at {clock.end_s:.2f} s; check the times and the parts to keep",
            *too_late(timeline, clock),
        ]
        raise ParamsError("; ".join(said))
    return plan
