"""Head pose from landmarks: a rigid head, solved for in each frame, then smoothed over time.

Angles are what a viewer of the crop sees: they are measured against the ray from the camera to the head, not against
the camera's axis, so that a person who faces the camera has yaw 0 and pitch 0 wherever in the frame they are. (A
network that is shown only the crop, such as Hopenet, cannot do otherwise.) Signs as in `talkedit.records`.
"""

from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from talkedit.face.geometry import smooth
from talkedit.records import CropTrack, Doubles, Floats

# dlib index: (x, y, z) in about cm, how much it counts. x to the person's right, y up, z forward.
# The first fourteen are the generic head that many solvePnP examples share. Alone they are nearly flat, and the yaw of
# a GRID speaker who looks straight ahead ran from -9 to 17 degrees. Nose and temples give it depth: they were
# triangulated, mirrored to be symmetric, from four talking people who turn their heads (spread 0.3 on the nose, 1 on
# the temples). Mouth and chin move in speech and count less.
_HEAD: dict[int, tuple[float, float, float, int]] = {
    17: (6.825897, 6.760612, 4.402142, 2),
    21: (1.330353, 7.122144, 6.903745, 2),
    22: (-1.330353, 7.122144, 6.903745, 2),
    26: (-6.825897, 6.760612, 4.402142, 2),
    36: (5.311432, 5.485328, 3.987654, 4),
    39: (1.78993, 5.393625, 4.413414, 4),
    42: (-1.78993, 5.393625, 4.413414, 4),
    45: (-5.311432, 5.485328, 3.987654, 4),
    31: (2.005628, 1.409845, 6.165652, 4),
    35: (-2.005628, 1.409845, 6.165652, 4),
    48: (2.774015, -2.080775, 5.048531, 1),
    54: (-2.774015, -2.080775, 5.048531, 1),
    57: (0.0, -3.116408, 6.097667, 1),
    8: (0.0, -7.415691, 4.070434, 1),
    27: (0.0, 5.8, 6.0, 4),
    28: (0.0, 4.6, 6.5, 4),
    29: (0.0, 3.5, 7.0, 4),
    30: (0.0, 2.3, 7.6, 4),
    33: (0.0, 0.7, 6.6, 4),
    0: (9.0, 5.1, 1.0, 1),
    1: (8.9, 2.9, 1.2, 1),
    2: (8.7, 0.6, 1.3, 1),
    14: (-8.7, 0.6, 1.3, 1),
    15: (-8.9, 2.9, 1.2, 1),
    16: (-9.0, 5.1, 1.0, 1),
}
# The generic head is too flat: with 1.2 times its depth the points of seven talking people fit better by 3% in squared
# error. A compromise: faces that look ahead gain (to 1.6 and beyond), those that turn the most lose a little.
_DEPTH_SCALE = 1.2

HEAD_MODEL_INDICES = np.array(list(_HEAD))
_WEIGHTS = np.array([weight for *_, weight in _HEAD.values()])
HEAD_MODEL_POINTS = np.array([(-x, -y, -z * _DEPTH_SCALE) for x, y, z, _ in _HEAD.values()])
"""(N, 3) float64: the head in camera axes (x right, y down, z away), in about cm; upright and facing the camera."""

FOCAL_PER_FRAME_SIDE = 1.2  # a field of view of 45 degrees over the longer side
_OUTLIER_WINDOW = 3


class LandmarkPose:
    """Yaw, pitch and roll from the landmarks; an `Extractor`.

    Args:
        smooth_s: Standard deviation of the smoothing over time, in seconds.
    """

    name: ClassVar[str] = "landmarks"
    columns: ClassVar[tuple[str, ...]] = ("yaw_deg", "pitch_deg", "roll_deg")

    def __init__(self, smooth_s: float) -> None:
        self._smooth_s = smooth_s

    def __call__(self, crops: NDArray[np.uint8], track: CropTrack, fps: float) -> Floats:
        """(T, 3) float32 degrees; see `talkedit.face.extract.Extractor`. The crops are not looked at."""
        poses = [solve_head_pose(points, track.frame_size_px) for points in track.landmarks_in_frame_px()]
        angles = np.array([angles_deg(*pose) for pose in poses]).reshape(-1, 3)
        return smooth(_without_outliers(angles), self._smooth_s * fps).astype(np.float32)


