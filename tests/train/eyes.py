"""Faces of nothing but two eyes, as open as is asked for, drawn finer than a pixel."""

import torch
from torch import Tensor

from talkedit.models.landmarks import EYES

EAR_CLOSED, EAR_OPEN = 0.15, 0.35
SHARPNESS = 150.0  # of the eyes' edges: one over the width of the blur, in sides of the picture


def draw_eyes(openness: Tensor, px: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Dark eyes between two parabolas, on skin, at places and of sizes that vary.

    Args:
        openness: (N,), 0 closed to 1 open.
        px: Side of the pictures.
        generator: Where the places come from.

    Returns:
        (N, 3, px, px) uint8 pictures and (N, 68, 2) landmarks, shares of the side; those of no eye are 0.
    """
    n = len(openness)
    jitter = torch.rand(n, 3, generator=generator) - 0.5
    half = (0.07 + 0.02 * jitter[:, :1]) * torch.ones(n, 2)
    x = torch.tensor([0.35, 0.65]) + 0.1 * jitter[:, 1:2]
    y = 0.4 + 0.1 * jitter[:, 2:].expand(n, 2)
    # An eye 2 half wide is 2 half * EAR high at its lid points, a third of its half width from the middle.
    lid = 2 * half * (EAR_CLOSED + (EAR_OPEN - EAR_CLOSED) * openness[:, None]) / 2
    landmarks = torch.zeros(n, 68, 2)
    for eye, (first, _) in enumerate(EYES):
        for point, (along, up) in enumerate([(-3, 0), (-1, -1), (1, -1), (3, 0), (1, 1), (-1, 1)]):
            landmarks[:, first + point, 0] = x[:, eye] + along / 3 * half[:, eye]
            landmarks[:, first + point, 1] = y[:, eye] + up * lid[:, eye]
    ticks = (torch.arange(px) + 0.5) / px
    across = (ticks - x[..., None]) / half[..., None]  # (N, 2, px), -1 and 1 at the corners
    height = lid[..., None] * (1 - across.square()).clamp_min(0) / (1 - 1 / 9)
    depth = height[:, :, None, :] - (ticks[:, None] - y[..., None, None]).abs()
    dark = (torch.sigmoid(SHARPNESS * depth) * (across.abs() < 1)[:, :, None, :]).amax(dim=1)
    skin = torch.tensor([0.85, 0.65, 0.55])[:, None, None]
    return ((skin * (1 - 0.8 * dark[:, None])) * 255).round().to(torch.uint8), landmarks
