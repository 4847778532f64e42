"""Follows the face that is edited: the only one there is, or one of several."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from talkedit.edit.people import People, find_people, tell_apart
from talkedit.errors import MediaError
from talkedit.face.detect import FaceDetector
from talkedit.face.geometry import grey
from talkedit.face.track import FaceTracker
from talkedit.media.cuts import split_shots
from talkedit.media.video import Frame, Reader, VideoInfo
from talkedit.progress import progress_bar
from talkedit.records import Doubles, FaceTrack, Image

NO_FACE = "no face was found in any frame; use footage that shows the face from the front"
LOOK_ROUND_EVERY_S = 1.0  # between, only the place of the one face is searched, at a sixth of the price


@dataclass(frozen=True)
class Followed:
    """One face through a video; T frames.

    Attributes:
        info: What the file is.
        times_s: When each frame is shown.
        shots: (Number of the first frame, the face from there to the next cut).
        damage: What could not be decoded, or None.
        n_faces: How many people there are to choose from.
        face: Which of them this is, from 1.
    """

    info: VideoInfo
    times_s: list[float]
    shots: list[tuple[int, FaceTrack]]
    damage: str | None
    n_faces: int = 1
    face: int = 1


class Follower:
    """Follows one face.

    Args:
        tracker: Follows faces where there is one.
    """

    def __init__(self, tracker: FaceTracker) -> None:
        self._tracker, self._look_round = tracker, FaceDetector()

    def follow(self, source: Path, face: int | None = None, centres_px: Doubles | None = None) -> Followed:
        """Follows the wanted face.

        Args:
            source: The video.
            face: The number that `talkedit.edit.people` gives it. None: the largest, which is number 1.
            centres_px: (T, 2), where it is in about the same video, NaN where it is not; of several, the nearest one
                is taken. Not together with `face`.

        Raises:
            MediaError: The video cannot be read, or has no such face.
        """
        alone = face is None and centres_px is None  # where there is a choice, all are looked at
        people = (self._alone(source) if alone else None) or find_people(source)
        n_faces = len(people.tracks)
        if not n_faces:
            raise MediaError(source, NO_FACE)
        index = (face or 1) - 1 if centres_px is None else _nearest(people.tracks, centres_px)
        if not 0 <= index < n_faces:
            shown = f"{n_faces} faces; give one of 1 to {n_faces}" if n_faces > 1 else "one face; leave --face out"
            raise MediaError(source, f"has no face {face}: it shows {shown}, or see `talkedit faces {source.name}`")
        return _of(people, index)

    def _alone(self, source: Path) -> People | None:
        """Whose the face of each shot is, or None as soon as a frame shows several."""
        reader, times_s = Reader(source), list[Fraction]()
        fps, size_px = reader.info.average_fps, (reader.info.width_px, reader.info.height_px)
        is_crowd = self._crowds(fps)
        with progress_bar() as bar:
            task = bar.add_task("following the face", total=None, unit="frames", note="")

            def images(frames: Iterator[Frame]) -> Iterator[Image]:
                for frame in frames:
                    if is_crowd(len(times_s), frame.image):
                        raise _SeveralError
                    times_s.append(frame.time_s)
                    bar.advance(task)
                    yield frame.image

            try:
                shots = [
                    (first, self._tracker.track(images(frames), size_px, float(fps)))
                    for first, frames in split_shots(reader)
                ]
            except _SeveralError:
                return None
        video = People(reader.info, times_s, [first for first, _ in shots], [], reader.damage)
        return tell_apart(shots, video, self._tracker.max_gap_s)

    def _crowds(self, fps: Fraction) -> Callable[[int, Image], bool]:
        every_n = max(round(LOOK_ROUND_EVERY_S * fps), 1)
        return lambda number, image: number % every_n == 0 and len(self._look_round.all(grey(image))) > 1


class _SeveralError(Exception):
    """There are several faces: to be followed in another way."""


def _of(people: People, index: int) -> Followed:
    times_s = [float(time_s) for time_s in people.times_s]
    shots, n_faces = people.shots_of(index), len(people.tracks)
    return Followed(people.info, times_s, shots, people.damage, n_faces, index + 1)


def _nearest(tracks: list[FaceTrack], centres_px: Doubles) -> int:
    """The track whose face is least far from given places."""

    def distance_px(track: FaceTrack) -> float:
        n = min(len(track.found), len(centres_px))
        theirs = (track.boxes_xyxy_px[:n, :2] + track.boxes_xyxy_px[:n, 2:]) / 2
        apart = np.linalg.norm(theirs - centres_px[:n], axis=1)
        return float(np.nanmean(apart)) if np.isfinite(apart).any() else np.inf

    return int(np.argmin([distance_px(track) for track in tracks]))
