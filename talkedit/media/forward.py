"""Frames of a video that are asked for one by one, from its beginning to its end."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from talkedit.media.decode import can_seek
from talkedit.media.video import read_frames_at
from talkedit.records import Image

FAR_S = 10  # ahead by more, a file that can seek is opened anew: few have key frames that lie further apart


class ForwardReader:
    """Gives the frame that is on the screen at a time, and stays at its place in the file until the next is asked for.

    So a file that cannot seek is decoded once, if times ascend, and not once for each of them.

    Args:
        path: The video.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._last_s, self._wanted_s = path, Fraction(0), deque[Fraction]()
        self._images: Iterator[Image] | None = None

    def at(self, time_s: Fraction) -> Image:
        """(H, W, 3) uint8 RGB, upright; see `talkedit.media.video.read_frames_at`.

        Args:
            time_s: Counted from the first frame. One that lies before the last that was asked for is found too.

        Raises:
            MediaError: The file cannot be read.
        """
        is_far = time_s > self._last_s + FAR_S and can_seek(self._path)
        if self._images is None or time_s < self._last_s or is_far:
            self._images = read_frames_at(self._path, iter(self._wanted_s.popleft, None))
        self._last_s = time_s
        self._wanted_s.append(time_s)
        return next(self._images)
