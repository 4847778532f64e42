"""Points, boxes and transforms of faces: pure functions on arrays.

A point is (x, y); the centre of the top left pixel is (0, 0), so an image of width w reaches from -0.5 to w - 0.5.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from talkedit.records import Doubles, Floats, Image

Grey = NDArray[np.uint8]  # (H, W)

RIGHT_EYE = slice(36, 42)  # the person's own right: on the left of the image
LEFT_EYE = slice(42, 48)
MOUTH = slice(48, 68)

# Where dlib's box lies about its 68 points, in units of their RMS distance from their centroid. Means over a man at a
# desk, a GRID speaker and an HDTF speaker: side 2.70 to 2.92, shift up 0.10 to 0.14.
_BOX_SIDE_PER_SPREAD = 2.8
_BOX_SHIFT_Y_PER_SPREAD = -0.12


def apply(a_from_b: ArrayLike, points: ArrayLike) -> Doubles:
    """Moves points from b to a.

    Args:
        a_from_b: (3, 3), or (T, 3, 3) for one transform per frame.
        points: (..., 2), or (T, N, 2) for one set per frame.

    Returns:
        float64, of the shape of `points`.
    """
    matrix = np.asarray(a_from_b, np.float64)
    moved = np.asarray(points, np.float64) @ np.swapaxes(matrix[..., :2, :2], -1, -2)
    return moved + (matrix[:, None, :2, 2] if matrix.ndim == 3 else matrix[:2, 2])


def invert(a_from_b: ArrayLike) -> Doubles:
    """b_from_a, float64; (3, 3) or (T, 3, 3)."""
    return np.linalg.inv(np.asarray(a_from_b, np.float64)).astype(np.float64)


def frame_from_square(centre_px: ArrayLike, side_px: ArrayLike, size_px: int) -> Doubles:
    """The transform of a square of the frame that is cut out and scaled to `size_px` pixels.

    Args:
        centre_px: (..., 2), the middle of the square in the frame.
        side_px: (...), its side in frame pixels.
        size_px: Side of the cut-out image.

    Returns:
        frame_from_crop, (..., 3, 3) float64.
    """
    centre, side = np.asarray(centre_px, np.float64), np.asarray(side_px, np.float64)
    scale = side / size_px
    transform = np.zeros((*side.shape, 3, 3))
    transform[..., 0, 0] = transform[..., 1, 1] = scale
    transform[..., :2, 2] = centre - scale[..., None] * (size_px - 1) / 2
    transform[..., 2, 2] = 1
    return transform


def cut(image: NDArray[np.uint8], frame_from_crop: ArrayLike, size_px: int) -> NDArray[np.uint8]:
    """Cuts a square out of a frame; what lies beyond the frame's border repeats the border.

    Args:
        image: (H, W) or (H, W, 3) uint8.
        frame_from_crop: (3, 3), a scale and a shift.
        size_px: Side of the result.

    Returns:
        (size_px, size_px) or (size_px, size_px, 3) uint8.
    """
    transform = np.asarray(frame_from_crop, np.float64)
    shrink = max(1, int(transform[0, 0] + 0.5))  # frame pixels averaged into one, so that shrinking does not alias
    fine = transform @ np.diag([1 / shrink, 1 / shrink, 1.0])
    fine[:2, 2] -= fine[0, 0] * (shrink - 1) / 2
    side = size_px * shrink
    flags = (cv2.INTER_CUBIC if fine[0, 0] < 1 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(image, fine[:2], (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if shrink > 1:
        patch = cv2.resize(patch, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.asarray(patch, np.uint8)


def grey(image: Image) -> Grey:
    """(H, W, 3) uint8 RGB to (H, W) uint8 luma."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def boxes_from_landmarks(landmarks_px: ArrayLike) -> Doubles:
    """The box that dlib's detector would draw around these landmarks.

    Args:
        landmarks_px: (..., 68, 2).

    Returns:
        (..., 4) float64, x0, y0, x1, y1; as steady as the landmarks, unlike the detector's own.
    """
    points = np.asarray(landmarks_px, np.float64)
    centre = points.mean(axis=-2)
    spread = np.sqrt(((points - centre[..., None, :]) ** 2).sum(axis=-1).mean(axis=-1, keepdims=True))
    centre = centre + spread * np.array([0, _BOX_SHIFT_Y_PER_SPREAD])
    half = spread * _BOX_SIDE_PER_SPREAD / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def box_overlap(a_xyxy: ArrayLike, b_xyxy: ArrayLike) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    a, b = np.asarray(a_xyxy, np.float64), np.asarray(b_xyxy, np.float64)
    width, height = np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
    shared = width * height
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


def eye_aspect_ratio(landmarks_px: ArrayLike) -> Floats:
    """How open the eyes are: height over width of an eye, the mean of both.

    Source: Soukupova and Cech, Real-Time Eye Blink Detection using Facial Landmarks, 2016, equation 1.

    Args:
        landmarks_px: (T, 68, 2).

    Returns:
        (T,) float32, about 0.15 (closed) to 0.35 (open).
    """
    points = np.asarray(landmarks_px, np.float64)
    ratios = [_aspect_ratio(points[:, eye]) for eye in (RIGHT_EYE, LEFT_EYE)]
    return np.mean(ratios, axis=0).astype(np.float32)


def _aspect_ratio(eye: Doubles) -> Doubles:
    p1, p2, p3, p4, p5, p6 = np.moveaxis(eye, 1, 0)
    heights = np.linalg.norm(p2 - p6, axis=1) + np.linalg.norm(p3 - p5, axis=1)
    return heights / (2 * np.linalg.norm(p1 - p4, axis=1))


def inter_ocular_px(landmarks_px: ArrayLike) -> Floats:
    """Distance between the outer corners of the eyes (points 36 and 45); (T, 68, 2) to (T,) float32."""
    points = np.asarray(landmarks_px, np.float64)
    return np.linalg.norm(points[:, 45] - points[:, 36], axis=1).astype(np.float32)


def smooth(values: ArrayLike, sigma: float) -> Doubles:
    """Gaussian smoothing along the first axis, without lag; a constant stays what it is, up to both ends.

    Args:
        values: (T, ...), finite.
        sigma: Standard deviation in frames; 0 smooths nothing.

    Returns:
        float64, of the shape of `values`.
    """
    values = np.asarray(values, np.float64)
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return values.copy()
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    columns = values.reshape(len(values), -1).T
    weight = np.convolve(np.ones(len(values)), kernel)[radius : radius + len(values)]
    smoothed = [np.convolve(column, kernel)[radius : radius + len(values)] / weight for column in columns]
    return np.stack(smoothed, axis=1).reshape(values.shape)


def fill_gaps(values: ArrayLike, known: NDArray[np.bool_]) -> Doubles:
    """Rows that are not known become the line between their known neighbours, or the nearest at an end.

    Args:
        values: (T, ...).
        known: (T,), at least one true.

    Returns:
        float64, of the shape of `values`.
    """
    values = np.asarray(values, np.float64)
    at, known_at = np.arange(len(values)), np.flatnonzero(known)
    columns = values.reshape(len(values), -1).T
    filled = [np.interp(at, known_at, column[known_at]) for column in columns]
    return np.stack(filled, axis=1).reshape(values.shape)
