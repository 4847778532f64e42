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
# the unit of shapes, are. (So these are less than 1 apart on some persons: 0.83 to 0.92 were seen.)
NOSE_BASE_CM, EYES_CM = (0.0, -0.7, -7.92), 10.622862
# How much further away than the nose's base each point of a shape is, in cm: that with which it moves least when the
# head turns and nods (GRID, 54,874 frames, least squares; that head has 1.9 for the corners and 0.6 for the middle).
DEPTHS_CM = (
    *(1.9, 1.1, 0.5, 0.5, 0.5, 1.1, 1.9, 1.1, 0.5, 0.5, 0.5, 1.1),  # 48 to 59, the outer edge
    *(1.8, 0.5, 0.5, 0.5, 1.8, 0.6, 0.6, 0.6),  # 60 to 67, the inner one
    1.5,
)
REACH_HALF_WIDTHS = 2.2  # so far to the side of the mouth's middle the cheek goes along, in half widths of the mouth
NECK_HALF_WIDTHS = 1.6  # over so much below the chin its motion fades out
N_COLUMNS = 64  # at which the lines are worked out; positions between two of them have what lies between
MIN_HALF_WIDTH = 0.02  # in the unit of shapes: points that fell together must not give positions that are no numbers
# Of a mouth that was moved by geometry dlib reads less again: 0.88 and 0.78 of the first two of a person's modes. Moved
# so many times as far it reads 1.01 and 0.91, and LMD of the mouth falls from 0.52 to 0.48 (GRID, 12 training clips
# drawn from other clips' frames).
OVERSHOOT = 1.2
# Of a head turned so far to its side (78 degrees; the cosine) lips are not moved, and from twice that on as asked.
LEAST_FACING = 0.2


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

    To the right (in the picture of a head that looks ahead) and down from the nose's base: `POINTS`, in their order, in
    units of `EYES_CM`. How far away each is, is taken as the same in every head.
    """
    return _InHead(landmarks, heads).shape


def overshot(mouth: Mouth) -> Mouth:
    """The same mouth, asked to move as much further as it takes for what is asked to be seen."""
    now = lip_shape(mouth.landmarks, mouth.heads)
    return mouth._replace(asked=torch.lerp(now, mouth.asked, OVERSHOOT))


def opening_and_width(shapes: Tensor) -> Tensor:
    """(..., 21, 2) to (..., 2): the distances of the inner lips in their middle, and of the mouth's corners."""
    pairs = ([POINTS.index(index) for index in pair] for pair in (INNER_LIPS, CORNERS))
    return torch.stack([torch.linalg.vector_norm(shapes[..., b, :] - shapes[..., a, :], dim=-1) for a, b in pairs], -1)


