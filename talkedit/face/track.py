"""Follows one face through a video, in a stream: boxes and landmarks are kept, frames are not."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from talkedit.face.detect import MIN_OVERLAP, FaceDetector, LandmarkPredictor
from talkedit.face.geometry import Grey, box_overlap, boxes_from_landmarks, grey
from talkedit.records import N_LANDMARKS, Doubles, FaceTrack, Image

# The predictor puts a face into any box. Where there is one, the box that belongs to its points agrees with the box
# it was given: overlap 0.65 and more on 1,800 frames of ten videos.
MIN_LANDMARK_OVERLAP = 0.5
FRAMES_AT_ONCE = 8  # whose points are found together

T = TypeVar("T")
Seen = tuple[Grey, Doubles | None]  # a frame, and the box of the face in it


class FaceTracker:
    """Detects now and then, interpolates the box in between, and finds landmarks in every frame.

    Args:
        detect_every_n_frames: Frames from one detection to the next.
        max_gap_s: Gaps without a detection up to this long are bridged; longer ones have no face.

    Attributes:
        max_gap_s: The same.
    """

    def __init__(self, detect_every_n_frames: int, max_gap_s: float) -> None:
        self._every_n = detect_every_n_frames
        self.max_gap_s = max_gap_s
        self._detect = FaceDetector()
        self._find_landmarks = LandmarkPredictor()

    def track(self, frames: Iterable[Image], frame_size_px: tuple[int, int], fps: float) -> FaceTrack:
        """Follows the largest face of the first frame that has one, for as long as it is there.

        Args:
            frames: (H, W, 3) uint8 RGB each, in order. In grey, at most `detect_every_n_frames` plus
                `max_gap_s` of them and eight are held at any time.
            frame_size_px: (width, height).
            fps: Frames a second.

        Returns:
            One row per frame.
        """
        greys = (grey(frame) for frame in frames)
        bridged = bridge_gaps(self._detected(greys), max_gap=round(self.max_gap_s * fps))
        rows = [row for group in groups(bridged, FRAMES_AT_ONCE) for row in self._rows(group)]
        return FaceTrack(
            boxes_xyxy_px=np.array([box for box, _ in rows], np.float64).reshape(-1, 4),
            landmarks_px=np.array([points for _, points in rows], np.float32).reshape(-1, N_LANDMARKS, 2),
            found=np.array([bool(np.isfinite(points[0, 0])) for _, points in rows], np.bool_),
            frame_size_px=frame_size_px,
        )

    def _detected(self, greys: Iterable[Grey]) -> Iterator[Seen]:
        last: Doubles | None = None
        for group in groups(greys, self._every_n):
            box = self._detect(group[-1], last)
            if last is not None and box is not None and box_overlap(last, box) >= MIN_OVERLAP:
                boxes = [*_between(last, box, len(group) - 1), box]
            elif last is None and box is None:
                boxes = [None] * len(group)
            else:  # the face came, went, or jumped somewhere in this group: find out where
                near = box if last is None else last
                boxes = [*(self._detect(frame, near) for frame in group[:-1]), box]
            last = box
            yield from zip(group, boxes, strict=True)

    def _rows(self, group: list[Seen]) -> Iterator[tuple[Doubles, Doubles]]:
        """Box and points of each frame, NaN without a face."""
        there = [(frame, box) for frame, box in group if box is not None]
        found = iter(self._find_landmarks.all(*zip(*there, strict=True)) if there else ())
        for _, box in group:
            points = None if box is None else next(found)
            if box is None or points is None or box_overlap(boxes_from_landmarks(points), box) < MIN_LANDMARK_OVERLAP:
                yield np.full(4, np.nan), np.full((N_LANDMARKS, 2), np.nan)
            else:
                yield box, points


def bridge_gaps(seen: Iterable[Seen], max_gap: int) -> Iterator[Seen]:
    """Fills short gaps between two boxes of one face with the line between them.

    Args:
        seen: Frames in order, with a box or None.
        max_gap: Most frames in a gap that is filled. No more than this many frames are held.

    Yields:
        The same frames, in order.
    """
    last: Doubles | None = None
    waiting: deque[Grey] = deque()
    for frame, box in seen:
        if box is None:
            waiting.append(frame)
            if len(waiting) > max_gap:
                last = None
            while waiting and last is None:
                yield waiting.popleft(), None
            continue
        yield from zip(waiting, _between(last, box, len(waiting)), strict=True)
        waiting.clear()
        yield frame, box
        last = box
    for waited in waiting:
        yield waited, None


def _between(a_xyxy: Doubles | None, b_xyxy: Doubles, n: int) -> Sequence[Doubles | None]:
    """n boxes on the way from a to b; none where these are not two places of one face."""
    if a_xyxy is None or box_overlap(a_xyxy, b_xyxy) < MIN_OVERLAP:
        return [None] * n
    return list(np.linspace(a_xyxy, b_xyxy, n + 2)[1:-1])


def groups(items: Iterable[T], n: int) -> Iterator[list[T]]:
    """The items, n at a time; the last ones may be fewer."""
    group: list[T] = []
    for item in items:
        group.append(item)
        if len(group) == n:
            yield group
            group = []
    if group:
        yield group
