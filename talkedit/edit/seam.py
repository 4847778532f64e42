"""Whether the border of what was drawn again can be seen."""

import cv2
import numpy as np

from talkedit.records import Floats, Image

INVISIBLE = 1.0  # grey levels a pixel: a gradient that is added to both, so that a plain wall does not divide by 0


def seam_ratio(before: Image, after: Image, mask: Floats) -> float:
    """How much steeper the picture became across the mask's border.

    The mean absolute change of brightness a pixel, in the direction in which the mask rises, over all pixels in its
    soft edge, of the edited frame over the same of the frame as it was; 1 is no seam.

    Args:
        before: (H, W, 3) uint8 RGB.
        after: (H, W, 3) uint8 RGB.
        mask: (H, W) float32, 0..1, in the frame.
    """
    y0, y1, x0, x1 = _bounds(mask)
    part = np.ascontiguousarray(mask[y0:y1, x0:x1])
    rise_y, rise_x = _slopes(part)
    steepness = cv2.magnitude(rise_x, rise_y)
    n_edge = cv2.countNonZero(steepness)
    if not n_edge:
        return 1.0
    across_x, across_y = (rise / np.maximum(steepness, 1e-9) for rise in (rise_x, rise_y))  # 0 where there is no edge

    def gradient(image: Image) -> float:
        grey = cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY)
        down, right = _slopes(np.asarray(grey, np.float32))
        return cv2.norm(across_x * right + across_y * down, cv2.NORM_L1) / n_edge

    return (gradient(after) + INVISIBLE) / (gradient(before) + INVISIBLE)


def _slopes(values: Floats) -> tuple[Floats, Floats]:
    """By the pixels before and after, down and to the right."""
    down, right = (cv2.Sobel(values, cv2.CV_32F, *order, ksize=1, scale=0.5) for order in ((0, 1), (1, 0)))
    return np.asarray(down, np.float32), np.asarray(right, np.float32)


def _bounds(mask: Floats) -> tuple[int, int, int, int]:
    """The part of the frame that the mask touches, and a few pixels around it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 2, 0, 2
    return max(int(rows[0]) - 2, 0), int(rows[-1]) + 3, max(int(columns[0]) - 2, 0), int(columns[-1]) + 3
