"""Where one scene ends and the next begins."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from scenedetect import ContentDetector, FrameTimecode

from talkedit.media.video import Frame, Reader
from talkedit.records import CLIP_FPS, Image

_SIDE_PX = 180  # of the shorter side; cuts are seen as well, and ten times as fast as in a 720p picture


def find_cuts(path: Path, threshold: float) -> list[Fraction]:
    """Finds cuts with PySceneDetect's ContentDetector.

    Args:
        path: A video.
        threshold: How much colour and lightness must change from one frame to the next, 0 to 255.

    Returns:
        The time of each frame that begins another scene, exact, counted from the video's first frame.

    Raises:
        MediaError: As `talkedit.media.video.Reader`.
    """
    times_s: list[Fraction] = []
    detector = ContentDetector(threshold, min_scene_len=1)
    cuts: list[FrameTimecode] = []
    for number, (time_s, image) in enumerate(_small(Reader(path))):
        times_s.append(time_s)
        cuts += detector.process_frame(FrameTimecode(number, CLIP_FPS), image)
    cuts += detector.post_process(FrameTimecode(len(times_s), CLIP_FPS))
    return [times_s[cut.frame_num] for cut in cuts]


def _small(frames: Iterable[Frame]) -> Iterator[tuple[Fraction, Image]]:
    for frame in frames:
        height, width = frame.image.shape[:2]
        shrink = max(1, min(height, width) // _SIDE_PX)
        small = cv2.resize(frame.image, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
        yield frame.time_s, np.ascontiguousarray(small[..., ::-1], np.uint8)  # the detector wants BGR
