"""Asked curves worked out by hand: ten frames, one a tenth of a second apart unless said otherwise."""

from typing import Any

import numpy as np
import pytest

from talkedit.edit.curves import ask, kept
from talkedit.edit.moments import Clock
from talkedit.edit.timeline import Timeline
from talkedit.errors import ParamsError
from talkedit.records import Attributes

CLOCK = Clock(np.arange(10) / 10, 10.0)


def measured(n_frames: int = 10) -> Attributes:
    """Yaw rises 1 degree a frame, pitch is 4, roll -2; neutral; eyes 0.8 open."""
    frames = np.arange(n_frames)
    pose = np.stack([frames, 4 + 0 * frames, -2 + 0 * frames], axis=1).astype(np.float32)
    emotion = np.tile(np.eye(7, dtype=np.float32)[6], (n_frames, 1))
    return Attributes(pose, emotion, np.full(n_frames, 0.8, np.float32))


def yaw(wish: Any, clock: Clock = CLOCK, **others: Any) -> list[float]:
    return ask(Timeline(yaw=wish, **others), measured(len(clock.times_s)), clock).pose_deg[:, 0].tolist()


def openness(clock: Clock = CLOCK, **said: Any) -> list[float]:
    return ask(Timeline(**said), measured(len(clock.times_s)), clock).eye_openness.tolist()


def test_nothing_wished_for_leaves_everything() -> None:
    before = measured()
    asked = ask(Timeline(), before, CLOCK)
    for name in ("pose_deg", "emotion", "eye_openness"):
        assert np.array_equal(getattr(asked, name), getattr(before, name))
        assert getattr(asked, name).dtype == np.float32


def test_a_control_moves_its_own_column_and_never_the_input() -> None:
    before = measured()
    asked = ask(Timeline(pitch=8, roll="x2"), before, CLOCK)
    assert asked.pose_deg[3].tolist() == [3, 8, -4]
    assert before.pose_deg[3].tolist() == [3, 4, -2]


def test_constants() -> None:
    assert yaw(12) == [12] * 10
    assert yaw("+12") == [12, 13, 14, 15, 16, 17, 18, 19, 20, 21]
    assert yaw("+-2") == [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7]
    assert yaw("x0.5") == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]


def test_no_pose_beyond_60_degrees_and_no_openness_beyond_1() -> None:
    assert yaw("+55")[4:7] == [59, 60, 60]
    assert openness(eye_openness="+0.5") == [1] * 10
    assert openness(eye_openness="+-0.9") == [0] * 10


def test_a_stretch_ends_before_the_frame_at_its_end() -> None:
    assert yaw({"value": 20, "from": 0.3, "to": 0.5, "ease_s": 0}) == [0, 1, 2, 20, 20, 5, 6, 7, 8, 9]
    assert yaw({"value": 20, "from": "8f", "ease_s": 0})[7:] == [7, 20, 20]
    assert yaw({"value": 20, "to": "2f", "ease_s": 0})[:4] == [20, 20, 2, 3]


def test_a_stretch_comes_and_goes_smoothly_inside_itself() -> None:
    """From 0.1 to 0.9 s, easing 0.2 s: at 0.2 s half way there, at 0.3 s all the way, back at 0.8 s half way."""
    values = yaw({"value": "+10", "from": 0.1, "to": 0.9, "ease_s": 0.2})
    assert values == pytest.approx([0, 1, 7, 13, 14, 15, 16, 17, 13, 9], abs=1e-5)


def test_stretches_act_on_what_came_before_them() -> None:
    eased_off = {"ease_s": 0, "from": 0}
    assert yaw([{"value": 10, **eased_off}, {"value": "x0.5", **eased_off}, {"value": "+1", **eased_off}]) == [6] * 10


