"""Folded generators draw the same pictures."""

import pytest
import torch
from torch import Tensor, nn

from talkedit.bench.made_up import as_if_trained, sources
from talkedit.models.build import build_generator
from talkedit.models.fold import fold
from talkedit.models.generator import Generator

from .. import tiny

SAME_PICTURE = 1e-3
B, T, PX = 2, 3, 24
KINDS = {
    "guided": {},
    "guided, blocks of 2 px": {"patch_px": 2, "attention_px": [6, 12]},
    "raw": {"sources": "raw"},
    "baseline": {"kind": "wav2lip", "sources": "raw", "attributes": [], "attention_px": []},
}


def arguments(n_source_channels: int, n_frames: int = T) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
    codes = {name: torch.randn(B, rows, n_frames) for name, rows in (("pose", 3), ("emotion", 7), ("blink", 1))}
    pictures = torch.rand(B, n_frames, n_source_channels, PX, PX), torch.rand(B, n_frames, 3, PX, PX)
    return *pictures, torch.randn(B, n_frames, 80, 16), codes


@pytest.fixture(params=KINDS)
def generator(request: pytest.FixtureRequest) -> Generator:
    torch.manual_seed(3)
    return as_if_trained(build_generator(tiny.model_params(**KINDS[request.param])))


@torch.inference_mode()
def test_a_folded_generator_draws_the_same(generator: Generator) -> None:
    guided = generator.to_layers is not None
    given = arguments(6 if guided else 3)
    shown = sources(B * T, PX) if guided else None
    expected, got = generator(*given).image(PX, shown), fold(generator)(*given).image(PX, shown)
    assert expected.std() > 0.01
    torch.testing.assert_close(got, expected, atol=SAME_PICTURE, rtol=0)


def test_no_norm_is_left_and_the_generator_is_untouched(generator: Generator) -> None:
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    generator.train()
    folded = fold(generator)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    assert generator.training
    assert all(parameter.requires_grad for parameter in generator.parameters())
    assert before.keys() == generator.state_dict().keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.state_dict().items())


def test_a_folded_generator_is_on_the_generators_device(generator: Generator) -> None:
    """The device `meta`, which every machine has, in the place of a GPU."""
    folded = fold(generator.to("meta"))
    assert {parameter.device.type for parameter in folded.parameters()} == {"meta"}
