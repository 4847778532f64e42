"""Opens and closes the eyes of a source frame by moving its lids, with no training.

Between its corners each lid is a parabola. What lies between the lower lid and the upper one is squeezed or stretched
to the opening that is asked for; lashes are carried along, the skin up to the brow makes room. Lids that nearly meet
show less and less of the eye, and shut ones the lashes alone, in a flatter line: an eye that was squeezed into a line
was a row of black and white pixels. What a shift of pixels cannot know (a hidden pupil) is left to the generator.

How it was chosen: by the look of it, and by the witness's lids of open training frames, moved by this alone, against
those of real shut ones. On eight frames of GRID it measures 0.237, where the real ones measure 0.219 and open eyes
0.324, on six of Lieu 0.148, 0.122 and 0.281; squeezed it was 0.231 and 0.164.
"""

from typing import NamedTuple

import torch
from torch import Tensor

# The opening is in proportion to openness plus this: dlib's points keep some, up to 0.1, on eyes that are shut.
OPENING_AT_ZERO = -0.06
LEAST_OPENING = 0.04  # of the same: less is shut, and shut eyes stay as they are
MOST_STRETCHED = 2.5  # there is no eye to see between lids that are shut: the generator has to draw it
LID_POINTS_SHARE = 1 - (1 / 3) ** 2  # dlib's lid points lie a third from the middle; the parabola is this high there
# In half widths of the eye:
LASHES = 0.2  # dlib's upper lid lies on the eye, below the lashes, and what stays above it never closes
RIM = 0.15  # dlib's lower lid does too, and white is left below it
LASH_LINE = 0.15  # how thick the lashes of shut eyes are
# Lids that nearly meet: less and less of the eye is seen between them, at last the lashes alone, as thick as they are.
COVERED_FROM, SHUT_AT = 0.35, 0.06  # of what the opening was
CARRIED = 0.3  # what moves with the upper lid as it is
SKIN_REACH = 0.9  # how much skin above the open lid takes part, the more the nearer to the lid
CHEEK_REACH = 0.6  # likewise below the lower lid
SHUT_LEVEL, SHUT_LOWER = 0.4, 0.05  # shut eyes meet at this share of the lower lid's height, and so far below it
MIN_OPENING = 0.05  # a closed eye's points still span an opening
LEAST_SKIN = 0.5  # between an upper lid that is opened and the brow
NEAR = (1.5, 1.1)  # half axes of the ellipse about an eye in which `near_eyes` is not 0


class Eyes(NamedTuple):
    """The eyes of N sources, and how far they should be open.

    Attributes:
        points: (N, 2, 6, 2), dlib's points of both eyes, shares of the picture's side.
        openness: (N,), how open they are, 0..1.
        asked: (N,), how open they should be.
    """

    points: Tensor
    openness: Tensor
    asked: Tensor


def about_eyes(eyes: Eyes) -> Tensor:
    """(N, 4): left, top, right, bottom of all that moves with the lids, shares of the side."""
    widths = torch.linalg.vector_norm(eyes.points[:, :, 3] - eyes.points[:, :, 0], dim=2).amax(dim=1, keepdim=True)
    points = eyes.points.flatten(1, 2)
    reach = (1 + SKIN_REACH) * widths / 2
    return torch.cat([points.amin(dim=1) - reach, points.amax(dim=1) + reach], dim=1)


def near_eyes(x: Tensor, y: Tensor, eyes: Eyes) -> Tensor:
    """(N, P, P), 0..1: 1 where positions (N, P, P), shares of the side, are on an eye or its lids, 0 away from both."""
    near = torch.zeros_like(x)
    for points in eyes.points.unbind(dim=1):
        u, v = _Eye(points).axes(x, y)
        near = torch.maximum(near, 1 - (u / NEAR[0]).square() - (v / NEAR[1]).square())
    return (2 * near).clamp_max(1)


