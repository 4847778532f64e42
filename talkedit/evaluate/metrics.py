"""Numbers from pictures and landmarks: how alike two videos are.

Everything here is a pure function. Each docstring names its variant exactly, because SSIM, LMD and the like
exist in several, and numbers of different variants cannot be compared.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from talkedit.records import Floats

MOUTH_POINTS = slice(48, 68)
FACE_POINTS = slice(0, 68)
OUTER_EYE_CORNERS = (36, 45)
LMD_CROP_PX = 256
INSIDE = 0.5
MOST_DB = 100.0
SSIM_K1, SSIM_K2 = 0.01, 0.03


@dataclass(frozen=True)
class LandmarkDistance:
    """How far the landmarks of a prediction are from the truth's, over the frames where both have a face.

    Attributes:
        px: Mean distance per point and frame, in pixels of a 256 px crop; NaN if no frame counts.
        interocular: The same, each frame's divided by the distance of the truth's outer eye corners.
        detection_rate: Of the frames where the truth has a face, the share where the prediction has one, 0..1.
    """

    px: float
    interocular: float
    detection_rate: float


def ssim_inside_and_whole(prediction: NDArray, truth: NDArray, mask: NDArray) -> tuple[float, float]:
    """SSIM of the pixels inside a mask, and of whole pictures: of crops, or of full frames; say which beside it.

    What lies outside of the mask is left as it was, and flatters the second number.

    Variant: torchmetrics' SSIM map (11x11 Gaussian window, sigma 1.5, k1 0.01, k2 0.03, each of R, G, B on its
    own), averaged over the three channels of all pixels whose mask is above 0.5, in all frames together, and of all
    pixels, the mean over frames. Windows of pixels at the mask's border reach out of it by up to 5 px.

    Args:
        prediction: (N, H, W, 3) RGB; uint8 0..255 or float 0..1.
        truth: The same shape and range.
        mask: (H, W) or (N, H, W); 0 (outside) to 1 (inside).

    Returns:
        Each at most 1.0, which is reached by equal pictures; the first is NaN if no pixel is inside.

    Raises:
        ValueError: The shapes or dtypes do not belong together.
    """
    _require_alike(prediction, truth)
    inside = np.broadcast_to(mask > INSIDE, prediction.shape[:3])
    total = whole = 0.0
    for seen, real, where in zip(prediction, truth, inside, strict=True):  # the windows take 5 times the memory
        similarity = _ssim_map(seen, real)
        total, whole = total + similarity[where].sum(), whole + similarity.mean()
    return float(total / (3 * inside.sum())) if inside.any() else float("nan"), float(whole / len(prediction))


def ssim_with_surroundings(ssim_crop: float, crop_area_px: float, frame_area_px: float) -> float:
    """SSIM of the full frame into which a crop was put back, where all around the crop stayed as it was.

    Variant: what stayed has SSIM 1, so it is the mean of that and of the crop's SSIM by area. It rises with the size
    of the frame, and is no measure of the head.

    Args:
        ssim_crop: Of the crop, whose border was left as it was too.
        crop_area_px: Area of the crop in pixels of the frame.
        frame_area_px: Area of the frame.
    """
    return 1 - (1 - ssim_crop) * min(crop_area_px / frame_area_px, 1.0)


def psnr_db(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB; at most 100, which stands for equal pictures.

    Variant: 10 log10(255^2 / MSE) of each frame over all its pixels and R, G, B; the mean over frames.

    Args:
        prediction: (N, H, W, 3) uint8 RGB.
        truth: The same shape.
    """
    _require_alike(prediction, truth)
    errors = [np.square(a.astype(np.float64) - b).mean() for a, b in zip(prediction, truth, strict=True)]
    return float(np.mean([min(10 * np.log10(255**2 / error), MOST_DB) if error else MOST_DB for error in errors]))


def _ssim_map(prediction: NDArray, truth: NDArray) -> NDArray:
    """(H, W, 3) float32, from two pictures: torchmetrics' map, in a tenth of its time (4 against 41 ms at 256 px)."""
    x, y = _as_unit(prediction), _as_unit(truth)
    mean_x, mean_y, xx, yy, xy = (_window_means(image) for image in (x, y, x * x, y * y, x * y))
    both = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    contrast = (2 * (xy - both) + c2) / (xx + yy - squares + c2)
    return (2 * both + c1) / (squares + c1) * contrast


def _window_means(image: Floats) -> Floats:
    return cv2.GaussianBlur(image, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT_101).astype(np.float32, copy=False)


