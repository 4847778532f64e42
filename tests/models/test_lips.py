"""Moved lips, by where each pixel is looked up, and what is heard of their shape."""

import pytest
import torch
from torch import Tensor

from talkedit.models.lips import (
    JAW_HALF_WIDTHS,
    LIP_GAIN,
    MOST_WIDENED,
    UPPER_LIP_SHARE,
    WIDTH_GAIN,
    LipNet,
    Mouth,
    lip_shape,
    move_lips,
)

SIDE_PX = 200
MIDDLE = 100  # the column of the mouth's middle
OPENING = 0.06  # of the lips below, over eyes that are 0.3 apart: 0.2
WIDTH = 2 / 3  # 0.2 over 0.3
UPPER_LIP, LOWER_LIP, NOSE, CHIN = 0.57, 0.63, 0.5, 0.7


def landmarks(opening: float = OPENING) -> Tensor:
    """(1, 68, 2): an upright face whose mouth is 0.2 wide about (0.5, 0.6), its inner lips 0.16."""
    points = torch.full((68, 2), 0.5)
    points[36], points[45] = torch.tensor([0.35, 0.4]), torch.tensor([0.65, 0.4])
    points[48], points[54] = torch.tensor([0.4, 0.6]), torch.tensor([0.6, 0.6])
    points[60], points[64] = torch.tensor([0.42, 0.6]), torch.tensor([0.58, 0.6])
    points[51], points[57] = torch.tensor([0.5, 0.55 - opening / 2]), torch.tensor([0.5, 0.62 + opening / 2])
    points[62], points[66] = torch.tensor([0.5, 0.6 - opening / 2]), torch.tensor([0.5, 0.6 + opening / 2])
    points[33], points[8] = torch.tensor([0.5, NOSE]), torch.tensor([0.5, CHIN])
    return points[None]


def positions() -> tuple[Tensor, Tensor]:
    """x and y of the pixels, (1, S, S) each."""
    ticks = (torch.arange(SIDE_PX) + 0.5) / SIDE_PX
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    return x[None], y[None]


def heights(asked: float, opening: float = OPENING) -> Tensor:
    """(S, S): the height at which the source is looked up for each pixel, as a share of the side."""
    x, y = positions()
    shift_x, shift_y = move_lips(x, y, Mouth(landmarks(opening), torch.tensor([[asked, WIDTH]])))
    assert shift_x.abs().max() < 1e-6  # the mouth is level, and as wide as it is
    return (y + shift_y).squeeze()


def columns(width: float, opening: float = OPENING) -> Tensor:
    """(S, S): likewise the place across, for a mouth of that width and of the opening that it has."""
    x, y = positions()
    shift_x, shift_y = move_lips(x, y, Mouth(landmarks(opening), torch.tensor([[opening / 0.3, width]])))
    assert shift_y.abs().max() < 1e-6
    return (x + shift_x).squeeze()


def looked_up(found: Tensor, y: float, column: int = MIDDLE) -> float:
    return float(found[round(y * SIDE_PX - 0.5), column])


def test_the_shape_is_inner_lips_and_corners_over_the_distance_of_the_eyes() -> None:
    assert lip_shape(landmarks()).tolist() == [pytest.approx([0.2, WIDTH])]
    assert lip_shape(landmarks(0.0)).tolist() == [pytest.approx([0.0, WIDTH])]


def test_lips_that_are_as_asked_are_left_alone() -> None:
    ticks = (torch.arange(SIDE_PX) + 0.5) / SIDE_PX
    assert (heights(0.2) - ticks[:, None]).abs().max() < 1e-6


@pytest.mark.parametrize("asked", [0.1, 0.35])
def test_both_lips_go_to_where_the_opening_is_read_as_asked(asked: float) -> None:
    change = LIP_GAIN * (asked * 0.3 - OPENING)
    upper, lower = UPPER_LIP - UPPER_LIP_SHARE * change, LOWER_LIP + (1 - UPPER_LIP_SHARE) * change
    found = heights(asked)
    assert looked_up(found, upper - 0.005) == pytest.approx(UPPER_LIP - 0.005, abs=1.5 / SIDE_PX)
    assert looked_up(found, lower + 0.005) == pytest.approx(LOWER_LIP + 0.005, abs=1.5 / SIDE_PX)
    # Half way between the lips is what was half way between them.
    assert looked_up(found, (upper + lower) / 2) == pytest.approx(0.6, abs=1.5 / SIDE_PX)


