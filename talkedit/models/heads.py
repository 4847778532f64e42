"""Where heads are, and how they are seen in pictures."""

from typing import NamedTuple

import torch
from torch import Tensor


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

    def steps_at(self, point_cm: tuple[float, float, float]) -> Tensor:
        """(N, 2, 3): how far something moves in the picture for each cm along the head's axes (right, down, away).

        Args:
            point_cm: Where in the head; near by it is much the same.
        """
        rotation, translation = self.camera_from_head[:, :, :3], self.camera_from_head[:, :, 3]
        x, y, z = (rotation @ rotation.new_tensor(point_cm) + translation)[:, :, None].unbind(1)
        across = torch.stack([rotation[:, 0] - x / z * rotation[:, 2], rotation[:, 1] - y / z * rotation[:, 2]], dim=1)
        frame_per_picture = self.frame_from_picture[:, (0, 1), (0, 1)]
        return across * (self.camera[:, :1] / z)[:, :, None] / frame_per_picture[:, :, None]
