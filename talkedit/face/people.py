"""Follows every face of a clip at once, each in a track of its own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from talkedit.face.detect import MIN_OVERLAP, FaceDetector, LandmarkPredictor
from talkedit.face.geometry import Grey, box_overlap, boxes_from_landmarks, grey
from talkedit.face.track import FRAMES_AT_ONCE, MIN_LANDMARK_OVERLAP, groups
from talkedit.records import N_LANDMARKS, Doubles, FaceTrack, Floats, Image

MAX_PEOPLE = 6
Sighting = tuple[int, Doubles]  # a frame's number, and the box of the face in it


@dataclass(frozen=True)
class Sightings:
    """Faces that were seen now and then in a number of frames.

    Attributes:
        n_frames: How many frames there are.
        people: For each face its sightings, at least one; those seen most often and largest first.
    """

    n_frames: int
    people: list[list[Sighting]]


class PeopleTracker:
    """Detects all faces now and then, tells whose each is by its place, and finds landmarks in every frame.

    Args:
        detect_every_n_frames: Frames from one detection to the next.
        max_gap_s: Longer gaps without a detection have no face.
    """

    def __init__(self, detect_every_n_frames: int, max_gap_s: float) -> None:
        self._every_n, self._max_gap_s = detect_every_n_frames, max_gap_s
        self._detect, self._find_landmarks = FaceDetector(), LandmarkPredictor()

    def track(self, frames: Callable[[], Iterable[Image]], size_px: tuple[int, int], fps: Fraction) -> list[FaceTrack]:
        """A track for each face, those seen most often and largest first, at most six.

        Args:
            frames: Called twice, for the frames of the clip, (H, W, 3) uint8 RGB each, in order.
            size_px: (width, height).
            fps: Frames a second.
        """
        return self.follow(frames(), self.look(frames()), size_px, fps)

    def look(self, frames: Iterable[Image]) -> Sightings:
        """Where faces are now and then, in frames without a cut; the first of two looks."""
        n_frames, people = 0, []
        for number, image in enumerate(frames):
            n_frames = number + 1
            if number % self._every_n == 0:
                _assign(people, number, self._detect.all(grey(image)))
        return Sightings(n_frames, sorted(people, key=_prominence, reverse=True)[:MAX_PEOPLE])

    def follow(
        self, frames: Iterable[Image], seen: Sightings, size_px: tuple[int, int], fps: Fraction
    ) -> list[FaceTrack]:
        """The tracks of the faces that were seen in the same frames; the second of two looks. See `track`."""
        gap = max(self._every_n, round(self._max_gap_s * fps))
        boxes = [_filled(sightings, seen.n_frames, self._every_n, gap) for sightings in seen.people]
        landmarks = np.full((len(boxes), seen.n_frames, N_LANDMARKS, 2), np.nan, np.float32)
        for group in groups(enumerate(map(grey, frames)), FRAMES_AT_ONCE):
            there = [(who, *frame) for frame in group for who, box in enumerate(boxes) if np.isfinite(box[frame[0], 0])]
            self._put(landmarks, there, boxes)
        return [_face_track(box, points, size_px) for box, points in zip(boxes, landmarks, strict=True)]

    def _put(self, landmarks: Floats, there: list[tuple[int, int, Grey]], boxes: list[Doubles]) -> None:
        """Finds the points of faces, each given by person, frame's number and frame, where its box holds a face."""
        if not there:
            return
        looked_in = [boxes[who][number] for who, number, _ in there]
        found = self._find_landmarks.all([plane for *_, plane in there], looked_in)
        for (who, number, _), box, points in zip(there, looked_in, found, strict=True):
            if box_overlap(boxes_from_landmarks(points), box) >= MIN_LANDMARK_OVERLAP:
                landmarks[who, number] = points


def _assign(people: list[list[Sighting]], number: int, boxes: list[Doubles]) -> None:
    """Gives each box to whoever was nearest to it last, the best fits first; the rest are new people."""
    fits = [
        (box_overlap(sightings[-1][1], box), i, j) for i, sightings in enumerate(people) for j, box in enumerate(boxes)
    ]
    given: dict[int, int] = {}
    for overlap, i, j in sorted(fits, reverse=True):
        if overlap >= MIN_OVERLAP and i not in given.values() and j not in given:
            given[j] = i
    for j, box in enumerate(boxes):
        if j in given:
            people[given[j]].append((number, box))
        else:
            people.append([(number, box)])


def _prominence(sightings: list[Sighting]) -> float:
    return sum(float(box[2] - box[0]) for _, box in sightings)


def _filled(sightings: list[Sighting], n_frames: int, every_n: int, max_gap: int) -> Doubles:
    """(T, 4): the line between sightings that are near enough in time, the nearest one at the ends; NaN elsewhere."""
    filled = np.full((n_frames, 4), np.nan)
    at = np.array([number for number, _ in sightings])
    boxes = np.stack([box for _, box in sightings])
    every = np.arange(n_frames)
    line = np.stack([np.interp(every, at, column) for column in boxes.T], axis=1)
    after = np.searchsorted(at, every)
    before_at, after_at = at[np.clip(after - 1, 0, len(at) - 1)], at[np.clip(after, 0, len(at) - 1)]
    inside = (every >= at[0]) & (every <= at[-1]) & ((after_at - before_at <= max_gap) | np.isin(every, at))
    at_an_end = (every > at[-1]) & (every - at[-1] < every_n)
    filled[inside | at_an_end] = line[inside | at_an_end]
    return filled


def _face_track(boxes: Doubles, landmarks: np.ndarray, size_px: tuple[int, int]) -> FaceTrack:
    found = np.isfinite(landmarks[:, 0, 0])
    return FaceTrack(np.where(found[:, None], boxes, np.nan), landmarks, found, size_px)