def about_mouth(mouth: Mouth) -> Tensor:
    """(N, 4): left, top, right, bottom of all that moves with the lips, shares of the side."""
    upright = _Upright(mouth)
    middle, half_width, far = _reach(upright.now, upright.asked)
    top = torch.zeros_like(middle)
    bottom = upright.asked[:, :, 1].amax(dim=1).clamp_min(0) + NECK_HALF_WIDTHS * half_width
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
        The shifts in x and y, (N, P, P) each; 0 where the mouth is as asked, above the nose and below the neck. Points
        get to within a pixel of 256 of where they are asked to be; within two or three where a head is turned by 45
        degrees or more, so that its far corner lies behind its lips.
    """
    upright = _Upright(mouth)
    across, down = upright.positions(x, y)
    middle, half_width, far = _reach(upright.now, upright.asked)
    columns = torch.linspace(-1, 1, N_COLUMNS, device=x.device, dtype=x.dtype) * far[:, None]
    heights, shifts = _lines(upright.now, upright.asked, middle, half_width, far, columns)
    # What each position's column has: heights, and how far to look across and down from each.
    table = torch.cat([heights[:, :, None], shifts], dim=2).flatten(1, 2)
    at = torch.stack([(across - middle[:, None, None]) / far[:, None, None], torch.zeros_like(across)], dim=3)
    of_column = F.grid_sample(table[:, :, None], at, padding_mode="border", align_corners=True)
    knots = of_column.unflatten(1, (len(LINES) + 1, 3)).unbind(1)
    neck = knots[-1][:, 0] + NECK_HALF_WIDTHS * half_width[:, None, None]
    return upright.turned_back(*_between(down, [*(knot.unbind(1) for knot in knots)], neck))


class _InHead:
    """N mouths in the axes of their heads.

    Attributes:
        shape: (N, 21, 2), see `lip_shape`.
    """

    def __init__(self, landmarks: Tensor, heads: Heads) -> None:
        self._heads, self._away = heads, landmarks.new_tensor((0.0, *DEPTHS_CM)) + NOSE_BASE_CM[2]
        places, facing = heads.onto_planes(landmarks[:, [NOSE_BASE, *POINTS]], self._away)
        self._nose, self._facing = places[:, :1], facing[:, :1, None]
        self.shape = (places[:, 1:] - self._nose) / EYES_CM

    def moves(self, asked: Tensor) -> Tensor:
        """(N, 21, 2): how far each point goes in the picture, shares of the side, until the shape is as asked."""
        moves = self._seen(asked) - self._seen(self.shape)
        return moves * ((self._facing - LEAST_FACING) / LEAST_FACING).clamp(0, 1)

    def _seen(self, shape: Tensor) -> Tensor:
        away = self._away[1:, None].expand(len(shape), -1, 1)
        return self._heads.project(torch.cat([shape * EYES_CM + self._nose, away], dim=2))


class _Upright:
    """N mouths in their pictures, turned upright, about the nose's base and all of one size.

    Attributes:
        now: (N, 21, 2), across and down, `POINTS` as they are seen.
        asked: (N, 21, 2), as they are to be seen.
    """

    def __init__(self, mouth: Mouth) -> None:
        landmarks, nose_cm = mouth.landmarks, mouth.landmarks.new_tensor(NOSE_BASE_CM)
        chin_cm = nose_cm + landmarks.new_tensor((0, EYES_CM, 0))
        top, bottom = mouth.heads.project(torch.stack([nose_cm, chin_cm]).expand(len(landmarks), 2, 3)).unbind(1)
        x, y = (bottom - top).unbind(1)
        self._steps = torch.stack([torch.stack([y, x], dim=1), torch.stack([-x, y], dim=1)], dim=1)
        self._back = self._steps.mT / (x.square() + y.square()).clamp_min(1e-9)[:, None, None]
        self._origin = landmarks[:, NOSE_BASE]
        self.now = (landmarks[:, list(POINTS)] - self._origin[:, None]) @ self._back.mT
        self.asked = self.now + _InHead(landmarks, mouth.heads).moves(mouth.asked) @ self._back.mT

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
    numbers = torch.stack([asked[:, lines, 1], now[:, lines, 1], (now - asked)[:, lines, 0]], dim=3)
    line_asked, line_now, across = _interpolated(places, numbers, columns).unbind(3)
    # Lips that are asked to pass through each other meet instead; none goes above the nose.
    heights, heights_now = (
        torch.cat([line, points[:, -1:, 1:].expand(-1, 1, columns.shape[1])], dim=1).clamp_min(0).cummax(dim=1).values
        for line, points in ((line_asked, asked), (line_now, now))
    )
    # Beyond the corners the cheeks give way, up to where they do not move; the chin's motion is the jaw's.
    cheek = ((far[:, None] - columns.abs()) / (far - half_width)[:, None]).clamp(0, 1)
    jaw = (1 - (columns / far[:, None]).square()).square()
    share = torch.stack([*[cheek] * len(LINES), jaw], dim=1)
    across = torch.cat([across, (now - asked)[:, -1:, :1].expand(-1, -1, columns.shape[1])], dim=1)
    shifts = torch.stack([across, heights_now - heights], dim=2)
    return heights, shifts * share[:, :, None]


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
