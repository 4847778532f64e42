"""A small eye landmark network: what dlib finds, but with a gradient, so that a loss on the eyes reaches the pixels."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talkedit.models.blocks import ConvBlock, DownBlock

EYES = ((36, 42), (42, 48))  # dlib's indices: the person's right eye, then the left
PATCH_PX = (16, 32)  # height and width
PATCH_PER_EYE = 2.0  # width of the patch over the width of the eye; an open eye is a third as high as wide
LEAST_CONTRAST = 0.02  # of patches in 0..1; less is noise
# An open eye in widths of its patch from its middle: where the network begins, mean of the clips of GRID.
FIRST_EYE = ((-0.25, 0.0), (-0.09, -0.09), (0.09, -0.09), (0.25, 0.0), (0.09, 0.05), (-0.09, 0.05))


class EyeNet(nn.Module):
    """The six points of each eye, from a patch around it.

    Where the eyes are is given, because it is known: from dlib, in the frame that is to be drawn again. How far they
    are open is what the network sees. One set of weights serves both eyes.

    Args:
        width: Channels of the first convolution; doubled twice.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvBlock(3, width),
            DownBlock(width, 2 * width, n_residual=1),
            DownBlock(2 * width, 4 * width, n_residual=1),
            DownBlock(4 * width, 4 * width, n_residual=0),
            nn.Flatten(),
            nn.Linear(4 * width * (PATCH_PX[0] // 8) * (PATCH_PX[1] // 8), 6 * 2),
        )
        last = self.layers[-1]
        nn.init.normal_(last.weight, std=1e-3)  # type: ignore[arg-type]
        with torch.no_grad():
            last.bias.copy_(torch.tensor(FIRST_EYE).flatten())  # type: ignore[operator]

    def forward(self, images: Tensor, places: Tensor) -> Tensor:
        """Finds the eyes' points.

        Args:
            images: (N, 3, px, px), 0..1.
            places: (N, 2, 3), from `eye_places`: where each eye is, and the width of its patch.

        Returns:
            (N, 2, 6, 2): x and y as shares of the crop's side, in dlib's order.
        """
        height, width = PATCH_PX
        centres, sides = places[..., :2], places[..., 2:]
        columns, rows = (
            (torch.arange(size, device=images.device) + 0.5 - size / 2) / width for size in (width, height)
        )
        x = (centres[..., :1] + sides * columns)[:, :, None, :].expand(-1, -1, height, -1)
        y = (centres[..., 1:] + sides * rows)[:, :, :, None].expand(-1, -1, -1, width)
        grid = torch.stack([x, y], dim=-1).flatten(1, 2) * 2 - 1  # one eye below the other: (N, 2 * 16, 32, 2)
        patches = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
        patches = patches.unflatten(2, (2, height)).transpose(1, 2).flatten(0, 1)
        offsets = self.layers(evenly_lit(patches)).unflatten(1, (6, 2)).unflatten(0, (len(images), 2))
        return centres[:, :, None] + sides[:, :, None] * offsets


def evenly_lit(patches: Tensor) -> Tensor:
    """Patches with their mean colour and contrast taken out, which pass no gradient.

    Light differs between clips, and openness does not depend on it: on held-out clips the network is nearer to dlib
    (docs/results.md). With a gradient through what is taken out, descent darkens eyes rather than closes them.

    Args:
        patches: (N, 3, h, w).

    Returns:
        (N, 3, h, w); each channel's mean is 0, the mean square of all 1, but for patches of nearly one colour.
    """
    with torch.no_grad():
        mean = patches.mean(dim=(2, 3), keepdim=True)
        contrast = (patches - mean).square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(LEAST_CONTRAST)
    return (patches - mean) / contrast


def eye_points(landmarks: Tensor) -> Tensor:
    """The eyes' points of dlib's 68: (N, 68, 2) to (N, 2, 6, 2)."""
    return torch.stack([landmarks[:, first:end] for first, end in EYES], dim=1)


def eye_places(eyes: Tensor) -> Tensor:
    """Where the eyes are and how wide their patches: (N, 2, 6, 2) points to (N, 2, 3) x, y, width."""
    corners = (eyes[:, :, 0] + eyes[:, :, 3]) / 2  # the corners stay when the lids move
    width = torch.linalg.vector_norm(eyes[:, :, 0] - eyes[:, :, 3], dim=-1, keepdim=True)
    return torch.cat([corners, PATCH_PER_EYE * width], dim=-1)


def eye_aspect_ratio(eyes: Tensor) -> Tensor:
    """EAR (Soukupova and Cech 2016), mean of both eyes: (N, 2, 6, 2) to (N,)."""
    p1, p2, p3, p4, p5, p6 = eyes.unbind(dim=2)
    lids = torch.linalg.vector_norm(p2 - p6, dim=-1) + torch.linalg.vector_norm(p3 - p5, dim=-1)
    return (lids / (2 * torch.linalg.vector_norm(p1 - p4, dim=-1)).clamp_min(1e-6)).mean(dim=1)
