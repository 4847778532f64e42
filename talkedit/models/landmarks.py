"""A small landmark network: what dlib finds, but with a gradient, so that a loss on the eyes reaches the pixels."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from talkedit.models.blocks import ConvBlock, DownBlock

EYES = ((36, 42), (42, 48))  # dlib's indices: the person's right eye, then the left


class LandmarkNet(nn.Module):
    """Crops to 68 points, by convolutions and a linear head on a coarse feature map.

    Args:
        widths: Channels of the levels; the first is at half resolution.
        image_px: Side of the crops that it is made for.
    """

    def __init__(self, widths: list[int], image_px: int) -> None:
        super().__init__()
        pairs = pairwise(widths)
        side_px = image_px >> len(widths)
        self.layers = nn.Sequential(
            ConvBlock(3, widths[0], kernel=5, stride=2),
            *(DownBlock(finer, coarser, n_residual=1) for finer, coarser in pairs),
            nn.Flatten(),
            nn.Linear(widths[-1] * side_px**2, 256),
            nn.ReLU(),
            nn.Linear(256, 68 * 2),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, px, px), 0..1, to (N, 68, 2): x and y as a share of the crop's side."""
        return 0.5 + self.layers(images.contiguous(memory_format=torch.channels_last)).unflatten(1, (68, 2))


def eye_aspect_ratio(landmarks: Tensor) -> Tensor:
    """EAR (Soukupova and Cech 2016), mean of both eyes: (N, 68, 2) to (N,)."""
    ratios = []
    for first, end in EYES:
        p1, p2, p3, p4, p5, p6 = landmarks[:, first:end].unbind(dim=1)
        lids = torch.linalg.vector_norm(p2 - p6, dim=-1) + torch.linalg.vector_norm(p3 - p5, dim=-1)
        ratios.append(lids / (2 * torch.linalg.vector_norm(p1 - p4, dim=-1)).clamp_min(1e-6))
    return torch.stack(ratios).mean(dim=0)
