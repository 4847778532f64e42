"""Who is in a video: each person with a number, followed through cuts, so that one of them can be chosen."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkedit.errors import ClipRejected
from talkedit.face.choose import FacesParams, choose_speaking
from talkedit.face.identity import SAME_PERSON, a_few, describe
from talkedit.face.people import MAX_PEOPLE, PeopleTracker
from talkedit.media.audio import read_audio
from talkedit.media.cuts import split_shots
from talkedit.media.video import Frame, Reader, VideoInfo, read_frames_at
from talkedit.progress import progress_bar
from talkedit.records import CLIP_FPS, N_LANDMARKS, Doubles, FaceTrack, Image

# The same for every model, so that `talkedit faces`, which knows none, gives the numbers that an edit takes.
DETECT_EVERY_N_FRAMES, MAX_GAP_S = 5, 0.4
LEAST_S = 0.3  # who is there for less is taken for a pattern on the wall
MIN_LEAD = 0.1  # in correlation, of who speaks over the others

Piece = tuple[int, FaceTrack]  # the number of the first frame, and a face from there on


@dataclass(frozen=True)
class People:
    """Everybody in a video; T frames.

    Attributes:
        info: What the file is.
        times_s: When each frame is shown.
        firsts: The frames at which a shot begins, the first of them 0.
        tracks: A track of T frames for each person, those seen longest and largest first: number 1 is `tracks[0]`.
        damage: What could not be decoded, or None.
    """

    info: VideoInfo
    times_s: list[Fraction]
    firsts: list[int]
    tracks: list[FaceTrack]
    damage: str | None

    def shots_of(self, index: int) -> list[tuple[int, FaceTrack]]:
        """One person's track from cut to cut: (number of the first frame, its frames)."""
        ends = [*self.firsts[1:], len(self.times_s)]
        return [
            (first, _rows(self.tracks[index], slice(first, end))) for first, end in zip(self.firsts, ends, strict=True)
        ]


def find_people(source: Path) -> People:
    """Follows everybody in a video. What is seen in several shots, or comes and goes, is joined by its looks.

    Raises:
        MediaError: The video cannot be read.
    """
    reader, tracker = Reader(source), PeopleTracker(DETECT_EVERY_N_FRAMES, MAX_GAP_S)
    times_s: list[Fraction] = []
    with progress_bar() as bar:
        task = bar.add_task("looking for faces", total=None, unit="frames", note="")

        def images(frames: Iterable[Frame]) -> Iterator[Image]:
            for frame in frames:
                times_s.append(frame.time_s)
                bar.advance(task)
                yield frame.image

        seen = [(first, tracker.look(images(frames))) for first, frames in split_shots(reader)]
    info = reader.info
    again, tracks = (frame.image for frame in Reader(source)), list[Piece]()
    for first, sightings in seen:
        shot = (next(again) for _ in range(sightings.n_frames))
        followed = tracker.follow(shot, sightings, (info.width_px, info.height_px), info.average_fps)
        tracks += [(first, track) for track in followed]
        for _ in shot:  # nobody was seen in it, so nobody read it
            pass
    tracks = [each for each in tracks if each[1].found.sum() >= LEAST_S * info.average_fps]
    return tell_apart(tracks, People(info, times_s, [first for first, _ in seen], [], reader.damage), MAX_GAP_S)


def tell_apart(tracks: Sequence[Piece], video: People, max_gap_s: float) -> People:
    """The people of a video, from what was followed by its place alone: somebody else may come to where a face was.

    Args:
        tracks: Faces from cut to cut, also where nobody is found in a shot.
        video: Of which the tracks are still to come.
        max_gap_s: Gaps up to this long are bridged: who is there after one is who was there before.

    Returns:
        The same with tracks, those seen longest and largest first; the first of them however short it is.
    """
    fps = video.info.average_fps
    pieces = [piece for first, track in tracks for piece in _split(first, track, round(max_gap_s * fps))]
    people = by_person(pieces, video.info.path, video.times_s)
    others = [theirs for theirs in people[1:] if sum(track.found.sum() for _, track in theirs) >= LEAST_S * fps]
    seen = [*people[:1], *others][:MAX_PEOPLE]
    return replace(video, tracks=[_merged(theirs, len(video.times_s)) for theirs in seen])


