"""The mouth of a source frame, moved point by point by geometry to the shape that is asked for, with no training.

`lip_shape` says where lips and chin are in the head's own axes, whichever way the head is turned; `move_lips` moves
those of a source to such a shape. Along each of the mouth's four lines (both edges of both lips) dlib has seven points;
what lies between two lines is stretched or squeezed, and so are the cheeks beside them. What a shift of pixels cannot
know (teeth, tongue) is left to the generator.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from talkedit.models.heads import Heads

# dlib's indices.
CORNERS, INNER_LIPS, NOSE_BASE, CHIN, OUTER_EYE_CORNERS = (48, 54), (62, 66), 33, 8, (36, 45)
POINTS = (*range(48, 68), CHIN)  # of a shape
N_POINTS = len(POINTS)
LINES = (  # from corner to corner, down the mouth
    (48, 49, 50, 51, 52, 53, 54),
    (48, 60, 61, 62, 63, 64, 54),
    (48, 60, 67, 66, 65, 64, 54),
    (48, 59, 58, 57, 56, 55, 54),
)
# As the head of talkedit.face.pose has them, in cm: where the nose's base is, and how far apart the outer eye corners,
# the unit of shapes, are.
NOSE_BASE_CM, EYES_CM = (0.0, -0.7, -7.92), 10.622862
# How much further away than the nose's base each point of a shape is, in cm, by how much further to the side it goes
# when a head turns (GRID, 54,874 frames, least squares; that head has 1.9 for the corners and 0.6 for the middle).
DEPTHS_CM = (
    *(2.0, 1.1, 0.6, 0.5, 0.6, 1.1, 2.0, 1.1, 0.6, 0.5, 0.6, 1.1),  # 48 to 59, the outer edge
    *(1.6, 0.6, 0.5, 0.6, 1.6, 0.6, 0.5, 0.6),  # 60 to 67, the inner one
    2.0,
)
REACH_HALF_WIDTHS = 2.2  # so far to the side of the mouth's middle the cheek goes along, in half widths of the mouth
NECK_HALF_WIDTHS = 1.6  # over so much below the chin its motion fades out
N_COLUMNS = 64  # at which the lines are worked out; positions between two of them have what lies between
MIN_HALF_WIDTH = 0.02  # in the unit of shapes: points that fell together must not give positions that are no numbers
LEAST_FACING = 0.1  # likewise of a head turned to its side, of whose mouth nothing is seen


class Mouth(NamedTuple):
    """The mouth of N sources, and the shape that it should have.

    Attributes:
        landmarks: (N, 68, 2), dlib's points, shares of the picture's side.
        heads: The heads in the pictures.
        asked: (N, 21, 2), as `lip_shape` measures it.
    """

    landmarks: Tensor
    heads: Heads
    asked: Tensor


def lip_shape(landmarks: Tensor, heads: Heads) -> Tensor:
    """Lips and chin in the head's own axes: (N, 68, 2), shares of the side, to (N, 21, 2).

    To the right (in the picture of a head that looks ahead) and down from the nose's base, in distances of the outer
    eye corners: `POINTS`, in their order. How far away each is, is taken as the same in every head.
    """
    return _Upright(landmarks, heads).shape


def opening_and_width(shapes: Tensor) -> Tensor:
    """(..., 21, 2) to (..., 2): the distances of the inner lips in their middle, and of the mouth's corners."""
    pairs = ([POINTS.index(index) for index in pair] for pair in (INNER_LIPS, CORNERS))
    return torch.stack([torch.linalg.vector_norm(shapes[..., b, :] - shapes[..., a, :], dim=-1) for a, b in pairs], -1)


def about_mouth(mouth: Mouth) -> Tensor:
    """(N, 4): left, top, right, bottom of all that moves with the lips, shares of the side."""
    upright = _Upright(mouth.landmarks, mouth.heads)
    asked = upright.points + mouth.asked - upright.shape
    middle, half_width, far = _reach(upright.points, asked)
    top, bottom = torch.zeros_like(middle), asked[:, :, 1].amax(dim=1).clamp_min(0) + NECK_HALF_WIDTHS * half_width
    corners = [torch.stack([middle + side, height], dim=1) for side in (-far, far) for height in (top, bottom)]
    seen = upright.in_picture(torch.stack(corners, dim=1))
    return torch.cat([seen.amin(dim=1), seen.amax(dim=1)], dim=1)


def move_lips(x: Tensor, y: Tensor, mouth: Mouth) -> tuple[Tensor, Tensor]:
    """How far from each position to look for what is shown there once the lips have moved.

    Args:
        x: (N, P, P), positions in the pictures, shares of the side.
        y: Likewise.
        mouth: What is asked.

    Returns:
        The shifts in x and y, (N, P, P) each; 0 where the mouth is as asked, above the nose and below the neck.
    """
    upright = _Upright(mouth.landmarks, mouth.heads)
    across, down = upright.positions(x, y)
    now = upright.points
    asked = now + mouth.asked - upright.shape
    middle, half_width, far = _reach(now, asked)
    columns = torch.linspace(-1, 1, N_COLUMNS, device=x.device, dtype=x.dtype) * far[:, None]
    heights, shifts = _lines(now, asked, middle, half_width, far, columns)
    # What each position's column has: heights, and how far to look across and down from each.
    table = torch.cat([heights[:, :, None], shifts], dim=2).flatten(1, 2)
    at = torch.stack([(across - middle[:, None, None]) / far[:, None, None], torch.zeros_like(across)], dim=3)
    of_column = F.grid_sample(table[:, :, None], at, padding_mode="border", align_corners=True)
    knots = of_column.unflatten(1, (len(LINES) + 1, 3)).unbind(1)
    neck = knots[-1][:, 0] + NECK_HALF_WIDTHS * half_width[:, None, None]
    return upright.turned_back(*_between(down, [*(knot.unbind(1) for knot in knots)], neck))


