"""Moved lids, read off pictures whose colours are their own coordinates."""

import numpy as np
import pytest
import torch
from torch import Tensor

from talkedit.models.lids import (
    COVERED_FROM,
    LASH_LINE,
    LASHES,
    LEAST_OPENING,
    OPENING_AT_ZERO,
    RIM,
    SHUT_AT,
    SHUT_LEVEL,
    SHUT_LOWER,
    Eyes,
    move_lids,
    near_eyes,
)

SIDE_PX = 200
UPPER, LOWER = 0.04, 0.02  # of the lids' middles over and under the line of the corners, shares of the side
HALF_WIDTH = 0.1  # of an eye
RIM_Y, LASHES_Y = 0.5 + LOWER + RIM * HALF_WIDTH, 0.5 - UPPER - LASHES * HALF_WIDTH  # of the eye that is open
SHUT_Y = 0.5 + SHUT_LEVEL * (RIM_Y - 0.5) + SHUT_LOWER * HALF_WIDTH  # where shut lids meet
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


@pytest.mark.parametrize(("shown", "asked"), [(0.0, 0.1), (0.1, 0.0)])
def test_shut_eyes_stay_shut(shown: float, asked: float) -> None:
    for shift in move_lids(*positions(), Eyes(eyes(), torch.tensor([shown]), torch.tensor([asked]))):
        assert shift.abs().max() < 1e-6


@pytest.mark.parametrize("openness", [0.0, 0.3, 1.0])
def test_eyes_that_are_as_open_as_asked_are_left_alone(openness: float) -> None:
    as_it_is = torch.tensor([openness])
    for shift in move_lids(*positions(), Eyes(eyes(), as_it_is, as_it_is)):
        assert shift.abs().max() < 1e-6


@pytest.mark.parametrize("asked", [0.0, 0.15, 0.3, 0.7])
def test_both_lids_go_to_where_the_opening_is_as_asked(asked: float) -> None:
    """Taken from the edge of the lashes is what is shown over the lower lid by the opening that is asked for."""
    ratio = max(asked + OPENING_AT_ZERO, LEAST_OPENING) / (0.8 + OPENING_AT_ZERO)
    lower_y = RIM_Y + (1 - ratio) * (SHUT_Y - RIM_Y)
    covered = min(max((COVERED_FROM - ratio) / (COVERED_FROM - SHUT_AT), 0), 1)
    upper_y = lower_y - max(ratio * (RIM_Y - LASHES_Y), covered * LASH_LINE * HALF_WIDTH)
    heights = moved(0.8, asked)
    for middle in (0.25, 0.75):
        assert taken_from(heights, middle, upper_y) == pytest.approx(LASHES_Y, abs=max(1, 1 / ratio) / SIDE_PX)
        assert taken_from(heights, middle, lower_y + 1 / SIDE_PX) == pytest.approx(RIM_Y, abs=2 / SIDE_PX)


def test_shut_eyes_show_the_lashes_alone_as_they_are() -> None:
    heights, row = moved(0.8, 0.0), np.arange(SIDE_PX) + 0.5
    above_y = SHUT_Y - LASH_LINE * HALF_WIDTH - 0.025
    rows = [int(at) for at in row if above_y < at / SIDE_PX < SHUT_Y - 1 / SIDE_PX]
    column = heights[rows, int(0.25 * SIDE_PX)]
    assert np.diff(column) * SIDE_PX == pytest.approx(1, abs=1e-3)
    assert column.max() < LASHES_Y + LASH_LINE * HALF_WIDTH + 1 / SIDE_PX


def test_brows_stay_when_eyes_shut() -> None:
    """Half way from the lid to the brow skin moves by less than a quarter of what the lid does."""
    half_way = 0.5 - UPPER - 0.065
    heights = moved(0.8, 0.0)
    assert half_way - taken_from(heights, 0.25, half_way) < (SHUT_Y - LASH_LINE * HALF_WIDTH - LASHES_Y) / 4


def test_an_eye_can_be_opened_wider() -> None:
    assert taken_from(moved(0.2, 0.4), 0.25, 0.5 - UPPER) > 0.5 - UPPER + 1 / SIDE_PX


def test_corners_and_all_that_is_away_from_the_eyes_stay() -> None:
    difference = np.abs(moved(0.9, 0.0) - moved(0.9, 0.9))
    between, below, brows = difference[:, 72:128], difference[120:], difference[:50]
    assert max(part.max() for part in (between, below, brows)) < 1e-5
    assert difference.max() > 10 / SIDE_PX * 0.3


def test_each_frame_is_moved_by_its_own_openness() -> None:
    both = Eyes(eyes().expand(2, -1, -1, -1), torch.tensor([0.9, 0.5]), torch.tensor([0.1, 0.5]))
    shift_y = move_lids(*positions(2), both)[1].abs().amax(dim=(1, 2))
    assert shift_y[1] < 1e-6
    assert shift_y[0] > 0.02


def test_lids_that_move_are_near_an_eye_and_the_rest_of_the_face_is_not() -> None:
    x, y = positions()
    asked = Eyes(eyes(), torch.tensor([0.8]), torch.tensor([0.0]))
    near = near_eyes(x, y, asked)[0]
    for middle in (0.25, 0.75):
        eye = ((x[0] - middle) / HALF_WIDTH).square() + ((y[0] - 0.5) / HALF_WIDTH).square()
        assert near[eye < 0.5].min() == 1  # squared distance in half widths
    away = torch.minimum(*((x[0] - middle).abs() for middle in (0.25, 0.75))) > 1.5 * HALF_WIDTH
    away |= (y[0] - 0.5).abs() > 1.1 * HALF_WIDTH
    assert near[away].max() == 0
    assert 0 < near.mean() < 0.15
