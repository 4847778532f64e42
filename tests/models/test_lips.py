"""Moved lips, by where each pixel is looked up."""

import numpy as np
import pytest
import torch
from torch import Tensor

from talkedit.face.pose import HEAD_MODEL_INDICES, HEAD_MODEL_POINTS
from talkedit.models.lips import (
    CHIN,
    DEPTHS_CM,
    EYES_CM,
    LINES,
    NECK_HALF_WIDTHS,
    NOSE_BASE,
    NOSE_BASE_CM,
    OUTER_EYE_CORNERS,
    OVERSHOOT,
    POINTS,
    REACH_HALF_WIDTHS,
    Mouth,
    about_mouth,
    lip_shape,
    move_lips,
    opening_and_width,
    overshot,
)

from .scene import SIDE_PX, at, heads, project

FINE_PX = 360  # positions are looked at three times as finely as the picture's pixels
HALF_WIDTH, LIP = 0.27, 0.3  # of the mouth below, and how far below the nose's base its line is
EXACT = 1e-4  # of shapes
SAME_PLACE = 1.5 / FINE_PX
TURNED = [(0, 0, 0), (20, 0, 0), (-20, 10, 0), (0, -15, 25)]
FAR_TURNED = [(45, 10, 0), (-60, 0, 15)]
SAME_PLACE_FAR = 2 / FINE_PX  # at 45 degrees, where a far corner comes to lie behind its lips


def mouth_shape(opening: float = 0.05, wider: float = 1.0) -> np.ndarray:
    """(21, 2): an elliptic mouth with lips 0.05 thick, and a chin."""
    places = {CHIN: (0.0, 0.75 + opening)}
    for line, up in zip(LINES, (-0.05 - opening / 2, -opening / 2, opening / 2, 0.05 + opening / 2), strict=True):
        for index, along in zip(line, np.linspace(-1, 1, 7), strict=True):
            places.setdefault(index, (HALF_WIDTH * wider * along, LIP + up * (1 - along**2)))
    return np.float32([places[index] for index in POINTS])


def landmarks(shape: np.ndarray, camera_from_head: np.ndarray) -> Tensor:
    """(1, 68, 2): a head whose lips and chin have that shape; all other points are its nose's base."""
    points = np.tile(np.float64(NOSE_BASE_CM), (68, 1))
    away = np.column_stack([shape * EYES_CM, DEPTHS_CM])
    points[list(POINTS)] += away
    return torch.from_numpy((project(points, camera_from_head) + 0.5) / SIDE_PX).float()[None]


def mouth(now: np.ndarray, asked: np.ndarray, pose_deg: tuple[float, float, float] = (0, 0, 0)) -> Mouth:
    """A mouth that is to be moved by the difference of two shapes."""
    points, where = landmarks(now, at(pose_deg=pose_deg)), heads(at(pose_deg=pose_deg))
    return Mouth(points, where, lip_shape(points, where) + torch.from_numpy(asked - now))


def positions() -> tuple[Tensor, Tensor]:
    """x and y, (1, P, P) each."""
    ticks = (torch.arange(FINE_PX) + 0.5) / FINE_PX
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    return x[None], y[None]


def looked_up(moved: Mouth) -> Tensor:
    """(2, P, P): where the source is looked up for each pixel, x and y, shares of the side."""
    x, y = positions()
    shift_x, shift_y = move_lips(x, y, moved)
    return torch.cat([x + shift_x, y + shift_y])


def shift_sizes(moved: Mouth) -> Tensor:
    return (looked_up(moved) - torch.cat(positions())).norm(dim=0)


def test_points_depths_and_units_are_those_of_the_head_that_poses_are_solved_with() -> None:
    model = dict(zip(HEAD_MODEL_INDICES.tolist(), HEAD_MODEL_POINTS, strict=True))
    assert model[NOSE_BASE].tolist() == pytest.approx(NOSE_BASE_CM)
    right, left = (model[index] for index in OUTER_EYE_CORNERS)
    assert np.linalg.norm(left - right) == pytest.approx(EYES_CM)
    for index in set(model) & set(POINTS) - {CHIN}:
        assert DEPTHS_CM[POINTS.index(index)] == pytest.approx(model[index][2] - NOSE_BASE_CM[2], abs=0.2)


