"""What is asked of every frame of one video, and how a frame is drawn that way."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import NDArray

from talkedit.edit.curves import ask, blended, kept
from talkedit.edit.eyes import EyeLender, borrows, first_lender
from talkedit.edit.fades import distance_s, is_changed, shown_share
from talkedit.edit.gestures import smooth_step
from talkedit.edit.measure import Measured, Shot, Stretches, stretches
from talkedit.edit.moments import Clock
from talkedit.edit.renderer import Crops, Renderer, take_attributes
from talkedit.edit.speech import Speech
from talkedit.edit.timeline import EASE_S, Timeline
from talkedit.errors import ParamsError
from talkedit.face.geometry import cut
from talkedit.face.head import camera_of, turn_heads
from talkedit.face.paste import match_seam, paste
from talkedit.media.video import read_frames_at
from talkedit.records import Attributes, Floats, Image


@dataclass(frozen=True)
class Plan:
    """A video's edit before it is drawn; T frames.

    Attributes:
        measured: The video as it is.
        asked: Pose, emotion and blink asked of each frame.
        shown: (T,) float32, how much of each frame's head is the drawn one, 0..1.
        speech: What is heard.
    """

    measured: Measured
    asked: Attributes
    shown: Floats
    speech: Speech

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
    plan = Plan(measured, asked, shown_share(changed, stays, clock.times_s, cuts), speech)
    if not plan.edited.any():
        raise ParamsError(
            f"{measured.info.path}: nothing that is asked for changes any of its {len(stays)} frames, the last of "
            f"which ends at {clock.end_s:.2f} s; check the times and the parts to keep"
        )
    return plan


class Draughtsman:
    """Draws the frames of a plan, in their order: shut eyes that are to be opened are those of another frame.

    Args:
        plan: What is asked.
        renderer: Draws heads.
    """

    def __init__(self, plan: Plan, renderer: Renderer) -> None:
        self._plan, self._renderer = plan, renderer
        info = plan.measured.info
        self._camera = camera_of((info.width_px, info.height_px))[None]
        shots = plan.measured.shots
        self._firsts = [shot.first for shot in shots]
        self._heads = [_turned(shot, plan.asked.pose_deg[shot.frames]) for shot in shots]
        asked_openness = plan.asked.eye_openness
        self._borrowing = [borrows(shot.attributes.eye_openness, asked_openness[shot.frames]).any() for shot in shots]
        self._masks = [renderer.paste_mask(shot.track.size_px) for shot in shots]
        self._lender: tuple[int, EyeLender] | None = None  # of the shot of this index

    def __call__(self, number: int, image: Image) -> Callable[[], tuple[Image, Floats]] | None:
        """Prepares one frame.

        Args:
            number: Which.
            image: (H, W, 3) uint8 RGB, as it is.

        Returns:
            Draws it, in any thread, and returns the frame with its head drawn again, and the mask in the frame, (H, W)
            float32: where it is 0 the frame is as it was. None if the frame is to stay.
        """
        plan = self._plan
        if number >= len(plan.shown) or not plan.measured.found[number]:
            return None
        index, is_edited = bisect_right(self._firsts, number) - 1, plan.shown[number] > 0
        if not is_edited and not self._borrowing[index]:
            return None
        crops = self._crops(plan.measured.shots[index], number, image)
        asked = take_attributes(plan.asked, slice(number, number + 1))
        source = self._lender_of(index)(crops, asked.eye_openness)
        return partial(self._draw, index, number, image, crops, source, asked) if is_edited else None

    def _lender_of(self, index: int) -> EyeLender:
        if self._lender is None or self._lender[0] != index:
            self._lender = index, EyeLender(self._open_eyes_ahead(self._plan.measured.shots[index]))
        return self._lender[1]

    def _open_eyes_ahead(self, shot: Shot) -> Crops | None:
        at = first_lender(shot.attributes.eye_openness, self._plan.asked.eye_openness[shot.frames])
        if at is None:
            return None
        measured, number = self._plan.measured, shot.first + at
        (image,) = read_frames_at(measured.info.path, [Fraction(float(measured.clock.times_s[number]))])
        return self._crops(shot, number, image)

    def _crops(self, shot: Shot, number: int, image: Image) -> Crops:
        here = slice(number - shot.first, number - shot.first + 1)
        transforms, openness = shot.track.frame_from_crop[here], shot.attributes.eye_openness[here]
        crop = cut(image, transforms[0], shot.track.size_px)
        shares = ((shot.track.landmarks_px[here] + 0.5) / shot.track.size_px).astype(np.float32)
        return Crops(crop[None], shot.heads[here], self._camera, transforms, shares, openness)

    def _draw(
        self, index: int, number: int, image: Image, crops: Crops, source: Crops, asked: Attributes
    ) -> tuple[Image, Floats]:
        measured, speech, mask = self._plan.measured, self._plan.speech, self._masks[index]
        at = number - measured.shots[index].first
        mel = speech.at(measured.clock.times_s[number : number + 1])
        lips = None if speech.is_new else crops.opening
        drawn = self._renderer.draw(crops, self._heads[index][at : at + 1], source, mel, asked, lips)
        matched = match_seam(drawn[0], crops.images[0], mask)
        return paste(image, matched, mask * self._plan.shown[number], crops.frame_from_crop[0])


def _turned(shot: Shot, pose_deg: Floats) -> Floats:
    """The heads of a shot as they are asked for: those that are to stay, bit by bit as they are."""
    stays = (pose_deg == shot.attributes.pose_deg).all(axis=1)
    return np.where(stays[:, None, None], shot.heads, turn_heads(shot.heads, pose_deg))
