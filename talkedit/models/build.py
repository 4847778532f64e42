"""The one place that knows the sizes of the networks."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator
from torch import nn

from talkedit.models.attention import DualAttention
from talkedit.models.blocks import ConvBlock, UpBlock
from talkedit.models.codes import CODE_ROWS
from talkedit.models.discriminator import TERMS, Discriminator, Distance
from talkedit.models.encoders import AudioEncoder, CodeEncoder, FaceEncoder, level_widths
from talkedit.models.generator import Generator
from talkedit.models.landmarks import EyeNet
from talkedit.models.lip_net import LipNet
from talkedit.models.realism import PatchDiscriminator
from talkedit.params import Section

IMAGE_CHANNELS = 3
N_RESIDUAL = 1
LIP_WIDTH = 128


class ModelParams(Section):
    """Size and kind of the networks."""

    section: ClassVar[str] = "model"
    kind: Literal["talkedit", "wav2lip"] = Field(
        description="talkedit: draws the head; wav2lip: the baseline, which draws the lower part of the crop for the "
        "speech alone"
    )
    attributes: list[Literal["pose", "emotion", "blink"]] = Field(
        description="the codes that the generator has encoders for, beside face and audio, in this order"
    )
    sources: Literal["raw", "guided"] = Field(
        description="raw: source frames as they are (the paper); guided: with head, lids and lips moved as is asked"
    )
    image_px: int = Field(ge=16, le=1024, description="side of the networks' pictures, 4 or 6 times a power of two")
    patch_px: Literal[1, 2, 4] = Field(
        description="side of the blocks of pixels that the generator takes as one, in pixels; 1 is the paper"
    )
    width: int = Field(ge=4, le=64, description="channels at full resolution; doubled at each halving")
    max_width: int = Field(ge=8, le=1024, description="most channels of any level")
    decoder_ratio: int = Field(
        ge=1, le=8, description="decoder's channels over the encoder's, where these are few; the paper's is 4"
    )
    embedding_dim: int = Field(ge=8, le=1024, description="D, the size of each encoder's embedding")
    n_frames: int = Field(ge=1, le=16, description="T, frames in a training window; the paper's is 5")
    mask_share: float = Field(
        gt=0,
        lt=1,
        description="talkedit: side of the central square that is drawn, wav2lip: height of the lower part that is "
        "drawn; share of the crop's side",
    )
    attention_px: list[int] = Field(description="feature map sides, in pixels, at which dual attention stands")

    @property
    def mask_box(self) -> tuple[float, float, float, float]:
        """What is drawn of the crop: left, top, right and bottom as shares of its side."""
        if self.kind == "wav2lip":
            return 0.0, 1 - self.mask_share, 1.0, 1.0
        ring = (1 - self.mask_share) / 2
        return ring, ring, 1 - ring, 1 - ring

    @property
    def network_px(self) -> int:
        """Side of the generator's finest feature map, in pixels."""
        return self.image_px // self.patch_px

    @field_validator("attributes")
    @classmethod
    def _in_order(cls, attributes: list[str], info: ValidationInfo) -> list[str]:
        if attributes != [name for name in CODE_ROWS if name in attributes]:
            raise ValueError(f"must name each at most once, in the order {', '.join(CODE_ROWS)}")
        if attributes and info.data.get("kind") == "wav2lip":
            raise ValueError("must be [] where model.kind is wav2lip, which has no encoder but those of face and audio")
        return attributes

    @field_validator("sources")
    @classmethod
    def _guided_by_what_there_is(cls, sources: str, info: ValidationInfo) -> str:
        if sources == "raw":
            return sources
        if info.data.get("kind") == "wav2lip":
            raise ValueError("must be raw where model.kind is wav2lip")
        missing = {"pose", "blink"} - set(info.data.get("attributes", CODE_ROWS))
        if missing:
            raise ValueError(
                "would tell the network pose and openness through the pictures; set it to raw, or add "
                f"{' and '.join(sorted(missing))} to model.attributes"
            )
        return sources

    @field_validator("image_px")
    @classmethod
    def _halves_down(cls, image_px: int) -> int:
        level_widths(image_px, 1, 1)
        return image_px

    @field_validator("patch_px")
    @classmethod
    def _leaves_a_picture(cls, patch_px: int, info: ValidationInfo) -> int:
        image_px = info.data.get("image_px")
        if image_px and image_px < 8 * patch_px:
            raise ValueError(f"must be at most an eighth of model.image_px, which is {image_px}")
        return patch_px

    @field_validator("attention_px")
    @classmethod
    def _on_the_pyramid(cls, attention_px: list[int], info: ValidationInfo) -> list[int]:
        if attention_px and info.data.get("kind") == "wav2lip":
            raise ValueError("must be [] where model.kind is wav2lip, which has no attention")
        if {"image_px", "patch_px"} <= info.data.keys():
            network_px = info.data["image_px"] // info.data["patch_px"]
            sides = [network_px >> level for level in range(len(level_widths(network_px, 1, 1)))]
            if not set(attention_px) <= set(sides):
                raise ValueError(f"must be some of the decoder's sides, {', '.join(map(str, sides))}")
        return attention_px


