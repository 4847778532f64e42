"""What the model's footage never showed is told, before and after the video is measured."""

from typing import Any

import numpy as np
import pytest

from talkedit.edit.curves import ask
from talkedit.edit.limits import Ranges, beyond_footage, too_late
from talkedit.edit.moments import Clock
from talkedit.edit.timeline import Timeline
from talkedit.records import EMOTIONS, Attributes

SHOWN: Ranges = {
    "yaw_deg": (-10.0, 5.0),
    "pitch_deg": (-4.0, 4.0),
    "roll_deg": (0.0, 2.0),
    "eye_openness": (0.3, 0.8),
    **dict.fromkeys(EMOTIONS, (0.0, 0.2)),
    "happy": (0.0, 0.5),
    "neutral": (0.1, 0.9),
}
CLOCK = Clock(np.arange(4) / 10, 10.0)


def measured(yaw_deg: float = 0.0, emotion: str = "neutral") -> Attributes:
    pose = np.array([[yaw_deg, 0, 1]] * 4, np.float32)
    shares = np.array([[name == emotion for name in EMOTIONS]] * 4, np.float32)
    return Attributes(pose, shares, np.full(4, 0.5, np.float32))


def told(said: dict[str, Any], sources: str = "guided", before: Attributes | None = None) -> list[str]:
    before = measured() if before is None else before
    return beyond_footage(ask(Timeline(**said), before, CLOCK), before, CLOCK, SHOWN, sources)


CONSTANTS: list[tuple[dict[str, Any], str, int]] = [
    ({}, "raw", 0),
    ({"yaw": 0.0}, "raw", 0),
    ({"yaw": 8.0}, "raw", 0),  # 3 degrees past what was shown
    ({"yaw": 8.1}, "raw", 1),
    ({"yaw": 17.0}, "guided", 0),  # 12 degrees past
    ({"yaw": 17.1}, "guided", 1),
    ({"yaw": -22.0}, "guided", 0),
    ({"yaw": -22.1}, "guided", 1),
    ({"roll": -12.1}, "guided", 1),
    ({"eye_openness": 0.2}, "raw", 0),
    ({"eye_openness": 0.19}, "raw", 1),
    ({"eye_openness": 0.91}, "guided", 1),
    ({"emotion": "neutral"}, "raw", 0),
    ({"emotion": "happy"}, "raw", 0),
    ({"emotion": "sad"}, "raw", 1),
    ({"emotion": "sad"}, "guided", 0),
    ({"emotion": "sad=0.4,happy=0.6"}, "raw", 0),
    ({"yaw": 40, "pitch": 40, "roll": 40, "eye_openness": 0, "emotion": "fear"}, "raw", 5),
]


@pytest.mark.parametrize(("said", "sources", "n_told"), CONSTANTS)
def test_what_the_footage_never_showed_is_told(said: dict[str, Any], sources: str, n_told: int) -> None:
    assert len(told(said, sources)) == n_told


def test_it_is_told_with_the_time_and_only_if_a_frame_comes_to_it() -> None:
    said = {"yaw": [{"at": 0, "value": "+0"}, {"at": 0.3, "value": "+30"}], "blinks": [{"at": 0.1}]}
    assert told(said) == [
        "yaw 30 degrees at 0.30 s: the model's footage shows -10 to 5, and it can be trusted up to 12 degrees beyond",
        "eye openness 0 at 0.20 s: the model's footage shows 0.30 to 0.80",
    ]

    assert told({"yaw": [{"at": 0, "value": "+0"}, {"at": 9999, "value": 60}]}) == []


def test_an_input_that_is_further_out_itself_asks_for_nothing_new() -> None:
    assert told({"yaw": "+0"}, before=measured(40)) == []
    assert told({"yaw": "x0.9"}, before=measured(40)) == told({"yaw": 30}, before=measured(40)) == []
    assert len(told({"yaw": "x1.1"}, before=measured(40))) == 1
    assert told({"emotion": "happy=0.2"}, before=measured(emotion="sad")) == []


def test_a_refusal_names_the_control_and_what_was_shown() -> None:
    assert told({"yaw": 40, "eye_openness": 0, "emotion": "sad"}, "raw") == [
        "yaw 40 degrees at 0.00 s: the model's footage shows -10 to 5, and it can be trusted up to 3 degrees beyond",
        "eye openness 0 at 0.00 s: the model's footage shows 0.30 to 0.80",
        "emotion sad at 0.00 s: the model's footage never shows it",
    ]


def test_what_begins_when_the_video_is_over_is_said() -> None:
    """A second at 10 fps; keyframes after the end, and what begins before it, are none of it."""
    clock = Clock(np.arange(10) / 10, 10.0)
    late = Timeline(
        yaw=[{"at": 0, "value": "+0"}, {"at": 9, "value": "+8"}],
        pitch=["+2@0.5..9", "+2@1..2"],
        blinks=[0.9, "1.5 for 0.2"],
        presets=[{"preset": "nod", "at": "10f"}, {"preset": "natural blinking", "from": 3}],
        keep=["..5", "2.."],
    )
    over = "begins when the video is over, at 1.00 s"
    said = ["pitch at 1", "blink at 1.5", "nod at 10f", "natural blinking at 3", "keep at 2"]
    assert too_late(late, clock) == [f"{name}: {over}" for name in said]
    assert too_late(Timeline(yaw=8, keep=["0.5.."]), clock) == []
