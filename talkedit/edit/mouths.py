"""New speech: each frame gets the mouth of a frame near by whose lips have about the shape that is heard.

A mouth that says something else keeps the teeth, the corners and the cheeks of what it said, however its lips are moved
(`talkedit.models.lips`), and one that is wide open does not quite close: with the frame's own mouth, silence left 0.57
of the lips' mean opening (GRID at 256 px, where real mouths at their most shut have 0.44), with a lent one 0.43.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from talkedit.edit.choice import Indices, cheapest_path
from talkedit.edit.lend import laid_over, moved_over, soft_ellipse
from talkedit.edit.renderer import Crops
from talkedit.models.lips import CHIN, NOSE_BASE, OUTER_EYE_CORNERS
from talkedit.records import Floats

SECTION_S = 4.0  # so long frames lend each other mouths: what lies further off is lit and turned otherwise
# Frames that differ by one of them are equally unlike; the lips' is the root of the squares of all coordinates. With it
# 8% of frames get their mouth from another frame than the one before, with 0.03 11%, with 0.06 4% (GRID).
LIPS_UNIT, POSE_UNIT_DEG = 0.04, 3.0
CHANGE_COST = 10.0  # of another lender than the frame before, in squares of these units
FIXED = (27, 30, 36, 39, 42, 45)  # dlib's indices of what does not move with speech: the nose's ridge, eye corners
MOVED = (*range(5, 12), *range(48, 68))  # and of what is lent: chin and mouth
# Half the width of the ellipse that is taken over, in distances of the outer eye corners; half its height, over half
# the way from the nose to the lower of both chins; and its soft edge.
REACH_X, REACH_Y, EDGE = 0.72, 1.12, 0.24

Fetch = Callable[[list[int]], list[Crops]]


class MouthLender:
    """Gives the frames of a shot mouths that fit the speech, in their order.

    Args:
        heard: (N, 21, 2), the shape that the lips are to have (`talkedit.models.lips.lip_shape`).
        lips: (N, 21, 2), what they have.
        pose_deg: (N, 3).
        usable: (N,), the frames that may lend: a face was found in them.
        fps: Frames a second.
        fetch: Gets frames by their numbers, one crop each; ascending.
    """

    def __init__(
        self, heard: Floats, lips: Floats, pose_deg: Floats, usable: NDArray[np.bool_], fps: float, fetch: Fetch
    ) -> None:
        self._n = max(round(SECTION_S * fps), 1)
        chosen = []
        for first in range(0, len(heard), self._n):
            part = slice(first, first + self._n)
            chosen.append(first + choose_lenders(heard[part], lips[part], pose_deg[part], usable[part]))
        self._chosen, self._fetch = np.concatenate(chosen), fetch
        self._section, self._lenders = -1, dict[int, Crops]()

    def __call__(self, own: Crops, number: int) -> Crops:
        """One frame with the mouth it is to be drawn from.

        Args:
            own: One crop.
            number: Of the frame in the shot.
        """
        lender = int(self._chosen[number])
        if lender == number:
            return own
        if self._section != number // self._n:
            self._section = number // self._n
            numbers = np.unique(self._chosen[self._section * self._n :][: self._n]).tolist()
            self._lenders = dict(zip(numbers, self._fetch(numbers), strict=True))
        return lend_mouth(own, self._lenders[lender])


def choose_lenders(heard: Floats, lips: Floats, pose_deg: Floats, usable: NDArray[np.bool_]) -> Indices:
    """Which of N frames lends each its mouth, (N,); itself where none is usable. See `MouthLender`."""
    if not usable.any():
        return np.arange(len(heard))
    costs = np.square((heard[:, None] - lips[None]) / LIPS_UNIT).sum(axis=(2, 3), dtype=np.float64)
    costs += np.square((pose_deg[:, None] - pose_deg[None]) / POSE_UNIT_DEG).sum(axis=2)
    costs[:, ~usable] = np.inf
    return cheapest_path(costs, CHANGE_COST)


def lend_mouth(own: Crops, lender: Crops) -> Crops:
    """One crop with mouth and chin of another of the same side."""
    lent, moved = moved_over(lender, own, FIXED)
    landmarks = own.landmarks.copy()
    landmarks[0, MOVED] = moved[MOVED, :]
    image = laid_over(own.images[0], lent, _about_mouth(own.landmarks[0], moved, own.images.shape[1]))
    return replace(own, images=image[None], landmarks=landmarks)


def _about_mouth(ours: Floats, theirs: Floats, size_px: int) -> Floats:
    """(S, S), 1 about mouth and chin, fading to 0; from landmarks (68, 2) of who borrows, and of who lends, moved."""
    right, left = (ours[index] for index in OUTER_EYE_CORNERS)
    eyes = float(np.linalg.norm(left - right))
    along = (left - right) / eyes
    down = np.array([-along[1], along[0]])
    chin = max(ours[CHIN], theirs[CHIN], key=lambda point: float(point @ down))
    top = ours[NOSE_BASE]
    half_axes = REACH_X * eyes, REACH_Y * abs(float((chin - top) @ down)) / 2
    return soft_ellipse(size_px, (top + chin) / 2, along, half_axes, EDGE)
