"""The one place that knows the sizes of the networks."""

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from talkedit.models.attention import DualAttention
from talkedit.models.blocks import UpBlock
from talkedit.models.codes import CODE_ROWS
from talkedit.models.discriminator import Discriminator
from talkedit.models.encoders import AudioEncoder, CodeEncoder, FaceEncoder, level_widths
from talkedit.models.generator import Generator
from talkedit.models.landmarks import EyeNet
from talkedit.params import Section

IMAGE_CHANNELS = 3


class ModelParams(Section):
    """Size and kind of the networks."""

    section: ClassVar[str] = "model"
    image_px: int = Field(ge=16, le=1024, description="side of the networks' pictures, 4 or 6 times a power of two")
    width: int = Field(ge=4, le=64, description="channels at full resolution; doubled at each halving")
    max_width: int = Field(ge=8, le=1024, description="most channels of any level")
    embedding_dim: int = Field(ge=8, le=1024, description="D, the size of each encoder's embedding")
    n_frames: int = Field(ge=1, le=16, description="T, frames in a training window; the paper's is 5")
    mask_share: float = Field(gt=0, lt=1, description="side of the square that is drawn, as a share of the crop's")
    sources: Literal["raw", "guided"] = Field(
        description="raw: source frames as they are (the paper); guided: with the head turned to the requested pose"
    )
    attention_px: list[int] = Field(description="feature map sides, in pixels, at which dual attention stands")

    @field_validator("image_px")
    @classmethod
    def _halves_down(cls, image_px: int) -> int:
        level_widths(image_px, 1, 1)
        return image_px


def build_generator(params: ModelParams) -> Generator:
    """The generator, with fresh weights."""
    widths = level_widths(params.image_px, params.width, params.max_width)
    guided = params.sources == "guided"
    n_pictures = 3 if guided else 2
    dim = params.embedding_dim
    ups, attention = [], {}
    for index, level in enumerate(reversed(range(len(widths) - 1))):
        # Every block takes the coarser map beside the encoder's features of the same size.
        ups.append(UpBlock(2 * widths[level + 1], widths[level], n_residual=1))
        if params.image_px >> level in params.attention_px:
            attention[index] = DualAttention(widths[level])
    return Generator(
        face=FaceEncoder(IMAGE_CHANNELS * n_pictures, params.image_px, widths, dim, n_residual=1),
        audio=AudioEncoder(params.width, dim),
        codes={name: CodeEncoder(rows, dim) for name, rows in CODE_ROWS.items()},
        ups=ups,
        attention=attention,
        bottom_size=(widths[-1], params.image_px >> (len(widths) - 1)),
        dim=dim,
        guided=guided,
    )


def build_discriminator(params: ModelParams) -> Discriminator:
    """The multi-attribute discriminator, with fresh weights."""
    widths = level_widths(params.image_px, params.width, params.max_width)[1:-1]
    return Discriminator(params.n_frames, widths, params.embedding_dim, params.width)


def build_eye_net(params: ModelParams) -> EyeNet:
    """The eye landmark network, with fresh weights."""
    return EyeNet(params.width)
