"""Where heads are seen: steps along a head's axes, against the projection itself."""

import numpy as np
import pytest

from .scene import SIDE_PX, at, heads, project


@pytest.mark.parametrize("pose_deg", [(0, 0, 0), (25, -10, 8)])
def test_a_step_in_the_head_is_a_step_in_the_picture(pose_deg: tuple[float, float, float]) -> None:
    head, point, step_cm = at(4, -3, pose_deg), np.array([1.0, -0.7, -7.9]), 0.01
    expected = [
        (project(point + step, head) - project(point - step, head)) / (2 * step_cm * SIDE_PX)
        for step in np.eye(3)[:, None] * step_cm
    ]
    got = heads(head, (12, 7)).steps_at((1.0, -0.7, -7.9))
    assert got.shape == (1, 2, 3)
    assert got[0].numpy() == pytest.approx(np.concatenate(expected).T, abs=1e-6)
