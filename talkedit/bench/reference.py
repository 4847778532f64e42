"""What the benchmarks compare with: the layout of the paper's released generator, built plainly.

Known of it are the widths of its encoder and decoder, its 256 px crops, four attribute embeddings of 512, one block of
self-attention at 8, 16 and 32 px, and 48.2 M parameters. How many residual convolutions it has is not known: they are
chosen here so that the parameters fit within 1%, and few, because more of them would make a slower reference (as many
as Wav2Lip has would take 1.6 times the multiplications). The weights are fresh: only speed and size count.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from talkedit.models.attention import PositionAttention
from talkedit.models.blocks import ConvBlock, DownBlock, UpBlock
from talkedit.models.codes import CODE_ROWS

STEPS = 16  # of mel and codes for one frame
ENCODER_WIDTHS = (16, 32, 64, 128, 256, 512, 512)  # 256 px down to 4 px
DECODER_WIDTHS = (512, 512, 512, 384, 256, 128, 64)  # 4 px up to 256 px
DECODER_RESIDUALS = (2, 1, 1, 1, 1, 1)
ATTENTION_SHARES = (1 / 32, 1 / 16, 1 / 8)  # 8, 16 and 32 px of 256
EMBEDDING = 512


class Reference(nn.Module):
    """Source and masked target frames, mel and codes in; pictures out.

    Args:
        image_px: Side of the pictures, a multiple of 64; theirs is 256.
    """

    def __init__(self, image_px: int = 256) -> None:
        super().__init__()
        self.stem = ConvBlock(6, ENCODER_WIDTHS[0], kernel=7)
        self.downs = nn.ModuleList(
            DownBlock(finer, coarser, n_residual=1) for finer, coarser in pairwise(ENCODER_WIDTHS)
        )
        self.audio = _audio_encoder()
        self.codes = nn.ModuleDict({name: _code_encoder(rows) for name, rows in CODE_ROWS.items()})
        size_px = image_px >> len(self.downs)
        self.bottom = nn.Sequential(
            ConvBlock(EMBEDDING * (1 + len(CODE_ROWS)), DECODER_WIDTHS[0], kernel=1),
            nn.ConvTranspose2d(DECODER_WIDTHS[0], DECODER_WIDTHS[0], size_px),
        )
        self.ups = nn.ModuleList()
        levels = zip(pairwise(DECODER_WIDTHS), ENCODER_WIDTHS[:0:-1], DECODER_RESIDUALS, strict=True)
        for (coarser, finer), skipped, n_residual in levels:
            size_px *= 2
            attention = [PositionAttention(finer)] if size_px / image_px in ATTENTION_SHARES else []
            self.ups.append(nn.Sequential(UpBlock(coarser + skipped, finer, n_residual), *attention))
        self.head = nn.Sequential(
            ConvBlock(DECODER_WIDTHS[-1] + ENCODER_WIDTHS[0], 32), nn.Conv2d(32, 3, 1), nn.Sigmoid()
        )

    def forward(self, source: Tensor, masked: Tensor, mel: Tensor, codes: dict[str, Tensor]) -> Tensor:
        """Draws N frames.

        Args:
            source: (N, 3, px, px), 0..1.
            masked: Likewise, black where the head is to be drawn.
            mel: (N, 1, 80, 16).
            codes: Per name (N, 1, C, 16).

        Returns:
            (N, 3, px, px), 0..1.
        """
        features = [self.stem(torch.cat([source, masked], dim=1))]
        for down in self.downs:
            features.append(down(features[-1]))
        embeddings = [self.audio(mel), *(encoder(codes[name]) for name, encoder in self.codes.items())]
        x = self.bottom(torch.cat(embeddings, dim=1))
        for up, skipped in zip(self.ups, features[:0:-1], strict=True):
            x = up(torch.cat([x, skipped], dim=1))
        return self.head(torch.cat([x, features[0]], dim=1))


def _residuals(n_channels: int, n_blocks: int) -> list[ConvBlock]:
    return [ConvBlock(n_channels, n_channels, residual=True) for _ in range(n_blocks)]


def _audio_encoder() -> nn.Sequential:
    """(N, 1, 80, 16) to (N, 512, 1, 1), as in Wav2Lip."""
    return nn.Sequential(
        ConvBlock(1, 32),
        *_residuals(32, 2),
        ConvBlock(32, 64, stride=(3, 1)),
        *_residuals(64, 2),
        ConvBlock(64, 128, stride=3),
        *_residuals(128, 2),
        ConvBlock(128, 256, stride=(3, 2)),
        *_residuals(256, 1),
        nn.Conv2d(256, EMBEDDING, 3),
    )


def _code_encoder(n_rows: int) -> nn.Sequential:
    """(N, 1, C, 16) to (N, 512, 1, 1): the audio encoder's widths, strides along time alone."""
    widths = (1, 32, 64, 128, 256)
    levels = [
        [ConvBlock(narrow, wide, stride=(1, 2)), *_residuals(wide, 2)] for narrow, wide in pairwise(widths)
    ]  # 16 steps to 1
    return nn.Sequential(*(block for level in levels for block in level), nn.Conv2d(256, EMBEDDING, (n_rows, 1)))
