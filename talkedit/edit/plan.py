"""What is asked of every frame of one video, and how a frame is drawn that way."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkedit.edit.curves import ask, kept
from talkedit.edit.eyes import EyeLender
from talkedit.edit.measure import Measured, Stretches, stretches
from talkedit.edit.moments import Clock
from talkedit.edit.renderer import Crops, Renderer, take_attributes
from talkedit.edit.speech import Speech
from talkedit.edit.timeline import Timeline
from talkedit.face.geometry import cut
from talkedit.face.head import camera_of, turn_heads
from talkedit.face.paste import match_seam, paste
from talkedit.records import Attributes, Floats, Image


@dataclass(frozen=True)
class Plan:
    """A video's edit before it is drawn; T frames.

    Attributes:
        measured: The video as it is.
        asked: Pose, emotion and blink asked of each frame.
        edited: (T,) bool, the frames whose head is drawn again.
        speech: What is heard.
    """

    measured: Measured
    asked: Attributes
    edited: NDArray[np.bool_]
    speech: Speech

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
    """Applies a timeline.

    Args:
        measured: The video as it is.
        timeline: What is wished for.
        speech: What is heard.
        base: What the timeline starts from; without it, from what was measured.

    Raises:
        ParamsError: The timeline contradicts itself.
    """
    asked = ask(timeline, measured.attributes if base is None else base, measured.clock, measured.attributes)
    return Plan(measured, asked, measured.found & ~kept(timeline, measured.clock), speech)


class Draughtsman:
    """Draws the frames of a plan, in their order: shut eyes that are to be opened are those of a frame before.

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
        self._heads = [turn_heads(shot.heads, plan.asked.pose_deg[shot.frames]) for shot in shots]
        self._masks = [renderer.paste_mask(shot.track.size_px) for shot in shots]
        self._lenders = [EyeLender() for _ in shots]

    def __call__(self, number: int, image: Image) -> tuple[Image, Floats] | None:
        """Draws one frame.

        Args:
            number: Which.
            image: (H, W, 3) uint8 RGB, as it is.

        Returns:
            The frame with its head drawn again, and the mask in the frame, (H, W) float32: where it is 0 the frame is
            as it was. None if the frame is to stay.
        """
        plan = self._plan
        if number >= len(plan.edited) or not plan.edited[number]:
            return None
        index = bisect_right(self._firsts, number) - 1
        shot, mask = plan.measured.shots[index], self._masks[index]
        here = slice(number - shot.first, number - shot.first + 1)
        transform = shot.track.frame_from_crop[here.start]
        crop = cut(image, transform, shot.track.size_px)
        drawn = self._draw(index, here, crop[None], slice(number, number + 1))
        return paste(image, match_seam(drawn, crop, mask), mask, transform)

    def _draw(self, index: int, here: slice, crop: Image, there: slice) -> Image:
        shot, heads = self._plan.measured.shots[index], self._heads[index][here]
        shares = ((shot.track.landmarks_px[here] + 0.5) / shot.track.size_px).astype(np.float32)
        transforms, openness = shot.track.frame_from_crop[here], shot.attributes.eye_openness[here]
        crops = Crops(crop, shot.heads[here], self._camera, transforms, shares, openness)
        asked = take_attributes(self._plan.asked, there)
        speech = self._plan.speech
        mel, lips = speech.at(self._plan.measured.clock.times_s[there]), None if speech.is_new else crops.opening
        source = self._lenders[index](crops, asked.eye_openness)
        return self._renderer.draw(crops, heads, source, mel, asked, lips)[0]
