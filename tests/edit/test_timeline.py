"""What is asked for: how it replaces what was measured, and what is refused."""

import math
from typing import Any

import numpy as np
import pytest

from talkedit.edit.timeline import EditParams, Ranges, Timeline
from talkedit.errors import ParamsError
from talkedit.params import load_section
from talkedit.records import EMOTIONS, Attributes

from .. import tiny

SHOWN: Ranges = {
    "yaw_deg": (-10.0, 5.0),
    "pitch_deg": (-4.0, 4.0),
    "roll_deg": (0.0, 2.0),
    "eye_openness": (0.3, 0.8),
    **dict.fromkeys(EMOTIONS, (0.0, 0.2)),
    "happy": (0.0, 0.5),
    "neutral": (0.1, 0.9),
}


def measured() -> Attributes:
    pose = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    emotion = np.eye(7, dtype=np.float32)[[6, 3]]
    return Attributes(pose, emotion, np.array([0.9, 0.1], np.float32))


def test_nothing_asked_for_leaves_everything() -> None:
    asked, before = Timeline().apply(measured()), measured()
    assert Timeline().is_empty
    for name in ("pose_deg", "emotion", "eye_openness"):
        assert np.array_equal(getattr(asked, name), getattr(before, name))


@pytest.mark.parametrize(("angle", "column"), [("yaw_deg", 0), ("pitch_deg", 1), ("roll_deg", 2)])
def test_an_angle_replaces_its_own_column(angle: str, column: int) -> None:
    before = measured()
    wanted: dict[str, Any] = {angle: 8.0}
    timeline = Timeline(**wanted)
    asked = timeline.apply(before)
    assert not timeline.is_empty
    expected = measured().pose_deg
    expected[:, column] = 8
    assert np.array_equal(asked.pose_deg, expected)
    assert asked.pose_deg.dtype == np.float32
    assert np.array_equal(before.pose_deg, measured().pose_deg)  # the input is not written to
    assert np.array_equal(asked.emotion, before.emotion)
    assert np.array_equal(asked.eye_openness, before.eye_openness)


def test_zero_is_asked_for_and_none_is_not() -> None:
    assert not Timeline(yaw_deg=0.0).is_empty
    assert Timeline(yaw_deg=0.0).apply(measured()).pose_deg[:, 0].tolist() == [0, 0]
    assert Timeline(eye_openness=0.0).apply(measured()).eye_openness.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("codes", "left"),
    [
        (["pose", "emotion", "blink"], Timeline(yaw_deg=8, roll_deg=0, emotion="happy", eye_openness=0.5)),
        (["pose", "emotion"], Timeline(yaw_deg=8, roll_deg=0, emotion="happy")),
        (["pose"], Timeline(yaw_deg=8, roll_deg=0)),
        (["blink"], Timeline(eye_openness=0.5)),
        ([], Timeline()),
    ],
)
def test_a_model_takes_what_it_has_a_code_for(codes: list[str], left: Timeline) -> None:
    assert Timeline(yaw_deg=8, roll_deg=0, emotion="happy", eye_openness=0.5).taken_by(codes) == left


def test_emotion_and_eyes_replace_theirs() -> None:
    asked = Timeline(emotion="sad", eye_openness=0.2).apply(measured())
    assert asked.emotion.tolist() == [[0, 0, 0, 0, 1, 0, 0]] * 2
    assert asked.emotion.dtype == asked.eye_openness.dtype == np.float32
    assert asked.eye_openness.tolist() == pytest.approx([0.2, 0.2])
    assert np.array_equal(asked.pose_deg, measured().pose_deg)


@pytest.mark.parametrize(
    ("control", "value", "sentence"),
    [
        ("yaw_deg", 61.0, "yaw is 61.0: give degrees from -60 to 60"),
        ("pitch_deg", -90.0, "pitch is -90.0: give degrees"),
        ("roll_deg", math.nan, "roll is nan: give degrees"),
        ("yaw_deg", math.inf, "yaw is inf: give degrees"),
        ("eye_openness", 1.1, "eye openness is 1.1: give a value from 0"),
        ("eye_openness", -0.1, "eye openness is -0.1"),
        ("eye_openness", math.nan, "eye openness is nan"),
        ("emotion", "bored", "emotion is 'bored': give one of angry, disgust, fear, happy, sad, surprise, neutral"),
    ],
)
def test_what_cannot_be_meant_is_refused(control: str, value: Any, sentence: str) -> None:
    with pytest.raises(ParamsError, match=sentence):
        Timeline(**{control: value})


@pytest.mark.parametrize("control", ["yaw_deg", "pitch_deg", "roll_deg"])
def test_the_limits_themselves_are_allowed(control: str) -> None:
    for value in (-60.0, 60.0):
        wanted: dict[str, Any] = {control: value}
        assert value in Timeline(**wanted).apply(measured()).pose_deg


@pytest.mark.parametrize(
    ("asked", "sources", "n_refused"),
    [
        ({}, "raw", 0),
        ({"yaw_deg": 0.0}, "raw", 0),
        ({"yaw_deg": 8.0}, "raw", 0),  # 3 degrees past what was shown
        ({"yaw_deg": 8.1}, "raw", 1),
        ({"yaw_deg": 17.0}, "guided", 0),  # 12 degrees past
        ({"yaw_deg": 17.1}, "guided", 1),
        ({"yaw_deg": -22.0}, "guided", 0),
        ({"yaw_deg": -22.1}, "guided", 1),
        ({"roll_deg": -12.1}, "guided", 1),
        ({"eye_openness": 0.2}, "raw", 0),
        ({"eye_openness": 0.19}, "raw", 1),
        ({"eye_openness": 0.91}, "guided", 1),
        ({"emotion": "neutral"}, "raw", 0),
        ({"emotion": "happy"}, "raw", 0),
        ({"emotion": "sad"}, "guided", 1),
        ({"yaw_deg": 40.0, "pitch_deg": 40.0, "roll_deg": 40.0, "eye_openness": 0.0, "emotion": "fear"}, "guided", 5),
    ],
)
def test_what_the_footage_never_showed_is_told(asked: dict[str, Any], sources: str, n_refused: int) -> None:
    assert len(Timeline(**asked).never_shown(SHOWN, sources)) == n_refused


def test_a_refusal_names_the_control_and_what_was_shown() -> None:
    sentences = Timeline(yaw_deg=40.0, eye_openness=0.0, emotion="sad").never_shown(SHOWN, "guided")
    assert "yaw 40 degrees" in sentences[0]
    assert "-10 to 5" in sentences[0]
    assert "12 degrees beyond" in sentences[0]
    assert "0.30 to 0.80" in sentences[1]
    assert "emotion sad" in sentences[2]


def test_the_pipeline_s_edit_is_a_timeline() -> None:
    params = load_section(tiny.PARAMS_FILE, EditParams).model_copy(update={"yaw_deg": 3.0, "eye_openness": 0.5})
    timeline = params.timeline()
    assert (timeline.yaw_deg, timeline.eye_openness) == (3.0, 0.5)
    with pytest.raises(ParamsError, match="yaw is 90"):
        params.model_copy(update={"yaw_deg": 90.0}).timeline()
