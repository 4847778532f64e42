"""Finds the wanted face of a clip: the only one that is looked for, or one of several."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from talkedit.errors import ClipRejected
from talkedit.face.choose import Chosen, FacesParams, choose_by_reference, choose_speaking
from talkedit.face.identity import a_few, describe_at
from talkedit.face.people import PeopleTracker
from talkedit.face.track import FaceTracker
from talkedit.media.audio import read_wav
from talkedit.media.video import probe, read_frames_at
from talkedit.records import CLIP_FPS, Clip, Doubles, FaceTrack


@dataclass(frozen=True)
class Found:
    """The wanted face of a clip.

    Attributes:
        track: The face, frame by frame.
        n_faces: How many there are; None where only the largest was looked for.
        score: Of the choice; see `talkedit.face.choose.Chosen`. None where there was none.
    """

    track: FaceTrack
    n_faces: int | None = None
    score: float | None = None


@dataclass(frozen=True)
class FaceFinder:
    """How faces are found.

    Attributes:
        detect_every_n_frames: Frames from one detection to the next.
        max_gap_s: Gaps without a face up to this long are bridged.
        faces: Which of several is taken.
    """

    detect_every_n_frames: int
    max_gap_s: float
    faces: FacesParams

    def find(self, source: Path, clip: Clip, wav: Path) -> Found:
        """The wanted face of a clip.

        Args:
            source: The video that the clip is of.
            clip: Which stretch of it.
            wav: The clip's sound; only read where the speaking face is wanted.

        Raises:
            ClipRejected: There are faces, but not the wanted one.
            MediaError: The video cannot be read there.
        """
        info = probe(source)
        size_px = (info.width_px, info.height_px)
        if self.faces.choose == "largest":
            tracker = _tracker(self.detect_every_n_frames, self.max_gap_s)
            return Found(tracker.track(read_frames_at(source, clip.times_s()), size_px, float(CLIP_FPS)))
        people = _people_tracker(self.detect_every_n_frames, self.max_gap_s)
        tracks = people.track(lambda: read_frames_at(source, clip.times_s()), size_px, CLIP_FPS)
        tracks = [track for track in tracks if track.found.any()]
        if not tracks:
            raise ClipRejected(
                "no_face", "no face was found in any frame; use footage that shows the face from the front"
            )
        chosen = self._choose(tracks, source, clip, wav)
        return Found(tracks[chosen.index], len(tracks), chosen.score)

    def _choose(self, tracks: list[FaceTrack], source: Path, clip: Clip, wav: Path) -> Chosen:
        if self.faces.choose == "speaking":
            return choose_speaking(tracks, read_wav(wav)[0], self.faces)
        return choose_by_reference([_descriptor(track, source, clip) for track in tracks], self.faces)


def _descriptor(track: FaceTrack, source: Path, clip: Clip) -> Doubles:
    """The mean over some frames of a face."""
    times_s = clip.times_s()
    return describe_at(source, [(times_s[at], track.landmarks_px[at]) for at in a_few(track.found)])


@cache
def _tracker(detect_every_n_frames: int, max_gap_s: float) -> FaceTracker:
    """One per process: loading the landmark model takes a second."""
    return FaceTracker(detect_every_n_frames, max_gap_s)


@cache
def _people_tracker(detect_every_n_frames: int, max_gap_s: float) -> PeopleTracker:
    return PeopleTracker(detect_every_n_frames, max_gap_s)
