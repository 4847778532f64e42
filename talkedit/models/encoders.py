"""The five encoders: face, audio, pose, emotion, blink. Each gives (B, D, T) embeddings.

All are stacks of 2D convolutions. Codes and mel windows are encoded frame by frame: what the editor asks for at one
frame decides that frame alone, whatever the frame rate of the video.
"""

from itertools import pairwise

from torch import Tensor, nn

from talkedit.models.blocks import ConvBlock, DownBlock

MEL_BINS = 80
MEL_STEPS = 16


def level_widths(image_px: int, width: int, max_width: int) -> list[int]:
    """Channels from full resolution down to 4 or 6 px: doubled at each halving, up to `max_width`.

    Raises:
        ValueError: `image_px` is not 4 or 6 times a power of two.
    """
    widths, size_px = [width], image_px
    while size_px > 6 and size_px % 2 == 0:
        size_px //= 2
        widths.append(min(widths[-1] * 2, max_width))
    if size_px not in (4, 6):
        raise ValueError(f"must be 4 or 6 times a power of two, such as 64, 96, 128 or 256, not {image_px}")
    return widths


class FaceEncoder(nn.Module):
    """Pictures to features at every scale and one embedding.

    Args:
        n_in: Channels of the input picture.
        image_px: Side of the picture.
        widths: Channels at each level, from `level_widths`.
        dim: D, the size of the embedding.
        n_residual: Residual convolutions a level.
        stem_kernel: Kernel size of the first convolution.
    """

    def __init__(
        self, n_in: int, image_px: int, widths: list[int], dim: int, n_residual: int, stem_kernel: int = 7
    ) -> None:
        super().__init__()
        self.stem = ConvBlock(n_in, widths[0], stem_kernel)
        pairs = pairwise(widths)
        self.levels = nn.ModuleList(DownBlock(finer, coarser, n_residual) for finer, coarser in pairs)
        self.head = nn.Conv2d(widths[-1], dim, image_px >> (len(widths) - 1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Takes (N, n_in, px, px); returns the embedding (N, D) and the features, finest first."""
        features = [self.stem(x)]
        for level in self.levels:
            features.append(level(features[-1]))
        return self.head(features[-1]).flatten(1), features


class AudioEncoder(nn.Module):
    """Mel windows (B, T, 80, 16) to (B, D, T); strides as in Wav2Lip's audio encoder."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvBlock(1, width),
            ConvBlock(width, width, residual=True),
            ConvBlock(width, width * 2, stride=(3, 1)),
            ConvBlock(width * 2, width * 2, residual=True),
            ConvBlock(width * 2, width * 4, stride=3),
            ConvBlock(width * 4, width * 4, residual=True),
            ConvBlock(width * 4, dim, stride=(3, 2)),
            nn.Conv2d(dim, dim, 3),
        )

    def forward(self, mel: Tensor) -> Tensor:
        batch, time = mel.shape[:2]
        embedding = self.layers(mel.reshape(batch * time, 1, MEL_BINS, MEL_STEPS))
        return embedding.reshape(batch, time, -1).transpose(1, 2)


class CodeEncoder(nn.Module):
    """A code (B, C, T), C = 3 pose angles, 7 emotions or 1 openness, to (B, D, T).

    The code is a one channel picture of C rows and T columns; the first kernel spans all rows of one column. There is
    no norm, because one over time would let a frame's code change another frame.
    """

    def __init__(self, n_rows: int, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, dim, (n_rows, 1)),
            nn.ReLU(inplace=True),
            nn.Conv2d(dim, dim, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(dim, dim, 1),
        )

    def forward(self, code: Tensor) -> Tensor:
        return self.layers(code.unsqueeze(1)).squeeze(2)