def _split(first: int, track: FaceTrack, max_gap: int) -> Iterator[Piece]:
    """What lies between gaps of more than `max_gap` frames."""
    at = np.flatnonzero(track.found)
    for part in np.split(at, np.flatnonzero(np.diff(at) > max_gap + 1) + 1) if len(at) else ():
        yield first + int(part[0]), _rows(track, slice(part[0], part[-1] + 1))


def who_speaks(people: People) -> int | None:
    """The index of the person whose mouth goes with the sound; None: nobody's does, or there is no sound."""
    samples = read_audio(people.info.path) if people.tracks else None
    if samples is None:
        return None
    times_s = np.array(people.times_s, np.float64)
    at_25_fps = np.arange(int(times_s[-1] * CLIP_FPS) + 1) / float(CLIP_FPS)
    rows = np.maximum(np.searchsorted(times_s, at_25_fps, side="right") - 1, 0)
    params = FacesParams(choose="speaking", reference=None, max_distance=SAME_PERSON, min_lead=MIN_LEAD)
    try:
        return choose_speaking([_rows(track, rows) for track in people.tracks], samples, params).index
    except ClipRejected:
        return None


def _rows(track: FaceTrack, rows: slice | NDArray[np.intp]) -> FaceTrack:
    return FaceTrack(track.boxes_xyxy_px[rows], track.landmarks_px[rows], track.found[rows], track.frame_size_px)


def by_person(pieces: Sequence[Piece], source: Path, times_s: Sequence[Fraction]) -> list[list[Piece]]:
    """Puts together what looks alike and is never seen at the same time; the largest find their like first.

    Args:
        pieces: With a face each.
        source: The video that they are of.
        times_s: When its frames are shown.

    Returns:
        The pieces of each person, those seen longest and largest first.
    """
    pieces = sorted(pieces, key=lambda piece: _prominence(piece[1]), reverse=True)
    if all(_together(a, b) for i, a in enumerate(pieces) for b in pieces[:i]):
        return [[piece] for piece in pieces]
    people: list[tuple[Doubles, list[Piece]]] = []
    for piece, looks in zip(pieces, _descriptors(pieces, source, times_s), strict=True):
        like = [
            (float(np.linalg.norm(looks - others)), i)
            for i, (others, theirs) in enumerate(people)
            if not any(_together(piece, other) for other in theirs)
        ]
        distance, nearest = min(like, default=(np.inf, -1))
        if distance < SAME_PERSON:
            people[nearest][1].append(piece)
        else:
            people.append((looks, [piece]))
    return sorted((theirs for _, theirs in people), key=lambda pieces: -sum(_prominence(each) for _, each in pieces))


def _together(a: Piece, b: Piece) -> bool:
    """Whether some frame shows both."""
    (first, one), (other_first, other) = sorted((a, b), key=lambda piece: piece[0])
    seen = one.found[other_first - first :]
    n = min(len(seen), len(other.found))
    return bool((seen[:n] & other.found[:n]).any())


def _descriptors(pieces: Sequence[Piece], source: Path, times_s: Sequence[Fraction]) -> list[Doubles]:
    """The mean over some frames of each; see `talkedit.face.identity.describe`."""
    wanted = sorted((first + int(at), i) for i, (first, track) in enumerate(pieces) for at in a_few(track.found))
    images = read_frames_at(source, [times_s[number] for number, _ in wanted])
    looks: list[list[Doubles]] = [[] for _ in pieces]
    for (number, i), image in zip(wanted, images, strict=True):
        first, track = pieces[i]
        looks[i].append(describe(image, track.landmarks_px[number - first]))
    return [np.mean(each, axis=0) for each in looks]


def _merged(pieces: Sequence[Piece], n_frames: int) -> FaceTrack:
    """The pieces of one person as a track of the whole video."""
    boxes, landmarks = np.full((n_frames, 4), np.nan), np.full((n_frames, N_LANDMARKS, 2), np.nan, np.float32)
    found = np.zeros(n_frames, np.bool_)
    for first, track in pieces:
        here = first + np.flatnonzero(track.found)
        boxes[here], landmarks[here] = track.boxes_xyxy_px[track.found], track.landmarks_px[track.found]
        found[here] = True
    return FaceTrack(boxes, landmarks, found, pieces[0][1].frame_size_px)


def _prominence(track: FaceTrack) -> float:
    return float(np.nansum(track.boxes_xyxy_px[:, 2] - track.boxes_xyxy_px[:, 0]))
