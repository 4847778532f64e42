"""A head before a camera, and where its points are seen."""

import numpy as np
import torch

from talkedit.models.heads import Heads

from .. import tiny

# A camera of 285 px looks at a head 150 cm away: the ellipsoid's nearest point, 7.5 cm before the head's origin, is at
# 142.5 cm, where 1 cm is 2 px. The pictures are 120 px wide squares of the frame, one pixel a frame pixel.
FOCAL, DISTANCE_CM, PX_PER_CM, SIDE_PX = 285.0, 150.0, 2.0, 120
LAST = SIDE_PX - 1


def heads(camera_from_head: np.ndarray, shift_px: tuple[float, float] = (0, 0)) -> Heads:
    """One head; the picture's first pixel is at `shift_px` in the frame, whose middle is the principal point."""
    first_x, first_y = shift_px
    frame_from_picture = [[SIDE_PX, 0, first_x - 0.5], [0, SIDE_PX, first_y - 0.5], [0, 0, 1]]
    return Heads(
        torch.as_tensor(camera_from_head, dtype=torch.float32)[None],
        torch.tensor([[FOCAL, LAST / 2, LAST / 2]]),
        torch.tensor([frame_from_picture], dtype=torch.float32),
    )


def at(x: float = 0, y: float = 0, pose_deg: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """(3, 4), camera_from_head."""
    return tiny.place_heads(np.array([pose_deg]), np.array([[x, y, DISTANCE_CM]]))[0]


def project(points: np.ndarray, camera_from_head: np.ndarray) -> np.ndarray:
    """(N, 3) of the head, in cm, to (N, 2), frame pixels."""
    camera = np.asarray(points) @ camera_from_head[:, :3].T + camera_from_head[:, 3]
    return camera[:, :2] / camera[:, 2:] * FOCAL + LAST / 2
