"""The image discriminator: does a patch of a picture look like the footage? It brings back what L1 averages away."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

N_LEVELS = 3
SLOPE = 0.2  # of the leaky ReLU, below 0


class PatchDiscriminator(nn.Module):
    """Strided convolutions with spectral norm; one answer a patch of 22 pixels, a patch every 8 pixels.

    Source: Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (2017) for the patches;
    Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018).

    Args:
        width: Channels of the first level, doubled at each.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [3, *(width << level for level in range(N_LEVELS))]
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(n_in, n_out, 4, stride=2, padding=1)), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(widths[-1], 1, 1)))

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, px, px), 0..1, to (N, 1, px / 8, px / 8): above 0 for real, below for drawn."""
        return self.layers((images * 2 - 1).contiguous(memory_format=torch.channels_last))