@pytest.mark.parametrize("pose_deg", TURNED + FAR_TURNED)
@pytest.mark.parametrize("away_cm", [45.0, 150.0])
def test_a_shape_is_the_same_whichever_way_the_head_is_turned(
    pose_deg: tuple[float, float, float], away_cm: float
) -> None:
    shape, head = mouth_shape(), at(5, -4, pose_deg)
    head[2, 3] = away_cm
    measured = lip_shape(landmarks(shape, head), heads(head))
    assert measured.shape == (1, 21, 2)
    assert np.abs(measured[0].numpy() - shape).max() < EXACT


def test_lips_are_asked_to_move_further_than_they_should_and_lips_that_stay_are_not() -> None:
    now, asked = mouth_shape(), mouth_shape(0.3, wider=0.8)
    further = overshot(mouth(now, asked, pose_deg=(20, 0, 0)))
    assert np.abs(further.asked[0].numpy() - (now + OVERSHOOT * (asked - now))).max() < EXACT
    still = mouth(now, now)
    assert torch.equal(overshot(still).asked, still.asked)


def test_opening_and_width_by_hand() -> None:
    both = torch.from_numpy(np.stack([mouth_shape(0.1), mouth_shape(0.0, wider=0.5)]))
    assert opening_and_width(both).tolist() == [pytest.approx([0.1, 0.54]), pytest.approx([0.0, 0.27])]


@pytest.mark.parametrize("pose_deg", [*TURNED, FAR_TURNED[0]])
@pytest.mark.parametrize(("opening", "wider"), [(0.1, 1.0), (0.4, 0.9), (0.2, 1.3)])
def test_each_point_is_shown_where_it_is_asked_to_be(
    opening: float, wider: float, pose_deg: tuple[float, float, float]
) -> None:
    asked = mouth_shape(opening, wider)
    moved = mouth(mouth_shape(0.25), asked, pose_deg)
    there = landmarks(asked, at(pose_deg=pose_deg))[:, list(POINTS)] * 2 - 1
    found = torch.nn.functional.grid_sample(looked_up(moved)[None], there[None], align_corners=False)[0, :, 0].T
    assert (found - moved.landmarks[0, list(POINTS)]).norm(dim=1).max() < (
        SAME_PLACE_FAR if pose_deg in FAR_TURNED else SAME_PLACE
    )
    assert shift_sizes(moved).max() > 2 * SAME_PLACE


@pytest.mark.parametrize("pose_deg", TURNED)
def test_lips_that_are_as_asked_are_left_alone(pose_deg: tuple[float, float, float]) -> None:
    as_asked = mouth(mouth_shape(), mouth_shape(), pose_deg)
    assert all(not shift.any() for shift in move_lips(*positions(), as_asked))


def test_what_lies_between_the_lips_is_stretched_alike() -> None:
    now, asked = mouth_shape(0.05), mouth_shape(0.2)
    moved, inner = mouth(now, asked), [POINTS.index(index) for index in (62, 66)]
    upper, lower = landmarks(asked, at())[0, [POINTS[index] for index in inner]]
    upper_now, lower_now = moved.landmarks[0, [POINTS[index] for index in inner]]
    found, column = looked_up(moved)[1], int(upper[0] * FINE_PX)
    for share in (0.25, 0.5, 0.75):
        row = int(torch.lerp(upper, lower, share)[1] * FINE_PX)
        assert float(found[row, column]) == pytest.approx(float(torch.lerp(upper_now, lower_now, share)[1]), abs=0.01)


@pytest.mark.parametrize("opening", [0.0, -0.03])
def test_lips_that_close_or_would_pass_through_each_other_meet_edge_to_edge(opening: float) -> None:
    moved, closed = mouth(mouth_shape(0.2), mouth_shape(opening)), landmarks(mouth_shape(opening), at())
    x, line = closed[:, 62, :, None, None].unbind(1)
    for beside, index in ((-1e-4, 62), (1e-4, 66)):
        _, shift = move_lips(x, line + beside, moved)
        assert float(line + beside + shift) == pytest.approx(float(moved.landmarks[0, index, 1]), abs=0.002)


def test_a_lip_that_would_go_above_the_nose_ends_there_with_its_edge() -> None:
    # Its upper edge would be 0.025 above, its lower one as much below.
    moved = mouth(mouth_shape(), mouth_shape(0.55))
    x, y = moved.landmarks[:, NOSE_BASE, :, None, None].unbind(1)
    _, shift = move_lips(x, y + 1e-4, moved)
    assert float(y + shift) == pytest.approx(float(moved.landmarks[0, 51, 1]), abs=0.001)