@pytest.mark.parametrize("asked", [0.0, 0.03])
def test_lips_close_and_do_not_pass_through_each_other(asked: float) -> None:
    """Closed by 0.06: the upper lip has come down to 0.579, and the lower one up to it."""
    line = UPPER_LIP + UPPER_LIP_SHARE * OPENING
    found = heights(asked)
    assert looked_up(found, line - 0.005) == pytest.approx(UPPER_LIP - 0.005, abs=1.5 / SIDE_PX)
    assert looked_up(found, line + 0.005) == pytest.approx(LOWER_LIP + 0.005, abs=1.5 / SIDE_PX)


def test_the_chin_goes_with_the_lower_lip_and_the_neck_stays() -> None:
    found, drop = heights(0.4), (1 - UPPER_LIP_SHARE) * 0.06
    assert looked_up(found, CHIN + drop) == pytest.approx(CHIN, abs=2 / SIDE_PX)
    assert looked_up(found, CHIN + drop + 0.17) == pytest.approx(CHIN + drop + 0.17, abs=1 / SIDE_PX)


def test_nose_and_cheeks_stay() -> None:
    difference = (heights(0.4) - heights(0.2)).abs()
    above, left, right = difference[: int(NOSE * SIDE_PX)], difference[:, :55], difference[:, 145:]
    assert max(part.max() for part in (above, left, right)) < 1e-5
    assert difference.max() > 0.04


def test_closed_lips_are_pulled_apart_at_their_line() -> None:
    found = heights(0.2, opening=0.0)
    assert looked_up(found, 0.61) == pytest.approx(0.6, abs=1e-4)  # all that opens shows the line of the lips


@pytest.mark.parametrize("width", [0.56, 0.76])
def test_corners_go_to_where_the_width_is_read_as_asked(width: float) -> None:
    """What lies between them goes along alike, and so do both lips, as far as their edges."""
    half = 0.1 * (1 + WIDTH_GAIN * (width / WIDTH - 1))
    for row in (round(height * SIDE_PX) for height in (0.55, 0.6, 0.64)):
        found = columns(width)[row]
        for share in (-1.0, -0.5, 0.0, 0.5, 1.0):
            column = (0.5 + share * half) * SIDE_PX - 0.5
            left, right = found[int(column)], found[int(column) + 1]
            assert float(left + (right - left) * (column % 1)) == pytest.approx(0.5 + share * 0.1, abs=0.5 / SIDE_PX)


def test_a_wider_mouth_moves_neither_nose_nor_chin_nor_the_side_of_the_face() -> None:
    x, _ = positions()
    moved = (columns(0.9) - x[0]).abs()
    reach_px = round(0.1 * JAW_HALF_WIDTHS * SIDE_PX)
    assert moved[: int(NOSE * SIDE_PX)].max() == 0
    assert moved[round(CHIN * SIDE_PX) :].max() == 0
    assert max(moved[:, : MIDDLE - reach_px].max(), moved[:, MIDDLE + reach_px :].max()) == 0
    assert moved.max() > 0.02


@pytest.mark.parametrize("width", [0.0, 5.0])
def test_no_width_folds_the_face(width: float) -> None:
    """From left to right stays from left to right, and the mouth has half or one and a half times its width."""
    found = columns(width)[120]
    assert (found.diff() > 0).all()
    corner = 0.5 + 0.1 * (1 + MOST_WIDENED * (1 if width else -1))
    assert float(found[round(corner * SIDE_PX)]) == pytest.approx(0.6, abs=1.5 / SIDE_PX)


def test_a_wider_mouth_opens_over_its_whole_width() -> None:
    x, y = positions()
    asked = torch.tensor([[0.4, 0.8]])
    opened, narrow = (move_lips(x, y, Mouth(landmarks(), shape))[1] for shape in (asked, torch.tensor([[0.4, WIDTH]])))
    at = round(0.583 * SIDE_PX)  # just inside the corner of the inner lips as they were
    assert narrow[0, 120, at].abs() < opened[0, 120, at].abs()


def test_lip_net_hears_a_shape_a_frame_that_is_not_negative() -> None:
    torch.manual_seed(0)
    mel = torch.randn(2, 3, 80, 16)
    network = LipNet(4).eval()
    heard = network(mel)
    assert heard.shape == (2, 3, 2)
    assert heard.min() >= 0
    changed = mel.clone()
    changed[1, 2] += 1
    assert (network(changed) != heard).nonzero().tolist() == [[1, 2, 0], [1, 2, 1]]


def test_points_that_fell_together_give_numbers() -> None:
    nowhere = Mouth(torch.full((1, 68, 2), 0.5), torch.tensor([[0.2, 0.6]]))
    assert all(shift.isfinite().all() for shift in move_lips(*positions(), nowhere))
