"""Moved lids, read off pictures whose colours are their own coordinates."""

import numpy as np
import pytest
import torch
from torch import Tensor

from talkedit.models.lids import LASHES, LEAST_OPENING, OPENING_AT_ZERO, Eyes, move_lids

SIDE_PX = 200
UPPER, LOWER = 0.04, 0.02  # of the lids' middles over and under the line of the corners, shares of the side
POINT = 8 / 9  # dlib's lid points lie a third from the middle, where a parabola is 8/9 as high


def eyes() -> Tensor:
    """(1, 2, 6, 2): two level eyes, 0.2 wide, about (0.25, 0.5) and (0.75, 0.5)."""
    upper, lower = 0.5 - UPPER * POINT, 0.5 + LOWER * POINT
    eye = [(-0.1, 0.5), (-1 / 30, upper), (1 / 30, upper), (0.1, 0.5), (1 / 30, lower), (-1 / 30, lower)]
    return torch.tensor([[[(x + middle, y) for x, y in eye] for middle in (0.25, 0.75)]])


def moved(openness: float, asked: float) -> np.ndarray:
    """(S, S), where in the source each pixel's height comes from, as a share of the side."""
    x, y = positions()
    _, shift_y = move_lids(x, y, Eyes(eyes(), torch.tensor([openness]), torch.tensor([asked])))
    return (y + shift_y)[0].numpy()


def positions(n: int = 1) -> tuple[Tensor, Tensor]:
    ticks = (torch.arange(SIDE_PX) + 0.5) / SIDE_PX
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    return x.expand(n, -1, -1), y.expand(n, -1, -1)


def taken_from(heights: np.ndarray, x: float, y: float) -> float:
    column = heights[:, int(x * SIDE_PX)]
    return float(np.interp(y, (np.arange(SIDE_PX) + 0.5) / SIDE_PX, column))


@pytest.mark.parametrize("openness", [0.0, 0.3, 1.0])
def test_eyes_that_are_as_open_as_asked_are_left_alone(openness: float) -> None:
    as_it_is = torch.tensor([openness])
    for shift in move_lids(*positions(), Eyes(eyes(), as_it_is, as_it_is)):
        assert shift.abs().max() < 1e-6


@pytest.mark.parametrize("asked", [0.15, 0.3, 0.7])
def test_the_upper_lid_goes_to_where_the_opening_is_as_asked(asked: float) -> None:
    openness = 0.8
    opening = (UPPER + LOWER) * max(OPENING_AT_ZERO + asked, LEAST_OPENING) / (OPENING_AT_ZERO + openness)
    lid_y = 0.5 + LOWER - opening
    for middle in (0.25, 0.75):
        assert taken_from(moved(openness, asked), middle, lid_y) == pytest.approx(0.5 - UPPER, abs=1.5 / SIDE_PX)
        below = 0.5 + LOWER + 1 / SIDE_PX
        assert taken_from(moved(openness, asked), middle, below) == pytest.approx(below, abs=1e-4)


def test_the_lashes_above_the_lid_are_squeezed_with_the_eye() -> None:
    ratio = (OPENING_AT_ZERO + 0.4) / (OPENING_AT_ZERO + 0.8)
    lashes = 0.1 * LASHES  # the eye is 0.2 wide
    lashes_y = 0.5 + LOWER - ratio * (UPPER + LOWER + lashes)
    assert taken_from(moved(0.8, 0.4), 0.25, lashes_y) == pytest.approx(0.5 - UPPER - lashes, abs=1.5 / SIDE_PX)


def test_an_eye_can_be_opened_wider() -> None:
    assert taken_from(moved(0.2, 0.4), 0.25, 0.5 - UPPER) > 0.5 - UPPER + 1 / SIDE_PX


def test_corners_and_all_that_is_away_from_the_eyes_stay() -> None:
    difference = np.abs(moved(0.9, 0.0) - moved(0.9, 0.9))
    between, below, brows = difference[:, 72:128], difference[110:], difference[:50]
    assert max(part.max() for part in (between, below, brows)) < 1e-5
    assert difference.max() > 10 / SIDE_PX * 0.3


def test_each_frame_is_moved_by_its_own_openness() -> None:
    both = Eyes(eyes().expand(2, -1, -1, -1), torch.tensor([0.9, 0.5]), torch.tensor([0.1, 0.5]))
    shift_y = move_lids(*positions(2), both)[1].abs().amax(dim=(1, 2))
    assert shift_y[1] < 1e-6
    assert shift_y[0] > 0.02
