"""A part of one frame's face shown in another frame: moved to where it belongs, with a soft edge."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from talkedit.edit.renderer import Crops
from talkedit.records import Floats, Image


def moved_over(lender: Crops, own: Crops, fixed: Sequence[int]) -> tuple[Image, Floats]:
    """The lender's picture and landmarks, so that its fixed points lie where those of the other are.

    Args:
        lender: One crop.
        own: Another, of the same side.
        fixed: dlib's indices; a similarity between them, by least squares, moves all.

    Returns:
        (S, S, 3) uint8, and (68, 2), shares of the side.
    """
    theirs, size_px = lender.landmarks[0], lender.images.shape[1]
    turn, shift = _similarity(theirs[list(fixed)], own.landmarks[0][list(fixed)])
    # Share s of the side is pixel s * S - 0.5.
    shift_px = shift * size_px - 0.5 + turn @ np.array([0.5, 0.5])
    transform = np.column_stack([turn, shift_px])
    image = cv2.warpAffine(lender.images[0], transform, (size_px, size_px), borderMode=cv2.BORDER_REPLICATE)
    return image.astype(np.uint8), (theirs @ turn.T + shift).astype(np.float32)


def laid_over(image: Image, lent: Image, mask: Floats) -> Image:
    """`lent` where the mask (S, S), 0..1, is 1; (S, S, 3) uint8 each."""
    return np.rint(image + mask[..., None] * (lent.astype(np.float32) - image)).astype(np.uint8)


def soft_ellipse(size_px: int, middle: Floats, along: Floats, half_axes: tuple[float, float], edge: float) -> Floats:
    """(S, S) float32: 0 from the ellipse on outwards, rising to 1 over a share `edge` of the way to its middle.

    Args:
        size_px: S.
        middle: (2,), shares of the side.
        along: (2,), direction of the first axis, of length 1.
        half_axes: Shares of the side.
        edge: 0..1.
    """
    ticks = (np.arange(size_px) + 0.5) / size_px
    x, y = ticks[None] - middle[0], ticks[:, None] - middle[1]
    u, v = x * along[0] + y * along[1], y * along[0] - x * along[1]
    distance = np.hypot(u / half_axes[0], v / half_axes[1])  # 1 on the ellipse
    return np.clip((1 - distance) / edge, 0, 1).astype(np.float32)


def _similarity(a: Floats, b: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and rotation (2, 2), and shift (2,), that bring points a (N, 2) nearest to b: least squares."""
    p, q = (points.astype(np.float64) @ np.array([1, 1j]) for points in (a, b))
    factor = np.vdot(p - p.mean(), q - q.mean()) / np.vdot(p - p.mean(), p - p.mean()).real
    shift = q.mean() - factor * p.mean()
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return turn, np.array([shift.real, shift.imag])
