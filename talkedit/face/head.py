"""Where the head is in space: a rigid transform a frame, and the same head turned to another pose."""

import numpy as np
from numpy.typing import ArrayLike

from talkedit.face.geometry import smooth
from talkedit.face.pose import (
    HEAD_MODEL_INDICES,
    HEAD_MODEL_POINTS,
    camera_matrix,
    rotation_from_angles,
    solve_head_pose,
)
from talkedit.records import CropTrack, Doubles, Floats

# The point that stays where it is when the head is turned: between the ears, the centre of the ellipsoid that
# talkedit.models.guide turns.
TURNING_POINT = np.array([0.0, -3.8, 3.0])
TURN_ROUNDS = 4


def camera_of(frame_size_px: tuple[int, int]) -> Floats:
    """(3,) float32: focal length and principal point x, y of the assumed camera, in frame pixels."""
    matrix = camera_matrix(frame_size_px)
    return np.array([matrix[0, 0], matrix[0, 2], matrix[1, 2]], np.float32)


def locate_heads(track: CropTrack, pose_deg: ArrayLike, smooth_frames: float) -> Floats:
    """Places the head so that it shows `pose_deg` and its points lie on the landmarks.

    Args:
        track: Landmarks and transforms of T frames.
        pose_deg: (T, 3), from any pose extractor.
        smooth_frames: Standard deviation of the smoothing of the position over time, in frames.

    Returns:
        camera_from_head, (T, 3, 4) float32: rotation and translation.
    """
    heads = []
    for points, angles in zip(track.landmarks_in_frame_px(), np.asarray(pose_deg, np.float64), strict=True):
        _, guess = solve_head_pose(points, track.frame_size_px)
        rotation = rotation_from_angles(angles, guess)
        heads.append(np.column_stack([rotation, _translation(points, rotation, track.frame_size_px)]))
    placed = np.stack(heads)
    pivots = smooth(_pivots(placed), smooth_frames)
    return turn_heads(_place(placed[:, :, :3], pivots), pose_deg)


def turn_heads(camera_from_head: ArrayLike, pose_deg: ArrayLike) -> Floats:
    """The same heads, turned about their middle until they show `pose_deg`; (T, 3, 4) and (T, 3) to (T, 3, 4)."""
    heads = np.asarray(camera_from_head, np.float64)
    pivots = _pivots(heads)
    # Angles are against the ray to the head, which a turn moves a little; each round is some ten times nearer.
    for _ in range(TURN_ROUNDS):
        pairs = zip(np.asarray(pose_deg), heads, strict=True)
        heads = _place(np.stack([rotation_from_angles(angles, head[:, 3]) for angles, head in pairs]), pivots)
    return heads.astype(np.float32)


def _pivots(heads: Doubles) -> Doubles:
    return heads[:, :, :3] @ TURNING_POINT + heads[:, :, 3]


def _place(rotations: Doubles, pivots: Doubles) -> Doubles:
    translations = pivots - rotations @ TURNING_POINT
    return np.concatenate([rotations, translations[:, :, None]], axis=2)


def _translation(landmarks_frame_px: Floats, rotation: Doubles, frame_size_px: tuple[int, int]) -> Doubles:
    """The translation under which the turned head's points project onto the landmarks: linear least squares."""
    focal, x, y = camera_of(frame_size_px).astype(np.float64)
    seen = (np.asarray(landmarks_frame_px, np.float64)[HEAD_MODEL_INDICES] - (x, y)) / focal
    turned = HEAD_MODEL_POINTS @ rotation.T
    zero, one = np.zeros(len(seen)), np.ones(len(seen))
    # (X + tx) = u (Z + tz) and (Y + ty) = v (Z + tz)
    rows = np.concatenate([np.stack([one, zero, -seen[:, 0]], 1), np.stack([zero, one, -seen[:, 1]], 1)])
    right = np.concatenate([seen[:, 0] * turned[:, 2] - turned[:, 0], seen[:, 1] * turned[:, 2] - turned[:, 1]])
    return np.linalg.lstsq(rows, right, rcond=None)[0].astype(np.float64)