def build_generator(params: ModelParams) -> Generator:
    """The generator, with fresh weights; none for the encoders that `params.attributes` does not name."""
    widths = level_widths(params.network_px, params.width, params.max_width)
    pictures = 3 if params.sources == "guided" else 2
    dim = params.embedding_dim
    decoder = decoder_widths(widths, params.decoder_ratio, params.max_width)
    sides_px = [params.network_px >> level for level in reversed(range(len(widths)))]
    # The first block opens the joined embeddings; every other takes the map before, beside the encoder's of its size.
    ups = [UpBlock(2 * dim, decoder[-1], n_residual=0, side_px=sides_px[0])]
    ups += [
        UpBlock(decoder[level + 1] + widths[level + 1], decoder[level], N_RESIDUAL)
        for level in reversed(range(len(widths) - 1))
    ]
    return Generator(
        face=FaceEncoder(
            IMAGE_CHANNELS * pictures * params.patch_px**2,
            params.network_px,
            widths,
            dim,
            N_RESIDUAL,
            stem_kernel=7 if params.patch_px == 1 else 3,  # a block of pixels a tap: no wider than before, no slower
        ),
        audio=AudioEncoder(params.width, dim),
        codes={name: CodeEncoder(CODE_ROWS[name], dim) for name in params.attributes},
        join=nn.Sequential(nn.Linear(dim * (1 + len(params.attributes)), dim), nn.ReLU(inplace=True)),
        ups=ups,
        attention={
            index: DualAttention(width)
            for index, (side_px, width) in enumerate(zip(sides_px, reversed(decoder), strict=True))
            if side_px in params.attention_px
        },
        refine=ConvBlock(decoder[0] + widths[0], max(decoder[0] // 2, widths[0])),  # half, as in Wav2Lip
        patch_px=params.patch_px,
        guided=params.sources == "guided",
    )


def decoder_widths(encoder: list[int], ratio: int, max_width: int) -> list[int]:
    """Channels of the decoder's maps beside the encoder's, finest first.

    So many times the encoder's, but never more than half of `max_width` above it: of the encoder's 16, 32, 64, 128,
    256, 512, 512 the ratio 4 makes the 64, 128, 256, 384, 512, 512, 512 of the authors' network.
    """
    return [min(ratio * width, width + max_width // 2, max_width) for width in encoder]


def discriminator_terms(params: ModelParams) -> list[str]:
    """What the discriminator judges: audio, and those of pose and emotion that the generator is told."""
    return [term for term in TERMS if term == "audio" or term in params.attributes]


def build_discriminator(
    params: ModelParams, terms: Sequence[str] | None = None, distance: Distance = "l2", margin: float = 1.0
) -> Discriminator:
    """The multi-attribute discriminator, with fresh weights; for Wav2Lip, its lip-sync expert.

    Args:
        params: Sizes.
        terms: What it judges; None for all of `discriminator_terms`.
        distance: ``l2`` or ``cosine``.
        margin: Of the L2 distance.
    """
    return Discriminator(
        terms=discriminator_terms(params) if terms is None else terms,
        n_frames=params.n_frames,
        widths=level_widths(params.image_px, params.width, params.max_width)[1:-1],
        dim=params.embedding_dim,
        audio_width=params.width,
        distance=distance,
        margin=margin,
        lower_half=params.kind == "wav2lip",
    )


def build_eye_net(params: ModelParams) -> EyeNet:
    """The eye landmark network, with fresh weights."""
    return EyeNet(params.width)


def build_lip_net(params: ModelParams) -> LipNet | None:
    """What hears how guided lips are to be shaped, with fresh weights; raw sources need none."""
    return LipNet(LIP_WIDTH) if params.sources == "guided" else None


def build_patch_discriminator(params: ModelParams) -> PatchDiscriminator:
    """The image discriminator, with fresh weights."""
    return PatchDiscriminator(2 * params.width)