def test_keyframes_pass_over_in_three_ways_and_hold_at_the_ends() -> None:
    def keys(then: str) -> list[dict[str, Any]]:
        return [{"at": 0.2, "value": 0, "then": then}, {"at": 0.6, "value": 16}]

    assert yaw(keys("linear")) == pytest.approx([0, 0, 0, 4, 8, 12, 16, 16, 16, 16], abs=1e-5)
    assert yaw(keys("hold")) == pytest.approx([0, 0, 0, 0, 0, 0, 16, 16, 16, 16])
    # 3 x^2 - 2 x^3 at 1/4, 1/2, 3/4 is 5/32, 1/2, 27/32.
    assert yaw(keys("smooth")) == pytest.approx([0, 0, 0, 2.5, 8, 13.5, 16, 16, 16, 16], abs=1e-5)


def test_keyframes_of_different_kinds_pass_over_into_one_another() -> None:
    """From as it is (+0) to the value 10: half way, half of each."""
    values = yaw([{"at": 0.5, "value": 10}, {"at": 0.1, "value": "+0"}])
    assert values == pytest.approx([0, 1, 2 * 0.75 + 2.5, 3 * 0.5 + 5, 4 * 0.25 + 7.5, 10, 10, 10, 10, 10], abs=1e-5)


def test_keyframes_by_frame_number_of_a_video_of_uneven_times() -> None:
    uneven = Clock(np.array([0, 0.1, 0.5, 0.6, 0.7]), 7.0)
    keys = [{"at": "0f", "value": 0}, {"at": "3f", "value": 12}]
    assert yaw(keys, uneven) == pytest.approx([0, 2, 10, 12, 12], abs=1e-5)


def test_two_keyframes_at_one_time_and_a_stretch_that_ends_first_are_said() -> None:
    with pytest.raises(ParamsError, match=r"yaw has two keyframes at .*; give each"):
        yaw([{"at": 0.2, "value": 0}, {"at": "2f", "value": 1}])
    with pytest.raises(ParamsError, match=r"yaw: a part from .* ends before it begins"):
        yaw("3@0.5..0.2")
    with pytest.raises(ParamsError, match=r"natural blinking: a part from 0.5 ends before it begins"):
        openness(presets=[{"preset": "natural blinking", "from": 0.5, "to": 0.2}])


def test_emotions_blend_and_fade() -> None:
    asked = ask(Timeline(emotion="happy=0.6,sad=0.2"), measured(), CLOCK).emotion
    assert asked[4].tolist() == pytest.approx([0, 0, 0, 0.6, 0.2, 0, 0.2])
    keys = [{"at": 0, "value": "happy=0"}, {"at": 0.4, "value": "happy"}]
    fading = ask(Timeline(emotion=keys), measured(), CLOCK).emotion
    assert fading[1].tolist() == pytest.approx([0, 0, 0, 0.25, 0, 0, 0.75])
    assert fading.sum(axis=1) == pytest.approx(np.ones(10))


def test_a_blink_shuts_the_eyes_and_opens_them_again() -> None:
    """From 0.2 s for 0.5 s: shut from 0.35 to 0.45 s, so at 0.3 s 2/3 of the way down, at 0.6 s 3/5 of the way up."""
    values = openness(blinks=[{"at": 0.2, "for": 0.5}])
    at_third, at_three_fifths = 1 - (4 / 9 * (3 - 4 / 3)), 9 / 25 * (3 - 6 / 5)
    assert values[:3] == pytest.approx([0.8, 0.8, 0.8])
    assert values[3] == pytest.approx(0.8 * at_third, abs=1e-6)
    assert values[4] == 0
    assert values[6] == pytest.approx(0.8 * at_three_fifths, abs=1e-6)
    assert values[7:] == pytest.approx([0.8] * 3)


def test_a_blink_between_two_frames_is_seen_all_the_same() -> None:
    """0.26 s to 0.29 s: no frame's time lies in it, and frame 2 is on the screen."""
    assert openness(blinks=[{"at": 0.26, "for": 0.03}]) == pytest.approx([0.8, 0.8, 0] + [0.8] * 7)


