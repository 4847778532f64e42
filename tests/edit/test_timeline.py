"""What can be wished for, in every form, and what is refused."""

import math
from typing import Any

import pytest

from talkedit.edit.timeline import EditParams, Timeline
from talkedit.edit.wishes import parse_blend
from talkedit.errors import ParamsError
from talkedit.params import load_section

from .. import tiny

RICH: dict[str, Any] = {
    "yaw": [{"at": "0", "value": "+0"}, {"at": "00:00:01:12", "value": "-3", "then": "smooth"}, "+12@2..3"],
    "pitch_deg": "x0.5",
    "roll": {"value": "+-3", "from": "10f", "to": 2, "ease_s": 0},
    "eye_openness": 0.5,
    "emotion": {"happy": 0.7, "surprise": 0.3},
    "blinks": [{"at": 2.4, "for": 0.2}],
    "presets": [{"preset": "nod", "at": 1, "deg": 5}, {"preset": "natural blinking", "from": 3}],
    "keep": ["4..5", {"from": 6}],
}


def only(channel: Any) -> tuple[float, tuple[float, ...]]:
    """Scale and offset of a channel's one wish."""
    (wish,) = channel.wishes
    return wish.scale, wish.offset


def test_nothing_is_empty_and_zero_is_not() -> None:
    assert Timeline().is_empty
    assert Timeline(yaw_deg=None, blinks=[]).is_empty
    assert Timeline(keep=["1..2"]).is_empty  # to leave alone what nobody changes is nothing
    for asked in ({"yaw": 0}, {"eye_openness": 0.0}, {"blinks": [{"at": 1}]}, {"emotion": "sad"}):
        assert not Timeline(**asked).is_empty


@pytest.mark.parametrize(
    ("said", "scale", "offset"),
    [
        (12, 0, 12),
        ("12", 0, 12),
        ("-12", 0, -12),
        ("+12", 1, 12),
        ("+-12", 1, -12),
        ("+.5", 1, 0.5),
        ("x0.5", 0.5, 0),
        ("x-1", -1, 0),
        ("x0", 0, 0),
        ("60", 0, 60),
        ("+-120", 1, -120),
    ],
)
def test_a_value_replaces_adds_or_multiplies(said: Any, scale: float, offset: float) -> None:
    assert only(Timeline(yaw=said).yaw_deg) == (scale, (offset,))


@pytest.mark.parametrize(
    ("said", "shares", "rest"),
    [
        ("happy", {3: 1.0}, 0),
        ("happy=0.7,surprise=0.3", {3: 0.7, 5: 0.3}, 0),
        (" angry = 0.25 ", {0: 0.25}, 0.75),
        ({"neutral": 0.1, "sad": 0.2}, {6: 0.1, 4: 0.2}, 0.7),
        ("+0", {}, 1),
    ],
)
def test_a_blend_leaves_the_rest_as_it_was(said: Any, shares: dict[int, float], rest: float) -> None:
    wish = parse_blend(said)
    assert wish.scale == pytest.approx(rest)
    assert wish.offset == tuple(shares.get(index, 0.0) for index in range(7))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"yaw_deg": 61.0}, r"^yaw is 61\.0: give degrees from -60 to 60, or \+N to add"),
        ({"pitch": "-90"}, "^pitch is -90: give degrees"),
        ({"roll_deg": math.nan}, "^roll is nan: give degrees"),
        ({"yaw": "+121"}, r"^yaw is \+121: .* \+-N to take away \(up to 120\)"),
        ({"yaw": "x11"}, r"xN to multiply \(up to 10\)"),
        ({"yaw": "1e999"}, "^yaw is 1e999: give degrees"),
        ({"yaw": "++3"}, "^yaw is .*give degrees"),
        ({"yaw": True}, "^yaw is True: give degrees"),
        ({"yaw": ["3@0..1", "70@1..2"]}, "^yaw, entry 2 is 70"),
        ({"yaw": "3@1"}, r"give a range as FROM\.\.TO"),
        ({"yaw": [{"at": 1}]}, "^yaw is missing"),
        ({"yaw": [{"at": 1, "value": 3, "then": "jump"}]}, "^yaw then is 'jump': input should be 'hold', 'linear' or"),
        ({"eye_openness": 1.1}, r"^eye openness is 1\.1: give a value from 0 \(closed\) to 1 \(open\)"),
        ({"eye_openness": "-0.1"}, "^eye openness is -0.1"),
        ({"emotion": "bored"}, "^emotion is 'bored': give one of angry, disgust, fear, happy, sad, surprise, neutral"),
        ({"emotion": "happy=0.8,sad=0.3"}, r"^emotion has shares that make 1\.1"),
        ({"emotion": "happy=-1"}, "^emotion has shares that make -1"),
        ({"emotion": "happy=nan"}, "^emotion has shares that make nan"),
        ({"emotion": "happy=much"}, "^emotion has the share 'much'"),
        ({"emotion": "happy,happy"}, "^emotion names happy twice"),
        ({"blinks": [{"at": 1, "for": 0}]}, "^blinks for is '0': input should be greater than 0"),
        ({"blinks": [{"for": 1}]}, "^blinks at is missing"),
        ({"presets": [{"preset": "dance", "at": 1}]}, "does not match any of the expected tags: 'nod', 'shake'"),
        ({"keep": ["soon..late"]}, "^keep from is 'soon': give seconds"),
        ({"yaww": 3}, "^yaww is not known; check its spelling$"),
        ({"yaw": 1, "yaw_deg": 2}, "^yaw is named twice, as yaw and as yaw_deg; name it once$"),
    ],
)
def test_what_cannot_be_meant_is_refused(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParamsError, match=sentence):
        Timeline(**said)


