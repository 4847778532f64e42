"""Opens and closes the eyes of a source frame by moving its upper lids, with no training.

Between its corners each lid is a parabola. What lies between the lower lid and the upper one is squeezed or stretched
to the opening that is asked for, and the skin up to the brow makes room. What a shift of pixels cannot know (a pupil
that was hidden, lashes) is left to the generator.
"""

from typing import NamedTuple

import torch
from torch import Tensor

# The opening is in proportion to openness plus this. By the eye aspect ratio it would be 0.75 (0.15 at openness 0, 0.35
# at 1), but dlib's points keep an opening on a closed eye that a lid does not. A trained model's slope of openness in
# four clips of GRID: 0.82 with -0.05, 0.84 with -0.12, and 0.86 but a larger error with -0.2.
OPENING_AT_ZERO = -0.12
LEAST_OPENING = 0.02  # of the same
MOST_STRETCHED = 2.5  # there is no eye to see between lids that are shut: the generator has to draw it
LID_POINTS_SHARE = 1 - (1 / 3) ** 2  # dlib's lid points lie a third from the middle; the parabola is this high there
# In half widths: dlib's upper lid lies on the eye, below the lashes, and what stays above it never closes. By geometry
# alone the witness found 0.69 of the openness asked for in clips of GRID, with this 0.83; in the Lieu clip 0.79, 0.97.
LASHES = 0.2
SKIN_PER_HALF_WIDTH = 0.9  # how much skin above the lid takes part
MIN_OPENING = 0.05  # in half widths; a closed eye's points still span an opening


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


def move_lids(x: Tensor, y: Tensor, eyes: Eyes) -> tuple[Tensor, Tensor]:
    """How far from each position to look for what is shown there once the upper lids have moved.

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


def _shift(x: Tensor, y: Tensor, eye: Tensor, ratio: Tensor) -> tuple[Tensor, Tensor]:
    """The shifts of one eye, (N, 6, 2) points; `ratio` (N,) of its opening to what it is."""
    p1, p2, p3, p4, p5, p6 = eye.unbind(dim=1)
    centre, half = (p1 + p4) / 2, (p4 - p1) / 2
    half_width = torch.linalg.vector_norm(half, dim=1, keepdim=True).clamp_min(1e-6)
    along = half / half_width
    up = torch.stack([along[:, 1], -along[:, 0]], dim=1)

    def height(a: Tensor, b: Tensor) -> Tensor:
        """Mean height of two lid points over the line of the corners, as that of the parabola's middle; (N, 1)."""
        return (((a + b) / 2 - centre) * up).sum(1, keepdim=True) / LID_POINTS_SHARE

    upper, lower = height(p2, p3) + LASHES * half_width, height(p5, p6)
    opening = (upper - lower).clamp_min(MIN_OPENING * half_width)
    brow = lower + opening + SKIN_PER_HALF_WIDTH * half_width
    wanted = torch.minimum(lower + ratio[:, None] * opening, brow - 0.3 * half_width)

    along_x, along_y = (along / half_width)[:, :, None, None].unbind(1)
    up_x, up_y = up[:, :, None, None].unbind(1)
    centre_x, centre_y = centre[:, :, None, None].unbind(1)
    lower, opening, wanted, brow = (level[:, :, None] for level in (lower, opening, wanted, brow))
    # Across the eye, u is -1 and 1 at its corners; v is the height over the line between them.
    u = (x - centre_x) * along_x + (y - centre_y) * along_y
    v = (x - centre_x) * up_x + (y - centre_y) * up_y
    share = (1 - u.square()).clamp_min(0)
    # From the lower lid to the asked upper lid all is stretched alike, from there to the brow it makes room.
    in_eye = (v - lower * share).clamp_min(0) * (opening / (wanted - lower) - 1)
    in_skin = (lower + opening - wanted) * share * (brow - v).clamp_min(0) / (brow - wanted * share)
    moved = torch.where(v < wanted * share, in_eye, in_skin)
    return moved * up_x, moved * up_y
