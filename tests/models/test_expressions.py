"""Changed expressions, by where each pixel is looked up."""

import math

import pytest
import torch
from torch import Tensor

from talkedit.models.expressions import (
    EMOTION_UNITS,
    HALVES,
    OVERSHOOT,
    UNITS,
    Expression,
    about_face,
    expressions,
    move_face,
)
from talkedit.records import EMOTIONS

SIDE_PX = 240
EYES = 0.3  # distance of the outer eye corners, as a share of the side
TICKS = (torch.arange(SIDE_PX) + 0.5) / SIDE_PX
# The right half of an upright face about (0, 0) between its eyes, and its middle: outwards and down, in that distance.
RIGHT = {
    **{17: (0.68, -0.12), 18: (0.57, -0.2), 19: (0.43, -0.22), 20: (0.29, -0.2), 21: (0.15, -0.16)},
    **{36: (0.5, 0), 37: (0.4, -0.05), 38: (0.29, -0.05), 39: (0.2, 0.01), 40: (0.29, 0.04), 41: (0.4, 0.04)},
    **{31: (0.15, 0.46), 32: (0.08, 0.49), 48: (0.28, 0.78), 49: (0.18, 0.74), 50: (0.07, 0.72)},
    **{59: (0.18, 0.86), 58: (0.08, 0.89), 60: (0.25, 0.78), 61: (0.08, 0.77), 67: (0.08, 0.81)},
}
MIDDLE = {27: 0.02, 28: 0.15, 29: 0.28, 30: 0.4, 33: 0.5, 51: 0.72, 57: 0.9, 62: 0.77, 66: 0.82}
JAW = [(0.8 * math.cos(turn), 1.3 * math.sin(turn)) for turn in [math.pi * (16 - each) / 16 for each in range(17)]]


def landmarks() -> Tensor:
    """(1, 68, 2): the face, in the middle of the picture."""
    points = torch.zeros(68, 2)
    points[:17] = torch.tensor(JAW)
    opposite = dict(zip(*HALVES, strict=True)) | {67: 65}
    for right, (outwards, down) in RIGHT.items():
        points[right], points[opposite[right]] = torch.tensor([-outwards, down]), torch.tensor([outwards, down])
    for index, down in MIDDLE.items():
        points[index, 1] = down
    return (points * EYES + torch.tensor([0.5, 0.4]))[None]


def change(emotion: str, share: float = 1.0) -> Tensor:
    """(1, 7)."""
    return torch.tensor([[share * (name == emotion) for name in EMOTIONS]])


def shifts(asked: Tensor, points: Tensor | None = None) -> Tensor:
    """(S, S, 2): how far from each pixel it is looked up."""
    y, x = torch.meshgrid(TICKS, TICKS, indexing="ij")
    face = Expression(landmarks() if points is None else points, asked)
    return torch.stack(move_face(x[None], y[None], face), dim=-1)[0]


def test_each_emotion_is_made_of_known_units_but_neutral_which_is_none() -> None:
    assert set(EMOTION_UNITS) == set(EMOTIONS) - {"neutral"}
    assert {unit for units in EMOTION_UNITS.values() for unit in units} == set(UNITS)
    assert not expressions()[EMOTIONS.index("neutral")].any()


def test_a_smile_lifts_the_corners_of_the_mouth_and_widens_it() -> None:
    right, left = expressions()[EMOTIONS.index("happy")][[48, 54]].tolist()
    assert right == pytest.approx([-0.065, 0.075])
    assert left == pytest.approx([0.065, 0.075])


def test_nothing_asked_moves_nothing() -> None:
    assert not shifts(torch.zeros(1, 7)).any()
    assert not shifts(change("neutral")).any()


@pytest.mark.parametrize("emotion", EMOTION_UNITS)
def test_points_of_the_face_go_about_as_much_further_as_it_takes(emotion: str) -> None:
    """What arrives at a point is looked up where it was before."""
    moves = OVERSHOOT * expressions()[EMOTIONS.index(emotion)] * torch.tensor([1, -1]) * EYES
    arrived = ((landmarks()[0] + moves) * SIDE_PX).long()
    looked_up = -shifts(change(emotion))[arrived[:, 1], arrived[:, 0]]
    assert 0.8 < float((looked_up * moves).sum() / moves.square().sum()) < 1.1
    still = moves.abs().sum(dim=1) == 0
    assert looked_up[still].abs().max() < 0.35 * moves.abs().max()


@pytest.mark.parametrize("emotion", ["surprise", "fear"])
def test_raised_brows_are_not_drawn_out(emotion: str) -> None:
    """Their lower edge rises as the upper one, where dlib's points are; it rose by 0.82 to 0.89 of that."""
    found, brow = shifts(change(emotion)), [18, 19, 20]
    moves = OVERSHOOT * expressions()[EMOTIONS.index(emotion), brow] * torch.tensor([1, -1]) * EYES
    upper = landmarks()[0, brow] + moves
    rise = [
        found[y, x, 1]
        for x, y in ((edge * SIDE_PX).long().T for edge in (upper, upper + torch.tensor([0, 0.07 * EYES])))
    ]
    assert (rise[1] / rise[0]).min() > 0.95


@pytest.mark.parametrize("emotion", EMOTION_UNITS)
def test_both_halves_do_the_same(emotion: str) -> None:
    found = shifts(change(emotion))
    mirrored = found.flip(1) * torch.tensor([-1, 1])
    assert (found - mirrored).abs().max() < 1e-4


@pytest.mark.parametrize("share", [-1.0, 1.0])
@pytest.mark.parametrize("emotion", EMOTION_UNITS)
def test_skin_is_stretched_and_never_folded(emotion: str, share: float) -> None:
    """Where positions run backwards the same skin is seen twice."""
    found = shifts(change(emotion, share)) * SIDE_PX
    across, down = found.diff(dim=1)[:-1], found.diff(dim=0)[:, :-1]
    area = (1 + across[..., 0]) * (1 + down[..., 1]) - across[..., 1] * down[..., 0]
    assert area.min() > 0.15
    assert area.max() < 3


@pytest.mark.parametrize("emotion", EMOTION_UNITS)
def test_nothing_moves_outside_of_where_it_says_that_something_does(emotion: str) -> None:
    found = shifts(change(emotion)).abs().amax(dim=-1)
    left, top, right, bottom = about_face(Expression(landmarks(), change(emotion)))[0].tolist()
    y, x = torch.meshgrid(TICKS, TICKS, indexing="ij")
    outside = (x < left) | (x > right) | (y < top) | (y > bottom)
    assert outside.float().mean() > 0.2
    assert found[outside].max() < 1e-4 < found.max()


def test_a_tilted_face_is_moved_along_its_own_axes() -> None:
    """Turned by a quarter about the picture's middle, what was to the right is below."""
    upright = landmarks()
    turned = torch.stack([1 - upright[..., 1], upright[..., 0]], dim=-1)
    found = shifts(change("happy"), turned)
    expected = shifts(change("happy")).rot90(-1, dims=(0, 1))
    expected = torch.stack([-expected[..., 1], expected[..., 0]], dim=-1)
    assert (found - expected).abs().max() < 1e-4


def test_points_that_fell_together_give_numbers() -> None:
    assert shifts(change("happy"), torch.full((1, 68, 2), 0.5)).isfinite().all()
