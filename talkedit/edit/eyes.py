"""Eyes that are shut and are to be opened, or open and to be shut: another frame shows what this one does not.

Of a shut eye a frame shows no pupil, of an open one no lid, and a lid that is made of stretched skin is a poor one.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from talkedit.edit.renderer import Crops
from talkedit.models.landmarks import EYES
from talkedit.records import Floats, Image

OPEN_FROM = 0.4  # eyes less open than this are hardly seen; from here on they can be lent
SHUT_BELOW = 0.15  # eyes less open than this are shut: lids can be lent
MIN_GAIN = 0.15  # of openness that is asked for, less is not worth borrowing
LENDERS = 25  # frames of each kind that are remembered; of open eyes a second: what lay further back is lit otherwise
# Half axes of the ellipse that is taken over about an eye, in widths of the eye, and its soft edge: to below the brow.
REACH_X, REACH_Y, FEATHER = 0.8, 0.5, 0.12


class EyeLender:
    """Gives shut eyes that are to be opened, and open ones that are to be shut, those of a frame before, in a shot's
    order.

    What is lent is moved to where the eyes are by a similarity between the corners of both eyes, and brought to the
    light there is around it. Where there is nothing to lend, frames stay as they are: their lids are moved
    (`talkedit.models.lids`).

    Args:
        ahead: Single crops with open or shut eyes, for the frames before the first that has them; see `lenders_ahead`.
    """

    def __init__(self, ahead: Iterable[Crops] = ()) -> None:
        self._open: deque[Crops] = deque(maxlen=LENDERS)
        self._shut: deque[Crops] = deque(maxlen=LENDERS)
        for crop in ahead:
            self._remember(crop)

    def __call__(self, source: Crops, asked: Floats) -> Crops:
        """The next frames to draw from.

        Args:
            source: N crops, as they are.
            asked: (N,), how far the eyes are to be open, 0..1.

        Returns:
            The same crops; pictures, eye landmarks and eye openness of some are changed.
        """
        images, landmarks, openness = source.images.copy(), source.landmarks.copy(), source.eye_openness.copy()
        opens, shuts = opened(source.eye_openness, asked), shut(source.eye_openness, asked)
        for index in range(len(openness)):
            own = source.take(slice(index, index + 1))
            self._remember(own)
            lender = None
            if opens[index]:
                lender = max(self._open, key=_openness, default=None)
            elif shuts[index]:
                lender = min(self._shut, key=_openness, default=None)
            if lender is not None:
                images[index], landmarks[index] = _borrow(own, lender)
                openness[index] = _openness(lender)
        return replace(source, images=images, landmarks=landmarks, eye_openness=openness)

    def _remember(self, crop: Crops) -> None:
        if _openness(crop) >= OPEN_FROM:
            self._open.append(crop)
        elif _openness(crop) < SHUT_BELOW:
            self._shut.append(crop)


def opened(shown: Floats, asked: Floats) -> NDArray[np.bool_]:
    """Whether eyes that are so far open, and are to be that far, take open ones of another frame."""
    return (shown < OPEN_FROM) & (asked >= shown + MIN_GAIN)


def shut(shown: Floats, asked: Floats) -> NDArray[np.bool_]:
    """Likewise shut ones."""
    return (asked < SHUT_BELOW) & (shown >= asked + MIN_GAIN)


def borrows(shown: Floats, asked: Floats) -> bool:
    """Whether any frame of a shot would borrow, and any could lend."""
    can_open, can_shut = (shown >= OPEN_FROM).any(), (shown < SHUT_BELOW).any()
    return bool((can_open and opened(shown, asked).any()) or (can_shut and shut(shown, asked).any()))


def lenders_ahead(shown: Floats, asked: Floats) -> list[int]:
    """The frames that lend their eyes to those before the first of their kind.

    They are the widest, or the most shut, of the second that follows the first of their kind.

    Args:
        shown: (N,), how far the eyes are open in a shot, 0..1.
        asked: (N,), how far they are to be.

    Returns:
        Their numbers: none where no frame before would borrow, or none has such eyes.
    """
    found = []
    for can_lend, borrow, rank in (
        (shown >= OPEN_FROM, opened(shown, asked), -shown),
        (shown < SHUT_BELOW, shut(shown, asked), shown),
    ):
        first = int(can_lend.argmax())  # 0 if none is
        if borrow[:first].any():
            found.append(first + int(rank[first : first + LENDERS].argmin()))
    return found


def _openness(crop: Crops) -> float:
    return float(crop.eye_openness[0])


def _borrow(own: Crops, lender: Crops) -> tuple[Image, Floats]:
    """A crop (S, S, 3) with the eyes of another, and its landmarks (68, 2), shares of the side."""
    image, size_px = own.images[0], own.images.shape[1]
    ours, theirs = own.landmarks[0], lender.landmarks[0]
    turn, shift = _similarity(theirs[_corners()], ours[_corners()])
    landmarks = ours.copy()
    for first, end in EYES:
        landmarks[first:end] = theirs[first:end] @ turn.T + shift
    # Share s of the side is pixel s * S - 0.5.
    shift_px = shift * size_px - 0.5 + turn @ np.array([0.5, 0.5])
    transform = np.column_stack([turn, shift_px])
    lent = cv2.warpAffine(lender.images[0], transform, (size_px, size_px), borderMode=cv2.BORDER_REPLICATE)
    mask = _about_eyes(landmarks, size_px)[..., None]
    lent = lent.astype(np.float32)
    edge = mask * (1 - mask)
    light = (edge * (image - lent)).sum(axis=(0, 1)) / max(edge.sum(), 1e-6)
    return np.rint(np.clip(image + mask * (lent + light - image), 0, 255)).astype(np.uint8), landmarks


def _corners() -> list[int]:
    """dlib's indices of the corners of both eyes: the first and the fourth point of each."""
    return [index for first, _ in EYES for index in (first, first + 3)]


def _similarity(a: Floats, b: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and rotation (2, 2), and shift (2,), that bring points a (N, 2) nearest to b: least squares."""
    p, q = (points.astype(np.float64) @ np.array([1, 1j]) for points in (a, b))
    factor = np.vdot(p - p.mean(), q - q.mean()) / np.vdot(p - p.mean(), p - p.mean()).real
    shift = q.mean() - factor * p.mean()
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return turn, np.array([shift.real, shift.imag])


def _about_eyes(landmarks: Floats, size_px: int) -> Floats:
    """(S, S), 1 about the eyes, fading to 0."""
    ticks = (np.arange(size_px) + 0.5) / size_px
    mask = np.zeros((size_px, size_px))
    for first, end in EYES:
        eye = landmarks[first:end]
        width = np.linalg.norm(eye[3] - eye[0])
        along, middle = (eye[3] - eye[0]) / width, (eye[3] + eye[0]) / 2
        x, y = ticks[None] - middle[0], ticks[:, None] - middle[1]
        u, v = x * along[0] + y * along[1], y * along[0] - x * along[1]
        distance = np.hypot(u / (REACH_X * width), v / (REACH_Y * width))  # 1 on the ellipse
        mask = np.maximum(mask, np.clip((1 - distance) * REACH_Y / FEATHER, 0, 1))
    return mask.astype(np.float32)
