from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from talkedit.face.pose import (
    HEAD_MODEL_INDICES,
    HEAD_MODEL_POINTS,
    LandmarkPose,
    angles_deg,
    camera_matrix,
    rotation_from_angles,
    solve_head_pose,
)
from talkedit.face.track import FaceTracker
from talkedit.media.video import read_frames
from talkedit.records import CropTrack, FaceTrack

SIZE_PX = (640, 480)
NO_CROPS = np.zeros((0, 0, 0, 3), np.uint8)
MAX_STEP_DEG = 3.0  # between neighbouring frames, after smoothing: a quick turn of the head is 75 degrees a second
LANDMARK_NOISE_OF_EYES = 0.003  # of the distance between the eyes: measured on the sample
MODEL_ERROR_DEG = 4.0

TURNS = {  # pose, a point of the head, and where in the picture (x to the right, y down) it moves
    "yaw": ((20, 0, 0), (0, 0, -10), (1, 0)),  # to their own left: the nose moves to the viewer's right
    "pitch": ((0, 20, 0), (0, 0, -10), (0, -1)),  # up: the nose moves up
    "roll": ((0, 0, 20), (0, -10, 0), (1, 0)),  # clockwise: the top of the head moves to the viewer's right
}


def _project(points: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    return cv2.projectPoints(points, rotation, translation, camera_matrix(SIZE_PX), None)[0][:, 0]


def _landmarks(points: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    landmarks = np.full((68, 2), np.nan)
    landmarks[HEAD_MODEL_INDICES] = _project(points, rotation, translation)
    return landmarks


@pytest.mark.parametrize("name", TURNS)
def test_signs(name: str) -> None:
    pose, point, (x, y) = TURNS[name]
    ahead = np.array([0.0, 0.0, 90.0])
    before, after = (
        _project(np.array([point], float), rotation, ahead)[0]
        for rotation in (np.eye(3), rotation_from_angles(pose, ahead))
    )
    assert (after - before) @ (x, y) > 10


@pytest.mark.parametrize("translation", [(0, 0, 90), (-20, 10, 60), (15, -12, 40)])
@pytest.mark.parametrize("pose", [(0, 0, 0), (30, 0, 0), (0, -30, 0), (0, 0, 25), (-25, 20, -15), (18, -12, 30)])
def test_a_known_head_is_solved_exactly(pose: tuple[float, ...], translation: tuple[float, ...]) -> None:
    at = np.array(translation, float)
    rotation = rotation_from_angles(pose, at)
    solved_rotation, solved_at = solve_head_pose(_landmarks(HEAD_MODEL_POINTS, rotation, at), SIZE_PX)
    np.testing.assert_allclose(angles_deg(solved_rotation, solved_at), pose, atol=0.01)
    np.testing.assert_allclose(solved_at, at, rtol=1e-3, atol=0.01)


def test_facing_the_camera_is_zero_wherever_in_the_frame() -> None:
    for at in ((0, 0, 80), (-25, 0, 80), (20, -18, 60)):
        towards = np.array(at, float)
        forward = rotation_from_angles((0, 0, 0), towards) @ (0, 0, -1)
        np.testing.assert_allclose(forward, -towards / np.linalg.norm(towards), atol=1e-12)


def test_heads_of_other_proportions_with_noise() -> None:
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(200):
        pose = rng.uniform(-30, 30, 3)
        at = np.array([*rng.uniform(-15, 15, 2), rng.uniform(60, 110)])
        head = HEAD_MODEL_POINTS * rng.choice([0.9, 1.1], 3)
        landmarks = _landmarks(head, rotation_from_angles(pose, at), at)
        eyes_px = np.linalg.norm(landmarks[45] - landmarks[36])
        landmarks += rng.normal(0, LANDMARK_NOISE_OF_EYES * eyes_px, landmarks.shape)
        errors.append(np.abs(angles_deg(*solve_head_pose(landmarks, SIZE_PX)) - pose))
    assert (np.mean(errors, axis=0) <= MODEL_ERROR_DEG).all()


def test_talking_does_not_nod() -> None:
    at = np.array([0.0, 0.0, 90.0])
    closed = _landmarks(HEAD_MODEL_POINTS, np.eye(3), at)
    talking = closed.copy()
    talking[[8, 57]] += (0, 0.1 * np.linalg.norm(closed[45] - closed[36]))  # the jaw drops by about a centimetre
    assert np.abs(angles_deg(*solve_head_pose(talking, SIZE_PX))).max() < 1.5


def test_the_sample_looks_into_the_camera(sample_crop_track: CropTrack) -> None:
    pose = LandmarkPose(smooth_s=0.08)(NO_CROPS, sample_crop_track, 29.97)
    yaw, pitch, roll = np.median(pose, axis=0)
    assert abs(yaw) <= 5
    assert abs(pitch) <= 10
    assert 2 <= roll <= 7  # he tilts his head: his eyes are 5 degrees from level, the one on the right is lower
    assert np.abs(np.diff(pose, axis=0)).max() <= MAX_STEP_DEG


def _pose_of(video: Path, tracker: FaceTracker) -> np.ndarray:
    frames = [frame.image for frame in islice(read_frames(video), 50)]
    size_px = (frames[0].shape[1], frames[0].shape[0])
    track: FaceTrack = tracker.track(frames, size_px, 25)
    assert track.found.all()
    in_frame = CropTrack(size_px[0], np.tile(np.eye(3), (len(frames), 1, 1)), track.landmarks_px, size_px)
    return LandmarkPose(smooth_s=0.08)(NO_CROPS, in_frame, 25)


@pytest.mark.parametrize(
    ("video", "yaw_deg"),
    [
        ("grid_s1/bbaf2n.mp4", (-5, 5)),
        ("lieu/lieu_60s.mp4", (-14, 9)),
        ("references/yaw_a.mp4", (-35, -15)),  # she turns to her right, the left of the picture
        ("references/w036_happy.mp4", (-5, 5)),
    ],
)
def test_real_footage(shared_media: Path, tracker: FaceTracker, video: str, yaw_deg: tuple[float, float]) -> None:
    pose = _pose_of(shared_media / video, tracker)
    low, high = yaw_deg
    assert low <= pose[:, 0].min() <= pose[:, 0].max() <= high
    assert np.abs(np.median(pose[:, 1])) <= 10
    assert np.abs(np.diff(pose, axis=0)).max() <= MAX_STEP_DEG
