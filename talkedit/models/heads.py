"""Where heads are, and how they are seen in pictures."""

from typing import NamedTuple

import torch
from torch import Tensor

LEAST_STEEP = 1e-3  # rays along a plane meet it nowhere


class Heads(NamedTuple):
    """Where N heads are, and how they are seen in square pictures.

    Attributes:
        camera_from_head: (N, 3, 4), rotation and translation.
        camera: (N, 3), focal length, x and y of the principal point, in frame pixels.
        frame_from_picture: (N, 3, 3), a scale and a shift; picture positions are shares of the side, 0..1.
    """

    camera_from_head: Tensor
    camera: Tensor
    frame_from_picture: Tensor

    def project(self, points_cm: Tensor) -> Tensor:
        """(N, K, 3) in the head's axes (right, down, away) to (N, K, 2), shares of the picture's side."""
        seen = points_cm @ self.camera_from_head[:, :, :3].mT + self.camera_from_head[:, None, :, 3]
        in_frame = seen[..., :2] / seen[..., 2:] * self.camera[:, None, :1] + self.camera[:, None, 1:]
        return (in_frame - self.frame_from_picture[:, None, :2, 2]) / self._frame_per_picture()

    def onto_planes(self, points: Tensor, away_cm: Tensor) -> tuple[Tensor, Tensor]:
        """Where in the head what is seen at some points is, if it is so far away.

        Args:
            points: (N, K, 2), shares of the picture's side.
            away_cm: (K,), in the head's axes.

        Returns:
            (N, K, 2), right and down, in cm, and (N, K), the cosine of the angle between the head's axis and the ray: 1
            for a head that looks at the camera; in profile, where it is 0, nothing is known.
        """
        in_frame = points * self._frame_per_picture() + self.frame_from_picture[:, None, :2, 2]
        across = (in_frame - self.camera[:, None, 1:]) / self.camera[:, None, :1]
        rays = torch.cat([across, torch.ones_like(across[..., :1])], dim=2) @ self.camera_from_head[:, :, :3]
        camera = -(self.camera_from_head[:, :, :3].mT @ self.camera_from_head[:, :, 3:])[:, None, :, 0]
        facing = rays[..., 2] / torch.linalg.vector_norm(rays, dim=2)
        way = (away_cm - camera[..., 2]) / rays[..., 2].clamp_min(LEAST_STEEP)
        return camera[..., :2] + way[..., None] * rays[..., :2], facing

    def _frame_per_picture(self) -> Tensor:
        """(N, 1, 2)."""
        return self.frame_from_picture[:, None, (0, 1), (0, 1)]
