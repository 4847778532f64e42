"""The generator: source frames, masked target frames, speech and codes in; the head drawn again out.

Two ways of drawing:
    `raw` sources, as in the paper: the network paints every pixel.
    `guided` sources: each source frame comes twice, once with lids, lips and head moved as is asked (`guided`, see
    `talkedit.models.guide`) and once as it is (`still`, right for all that does not move with the head). Around the
    face the network says for each pixel which of the two to show; it shifts the guided one by a small flow, but not
    the eyes, and paints a correction over it: teeth, newly seen background. What comes from a source stays as sharp as
    the source, at any resolution.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talkedit.models.attention import DualAttention
from talkedit.models.blocks import ConvBlock, UpBlock
from talkedit.models.encoders import AudioEncoder, CodeEncoder, FaceEncoder
from talkedit.models.guide import Sources, look_up

# The flow's unit: a network output of 1 shifts by this share of the picture's side.
FLOW_UNIT = 0.05
# What is painted over guided sources is this many times coarser than the picture. Where paint is as fine, L1 teaches it
# to take away all detail that may lie elsewhere: a model of GRID at 256 px, drawn with its paint made coarse, has a
# sharpness of 0.85 rather than 0.79 of the truth's, and lips and face nearer to it (docs/experiments.md).
PAINT_COARSER = 4
# Before any training the guided source is shown to this logit, nine tenths.
GUIDED_FIRST = 2.2


class Drawing(NamedTuple):
    """What the generator gives for N frames; `image` makes the pictures.

    Attributes:
        paint: Raw sources: the pictures, (N, 3, px, px), 0..1. Guided sources: what is added to them, -1..1, with a
            quarter of that side.
        flow: (N, 2, n, n), n = px / patch_px: x and y shift of the guided source as a share of the side; None for raw
            sources.
        share: (N, 1, n, n), 0..1, how much of the guided source is shown, the rest is the still one; None likewise.
    """

    paint: Tensor
    flow: Tensor | None = None
    share: Tensor | None = None

    def image(self, size_px: int, sources: Sources | None = None) -> Tensor:
        """The finished pictures.

        Args:
            size_px: S, their side; need not be px.
            sources: For guided sources, these, with positions for pictures of that side; theirs may be any.

        Returns:
            (N, 3, S, S), 0..1.
        """
        paint = _resize(self.paint, size_px)
        if sources is None or self.flow is None or self.share is None:
            return paint
        # Eyes are as open as asked already. A flow there takes a part of that back, the more the longer the network
        # is trained: of GRID at 256 px the witness saw 0.78 of the openness asked for, 0.92 without (same weights).
        flow = _resize(self.flow, size_px) * (1 - sources.eyes)
        guided = look_up(sources.pictures, _shift(sources.guided, flow))
        still = sources.still_pictures()
        # Left to itself, the network mixes both on the face, which hardly costs L1, and blinks are half lost.
        share = torch.lerp(_resize(self.share, size_px), torch.ones_like(sources.head), sources.head)
        return (torch.lerp(still, guided, share) + paint).clamp(0, 1)


class Generator(nn.Module):
    """Up to five encoders, and a decoder with skip connections and dual attention.

    The embeddings of speech and codes are joined, meet the face's in a map of one pixel, and grow from there, at each
    size beside the face encoder's features of that size (Wav2Lip's layout). With `patch_px` above 1 each block of so
    many pixels a side is one pixel with that many more channels: the convolutions work on a smaller picture, and the
    paint of raw sources keeps the full resolution.

    Args:
        face: Encoder of source and masked target frame, concatenated by channels.
        audio: Encoder of the mel windows.
        codes: Encoders of the codes by name: pose, emotion, blink, or some of them; other codes are not looked at.
        join: Takes the embeddings of speech and codes, (N, D * (1 + codes)), to one of (N, D).
        ups: Decoder blocks, coarsest first; the first opens the joined map of one pixel.
        attention: Dual attention after the decoder blocks of these indices.
        refine: Last block, on the finest map.
        patch_px: Side of a block of pixels.
        guided: Whether the sources are guided (six channels) rather than raw (three).
    """

    def __init__(
        self,
        face: FaceEncoder,
        audio: AudioEncoder,
        codes: dict[str, CodeEncoder],
        join: nn.Module,
        ups: list[UpBlock],
        attention: dict[int, DualAttention],
        refine: ConvBlock,
        patch_px: int,
        guided: bool,
    ) -> None:
        super().__init__()
        self.face, self.audio = face, audio
        self.codes = nn.ModuleDict(codes)
        self.join = join
        self.ups = nn.ModuleList(ups)
        self.attention = nn.ModuleDict({str(index): module for index, module in attention.items()})
        self.refine = refine
        self.to_blocks, self.from_blocks = nn.PixelUnshuffle(patch_px), nn.PixelShuffle(patch_px)
        n_finest = refine.conv.out_channels
        self.to_paint = nn.Conv2d(n_finest, 3 * patch_px**2, 3, padding=1)
        self.to_layers = nn.Conv2d(n_finest, 3, 3, padding=1) if guided else None
        if self.to_layers is not None:  # start by showing the guided sources as they are
            for layer in (self.to_paint, self.to_layers):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, source: Tensor, masked: Tensor, mel: Tensor, codes: dict[str, Tensor]) -> Drawing:
        """Draws T frames for each of B windows.

        Args:
            source: (B, T, 3 or 6, px, px) float, 0..1: raw source, or guided and still source (`Sources.layers`).
            masked: (B, T, 3, px, px) float, 0..1: target frames, black where the head is to be drawn.
            mel: (B, T, 80, 16) float, -4..4: the mel window centred on each frame.
            codes: Per name (B, C, T) float, as `talkedit.models.codes` makes them.

        Returns:
            The drawing of B * T frames, window by window.
        """
        pictures = self.to_blocks(torch.cat([source, masked], dim=2).flatten(0, 1))
        face, features = self.face(pictures.contiguous(memory_format=torch.channels_last))
        embeddings = [self.audio(mel), *(encoder(codes[name]) for name, encoder in self.codes.items())]
        per_frame = [embedding.transpose(1, 2).flatten(0, 1) for embedding in embeddings]  # (B, D, T) to (B * T, D)
        x = self.join(torch.cat(per_frame, dim=1))[:, :, None, None]
        skips = [face[:, :, None, None], *reversed(features)]
        for index, up in enumerate(self.ups):
            x = up(_beside(x, skips[index]))
            if str(index) in self.attention:
                x = self.attention[str(index)](x)
        x = self.refine(_beside(x, skips[-1]))
        # Half precision is enough for convolutions, not for where to look in a picture.
        paint = self.from_blocks(self.to_paint(x)).float()
        if self.to_layers is None:
            return Drawing(paint.sigmoid())
        paint = F.avg_pool2d(paint.tanh(), PAINT_COARSER)
        layers = self.to_layers(x).float()
        return Drawing(paint, layers[:, :2] * FLOW_UNIT, (layers[:, 2:] + GUIDED_FIRST).sigmoid())


def _beside(x: Tensor, skip: Tensor) -> Tensor:
    """Two maps of one size as one; without a word on the layout the whole decoder is a quarter slower on a CPU."""
    return torch.cat([x, skip], dim=1).contiguous(memory_format=torch.channels_last)


def _resize(x: Tensor, size_px: int) -> Tensor:
    if x.shape[-1] == size_px:
        return x
    return F.interpolate(x, size=(size_px, size_px), mode="bilinear", align_corners=False)


def _shift(positions: Tensor, flow: Tensor) -> Tensor:
    """The positions (N, 2, S, S) that stand `flow` (N, 2, S, S), a share of the side, away from each pixel."""
    size_px = flow.shape[-1]
    ticks = (torch.arange(size_px, device=flow.device, dtype=flow.dtype) * 2 + 1) / size_px - 1
    grid = torch.stack([ticks + 2 * flow[:, 0], ticks[:, None] + 2 * flow[:, 1]], dim=3)
    return F.grid_sample(positions, grid, mode="bilinear", padding_mode="border", align_corners=False)
