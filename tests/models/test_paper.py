"""The profile `paper`: each tensor shape and size that the paper and its authors' code name."""

import pytest
import torch
import yaml
from torch import Tensor, nn

from talkedit.closure import PROJECT_ROOT
from talkedit.models.attention import DualAttention
from talkedit.models.blocks import UpBlock
from talkedit.models.build import ModelParams, build_discriminator, build_generator
from talkedit.models.codes import draw_mask, make_codes
from talkedit.models.generator import Drawing, Generator
from talkedit.params import parse

B, T, D, PX = 2, 5, 512, 256
N_PARAMETERS, TOLERANCE = 48.2e6, 0.05


@pytest.fixture(scope="module")
def params() -> ModelParams:
    """The profile alone: it names every number of the networks."""
    profile = yaml.safe_load((PROJECT_ROOT / "profiles" / "paper.yaml").read_text(encoding="utf-8"))
    return parse(ModelParams, profile["model"], where="profiles/paper.yaml")


@pytest.fixture(scope="module")
def generator(params: ModelParams) -> Generator:
    torch.manual_seed(0)
    return build_generator(params).eval()


@pytest.fixture(scope="module")
def codes() -> dict[str, Tensor]:
    return make_codes(torch.randn(B, T, 3), torch.full((B, T, 7), 1 / 7), torch.rand(B, T))


@pytest.fixture(scope="module")
def drawn(generator: Generator, codes: dict[str, Tensor]) -> tuple[Drawing, list[tuple[nn.Module, Tensor]]]:
    """A drawing of one window, and what each of the generator's parts gave for it."""
    seen: list[tuple[nn.Module, Tensor]] = []

    def note(module: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, list[Tensor]]) -> None:
        seen.append((module, output if isinstance(output, Tensor) else output[0]))

    hooks = [module.register_forward_hook(note) for module in generator.modules() if list(module.children())]
    with torch.inference_mode():
        drawing = generator(torch.rand(B, T, 3, PX, PX), torch.rand(B, T, 3, PX, PX), torch.randn(B, T, 80, 16), codes)
    for hook in hooks:
        hook.remove()
    return drawing, seen


def test_codes_are_b_by_rows_by_t(codes: dict[str, Tensor]) -> None:
    assert {name: tuple(code.shape) for name, code in codes.items()} == {
        "pose": (B, 3, T),
        "emotion": (B, 7, T),
        "blink": (B, 1, T),
    }


def test_five_encoders_give_b_by_d_by_t(
    generator: Generator, drawn: tuple[Drawing, list[tuple[nn.Module, Tensor]]]
) -> None:
    given = dict(drawn[1])
    shapes = {name: given[encoder].shape for name, encoder in [("audio", generator.audio), *generator.codes.items()]}
    assert shapes == dict.fromkeys(("audio", "pose", "emotion", "blink"), (B, D, T))
    face = given[generator.face]  # frame by frame
    assert face.unflatten(0, (B, T)).transpose(1, 2).shape == (B, D, T)


def test_the_embeddings_are_concatenated(generator: Generator) -> None:
    first = next(iter(generator.join.parameters()))
    assert first.shape == (512, 2048)  # speech, pose, emotion, blink; the face joins after it


def test_five_pictures_of_256_px_come_out(drawn: tuple[Drawing, list[tuple[nn.Module, Tensor]]]) -> None:
    drawing = drawn[0]
    assert drawing.flow is None
    pictures = drawing.image(PX).unflatten(0, (B, T))
    assert pictures.shape == (B, T, 3, PX, PX)
    assert 0 <= pictures.min() < pictures.max() <= 1


def test_a_source_and_a_masked_target_frame_go_in(generator: Generator) -> None:
    assert generator.face.stem.conv.in_channels == 3 + 3


def test_the_mask_is_the_central_192_px(params: ModelParams) -> None:
    mask = draw_mask(PX, params.mask_box)[0, 0]
    assert mask.sum() == 192**2
    assert mask[32:224, 32:224].min() == 1


def test_48_million_parameters(generator: Generator) -> None:
    n_parameters = sum(parameter.numel() for parameter in generator.parameters())
    assert n_parameters == pytest.approx(N_PARAMETERS, rel=TOLERANCE)


def test_the_encoder_s_and_the_decoder_s_maps(
    generator: Generator, drawn: tuple[Drawing, list[tuple[nn.Module, Tensor]]]
) -> None:
    given = dict(drawn[1])
    down = [given[block].shape[1:] for block in (generator.face.stem, *generator.face.levels)]
    up = [given[block].shape[1:] for block in generator.ups]
    sides = [256, 128, 64, 32, 16, 8, 4]
    assert down == [(n, px, px) for n, px in zip([16, 32, 64, 128, 256, 512, 512], sides, strict=True)]
    assert up == [(n, px, px) for n, px in zip([512, 512, 512, 384, 256, 128, 64], reversed(sides), strict=True)]


def test_maps_are_enlarged_by_transposed_convolutions_beside_the_encoder_s(generator: Generator) -> None:
    blocks = [block for block in generator.ups if isinstance(block, UpBlock)]
    assert len(blocks) == 7
    assert all(isinstance(block.up, nn.ConvTranspose2d) for block in blocks)
    # The map before, and the face encoder's of its size.
    wanted = [512 + 512, 512 + 512, 512 + 512, 512 + 256, 384 + 128, 256 + 64, 128 + 32]
    assert [block.up.in_channels for block in blocks] == wanted
    assert generator.refine.conv.in_channels == 64 + 16


def test_dual_attention_at_8_16_and_32_px(drawn: tuple[Drawing, list[tuple[nn.Module, Tensor]]]) -> None:
    assert [output.shape[-1] for module, output in drawn[1] if isinstance(module, DualAttention)] == [8, 16, 32]


def test_the_discriminator_has_a_term_for_speech_pose_and_emotion(
    params: ModelParams, codes: dict[str, Tensor]
) -> None:
    discriminator = build_discriminator(params).eval()
    with torch.inference_mode():
        distances = discriminator.distances(torch.rand(B, T, 3, PX, PX), torch.randn(B, T, 80, 16), codes)
    assert {term: tuple(distance.shape) for term, distance in distances.items()} == dict.fromkeys(
        ("audio", "pose", "emotion"), (B,)
    )