def camera_matrix(frame_size_px: tuple[int, int]) -> Doubles:
    """(3, 3) intrinsics of an ordinary camera for a frame of (width, height): nothing better is known of a video."""
    width, height = frame_size_px
    focal = FOCAL_PER_FRAME_SIDE * max(width, height)
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])


def solve_head_pose(landmarks_frame_px: ArrayLike, frame_size_px: tuple[int, int]) -> tuple[Doubles, Doubles]:
    """Where the head is, and how it is turned.

    Args:
        landmarks_frame_px: (68, 2), finite, in pixels of the full frame.
        frame_size_px: (width, height) of the full frame.

    Returns:
        rotation (3, 3) and translation (3,), float64: a point p of the head is at `rotation @ p + translation` in
        camera axes, in the unit of `HEAD_MODEL_POINTS`.
    """
    camera = camera_matrix(frame_size_px)
    seen = np.asarray(landmarks_frame_px, np.float64)[HEAD_MODEL_INDICES]
    # solvePnP knows no weights, but a point that is given four times counts four times.
    points, pixels = np.repeat(HEAD_MODEL_POINTS, _WEIGHTS, axis=0), np.repeat(seen, _WEIGHTS, axis=0)
    _, rotation, translation = cv2.solvePnP(points, pixels, camera, None, flags=cv2.SOLVEPNP_SQPNP)
    rotation, translation = cv2.solvePnPRefineLM(points, pixels, camera, None, rotation, translation)
    return _rotation(rotation), translation.ravel().astype(np.float64)


def angles_deg(rotation: Doubles, translation: Doubles) -> Doubles:
    """(3,) yaw, pitch, roll in degrees, against the ray to the head; see the module."""
    turned = _axes_along(translation).T @ rotation
    yaw = -np.arctan2(turned[0, 2], turned[2, 2])
    pitch = np.arcsin(np.clip(turned[1, 2], -1, 1))
    roll = np.arctan2(turned[1, 0], turned[1, 1])
    return np.degrees([yaw, pitch, roll])


def rotation_from_angles(pose_deg: ArrayLike, translation: Doubles) -> Doubles:
    """The inverse of `angles_deg`: the (3, 3) rotation of a head at `translation` that shows yaw, pitch and roll."""
    yaw, pitch, roll = np.radians(np.asarray(pose_deg, np.float64))
    turned = _rotation([0, -yaw, 0]) @ _rotation([-pitch, 0, 0]) @ _rotation([0, 0, roll])
    return _axes_along(translation) @ turned


def _axes_along(direction: Doubles) -> Doubles:
    """The smallest rotation that takes the camera's axis to `direction`."""
    unit = direction / np.linalg.norm(direction)
    axis = np.array([-unit[1], unit[0], 0])
    sine = np.linalg.norm(axis)
    return _rotation(axis * (np.arctan2(sine, unit[2]) / sine if sine > 0 else 0))


def _rotation(vector: ArrayLike) -> Doubles:
    """The (3, 3) rotation about an axis, by its length in radians."""
    return cv2.Rodrigues(np.asarray(vector, np.float64))[0].astype(np.float64)


def _without_outliers(angles: Doubles) -> Doubles:
    """The running median of three frames: one bad frame must not bend its neighbours."""
    if len(angles) < _OUTLIER_WINDOW:
        return angles
    padded = np.concatenate([angles[:1], angles, angles[-1:]])
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, _OUTLIER_WINDOW, axis=0), axis=-1)
