"""Landmarks as a plain script finds them: OpenCV decodes, dlib detects and predicts in every frame, in one process.

Source: dlib's example face_landmark_detection.py, with the frames of a video in the place of its pictures. The example
has every picture enlarged once before the search.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import dlib
import numpy as np

from talkedit import assets
from talkedit.records import N_LANDMARKS, Doubles, Floats, Image


def find_all(videos: Sequence[Path], n_enlarged: int) -> list[tuple[Floats, float]]:
    """The points of the largest face of every frame of some videos.

    Args:
        videos: The files.
        n_enlarged: How often a frame is enlarged to twice its size before the search.

    Returns:
        For each file (T, 68, 2) float32, in pixels, NaN in frames without a face; and its frames a second.
    """
    detect = dlib.get_frontal_face_detector()  # type: ignore[attr-defined]
    predict = dlib.shape_predictor(str(assets.fetch("dlib_landmarks_68")))  # type: ignore[attr-defined]

    def points(image: Image) -> Doubles:
        faces = detect(image, n_enlarged)
        if not faces:
            return np.full((N_LANDMARKS, 2), np.nan)
        parts = predict(image, max(faces, key=lambda face: face.area())).parts()
        return np.array([(point.x, point.y) for point in parts], np.float64)

    found = []
    for video in videos:
        capture = cv2.VideoCapture(str(video))
        rows = np.array([points(image) for image in _frames(capture)], np.float32)
        found.append((rows.reshape(-1, N_LANDMARKS, 2), capture.get(cv2.CAP_PROP_FPS)))
        capture.release()
    return found


def _frames(capture: cv2.VideoCapture) -> Iterator[Image]:
    """Grey, (H, W) uint8, to the last."""
    while True:
        is_there, image = capture.read()
        if not is_there:
            return
        yield np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