def test_the_jaw_goes_along_less_and_less_to_its_sides() -> None:
    asked = mouth_shape(0.2)
    moved, chin = mouth(mouth_shape(), asked), landmarks(asked, at())[0, CHIN]
    unit = EYES_CM * 285 / (150 - 7.92) / SIDE_PX
    row, half_way = int(chin[1] * FINE_PX), round(REACH_HALF_WIDTHS * HALF_WIDTH * unit * FINE_PX / 2)
    sizes = shift_sizes(moved)[row]
    for column in (FINE_PX // 2 - half_way, FINE_PX // 2 + half_way):
        assert float(sizes[column] / sizes[FINE_PX // 2]) == pytest.approx(0.75**2, abs=0.05)


def test_nose_neck_and_the_side_of_the_face_stay() -> None:
    moved = mouth(mouth_shape(), mouth_shape(0.2, 1.1))
    unit = EYES_CM * 285 / (150 - 7.92) / SIDE_PX  # of shapes, as a share of the side
    nose_x, nose_y = moved.landmarks[0, NOSE_BASE].tolist()
    reach, neck = REACH_HALF_WIDTHS * HALF_WIDTH * 1.1 * unit, (0.95 + NECK_HALF_WIDTHS * HALF_WIDTH * 1.1) * unit
    x, y = positions()
    outside = (y < nose_y) | (y > nose_y + neck) | ((x - nose_x).abs() > reach)
    sizes = shift_sizes(moved)[None]
    assert sizes[outside].max() < 1e-6
    assert sizes.max() > 0.02


def test_all_that_moves_is_in_its_box() -> None:
    moved = mouth(mouth_shape(), mouth_shape(0.2, 1.1), (20, -10, 15))
    left, top, right, bottom = about_mouth(moved)[0].tolist()
    x, y = positions()
    outside = (x < left) | (x > right) | (y < top) | (y > bottom)
    assert outside.float().mean() > 0.3
    assert shift_sizes(moved)[None][outside].max() == 0


def crossed() -> np.ndarray:
    """Points of each lip's edges that are out of their order along it."""
    shape = mouth_shape(0.2)
    shape[[POINTS.index(index) for index in (50, 52)]] = shape[[POINTS.index(index) for index in (52, 50)]]
    return shape


@pytest.mark.parametrize("pose_deg", [(0, 0, 0), (20, 0, 0), (-20, 10, 0)])
@pytest.mark.parametrize(
    "asked", [mouth_shape(-0.2), mouth_shape(0.9), mouth_shape(0.05, 0.2), mouth_shape(0.05, 3.0), crossed()]
)
def test_no_shape_turns_the_face_over(asked: np.ndarray, pose_deg: tuple[float, float, float]) -> None:
    """Whatever is asked: down stays down in every column of the mouth's middle, and right stays right in the cheeks."""
    moved = mouth(mouth_shape(), asked, pose_deg)
    across, down = looked_up(moved)
    left, right = sorted(int(moved.landmarks[0, index, 0] * FINE_PX) for index in (49, 53))
    assert (down[:, left:right].diff(dim=0) > -1e-6).all()
    row = int(moved.landmarks[0, 48, 1] * FINE_PX)
    assert (across[row].diff() > -1e-6).all()


def test_points_that_fell_together_give_numbers() -> None:
    landmarks = torch.full((1, 68, 2), 0.5)
    for asked in (torch.zeros(1, 21, 2), torch.from_numpy(mouth_shape())[None]):
        shifts = move_lips(*positions(), Mouth(landmarks, heads(at()), asked))
        assert all(shift.isfinite().all() and shift.abs().max() < 0.2 for shift in shifts)


@pytest.mark.parametrize(("yaw_deg", "moves"), [(60, True), (80, False), (90, False), (-100, False)])
def test_lips_of_a_head_in_profile_are_left_alone(yaw_deg: float, moves: bool) -> None:
    """Of which nothing is seen: what is measured there would throw the mouth about."""
    head = at(pose_deg=(yaw_deg, 0, 0))
    asked = torch.from_numpy(mouth_shape(0.2))[None]
    shifts = torch.stack(move_lips(*positions(), Mouth(landmarks(mouth_shape(), head), heads(head), asked)))
    assert shifts.isfinite().all()
    assert bool(shifts.any()) == moves
