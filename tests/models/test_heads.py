"""Where heads are seen, against the projection written out once more, and where in a head what is seen is."""

import numpy as np
import pytest
import torch

from .scene import SIDE_PX, at, heads, project

POINTS_CM = np.array([[0.0, -0.7, -7.9], [3.0, 4.0, -5.0], [-6.0, 8.0, 2.0]])
POSES = [(0, 0, 0), (25, -10, 8), (-60, 20, 0)]
FIRST_PX = (12, 7)  # of the picture, in the frame


def seen(camera_from_head: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((project(POINTS_CM, camera_from_head) - FIRST_PX + 0.5) / SIDE_PX).float()[None]


@pytest.mark.parametrize("pose_deg", POSES)
def test_points_of_the_head_are_seen_where_they_are(pose_deg: tuple[float, float, float]) -> None:
    head = at(4, -3, pose_deg)
    points = heads(head, FIRST_PX).project(torch.from_numpy(POINTS_CM).float()[None])
    torch.testing.assert_close(points, seen(head), atol=1e-5, rtol=0)


@pytest.mark.parametrize("pose_deg", POSES)
def test_what_is_seen_is_found_in_the_head_again(pose_deg: tuple[float, float, float]) -> None:
    head = at(4, -3, pose_deg)
    places, facing = heads(head, FIRST_PX).onto_planes(seen(head), torch.from_numpy(POINTS_CM[:, 2]).float())
    assert places[0].numpy() == pytest.approx(POINTS_CM[:, :2], abs=1e-3)
    rays = POINTS_CM @ head[:, :3].T + head[:, 3]
    cosines = rays @ head[:, 2] / np.linalg.norm(rays, axis=1)
    assert facing[0].numpy() == pytest.approx(cosines, abs=1e-5)


def test_of_a_head_in_profile_places_are_numbers() -> None:
    head = heads(at(pose_deg=(90, 0, 0)))
    places, facing = head.onto_planes(torch.rand(1, 3, 2), torch.zeros(3))
    assert places.isfinite().all()
    assert facing.abs().max() < 0.5
