"""When something happens in a video: in seconds, by the number of a frame, or by a timecode."""

import math
import re
from dataclasses import dataclass

import numpy as np

from talkedit.errors import ParamsError
from talkedit.records import Doubles

FORMS = "seconds (2.4), a frame (72f) or a timecode (00:00:02:10, 00:00:02.400)"
MAX_S = 1e6
SIXTY = 60  # seconds of a minute, minutes of an hour
NTSC_BELOW = 0.9995  # of the nominal rate: 29.97 is 30 times 0.999

_FRAME = re.compile(r"(\d{1,9})f")
_TIMECODE = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:\.(\d{1,6}))?")
_TIMECODE_WITH_FRAME = re.compile(r"(\d{1,3}):(\d{1,2}):(\d{1,2})([:;])(\d{1,3})")


@dataclass(frozen=True)
class Clock:
    """When each frame of a video is shown.

    Attributes:
        times_s: (T,) float64, ascending, from the first frame, which is at 0.
        fps: Frames a second, on average.
        last_s: How long the last frame is shown, if that is known: it may be held.
    """

    times_s: Doubles
    fps: float
    last_s: float | None = None

    @property
    def end_s(self) -> float:
        """When the last frame ends."""
        return float(self.times_s[-1]) + (self.last_s or 1 / self.fps)

    def time_of(self, number: int) -> float:
        """When frame `number` is shown; past the end, frames are taken to go on at `fps`."""
        beyond = number - (len(self.times_s) - 1)
        return float(self.times_s[min(number, len(self.times_s) - 1)]) + max(beyond, 0) / self.fps

    def part(self, frames: slice) -> "Clock":
        """The same clock, some of the frames; times are not counted anew."""
        return Clock(np.asarray(self.times_s[frames]), self.fps)


@dataclass(frozen=True)
class Moment:
    """A time as it was said; which time of a video that is, a `Clock` knows.

    Attributes:
        said: The words.
        seconds: The seconds in it.
        frames: The frames in it beside the seconds, or None where seconds alone were said.
        drops: Whether it is a drop-frame timecode, which leaves numbers out so as to keep up with 29.97 or 59.94 fps;
            at other rates it means what one without drops means.
    """

    said: str
    seconds: float
    frames: int | None = None
    drops: bool = False

    def time_s(self, clock: Clock) -> float:
        """Seconds from the video's first frame.

        A timecode with frames counts them at the nominal rate (30 for 29.97), as video editors do, and means that
        frame's own time.

        Raises:
            ParamsError: It is a timecode with more frames than a second of the video has.
        """
        if self.frames is None:
            return self.seconds
        rate, minutes = max(round(clock.fps), 1), int(self.seconds) // 60
        if self.frames >= rate and not self.said.endswith("f"):
            raise ParamsError(f"{self.said}: a second of this video has frames 0 to {rate - 1}; give one of these")
        falls_behind = rate % 30 == 0 and clock.fps < NTSC_BELOW * rate
        left_out = rate // 15 * (minutes - minutes // 10) if self.drops and falls_behind else 0
        return clock.time_of(int(self.seconds) * rate + self.frames - left_out)


def parse_moment(said: object) -> Moment:
    """Reads a time.

    Raises:
        ValueError: It is none; the message says what is.
    """
    text = str(said).strip()
    if isinstance(said, Moment):
        return said
    if found := _FRAME.fullmatch(text):
        return Moment(text, 0.0, int(found[1]))
    if found := _TIMECODE_WITH_FRAME.fullmatch(text):
        hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
        _check_sixties(text, minutes, seconds)
        return Moment(text, 3600.0 * hours + 60 * minutes + seconds, frames, found[4] == ";")
    if found := _TIMECODE.fullmatch(text):
        _check_sixties(text, int(found[2]) if found[1] else 0, int(found[3]))
        return Moment(text, 3600 * int(found[1] or 0) + 60 * int(found[2]) + float(f"{found[3]}.{found[4] or 0}"))
    try:
        seconds = float(text.removesuffix("s"))
    except ValueError:
        seconds = math.nan
    if isinstance(said, bool) or not 0 <= seconds <= MAX_S:
        raise ValueError(f"is {text[:40]!r}: give {FORMS}")
    return Moment(text, seconds)


def _check_sixties(text: str, minutes: int, seconds: int) -> None:
    if max(minutes, seconds) >= SIXTY:
        raise ValueError(f"is {text!r}: a timecode has up to 59 minutes and 59 seconds")


def split_span(text: str) -> tuple[str | None, str | None]:
    """``1..2.5`` to its two ends; an end that is not said is None.

    Raises:
        ValueError: There is no ``..`` in it.
    """
    begin, dots, end = text.partition("..")
    if not dots or not (begin or end):
        raise ValueError(f"is {text[:40]!r}: give a range as FROM..TO, FROM.. or ..TO, with times as {FORMS}")
    return begin.strip() or None, end.strip() or None


def bounds_s(begin: Moment | None, end: Moment | None, clock: Clock, name: str) -> tuple[float, float]:
    """A part of a video in seconds; what is not said is where the video begins or ends.

    Raises:
        ParamsError: It ends before it begins; the message calls it a part of `name`.
    """
    begin_s = begin.time_s(clock) if begin else 0.0
    end_s = end.time_s(clock) if end else max(clock.end_s, begin_s)
    if end_s < begin_s:
        raise ParamsError(f"{name}: a part from {begin.said if begin else 0} ends before it begins")
    return begin_s, end_s
