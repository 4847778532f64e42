"""Features of VGG-16 for the perceptual loss (Johnson et al., ECCV 2016)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# (input, output) channels of the thirteen 3x3 convolutions, by block; a 2x2 max pooling stands between blocks.
VGG16_BLOCKS = (
    ((3, 64), (64, 64)),
    ((64, 128), (128, 128)),
    ((128, 256), (256, 256), (256, 256)),
    ((256, 512), (512, 512), (512, 512)),
    ((512, 512), (512, 512), (512, 512)),
)


class Vgg16Features(nn.Module):
    """The last activation of each of VGG-16's first blocks.

    Args:
        n_blocks: How many blocks; Johnson's relu3_3 is the last of 3.
        mean: Per channel mean that is taken off, in the weights' own channel order and scale.
        scale: Per channel factor after that.
        bgr_255: The weights expect BGR, 0..255 (Caffe's convention) rather than RGB, 0..1.
    """

    def __init__(self, n_blocks: int, mean: list[float], scale: list[float], bgr_255: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(n_in, n_out, 3, padding=1) for n_in, n_out in block)
            for block in VGG16_BLOCKS[:n_blocks]
        )
        self.bgr_255 = bgr_255
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(scale).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(N, 3, H, W) RGB, 0..1, to one feature map a block, finest first."""
        x = images.flip(1) * 255 if self.bgr_255 else images
        x = ((x - self.get_buffer("mean")) * self.get_buffer("scale")).contiguous(memory_format=torch.channels_last)
        features = []
        for index, block in enumerate(self.blocks):
            if index:
                x = F.max_pool2d(x, 2)
            for conv in block:  # type: ignore[union-attr]
                x = F.relu(conv(x))
            features.append(x)
        return features