def move_lids(x: Tensor, y: Tensor, eyes: Eyes) -> tuple[Tensor, Tensor]:
    """How far from each position to look for what is shown there once the lids have moved.

    Args:
        x: (N, P, P), positions in the pictures, shares of the side.
        y: Likewise.
        eyes: What is asked.

    Returns:
        The shifts in x and y, (N, P, P) each; 0 where the eyes are as asked, and away from them.
    """
    asked, shown = ((OPENING_AT_ZERO + openness).clamp_min(LEAST_OPENING) for openness in (eyes.asked, eyes.openness))
    ratio = (asked / shown).clamp_max(MOST_STRETCHED)
    right, left = (_shift(x, y, points, ratio) for points in eyes.points.unbind(dim=1))
    return right[0] + left[0], right[1] + left[1]


class _Eye:
    """N eyes, (N, 6, 2) points, in axes of their own, whose unit is half an eye's width.

    Attributes:
        upper: (N, 1, 1), how high the middle of the upper lid stands over the line of the corners.
        lower: Likewise.
        up: (N, 2, 1, 1), the unit's direction up, in shares of the picture's side.
    """

    def __init__(self, points: Tensor) -> None:
        p1, p2, p3, p4, p5, p6 = points[..., None, None].unbind(dim=1)
        self._centre, along = (p1 + p4) / 2, (p4 - p1) / 2
        squared = along.square().sum(1, keepdim=True).clamp_min(1e-12)
        self.up = torch.stack([along[:, 1], -along[:, 0]], dim=1)
        self._across, self._upwards = along / squared, self.up / squared

        def height(a: Tensor, b: Tensor) -> Tensor:
            """Mean height of two lid points, as that of the parabola's middle."""
            return (((a + b) / 2 - self._centre) * self._upwards).sum(1) / LID_POINTS_SHARE

        self.upper, self.lower = height(p2, p3), height(p5, p6)

    def axes(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Of positions (N, P, P): u across the eye, -1 and 1 at its corners, and v up from the line between them."""
        x, y = x - self._centre[:, 0], y - self._centre[:, 1]
        u, v = (x * axis[:, 0] + y * axis[:, 1] for axis in (self._across, self._upwards))
        return u, v


def _shift(x: Tensor, y: Tensor, points: Tensor, ratio: Tensor) -> tuple[Tensor, Tensor]:
    """The shifts of one eye, (N, 6, 2) points; `ratio` (N,) of its opening to what it is."""
    eye, ratio = _Eye(points), ratio[:, None, None]
    u, v = eye.axes(x, y)
    lower = eye.lower - RIM
    opening = (eye.upper + LASHES - lower).clamp_min(MIN_OPENING)
    rounded, flat = (1 - u.square()).clamp_min(0), (1 - u.square().square()).clamp_min(0)
    # The lids as they are, and as they are to be.
    lower_was, upper_was = lower * rounded, (lower + opening) * rounded
    shut = (SHUT_LEVEL * lower - SHUT_LOWER) * flat
    lower_is = torch.lerp(lower_was, shut, (1 - ratio).clamp_min(0))
    brow, cheek = lower + opening + SKIN_REACH, lower_was - CHEEK_REACH
    covered = ((COVERED_FROM - ratio) / (COVERED_FROM - SHUT_AT)).clamp(0, 1)
    lashes = LASH_LINE * rounded
    height_was = upper_was - lower_was
    height_is = torch.maximum(ratio * height_was, covered * lashes)
    upper_is = torch.minimum(lower_is + height_is, brow - LEAST_SKIN)

    lowest_seen = lower_was + covered * (height_was - lashes)
    in_eye = lowest_seen + (v - lower_is) * (upper_was - lowest_seen) / (upper_is - lower_is).clamp_min(1e-6) - v
    carried = upper_is + CARRIED * flat
    to_brow = ((brow - v) / (brow - carried)).clamp(0, 1)
    in_skin = (upper_was - upper_is) * to_brow * to_brow.sqrt()
    in_cheek = (lower_was - lower_is) * ((v - cheek) / (lower_is - cheek)).clamp(0, 1)
    moved = torch.where(v < lower_is, in_cheek, torch.where(v < upper_is, in_eye, in_skin)) * (u.abs() < 1)
    return moved * eye.up[:, 0], moved * eye.up[:, 1]
