"""What should change: for each control a value, or nothing, which leaves it as it was in the input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from talkedit.errors import ParamsError
from talkedit.params import Section
from talkedit.records import EMOTIONS, POSE, Attributes

Ranges = dict[str, tuple[float, float]]

# How far past the footage a pose may be asked for: guided sources are turned by geometry and reach further.
POSE_REACH_DEG = {"guided": 12.0, "raw": 3.0}
POSE_LIMIT_DEG = 60.0
# An emotion counts as shown by the footage where it was the likeliest one in some frame, or about so.
MIN_EMOTION_SHOWN = 0.5
OPENNESS_SLACK = 0.1
# Which code of the generator carries a control.
CODE_OF = {**{f"{angle}_deg": "pose" for angle in POSE}, "emotion": "emotion", "eye_openness": "blink"}


@dataclass(frozen=True)
class Timeline:
    """Constant values over the whole video.

    Attributes:
        yaw_deg: Positive when the person turns to their own left.
        pitch_deg: Positive when they look up.
        roll_deg: Positive when the head tilts clockwise as the viewer sees it.
        emotion: One of `EMOTIONS`.
        eye_openness: 0 (closed) to 1 (open).
    """

    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    emotion: str | None = None
    eye_openness: float | None = None

    def __post_init__(self) -> None:
        for angle in POSE:
            value = getattr(self, f"{angle}_deg")
            if value is not None and not abs(value) <= POSE_LIMIT_DEG:
                raise ParamsError(f"{angle} is {value}: give degrees from {-POSE_LIMIT_DEG:g} to {POSE_LIMIT_DEG:g}")
        if self.eye_openness is not None and not 0 <= self.eye_openness <= 1:
            raise ParamsError(f"eye openness is {self.eye_openness}: give a value from 0 (closed) to 1 (open)")
        if self.emotion is not None and self.emotion not in EMOTIONS:
            raise ParamsError(f"emotion is {self.emotion!r}: give one of {', '.join(EMOTIONS)}")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return self == Timeline()

    def apply(self, measured: Attributes) -> Attributes:
        """The input's attributes, with what is asked for in place of what was measured."""
        pose = measured.pose_deg.copy()
        for index, angle in enumerate(POSE):
            value = getattr(self, f"{angle}_deg")
            if value is not None:
                pose[:, index] = value
        asked = replace(measured, pose_deg=pose)
        if self.emotion is not None:
            wanted = np.array([name == self.emotion for name in EMOTIONS], np.float32)
            asked = replace(asked, emotion=np.tile(wanted, (len(pose), 1)))
        if self.eye_openness is not None:
            asked = replace(asked, eye_openness=np.full(len(pose), self.eye_openness, np.float32))
        return asked

    def taken_by(self, codes: Sequence[str]) -> "Timeline":
        """The same without what a model that takes only these codes (pose, emotion, blink) cannot be asked for."""
        return replace(self, **{control: None for control, code in CODE_OF.items() if code not in codes})

    def never_shown(self, ranges: Ranges, sources: str) -> list[str]:
        """Sentences on each control that asks for what the model's footage never showed.

        Args:
            ranges: Lowest and highest value of each control in the training footage.
            sources: ``raw`` or ``guided``, the model's sources.
        """
        return list(self._beyond(ranges, POSE_REACH_DEG[sources]))

    def _beyond(self, ranges: Ranges, reach_deg: float) -> Iterator[str]:
        for angle in POSE:
            value = getattr(self, f"{angle}_deg")
            low, high = ranges[f"{angle}_deg"]
            if value is not None and not low - reach_deg <= value <= high + reach_deg:
                yield (
                    f"{angle} {value:g} degrees: the model's footage shows {low:.0f} to {high:.0f}, and it can be "
                    f"trusted up to {reach_deg:g} degrees beyond"
                )
        low, high = ranges["eye_openness"]
        if self.eye_openness is not None and not low - OPENNESS_SLACK <= self.eye_openness <= high + OPENNESS_SLACK:
            yield f"eye openness {self.eye_openness:g}: the model's footage shows {low:.2f} to {high:.2f}"
        if self.emotion is not None and ranges[self.emotion][1] < MIN_EMOTION_SHOWN:
            yield f"emotion {self.emotion}: the model's footage never shows it"


class EditParams(Section):
    """The edit that the pipeline's last stage makes of the person's first source."""

    section: ClassVar[str] = "edit"
    yaw_deg: float | None = Field(description="degrees, to the person's own left; null: as it is")
    pitch_deg: float | None = Field(description="degrees, up; null: as it is")
    roll_deg: float | None = Field(description="degrees, clockwise as the viewer sees it; null: as it is")
    emotion: str | None = Field(description="one of the seven categories; null: as it is")
    eye_openness: float | None = Field(description="0 (closed) to 1 (open); null: as it is")
    crf: int = Field(ge=0, le=51, description="H.264 quality of the edited video")
    preset: str = Field(description="x264's speed, such as medium")

    def timeline(self) -> Timeline:
        """What is asked for."""
        return Timeline(self.yaw_deg, self.pitch_deg, self.roll_deg, self.emotion, self.eye_openness)
