"""Turns of made-up heads are found again; lids and lips are measured in their own units."""

import numpy as np
import pytest

from talkedit.evaluate.mesh import (
    EXPRESSIVE,
    EYES,
    INNER_LIPS,
    MOUTH_CORNERS,
    N_POINTS,
    OUTER_EYE_CORNERS,
    expression_moved,
    lid_opening,
    mouth_opening,
    mouth_width,
    turned_deg,
)
from talkedit.face.pose import rotation_from_angles
from talkedit.models.expressions import expressions
from talkedit.records import EMOTIONS

STRAIGHT_AHEAD = np.array([0.0, 0.0, 1000.0])


@pytest.fixture
def head() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N_POINTS, 3)).astype(np.float32) * 50


@pytest.mark.parametrize("angles_deg", [(12, 0, 0), (0, -9, 0), (0, 0, 7), (10, 5, -4)])
def test_a_turn_is_found_with_the_signs_of_the_records(head: np.ndarray, angles_deg: tuple[float, ...]) -> None:
    neutral = rotation_from_angles(np.zeros(3), STRAIGHT_AHEAD)
    turned = rotation_from_angles(np.array(angles_deg, float), STRAIGHT_AHEAD)
    before, after = head @ neutral.T, head @ turned.T * 1.3 + (4, -2, 9)
    assert turned_deg(before[None], after[None])[0] == pytest.approx(angles_deg, abs=0.01)


def test_lips_and_lids_do_not_turn_a_head(head: np.ndarray) -> None:
    talking = head.copy()
    talking[[*INNER_LIPS, 159, 145]] += 20
    assert turned_deg(head[None], talking[None])[0] == pytest.approx((0, 0, 0), abs=1e-3)


def test_lids_are_a_share_of_the_eyes_width_also_when_it_turns_away() -> None:
    mesh = np.zeros((2, N_POINTS, 3), np.float32)
    for _, p2, p3, p4, p5, p6 in EYES:
        mesh[:, p4] = [(10, 0, 0), (6, 0, 8)]  # facing, and turned away: 10 wide both times
        mesh[:, [p2, p3], 1] = -1.5
        mesh[:, [p5, p6], 1] = 1.5
    assert lid_opening(mesh) == pytest.approx([0.3, 0.3])


def test_a_mouths_opening_is_a_share_of_the_distance_of_the_eyes() -> None:
    mesh = np.zeros((1, N_POINTS, 3), np.float32)
    mesh[0, OUTER_EYE_CORNERS[1], 0] = 90
    mesh[0, INNER_LIPS[1], 1] = 18
    assert mouth_opening(mesh) == pytest.approx([0.2])


def test_a_mouths_width_is_that_in_space() -> None:
    """Turned by 60 degrees, both it and the eyes look half as wide."""
    mesh = np.zeros((2, N_POINTS, 3), np.float32)
    deep = np.sqrt(3) / 2
    mesh[:, OUTER_EYE_CORNERS[1]] = [(90, 0, 0), (45, 0, 90 * deep)]
    mesh[:, MOUTH_CORNERS[1]] = [(54, 0, 0), (27, 0, 54 * deep)]
    assert mouth_width(mesh) == pytest.approx([0.6, 0.6])


def smile_asked(share: float) -> np.ndarray:
    change = np.zeros((1, len(EMOTIONS)), np.float32)
    change[0, EMOTIONS.index("happy")] = share
    return change


def level_mesh() -> np.ndarray:
    """(1, 468, 3) at random, but for the eyes, which are level."""
    mesh = np.random.default_rng(0).uniform(0, 200, (1, N_POINTS, 3)).astype(np.float32)
    mesh[0, OUTER_EYE_CORNERS, :2] = [(60, 80), (140, 80)]
    return mesh


def smiling(mesh: np.ndarray, share: float) -> np.ndarray:
    """All that a smile moves, by a share of what it moves it; the eyes are 80 apart."""
    after, smile = mesh.copy(), expressions()[EMOTIONS.index("happy")].numpy() * share * 80
    for dlib_point, point in EXPRESSIVE.items():
        after[0, point, :2] += smile[dlib_point] * (1, -1)
    return after


@pytest.mark.parametrize("share", [-0.5, 0.0, 0.4, 1.0])
def test_an_expression_moved_by_a_share_of_what_was_asked(share: float) -> None:
    mesh = level_mesh()
    after = smiling(mesh, share)
    assert expression_moved(mesh, after, smile_asked(1)) == pytest.approx([share], abs=1e-4)
    assert expression_moved(mesh, after, smile_asked(0.5)) == pytest.approx([2 * share], abs=1e-4)


def test_a_face_that_is_moved_as_a_whole_has_the_expression_that_it_had() -> None:
    mesh = level_mesh()
    assert expression_moved(mesh, mesh * 1.3 + 20, smile_asked(1)) == pytest.approx([0], abs=1e-4)


def test_without_a_wish_or_a_face_no_expression_is_measured() -> None:
    mesh = level_mesh()
    assert np.isnan(expression_moved(mesh, mesh, smile_asked(0)))
    assert np.isnan(expression_moved(mesh, np.full_like(mesh, np.nan), smile_asked(1)))
