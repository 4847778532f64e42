"""Whose face it is, as far as two faces can be told apart: dlib's descriptor."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import dlib
import numpy as np
from numpy.typing import NDArray

from talkedit import assets
from talkedit.media.video import read_frames_at
from talkedit.records import Doubles, Floats, Image

ASSET = "dlib_face_descriptor"
DESCRIPTOR = 128
SAME_PERSON = 0.6  # most distance of two descriptors of one person, by dlib's authors
LOOKS = 3  # frames of a face that are described


def describe(image: Image, landmarks_px: np.ndarray) -> Doubles:
    """dlib's descriptor of a face, (128,) float64: two pictures of one person are less than about 0.6 apart.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (68, 2).
    """
    points = [dlib.point(round(float(x)), round(float(y))) for x, y in landmarks_px]  # type: ignore[attr-defined]
    low, high = np.floor(landmarks_px.min(axis=0)).astype(int), np.ceil(landmarks_px.max(axis=0)).astype(int)
    box = dlib.rectangle(int(low[0]), int(low[1]), int(high[0]), int(high[1]))  # type: ignore[attr-defined]
    shape = dlib.full_object_detection(box, points)  # type: ignore[attr-defined]
    return np.array(_network().compute_face_descriptor(image, shape))


def a_few(found: NDArray[np.bool_], most: int = LOOKS) -> NDArray[np.intp]:
    """Some of the frames (T,) that show a face, evenly spread."""
    at = np.flatnonzero(found)
    return at[np.linspace(0, len(at) - 1, min(most, len(at))).round().astype(int)]


def describe_at(video: Path, seen: Sequence[tuple[Fraction, Floats]]) -> Doubles:
    """The mean descriptor of a face that is seen now and then in a video, (128,).

    Args:
        video: The file.
        seen: When, ascending, in seconds, and the landmarks, (68, 2) px; at least one.

    Raises:
        MediaError: The video cannot be read.
    """
    images = read_frames_at(video, [time_s for time_s, _ in seen])
    return np.mean([describe(image, points) for image, (_, points) in zip(images, seen, strict=True)], axis=0)


@cache
def _network():
    return dlib.face_recognition_model_v1(str(assets.fetch(ASSET)))  # type: ignore[attr-defined]