class _Upright:
    """N mouths with the line of the eyes level, about the nose's base, in distances of the outer eye corners.

    Attributes:
        points: (N, 21, 2), `POINTS` as they are seen.
        shape: (N, 21, 2), as they would be seen if the head looked ahead.
    """

    def __init__(self, landmarks: Tensor, heads: Heads) -> None:
        steps = heads.steps_at(NOSE_BASE_CM) * EYES_CM
        self._steps, self._origin = steps[:, :, :2], landmarks[:, NOSE_BASE]
        (a, b), (c, d) = (row.unbind(1) for row in self._steps.unbind(1))
        least = LEAST_FACING * steps.square().sum(dim=(1, 2)) / 2
        self._back = torch.stack([torch.stack([d, -b], 1), torch.stack([-c, a], 1)], 1)
        self._back = self._back / torch.maximum(a * d - b * c, least).clamp_min(1e-9)[:, None, None]
        self.points = (landmarks[:, list(POINTS)] - self._origin[:, None]) @ self._back.mT
        away = (self._back @ steps[:, :, 2:]).mT
        self.shape = self.points - landmarks.new_tensor(DEPTHS_CM)[:, None] / EYES_CM * away

    def positions(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Of positions (N, P, P) in the picture: across and down."""
        origin_x, origin_y = self._origin[:, :, None, None].unbind(1)
        return self._times(self._back, x - origin_x, y - origin_y)

    def in_picture(self, points: Tensor) -> Tensor:
        """(N, K, 2), across and down, to shares of the picture's side."""
        return points @ self._steps.mT + self._origin[:, None]

    def turned_back(self, across: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
        """Shifts across and down, as shifts in x and y."""
        return self._times(self._steps, across, down)

    @staticmethod
    def _times(matrix: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        (a, b), (c, d) = (row.unbind(1) for row in matrix[:, :, :, None, None].unbind(1))
        return a * first + b * second, c * first + d * second


def _reach(now: Tensor, asked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the mouth as asked: its middle, half its width, and how far to the side of that it still moves; (N,) each."""
    ends = torch.stack([points[:, [POINTS.index(index) for index in CORNERS], 0] for points in (now, asked)])
    half_widths = ((ends[..., 1] - ends[..., 0]) / 2).clamp_min(MIN_HALF_WIDTH)
    return ends[1].mean(dim=1), half_widths[1], REACH_HALF_WIDTHS * half_widths.amax(dim=0)


def _lines(
    now: Tensor, asked: Tensor, middle: Tensor, half_width: Tensor, far: Tensor, columns: Tensor
) -> tuple[Tensor, Tensor]:
    """The mouth's lines and the chin, in columns (N, K) to the right of the middle.

    Returns:
        How far down each is as asked, (N, 5, K), and how far across and down from there to look, (N, 5, 2, K).
    """
    lines = [[POINTS.index(index) for index in line] for line in LINES]
    places = asked[:, lines, 0].cummax(dim=2).values - middle[:, None, None]
    numbers = torch.cat([asked[:, lines, 1:], (now - asked)[:, lines]], dim=3)
    heights, across, down = _interpolated(places, numbers, columns).unbind(3)
    # Beyond the corners the cheeks give way, up to where they do not move; the chin's motion is the jaw's.
    cheek = ((far[:, None] - columns.abs()) / (far - half_width)[:, None]).clamp(0, 1)
    jaw = (1 - (columns / far[:, None]).square()).square()
    chin, chin_shift = asked[:, -1:, 1:].expand(-1, 1, columns.shape[1]), (now - asked)[:, -1, :, None] * jaw[:, None]
    lip_shifts = torch.stack([across, down], dim=2) * cheek[:, None, None]
    # Lips that are asked to pass through each other meet instead; none goes above the nose.
    heights = torch.cat([heights, chin], dim=1).clamp_min(0).cummax(dim=1).values
    return heights, torch.cat([lip_shifts, chin_shift[:, None]], dim=1)


def _interpolated(places: Tensor, numbers: Tensor, columns: Tensor) -> Tensor:
    """Piecewise linear, constant beyond the ends: (N, L, 7) ascending, (N, L, 7, C), (N, K) to (N, L, K, C)."""
    at = columns[:, None].expand(-1, places.shape[1], -1).contiguous()
    after = torch.searchsorted(places.contiguous(), at).clamp(1, places.shape[2] - 1)
    (place, number), (next_place, next_number) = (
        (places.gather(2, index), numbers.gather(2, index[..., None].expand(-1, -1, -1, numbers.shape[3])))
        for index in (after - 1, after)
    )
    share = ((at - place) / (next_place - place).clamp_min(1e-6)).clamp(0, 1)
    return torch.lerp(number, next_number, share[..., None])


def _between(down: Tensor, knots: list[tuple[Tensor, ...]], neck: Tensor) -> tuple[Tensor, Tensor]:
    """The shifts at each height `down`, linear from the nose's base by the knots' (height, across, down) to the neck's.

    All are (N, P, P).
    """
    height = shift_across = shift_down = torch.zeros_like(down)
    for next_height, across, downward in (*knots, (neck, torch.zeros_like(down), torch.zeros_like(down))):
        share = ((down - height) / (next_height - height).clamp_min(1e-4)).clamp(0, 1)
        shift_across, shift_down = torch.lerp(shift_across, across, share), torch.lerp(shift_down, downward, share)
        height = next_height
    return shift_across, shift_down
