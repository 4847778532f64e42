"""The expression of a source frame, changed by moving its brows, lids, nose and mouth corners, with no training.

An emotion is a set of action units, what single muscles do to a face (Ekman, Friesen, Hager, Facial Action Coding
System, 2002). Each unit moves some of dlib's points; between these the skin follows smoothly. Speech has the opening of
the lips for itself. What a shift of pixels cannot know (teeth, furrows) is left to the generator.

Training does not use it: from frame to frame the measured emotion varies more than the face does.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from talkedit.models.lips import OUTER_EYE_CORNERS
from talkedit.records import EMOTIONS

# By action unit, how far points of the face's right half and middle move: dlib's index, then outwards and up, as shares
# of the distance of the outer eye corners. A woman's smiles moved the corners of her mouth 0.05 outwards, 0.06 up.
UNITS = {
    "inner brow raiser": {21: (0, 0.055), 20: (0, 0.045), 19: (0, 0.02)},
    "outer brow raiser": {20: (0, 0.03), 19: (0, 0.055), 18: (0, 0.06), 17: (0, 0.045)},
    "brow lowerer": {21: (-0.03, -0.05), 20: (-0.02, -0.045), 19: (-0.01, -0.035), 18: (0, -0.015)},
    "upper lid raiser": {37: (0, 0.02), 38: (0, 0.02)},
    "cheek raiser": {40: (0, 0.012), 41: (0, 0.015)},
    "lid tightener": {37: (0, -0.01), 38: (0, -0.01), 40: (0, 0.008), 41: (0, 0.008)},
    "nose wrinkler": {31: (0.015, 0.02), 32: (0.005, 0.02)},
    "upper lip raiser": {49: (0, 0.015), 50: (0, 0.025), 51: (0, 0.02), 61: (0, 0.02), 62: (0, 0.02)},
    "lip corner puller": {48: (0.065, 0.075), 60: (0.055, 0.065), 49: (0.04, 0.045), 59: (0.04, 0.04)},
    "lip corner depressor": {48: (0, -0.035), 60: (0, -0.03), 49: (0, -0.025), 50: (0, -0.01), 59: (0, -0.03)},
    "lip stretcher": {48: (0.045, -0.015), 60: (0.04, -0.015), 49: (0.025, 0), 59: (0.025, 0)},
    "lip tightener": {48: (-0.025, 0), 60: (-0.02, 0), 50: (0, -0.01), 58: (0, 0.01)},
}
# What makes an emotion, and how much of it.
EMOTION_UNITS = {
    "angry": {"brow lowerer": 1, "lid tightener": 1, "lip tightener": 1},
    "disgust": {"brow lowerer": 0.6, "nose wrinkler": 1, "upper lip raiser": 1, "lip corner depressor": 0.5},
    "fear": {"inner brow raiser": 1.2, "outer brow raiser": 0.4, "upper lid raiser": 1, "lip stretcher": 1},
    "happy": {"cheek raiser": 1, "lip corner puller": 1},
    "sad": {"inner brow raiser": 1, "brow lowerer": 0.25, "lip corner depressor": 1},
    "surprise": {"inner brow raiser": 1, "outer brow raiser": 1, "upper lid raiser": 1},
}
# dlib's points of the right half, and those of the left in the same order.
HALVES = (
    (17, 18, 19, 20, 21, 31, 32, 36, 37, 38, 39, 40, 41, 48, 49, 50, 58, 59, 60, 61),
    (26, 25, 24, 23, 22, 35, 34, 45, 44, 43, 42, 47, 46, 54, 53, 52, 56, 55, 64, 63),
)
# Of a face that was moved so the witness saw less again, 0.61 (GRID) and 0.52 (the sample, training frames), before the
# lower edges of brows went along; 1.5 times as far, and with these, 0.98 and 0.72 (held-out frames). What goes away is
# not overshot: undone at once, a whole smile would fold the skin.
OVERSHOOT = 1.5
# dlib's points run along the upper edge of the brows. The lower one goes along, or raised brows were drawn out.
BROWS, BROW_HEIGHT = slice(17, 27), 0.08
REACH = 0.09  # how far the skin about a point goes along, a standard deviation, in the same unit
NO_REACH = 5.5  # so many of these away nothing follows
# Points that lie closer to each other than the reach are not forced to move exactly as told: that would take folds.
SLACK = 0.05
CPU = torch.device("cpu")
FIELD_PX = 96  # the shifts are smooth: so many a side say all of them
MIN_EYES = 1e-3  # share of the side: points that fell together must not give positions that are no numbers


class Expression(NamedTuple):
    """The expression of N sources, and how it is to change.

    Attributes:
        landmarks: (N, 68, 2), dlib's points, shares of the picture's side.
        change: (N, 7), by how much the share of each of `talkedit.records.EMOTIONS` is to grow, -1..1.
    """

    landmarks: Tensor
    change: Tensor


def about_face(expression: Expression) -> Tensor:
    """(N, 4): left, top, right, bottom of all that moves with brows, nose and mouth, shares of the side."""
    points = expression.landmarks
    eyes = points[:, OUTER_EYE_CORNERS[1]] - points[:, OUTER_EYE_CORNERS[0]]
    reach = NO_REACH * REACH * torch.linalg.vector_norm(eyes, dim=1, keepdim=True)
    return torch.cat([points.amin(dim=1) - reach, points.amax(dim=1) + reach], dim=1)


def move_face(x: Tensor, y: Tensor, expression: Expression) -> tuple[Tensor, Tensor]:
    """How far from each position to look for what is shown there once the expression has changed.

    Args:
        x: (N, P, P), positions in the pictures, shares of the side.
        y: Likewise.
        expression: What is asked.

    Returns:
        The shifts in x and y, (N, P, P) each.
    """
    points = expression.landmarks
    right, left = (points[:, index] for index in OUTER_EYE_CORNERS)
    # Along the line of the eyes to the person's left, and up; both as long as the eyes are apart.
    along = left - right
    unit = torch.linalg.vector_norm(along, dim=1, keepdim=True).clamp_min(MIN_EYES)
    up = torch.stack([along[:, 1], -along[:, 0]], dim=1)
    change = torch.maximum(expression.change, OVERSHOOT * expression.change)
    moves = torch.einsum("ne,epk->npk", change, expressions(points.device, points.dtype))
    moves = moves @ torch.stack([along, up], dim=1)
    points = torch.cat([points, points[:, BROWS] - BROW_HEIGHT * up[:, None]], dim=1)
    moves = torch.cat([moves, moves[:, BROWS]], dim=1)
    # The skin that arrives at a point is looked up where it came from.
    arrived, reach = points + moves, REACH * unit[:, :, None]
    near = torch.exp(-torch.cdist(arrived, arrived).div(reach).square() / 2)
    pulls = torch.linalg.solve(near + SLACK * torch.eye(near.shape[1], device=near.device, dtype=near.dtype), moves)
    ticks = (torch.arange(FIELD_PX, device=x.device, dtype=x.dtype) + 0.5) / FIELD_PX
    columns, rows = (torch.exp(-((arrived[:, :, axis, None] - ticks) / reach).square() / 2) for axis in (0, 1))
    field = torch.stack([rows.mT @ (pulls[:, :, axis, None] * columns) for axis in (0, 1)], dim=1)
    shifts = -F.grid_sample(field, torch.stack([x, y], dim=-1) * 2 - 1, align_corners=False)
    return shifts[:, 0], shifts[:, 1]


@cache
def expressions(device: torch.device = CPU, dtype: torch.dtype = torch.float32) -> Tensor:
    """Where each emotion moves dlib's points, to the person's left and up, in the unit of `UNITS`: (7, 68, 2)."""
    moves = torch.zeros(len(EMOTIONS), 68, 2, dtype=dtype)
    opposite = dict(zip(*HALVES, strict=True))
    for emotion, units in EMOTION_UNITS.items():
        of_emotion = moves[EMOTIONS.index(emotion)]
        for unit, intensity in units.items():
            for point, (outwards, upwards) in UNITS[unit].items():
                for each, towards in {point: -1, opposite.get(point, point): 1}.items():
                    of_emotion[each] += intensity * torch.tensor([towards * outwards, upwards])
    return moves.to(device)
