"""The convolution blocks that every network here is stacked from.

Batch norm, as in Wav2Lip: on the sample, ten unlike frames a step, 121 steps with it brought L1 from 0.026 to 0.0185,
with group norm to 0.0244. In evaluation mode a picture's result does not depend on its neighbours in the batch.
"""

from torch import Tensor, nn


class ConvBlock(nn.Module):
    """Convolution, batch norm, ReLU; with `residual`, the input is added before the ReLU.

    Args:
        n_in: Input channels.
        n_out: Output channels.
        kernel: Kernel size; padding keeps the size at stride 1.
        stride: Stride.
        residual: Add the input (needs `n_in == n_out` and stride 1).
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int | tuple[int, int] = 3,
        stride: int | tuple[int, int] = 1,
        residual: bool = False,
    ) -> None:
        super().__init__()
        sizes = (kernel, kernel) if isinstance(kernel, int) else kernel
        self.conv = nn.Conv2d(n_in, n_out, sizes, stride, (sizes[0] // 2, sizes[1] // 2), bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.activation = nn.ReLU(inplace=True)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        return self.activation(y + x if self.residual else y)


class DownBlock(nn.Sequential):
    """Halves height and width: strided convolution, then residual convolutions."""

    def __init__(self, n_in: int, n_out: int, n_residual: int) -> None:
        super().__init__(
            ConvBlock(n_in, n_out, stride=2),
            *(ConvBlock(n_out, n_out, residual=True) for _ in range(n_residual)),
        )


class UpBlock(nn.Module):
    """Transposed convolution, batch norm, ReLU, then residual convolutions.

    Args:
        n_in: Input channels.
        n_out: Output channels.
        n_residual: Residual convolutions.
        side_px: None doubles height and width, with a 3 x 3 kernel as in Wav2Lip; a number opens a map of one pixel to
            that side.
    """

    def __init__(self, n_in: int, n_out: int, n_residual: int, side_px: int | None = None) -> None:
        super().__init__()
        if side_px is None:
            self.up = nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1, bias=False)
        else:
            self.up = nn.ConvTranspose2d(n_in, n_out, side_px, bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.activation = nn.ReLU(inplace=True)
        self.refine = nn.Sequential(*(ConvBlock(n_out, n_out, residual=True) for _ in range(n_residual)))

    def forward(self, x: Tensor) -> Tensor:
        return self.refine(self.activation(self.norm(self.up(x))))
