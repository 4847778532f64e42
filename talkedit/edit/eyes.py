"""Eyes that are to be opened but are nearly shut: too little of them is to be seen, so another frame lends them."""

from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from talkedit.edit.lend import laid_over, moved_over, soft_ellipse
from talkedit.edit.renderer import Crops
from talkedit.models.landmarks import EYES
from talkedit.models.lids import LEAST_OPENING, OPENING_AT_ZERO
from talkedit.records import Floats, Image

OPEN_FROM = 0.6  # from here on eyes can be lent
MIN_GAIN = 0.15  # of openness that is asked for, less is not worth borrowing
MOST_OPENED = 1.5  # lids that are drawn further apart, as a ratio, are torn: nobody has seen what is behind them
LENDERS = 25  # frames with open eyes that are remembered, a second: what lay further back is lit and turned otherwise
# Half axes of the ellipse that is taken over about an eye, in widths of the eye, and its soft edge: to below the brow.
REACH_X, REACH_Y, EDGE = 0.8, 0.5, 0.24
CORNERS = [index for first, _ in EYES for index in (first, first + 3)]  # dlib's indices of the corners of both eyes


class EyeLender:
    """Gives eyes that are to be opened far the eyes of a frame before, in a shot's order.

    What is lent is moved to where the eyes are by a similarity between the corners of both eyes. Where there are no
    open eyes, frames stay as they are: their lids are stretched (`talkedit.models.lids`).

    Args:
        first: One crop with open eyes, for the frames before the first that has them; see `first_lender`.
    """

    def __init__(self, first: Crops | None = None) -> None:
        self._lenders: deque[Crops] = deque([] if first is None else [first], maxlen=LENDERS)

    def __call__(self, source: Crops, asked: Floats) -> Crops:
        """The next frames to draw from.

        Args:
            source: N crops, as they are.
            asked: (N,), how far the eyes are to be open, 0..1.

        Returns:
            The same crops; pictures, eye landmarks and eye openness of some are changed.
        """
        images, landmarks, openness = source.images.copy(), source.landmarks.copy(), source.eye_openness.copy()
        for index, shown in enumerate(source.eye_openness):
            own = source.take(slice(index, index + 1))
            if shown >= OPEN_FROM:
                self._lenders.append(own)
            if self._lenders and borrows(shown, asked[index]):
                lender = max(self._lenders, key=lambda each: each.eye_openness[0])
                if lender.eye_openness[0] >= shown + MIN_GAIN:
                    images[index], landmarks[index] = _borrow(own, lender)
                    openness[index] = lender.eye_openness[0]
        return replace(source, images=images, landmarks=landmarks, eye_openness=openness)


def borrows(shown: Floats, asked: Floats) -> NDArray[np.bool_]:
    """Whether eyes that are so far open, and are to be that far, are those of another frame."""
    to_be, is_now = (np.maximum(OPENING_AT_ZERO + openness, LEAST_OPENING) for openness in (asked, shown))
    return (asked >= shown + MIN_GAIN) & (to_be > MOST_OPENED * is_now)


def first_lender(shown: Floats, asked: Floats) -> int | None:
    """The frame that lends its eyes to those before the first with open eyes: the widest of that one's second.

    Args:
        shown: (N,), how far the eyes are open in a shot, 0..1.
        asked: (N,), how far they are to be.

    Returns:
        Its number; None if no frame before would borrow, or none has open eyes.
    """
    is_open = shown >= OPEN_FROM
    first = int(is_open.argmax())  # 0 if none is
    if not borrows(shown[:first], asked[:first]).any():
        return None
    return first + int(shown[first : first + LENDERS].argmax())


def _borrow(own: Crops, lender: Crops) -> tuple[Image, Floats]:
    """A crop (S, S, 3) with the eyes of another, and its landmarks (68, 2), shares of the side."""
    image, landmarks = own.images[0], own.landmarks[0].copy()
    lent, moved = moved_over(lender, own, CORNERS)
    for first, end in EYES:
        landmarks[first:end] = moved[first:end]
    return laid_over(image, lent, _about_eyes(landmarks, len(image))), landmarks


def _about_eyes(landmarks: Floats, size_px: int) -> Floats:
    """(S, S), 1 about the eyes, fading to 0."""
    masks = []
    for first, _ in EYES:
        right, left = landmarks[first], landmarks[first + 3]
        width = float(np.linalg.norm(left - right))
        half_axes = REACH_X * width, REACH_Y * width
        masks.append(soft_ellipse(size_px, (left + right) / 2, (left - right) / width, half_axes, EDGE))
    return np.maximum(*masks)