def lmd(prediction: Floats, truth: Floats, points: slice, side_px: float) -> LandmarkDistance:
    """Landmark distance as in the paper: LMD_m with `MOUTH_POINTS`, LMD_f with `FACE_POINTS`.

    Variant: the chosen points of each frame are centred on their own centroid, so that a shift does not count; the
    Euclidean distance is averaged over points and frames, in pixels of a 256 px crop. A frame without a face
    (any NaN) is left out of the distances; see the detection rate.

    Args:
        prediction: (T, 68, 2), in pixels of a crop with side `side_px`.
        truth: (T, 68, 2), the same.
        points: Which of the 68.
        side_px: Side of that crop.

    Raises:
        ValueError: The shapes do not belong together.
    """
    _require_alike(prediction, truth)
    wanted = np.isfinite(truth).all(axis=(1, 2))
    both = wanted & np.isfinite(prediction).all(axis=(1, 2))
    rate = float(both.sum() / wanted.sum()) if wanted.any() else float("nan")
    if not both.any():
        return LandmarkDistance(float("nan"), float("nan"), rate)
    offset = _centred(prediction[both][:, points]) - _centred(truth[both][:, points])
    distance_px = np.linalg.norm(offset, axis=2).mean(axis=1)
    left, right = (truth[both][:, corner].astype(np.float64) for corner in OUTER_EYE_CORNERS)
    relative = distance_px / np.linalg.norm(left - right, axis=1)
    return LandmarkDistance(float(distance_px.mean() * LMD_CROP_PX / side_px), float(relative.mean()), rate)


def _centred(points: Floats) -> NDArray[np.float64]:
    return points.astype(np.float64) - points.mean(axis=1, keepdims=True, dtype=np.float64)


def sharpness_ratio(prediction: NDArray[np.uint8], truth: NDArray[np.uint8], mask: NDArray) -> float:
    """How sharp a prediction is: 1.0 as sharp as the truth, less if it is blurred, more if it is noisy.

    Variant: mean absolute Laplacian (4 neighbours, mean of R, G, B) of the pixels whose mask is above 0.5, over all
    frames, prediction's over truth's.

    Args:
        prediction: (N, H, W, 3) uint8 RGB.
        truth: The same shape.
        mask: (H, W), 0 (outside) to 1 (inside).
    """
    _require_alike(prediction, truth)
    return _detail(prediction, mask > INSIDE) / max(_detail(truth, mask > INSIDE), 1e-9)


def _detail(frames: NDArray[np.uint8], inside: NDArray[np.bool_]) -> float:
    grey = (frame.astype(np.float32).mean(axis=2) for frame in frames)
    return float(np.mean([np.abs(cv2.Laplacian(image, cv2.CV_32F)[inside]).mean() for image in grey]))


def flicker_ratio(
    prediction: NDArray[np.uint8], truth: NDArray[np.uint8], landmarks_px: Floats, mask: NDArray
) -> float:
    """How much a prediction changes from frame to frame where the head is still: 1.0 as much as the truth does.

    Variant: mean absolute difference of neighbouring frames inside the mask, prediction's over truth's, over the half
    of the neighbours between which the truth's landmarks move least. Neighbours that are equal in the truth are left
    out: footage of 12.5 fps shown at 25 has every frame twice.

    Args:
        prediction: (T, H, W, 3) uint8 RGB, frame after frame.
        truth: The same shape.
        landmarks_px: (T, 68, 2), of the truth.
        mask: (H, W), 0 (outside) to 1 (inside).

    Returns:
        At least 0; NaN where the truth never changes.
    """
    _require_alike(prediction, truth)
    ours, theirs = (
        np.array([np.abs(b.astype(np.float32) - a)[mask > INSIDE].mean() for a, b in pairwise(video)])
        for video in (prediction, truth)
    )
    if not theirs.any():
        return float("nan")
    motion_px = np.linalg.norm(np.diff(landmarks_px, axis=0), axis=2).mean(axis=1)
    still = (theirs > 0) & (motion_px <= np.median(motion_px[theirs > 0]))
    return float(ours[still].mean() / theirs[still].mean())


def _as_unit(image: NDArray) -> Floats:
    scale = np.float32(1 / 255 if image.dtype == np.uint8 else 1)
    return image.astype(np.float32) * scale


def _require_alike(a: NDArray, b: NDArray) -> None:
    if a.shape != b.shape or (a.dtype == np.uint8) != (b.dtype == np.uint8):
        raise ValueError(f"these cannot be compared: {a.shape} {a.dtype} and {b.shape} {b.dtype}")
