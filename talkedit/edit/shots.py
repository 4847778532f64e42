"""Where a video cuts to another picture, found while it is read."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import groupby

import cv2
from scenedetect.common import FrameTimecode
from scenedetect.detector import FlashFilter
from scenedetect.detectors import ContentDetector

from talkedit.media.video import Frame
from talkedit.records import Image

# Mean change of hue, saturation and brightness, 0..255, from one frame to the next. On ten videos talking heads stay
# below 15, and cuts lie above 30.
CUT_THRESHOLD = 27.0
MIN_SHOT_FRAMES = 3  # a flash is no shot
WIDTH_PX = 160


def split_shots(frames: Iterable[Frame]) -> Iterator[tuple[int, Iterator[Frame]]]:
    """The shots of a video, one after the other: (number of the first frame, its frames).

    Each shot's frames must be read to the end before the next shot.
    """
    n_read = 0

    def counted(shot: Iterator[Frame]) -> Iterator[Frame]:
        nonlocal n_read
        for frame in shot:
            n_read += 1
            yield frame

    for _, numbered in groupby(_numbered(frames), key=lambda pair: pair[0]):
        yield n_read, counted(frame for _, frame in numbered)


def _numbered(frames: Iterable[Frame]) -> Iterator[tuple[int, Frame]]:
    detector = ContentDetector(CUT_THRESHOLD, MIN_SHOT_FRAMES, filter_mode=FlashFilter.Mode.SUPPRESS)
    shot = 0
    for number, frame in enumerate(frames):
        shot += bool(detector.process_frame(FrameTimecode(number, Fraction(25)), _small(frame.image)))
        yield shot, frame


def _small(image: Image) -> cv2.typing.MatLike:
    height, width = image.shape[:2]
    size = (min(WIDTH_PX, width), max(1, round(height * min(WIDTH_PX, width) / width)))
    return cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