def test_what_it_says_it_can_be_read_from_again() -> None:
    timeline = Timeline(**RICH)
    said = timeline.said()
    assert said["roll_deg"] == {"stretches": [{"from": "10f", "to": "2", "value": "+-3", "ease_s": 0.0}]}
    assert Timeline(**said) == timeline


@pytest.mark.parametrize(
    ("codes", "left"),
    [
        (["pose", "emotion", "blink"], set(RICH)),
        (["pose", "emotion"], {"yaw", "pitch_deg", "roll", "emotion", "presets", "keep"}),
        (["blink"], {"eye_openness", "blinks", "presets", "keep"}),
        ([], {"keep"}),
    ],
)
def test_a_model_takes_what_it_has_a_code_for(codes: list[str], left: set[str]) -> None:
    presets = {"nod": "pose", "natural blinking": "blink"}
    expected = {name: value for name, value in RICH.items() if name in left}
    if "presets" in expected:
        expected["presets"] = [each for each in RICH["presets"] if presets[each["preset"]] in codes]
    assert Timeline(**RICH).taken_by(codes) == Timeline(**expected)


def test_options_join_a_file_unless_both_name_a_control() -> None:
    joined = Timeline(yaw=3, keep=["1..2"]).joined(Timeline(pitch=4))
    assert joined == Timeline(yaw=3, pitch=4, keep=["1..2"])
    both = Timeline(blinks=[1], keep=["1..2"]).joined(Timeline(blinks=["2 for 0.2"]))
    assert both == Timeline(blinks=[1, "2 for 0.2"], keep=["1..2"])
    with pytest.raises(ParamsError, match=r"^yaw: asked for twice"):
        Timeline(yaw=3).joined(Timeline(yaw=4))


def test_the_pipeline_s_edit_is_a_timeline() -> None:
    params = load_section(tiny.PARAMS_FILE, EditParams).model_copy(update={"yaw_deg": "+3", "eye_openness": 0.5})
    assert params.timeline() == Timeline(yaw="+3", eye_openness=0.5)
    with pytest.raises(ParamsError, match="yaw is 90"):
        params.model_copy(update={"yaw_deg": 90.0}).timeline()


def test_a_blink_may_be_said_in_words() -> None:
    said = Timeline(blinks=["2.4", "72f for 0.2", {"at": 3.5, "for": 0.1}, 4])
    assert [(blink.at.said, blink.for_s) for blink in said.blinks] == [
        ("2.4", 0.3),
        ("72f", 0.2),
        ("3.5", 0.1),
        ("4", 0.3),
    ]
    for wrong, sentence in (("soon", "blinks at is 'soon': give"), ("2 for long", "blinks for is 'long'")):
        with pytest.raises(ParamsError, match=sentence):
            Timeline(blinks=[wrong])
