"""A head placed by its landmarks, and the same head turned; the truth is projected by the tests themselves."""

import numpy as np
import pytest

from talkedit.face.head import TURNING_POINT, camera_of, locate_heads, turn_heads
from talkedit.face.pose import HEAD_MODEL_INDICES, HEAD_MODEL_POINTS, angles_deg
from talkedit.records import CropTrack

from .. import tiny

POSES_DEG = np.array([(0, 0, 0), (20, -8, 5), (-25, 12, -10), (5, 20, 15)], float)
PLACES_CM = np.array([(0, 0, 90), (-20, 10, 60), (15, -12, 70), (6, 3, 120)], float)
FLOAT32_CM = 1e-3
SIZE_PX = (640, 480)


@pytest.fixture
def heads() -> np.ndarray:
    return tiny.place_heads(POSES_DEG, PLACES_CM)


def track_of(heads: np.ndarray) -> CropTrack:
    """Landmarks where the heads' points are seen, in crops at half the frame's scale that start at (100, 50)."""
    landmarks = np.zeros((len(heads), 68, 2), np.float32)
    for points, head in zip(landmarks, heads, strict=True):
        points[HEAD_MODEL_INDICES] = tiny.project(HEAD_MODEL_POINTS, head, SIZE_PX)
    frame_from_crop = np.array([[2.0, 0, 100], [0, 2.0, 50], [0, 0, 1]])
    in_crop = ((landmarks - (100, 50)) / 2).astype(np.float32)
    return CropTrack(128, np.tile(frame_from_crop, (len(heads), 1, 1)), in_crop, SIZE_PX)


def pivots(heads: np.ndarray) -> np.ndarray:
    return heads[:, :, :3] @ TURNING_POINT + heads[:, :, 3]


def shown_deg(heads: np.ndarray) -> np.ndarray:
    return np.array([angles_deg(head[:, :3], head[:, 3]) for head in heads.astype(np.float64)])


def test_the_camera_is_in_frame_pixels() -> None:
    camera = camera_of(SIZE_PX)
    assert camera.tolist() == [768.0, 319.5, 239.5]
    assert camera.dtype == np.float32


def test_known_heads_are_found_where_they_are(heads: np.ndarray) -> None:
    found = locate_heads(track_of(heads), POSES_DEG, smooth_frames=0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, heads, atol=0.05)
    np.testing.assert_allclose(pivots(found), pivots(heads), atol=0.05)
    np.testing.assert_allclose(shown_deg(found), POSES_DEG, atol=0.05)


def test_a_located_head_s_points_lie_on_the_landmarks(heads: np.ndarray) -> None:
    track = track_of(heads)
    found = locate_heads(track, POSES_DEG, smooth_frames=0)
    for head, landmarks in zip(found, track.landmarks_in_frame_px(), strict=True):
        seen = tiny.project(HEAD_MODEL_POINTS, head, SIZE_PX)
        np.testing.assert_allclose(seen, landmarks[HEAD_MODEL_INDICES], atol=0.1)


def test_the_pose_is_the_one_given_whatever_the_landmarks_say(heads: np.ndarray) -> None:
    asked = POSES_DEG + np.array([4, -3, 2])  # another extractor's opinion
    found = locate_heads(track_of(heads), asked, smooth_frames=0)
    np.testing.assert_allclose(shown_deg(found), asked, atol=0.01)
    np.testing.assert_allclose(pivots(found)[:, :2], pivots(heads)[:, :2], atol=1.0)


def test_smoothing_steadies_the_place_and_keeps_the_pose(heads: np.ndarray) -> None:
    n_frames = 40
    noise = np.random.default_rng(0).normal(scale=0.5, size=(n_frames, 3))
    trembling = tiny.place_heads(np.tile(POSES_DEG[1], (n_frames, 1)), PLACES_CM[0] + noise)
    poses = np.tile(POSES_DEG[1], (n_frames, 1))
    found = locate_heads(track_of(trembling), poses, smooth_frames=4)
    inside = slice(8, -8)
    assert pivots(found)[inside].std(axis=0).max() < 0.5 * pivots(trembling)[inside].std(axis=0).min()
    np.testing.assert_allclose(shown_deg(found), poses, atol=0.01)


@pytest.mark.parametrize("turn_deg", [(30, 0, 0), (0, -30, 0), (0, 0, 30), (-20, 20, -20)])
def test_a_turned_head_shows_the_pose_and_stays_in_its_place(
    heads: np.ndarray, turn_deg: tuple[float, float, float]
) -> None:
    asked = POSES_DEG + np.array(turn_deg)
    turned = turn_heads(heads.astype(np.float32), asked)
    assert turned.shape == (4, 3, 4)
    np.testing.assert_allclose(pivots(turned), pivots(heads), atol=FLOAT32_CM)
    np.testing.assert_allclose(shown_deg(turned), asked, atol=0.01)
    rotations = turned[:, :, :3].astype(np.float64)
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (4, 1, 1)), atol=1e-6)


def test_a_head_that_is_asked_for_the_pose_it_has_does_not_move(heads: np.ndarray) -> None:
    pose_deg = POSES_DEG + np.array([2, -1, 1])
    located = locate_heads(track_of(heads), pose_deg, smooth_frames=1)
    again = turn_heads(located, pose_deg)
    np.testing.assert_allclose(again, located, atol=FLOAT32_CM)
