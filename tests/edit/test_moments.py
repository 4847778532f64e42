"""Times in every form, against frames whose times are known."""

import numpy as np
import pytest

from talkedit.edit.moments import Clock, Moment, parse_moment, split_span
from talkedit.errors import ParamsError

STEADY = Clock(np.arange(50) / 25, 25.0)
UNEVEN = Clock(np.array([0.0, 0.1, 0.4, 0.5]), 8.0)
THIRTY = Clock(np.arange(50) / 30, 30.0)
NTSC = Clock(np.arange(4000) * 1001 / 30000, 30000 / 1001)


@pytest.mark.parametrize(
    ("said", "clock", "time_s"),
    [
        (1.5, STEADY, 1.5),
        ("1.5", STEADY, 1.5),
        ("1.5s", STEADY, 1.5),
        (0, STEADY, 0.0),
        ("30f", STEADY, 1.2),
        ("2f", UNEVEN, 0.4),  # the frame's own time, not 2 / 8 s
        ("5f", UNEVEN, 0.5 + 2 / 8),  # two frames past the last
        ("01:02", STEADY, 62.0),
        ("00:01:02.5", STEADY, 62.5),
        ("00:00:01:05", STEADY, 1.2),
        ("00:01:00:00", NTSC, 1800 * 1001 / 30000),  # 60 x 30 frames
        ("00:01:00;02", NTSC, 1800 * 1001 / 30000),  # frames 0 and 1 of that minute have no number
        ("00:00:59;29", NTSC, 1799 * 1001 / 30000),
        ("00:02:00;00", STEADY, 120.0),  # 25 and 30 frames a second keep up with the clock, and drop nothing
        ("00:02:00;00", THIRTY, 120.0),
    ],
)
def test_every_form_is_a_time(said: object, clock: Clock, time_s: float) -> None:
    assert parse_moment(said).time_s(clock) == pytest.approx(time_s, abs=1e-9)


@pytest.mark.parametrize("said", ["", "soon", "-1", -0.5, "nan", "inf", "1e9", "12ff", "1:2:3:4:5", True, None, [1]])
def test_what_is_no_time_is_said(said: object) -> None:
    with pytest.raises(ValueError, match=r"give seconds \(2\.4\), a frame \(72f\) or a timecode"):
        parse_moment(said)


@pytest.mark.parametrize("said", ["00:75:01:10", "00:01:60:00", "00:01:60.5", "1:60:00", "00:60"])
def test_a_minute_has_sixty_seconds_and_an_hour_as_many_minutes(said: str) -> None:
    with pytest.raises(ValueError, match="up to 59 minutes and 59 seconds"):
        parse_moment(said)


def test_minutes_alone_may_be_many() -> None:
    assert parse_moment("75:10").time_s(STEADY) == 75 * 60 + 10


def test_a_moment_stays_itself() -> None:
    assert parse_moment(Moment("1", 1.0)) == Moment("1", 1.0)


def test_the_end_is_that_of_the_last_frame() -> None:
    assert STEADY.end_s == pytest.approx(2.0)
    assert UNEVEN.end_s == pytest.approx(0.625)


def test_spans() -> None:
    assert split_span("1..2.5") == ("1", "2.5")
    assert split_span("..45f") == (None, "45f")
    assert split_span("00:00:01:00..") == ("00:00:01:00", None)
    for wrong in ("1", "1-2", "..", ""):
        with pytest.raises(ValueError, match=r"FROM\.\.TO"):
            split_span(wrong)


def test_a_video_ends_with_its_last_frame_however_long_that_is_held() -> None:
    assert Clock(STEADY.times_s, 25.0).end_s == pytest.approx(50 / 25)
    assert Clock(STEADY.times_s, 25.0, last_s=3.0).end_s == pytest.approx(49 / 25 + 3)


def test_a_timecode_s_frames_are_those_of_a_second() -> None:
    clock = Clock(np.arange(100) / 29.97, 29.97)
    assert parse_moment("00:00:02:29").time_s(clock) == pytest.approx(89 / 29.97)
    with pytest.raises(ParamsError, match="00:00:02:30: a second of this video has frames 0 to 29; give one of these"):
        parse_moment("00:00:02:30").time_s(clock)
    assert parse_moment("89f").time_s(clock) == pytest.approx(89 / 29.97)
