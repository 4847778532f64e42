"""Moved lips, by where each pixel is looked up, and what is heard of their opening."""

import pytest
import torch
from torch import Tensor

from talkedit.models.lips import LIP_GAIN, UPPER_LIP_SHARE, LipNet, Mouth, mouth_opening, move_lips

SIDE_PX = 200
MIDDLE = 100  # the column of the mouth's middle
OPENING = 0.06  # of the lips below, over eyes that are 0.3 apart: 0.2
UPPER_LIP, LOWER_LIP, NOSE, CHIN = 0.57, 0.63, 0.5, 0.7


def landmarks(opening: float = OPENING) -> Tensor:
    """(1, 68, 2): an upright face whose mouth is 0.2 wide about (0.5, 0.6), its inner lips 0.16."""
    points = torch.full((68, 2), 0.5)
    points[36], points[45] = torch.tensor([0.35, 0.4]), torch.tensor([0.65, 0.4])
    points[48], points[54] = torch.tensor([0.4, 0.6]), torch.tensor([0.6, 0.6])
    points[60], points[64] = torch.tensor([0.42, 0.6]), torch.tensor([0.58, 0.6])
    points[62], points[66] = torch.tensor([0.5, 0.6 - opening / 2]), torch.tensor([0.5, 0.6 + opening / 2])
    points[33], points[8] = torch.tensor([0.5, NOSE]), torch.tensor([0.5, CHIN])
    return points[None]


def heights(asked: float, opening: float = OPENING) -> Tensor:
    """(S, S): the height at which the source is looked up for each pixel, as a share of the side."""
    ticks = (torch.arange(SIDE_PX) + 0.5) / SIDE_PX
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    shift_x, shift_y = move_lips(x[None], y[None], Mouth(landmarks(opening), torch.tensor([asked])))
    assert shift_x.abs().max() < 1e-6  # the mouth is level
    return (y + shift_y[0]).squeeze()


def looked_up(found: Tensor, y: float, column: int = MIDDLE) -> float:
    return float(found[round(y * SIDE_PX - 0.5), column])


def test_the_opening_is_that_of_the_inner_lips_over_the_distance_of_the_eyes() -> None:
    assert float(mouth_opening(landmarks())) == pytest.approx(0.2)
    assert float(mouth_opening(landmarks(0.0))) == 0


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


def test_lip_net_hears_an_opening_a_frame_that_is_not_negative() -> None:
    torch.manual_seed(0)
    mel = torch.randn(2, 3, 80, 16)
    network = LipNet(4, 8).eval()
    heard = network(mel)
    assert heard.shape == (2, 3)
    assert heard.min() >= 0
    changed = mel.clone()
    changed[1, 2] += 1
    assert (network(changed) != heard).nonzero().tolist() == [[1, 2]]


def test_points_that_fell_together_give_numbers() -> None:
    ticks = (torch.arange(SIDE_PX) + 0.5) / SIDE_PX
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    nowhere = Mouth(torch.full((1, 68, 2), 0.5), torch.tensor([0.2]))
    assert all(shift.isfinite().all() for shift in move_lips(x[None], y[None], nowhere))
