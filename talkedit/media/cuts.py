"""Where one scene ends and the next begins, found while frames are read."""

from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from scenedetect import ContentDetector, FrameTimecode
from scenedetect.detector import FlashFilter

from talkedit.media.ahead import ahead
from talkedit.media.decode import SizeChanged
from talkedit.media.video import Frame, Reader
from talkedit.records import CLIP_FPS, Image

# Mean change of hue, saturation and lightness, 0..255, from one frame to the next, from which an edit takes it for a
# cut. Talking heads stay below 15 on ten videos; in a film with cuts frames without one reach 20, cuts begin at 48.
CUT_THRESHOLD = 27.0
_SIDE_PX = 120  # of the shorter side; on five videos 180 px give the same cuts
_N_WAITING = 4  # frames that are decoded and looked at before they are asked for


class CutFinder:
    """Tells of frame after frame whether it begins another scene: PySceneDetect's ContentDetector.

    Args:
        threshold: How much colour and lightness must change from one frame to the next, 0 to 255.
    """

    def __init__(self, threshold: float) -> None:
        # A scene may be a single frame, and is told of at once.
        self._detector = ContentDetector(threshold, min_scene_len=1, filter_mode=FlashFilter.Mode.SUPPRESS)
        self._n_seen = 0

    def __call__(self, image: Image) -> bool:
        """Whether the next frame, (H, W, 3) uint8 RGB, begins another scene than the one before."""
        cuts = self._detector.process_frame(FrameTimecode(self._n_seen, CLIP_FPS), _small(image))
        self._n_seen += 1
        return bool(cuts)


def find_cuts(path: Path, threshold: float) -> list[Fraction]:
    """Finds the cuts of a video.

    Args:
        path: A video.
        threshold: As of `CutFinder`.

    Returns:
        The time of each frame that begins another scene, exact, counted from the video's first frame. None are
        looked for after the picture changes its size.

    Raises:
        MediaError: As `talkedit.media.video.Reader`.
    """
    begins, cuts_s = CutFinder(threshold), []
    try:
        for frame in Reader(path):
            if begins(frame.image):
                cuts_s.append(frame.time_s)
    except SizeChanged:
        pass  # the crop stage rejects the clip in which it does, and where it cannot seek those after it
    return cuts_s


def split_shots(frames: Iterable[Frame]) -> Iterator[tuple[int, Iterator[Frame]]]:
    """The shots of a video, one after the other: (number of the first frame, its frames).

    Frames are decoded and looked at in a thread of its own. Each shot's frames must be read to the end before the next
    shot.
    """
    n_read = 0

    def counted(shot: Iterator[Frame]) -> Iterator[Frame]:
        nonlocal n_read
        for frame in shot:
            n_read += 1
            yield frame

    with ahead(_numbered(frames), _N_WAITING) as numbered:
        for _, shot in groupby(numbered, key=lambda pair: pair[0]):
            yield n_read, counted(frame for _, frame in shot)


def _numbered(frames: Iterable[Frame]) -> Generator[tuple[int, Frame]]:
    begins, shot = CutFinder(CUT_THRESHOLD), 0
    for frame in frames:
        shot += begins(frame.image)
        yield shot, frame


def _small(image: Image) -> Image:
    height, width = image.shape[:2]
    shrink = max(1, min(height, width) // _SIDE_PX)
    small = cv2.resize(image, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1], np.uint8)  # the detector wants BGR
