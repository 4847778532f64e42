"""Puts a crop back into its frame so that nobody sees where: a soft mask, and colours that agree at its border."""

from math import exp

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from talkedit.face.geometry import apply
from talkedit.records import Floats, Image

_CORRECTION_PX = 32  # the colour correction is this coarse: it follows light, not hair
_COMPARED_PX = 128  # pictures are compared that fine: the mask's soft edge is in it
_CORRECTION_REACH = 0.12  # sigma, as a share of the crop's side
_FAR_WEIGHT = 1e-3  # of the mean over the whole ring, where the ring is far away

STEADY_S = 1.0  # what colours are matched over, as a time constant
LIGHT_CHANGED = 4.0  # grey levels: what agreed so far is that far off at once, so it is not of this light


def feathered_mask(size_px: int, box: tuple[float, float, float, float], feather_share: float) -> Floats:
    """The part of a crop that is replaced: a box with round corners and a soft edge.

    Args:
        size_px: Side of the crop.
        box: Left, top, right and bottom over the side of the crop, 0 to 1.
        feather_share: Width of the soft edge, inside the box, over the side of the crop.

    Returns:
        (S, S) float32: exactly 0 outside the box, exactly 1 further inside than the soft edge.
    """
    left, top, right, bottom = (size_px * share for share in box)
    feather = max(size_px * feather_share, 1e-6)
    radius = min(2 * feather, (right - left) / 2, (bottom - top) / 2)
    middles = np.arange(size_px) + 0.5
    inside_x = np.minimum(middles - left, right - middles)[None, :]  # how far from the nearer edge
    inside_y = np.minimum(middles - top, bottom - middles)[:, None]
    depth = radius - np.hypot(np.maximum(radius - inside_x, 0), np.maximum(radius - inside_y, 0))  # corners rounded
    x = np.clip(np.minimum(depth, np.minimum(inside_x, inside_y)) / feather, 0, 1)
    return (x * x * (3 - 2 * x)).astype(np.float32)


def paste(frame: Image, crop: Image, mask: Floats, frame_from_crop: ArrayLike) -> tuple[Image, Floats]:
    """Lays a crop over its place in the frame.

    Args:
        frame: (H, W, 3) uint8 RGB.
        crop: (S, S, 3) uint8 RGB.
        mask: (S, S) float32, 1 where the crop is shown, 0 where the frame stays.
        frame_from_crop: (3, 3), a scale and a shift; may reach past the frame.

    Returns:
        The edited frame, (H, W, 3) uint8, equal to `frame` byte for byte wherever the mask is 0; and the mask in the
        frame, (H, W) float32.
    """
    height, width = frame.shape[:2]
    edited, mask_in_frame = frame.copy(), np.zeros((height, width), np.float32)
    transform = np.asarray(frame_from_crop, np.float64)
    x0, y0, x1, y1 = _bounds(mask, transform, width, height)
    if x0 >= x1 or y0 >= y1:
        return edited, mask_in_frame
    move = transform[:2] - [[0, 0, x0], [0, 0, y0]]
    size = (x1 - x0, y1 - y0)
    patch = cv2.warpAffine(crop, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(mask, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    below = frame[y0:y1, x0:x1]
    edited[y0:y1, x0:x1] = cv2.blendLinear(np.ascontiguousarray(below), patch, 1 - alpha, alpha)
    mask_in_frame[y0:y1, x0:x1] = alpha
    return edited, mask_in_frame


class SeamMatcher:
    """Shifts the colours of a shot's drawn crops so that they agree with its frames along the border of the mask.

    The difference outside the mask, blurred, is carried inwards: a wrong brightness or tint vanishes everywhere, and
    a shadow on one side vanishes on that side. It follows the light over `STEADY_S`: matched each by itself, frames
    flicker by a fraction of a grey level, which an expert of lip sync takes for motion.

    Args:
        mask: (S, S) float32, as of `feathered_mask`.
        fps: Frames a second.
    """

    def __init__(self, mask: Floats, fps: float) -> None:
        self._mask, self._ring = mask, _shrunk(1 - mask)
        self._weight = _near(self._ring)
        self._decay = exp(-1 / (STEADY_S * fps))
        self._start()

    def __call__(self, generated: Image, original: Image) -> Image:
        """The next frame's.

        Args:
            generated: (S, S, 3) uint8 RGB, meant to agree with `original` outside the mask.
            original: (S, S, 3) uint8 RGB, the same crop of the true frame.

        Returns:
            (S, S, 3) uint8.
        """
        difference = cv2.subtract(_shrunk(original), _shrunk(generated), dtype=cv2.CV_32F)
        here = _near(difference * self._ring[..., None]) / self._weight[..., None]
        if np.abs(here - self._correction).mean() > LIGHT_CHANGED:
            self._start()
        self._n_seen = self._n_seen * self._decay + 1
        self._correction = self._correction + (here - self._correction) / self._n_seen
        correction = cv2.resize(self._correction, self._mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.add(generated, correction, dtype=cv2.CV_8U), np.uint8)  # rounded, and held within 0..255

    def _start(self) -> None:
        self._n_seen, self._correction = 0.0, np.zeros((_CORRECTION_PX, _CORRECTION_PX, 3), np.float32)


def _shrunk(image: cv2.typing.MatLike) -> cv2.typing.MatLike:
    return cv2.resize(image, (_COMPARED_PX, _COMPARED_PX), interpolation=cv2.INTER_AREA)


def _near(values: cv2.typing.MatLike) -> Floats:
    """Sums around each place of the coarse correction, and a little of everywhere."""
    small = cv2.resize(values, (_CORRECTION_PX, _CORRECTION_PX), interpolation=cv2.INTER_AREA)
    side = 2 * _CORRECTION_PX - 1
    sigma = _CORRECTION_REACH * _CORRECTION_PX
    near = cv2.GaussianBlur(small, (side, side), sigma, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(near + _FAR_WEIGHT * small.mean(axis=(0, 1)), np.float32)


def _bounds(mask: Floats, transform: NDArray[np.float64], width: int, height: int) -> tuple[int, int, int, int]:
    """The whole pixels of the frame that the mask can touch: x0, y0, x1, y1, the last ones excluded."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return 0, 0, 0, 0
    corners = apply(transform, [(columns[0] - 1, rows[0] - 1), (columns[-1] + 1, rows[-1] + 1)])
    (x0, y0), (x1, y1) = np.floor(corners[0]).astype(int), np.ceil(corners[1]).astype(int) + 1
    return max(0, int(x0)), max(0, int(y0)), min(width, int(x1)), min(height, int(y1))
