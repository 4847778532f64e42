import weakref
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from talkedit.face.detect import FaceDetector
from talkedit.face.geometry import box_overlap, cut, eye_aspect_ratio, frame_from_square, grey, inter_ocular_px
from talkedit.face.track import FaceTracker, bridge_gaps
from talkedit.media.video import read_frames
from talkedit.records import FaceTrack, Image

FRAME = np.zeros((4, 4), np.uint8)
BOX = np.array([0.0, 0, 10, 10])
EMPTY = np.full((480, 640, 3), 90, np.uint8)
MAX_JITTER_OF_EYES = 0.004  # noise of a rigid point over the distance between the eyes; 0.0028 measured


def _bridge(boxes: list[np.ndarray | None], max_gap: int) -> list[list[float] | None]:
    bridged = bridge_gaps(((FRAME, box) for box in boxes), max_gap)
    return [None if box is None else box.tolist() for _, box in bridged]


def test_a_short_gap_is_a_line() -> None:
    assert _bridge([BOX, None, None, BOX + 3], max_gap=2) == [(BOX + n).tolist() for n in range(4)]


@pytest.mark.parametrize(
    ("boxes", "max_gap"),
    [
        ([BOX, None, None, BOX + 3], 1),  # too long
        ([BOX, None, BOX + 50], 5),  # another place: a cut
        ([None, BOX, None], 5),  # one end is open
    ],
)
def test_other_gaps_stay(boxes: list[np.ndarray | None], max_gap: int) -> None:
    assert _bridge(boxes, max_gap) == [None if box is None else box.tolist() for box in boxes]


def test_the_sample_is_found_in_every_frame(sample_track: FaceTrack) -> None:
    assert sample_track.found.shape == (173,)
    assert sample_track.found.all()
    assert sample_track.boxes_xyxy_px.mean(axis=0) == pytest.approx([195, 115, 345, 264], abs=12)


def test_landmarks_are_steady_and_blinks_are_kept(sample_track: FaceTrack) -> None:
    landmarks = sample_track.landmarks_px
    rigid = landmarks[:, [27, 28, 29, 30, 36, 39, 42, 45]]
    wobble = rigid[2:] - 2 * rigid[1:-1] + rigid[:-2]  # of white noise it has sqrt(6) times the deviation
    jitter = np.median(np.abs(wobble)) / 0.6745 / np.sqrt(6) / np.median(inter_ocular_px(landmarks))
    assert jitter < MAX_JITTER_OF_EYES
    ear = eye_aspect_ratio(landmarks)
    assert ear.min() < 0.17
    assert ear.max() > 0.3


def test_frames_without_a_face_are_said(sample_frames: list[Image], tracker: FaceTracker) -> None:
    frames = [*[EMPTY] * 12, *sample_frames[:23], *[EMPTY] * 25, *sample_frames[23:30]]
    track = tracker.track(iter(frames), (640, 480), 25)
    expected = np.array([False] * 12 + [True] * 23 + [False] * 25 + [True] * 7)
    np.testing.assert_array_equal(track.found, expected)
    assert np.isnan(track.landmarks_px[~expected]).all()
    assert np.isfinite(track.landmarks_px[expected]).all()


def test_no_frames(tracker: FaceTracker) -> None:
    track = tracker.track([], (640, 480), 25)
    assert track.landmarks_px.shape == (0, 68, 2)
    assert track.boxes_xyxy_px.shape == (0, 4)


@pytest.mark.parametrize("face_px", [50, 80, 150, 400])
def test_faces_of_many_sizes(sample_frames: list[Image], face_px: int) -> None:
    centre, side = (270, 190), 150 * 640 / face_px  # the face has 150 px in the sample
    frame = cut(grey(sample_frames[0]), frame_from_square(centre, side, 640), 640)
    box = FaceDetector()(frame)
    assert box is not None
    assert box[2] - box[0] == pytest.approx(face_px, rel=0.2)


def test_the_same_face_is_followed_and_the_larger_comes_first(sample_frames: list[Image]) -> None:
    frame = grey(sample_frames[0])
    small = cut(frame, frame_from_square((270, 190), 480 * 1.4, 480), 480)
    both = np.concatenate([frame, small], axis=1)
    detector = FaceDetector()
    large_box = detector(both)
    assert large_box is not None
    assert large_box[2] < 640
    last = np.array([640 + 190, 190, 640 + 290, 290], float)
    small_box = detector(both, last)
    assert small_box is not None
    assert box_overlap(small_box, last) > 0.3


def test_memory_is_flat(sample_frames: list[Image]) -> None:
    """No more frames are alive than one group and one gap."""
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def stream() -> Iterator[Image]:
        nonlocal most
        for i in range(60):
            frame = sample_frames[i].copy()
            alive.append(weakref.ref(frame))
            yield frame
            del frame
            most = max(most, sum(ref() is not None for ref in alive))

    FaceTracker(5, 0.4).track(stream(), (640, 480), 25)
    assert len(alive) == 60
    assert most <= 2


@pytest.mark.parametrize(("video", "found_share"), [("no_usable_face.mp4", 0.0), ("scene_cuts_2997.mp4", 0.38)])
def test_footage_without_a_face_in_places(
    shared_media: Path, tracker: FaceTracker, video: str, found_share: float
) -> None:
    frames = [frame.image for frame in islice(read_frames(shared_media / "cases" / video), 100)]
    track = tracker.track(frames, (frames[0].shape[1], frames[0].shape[0]), 30)
    assert track.found.mean() == pytest.approx(found_share, abs=0.1)
    assert np.isnan(track.landmarks_px[~track.found]).all()