@pytest.mark.parametrize(("held_s", "share"), [(0.4, 0.0), (0.55, 0.0), (1.1, 1.0)])
def test_a_frame_that_stands_for_long_is_no_blink(held_s: float, share: float) -> None:
    """Frame 2 is shown from 0.2 s on, and stands; the blink of 0.3 s has its middle in that."""
    held = Clock(np.array([0.0, 0.1, 0.2, 0.2 + held_s, 0.3 + held_s]), 25.0)
    assert openness(held, blinks=[{"at": 0.22, "for": 0.3}])[2] == pytest.approx(0.8 * share)


def test_natural_blinking_is_uneven_repeatable_and_about_as_often_as_asked() -> None:
    minutes = Clock(np.arange(10 * 60 * 25) / 25, 25.0)
    said = {"presets": [{"preset": "natural blinking", "per_minute": 15, "from": 10, "seed": 3}]}
    once, again = np.array(openness(minutes, **said)), np.array(openness(minutes, **said))
    assert np.array_equal(once, again)
    shut_s = minutes.times_s[np.flatnonzero(np.diff((once < 0.1).astype(int)) == 1)]
    assert 100 < len(shut_s) < 200  # 147 on average
    assert shut_s[0] > 10
    assert np.diff(shut_s).min() > 0.3 * 4 - 0.1
    assert np.diff(shut_s).std() > 1


@pytest.mark.parametrize(
    ("preset", "column", "values"),
    [
        # (1 - cos(2 pi t / 0.8)) / 2 at 0, 1/8, 1/4, 1/2, 1 of the time
        ("nod", 1, {2: 0, 3: -8 * (1 - 0.5**0.5) / 2, 4: -4, 6: -8, 8: -4, 9: -8 * (1 - 0.5**0.5) / 2}),
        # sin(2 pi u) sin(pi u) at 1/4 and 3/4
        ("shake", 0, {2: 0, 4: 8 * 0.5**0.5, 6: 0, 8: -8 * 0.5**0.5}),
        ("look away", 0, {2: 0, 3: 4, 4: 8, 6: 8, 8: 8, 9: 4}),
    ],
)
def test_gestures_go_on_top(preset: str, column: int, values: dict[int, float]) -> None:
    said: dict[str, Any] = {"preset": preset, "at": 0.2, "for": 0.8, "deg": 8}
    before = measured()
    added = ask(Timeline(presets=[said]), before, CLOCK).pose_deg - before.pose_deg
    for frame, value in values.items():
        assert added[frame, column] == pytest.approx(value, abs=1e-5)
    assert np.abs(np.delete(added, column, axis=1)).max() == 0
    assert np.abs(added[:2]).max() == 0


def test_what_is_to_be_left_alone_is_left_alone_and_reached_smoothly() -> None:
    """From 0.6 to 0.8 s; 0.3 s around it the change fades: at 0.3 s it is whole, at 0.45 s half."""
    timeline = Timeline(yaw="+10", keep=["0.6..0.8"])
    assert kept(timeline, CLOCK).tolist() == [False] * 6 + [True] * 2 + [False] * 2
    values = yaw("+10", keep=["0.6..0.8"])
    assert values[:4] == pytest.approx([10, 11, 12, 13], abs=1e-5)
    assert values[6:9] == pytest.approx([6, 7, 8], abs=1e-5)
    third = 1 / 9 * (3 - 2 / 3)
    assert values[5] == pytest.approx(5 + 10 * third, abs=1e-5)
    assert values[9] == pytest.approx(9 + 10 * third, abs=1e-5)


def test_wishes_act_on_what_was_taken_from_elsewhere_and_return_to_the_input() -> None:
    base = Attributes(measured().pose_deg + 20, measured().emotion, measured().eye_openness)
    asked = ask(Timeline(yaw="+1", keep=["0.8.."]), base, CLOCK, measured())
    assert asked.pose_deg[0].tolist() == [21, 24, 18]
    assert asked.pose_deg[9].tolist() == [9, 4, -2]
