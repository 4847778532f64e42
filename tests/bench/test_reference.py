"""The reference has the size that is known of the authors' generator."""

import pytest
import torch

from talkedit.bench import made_up
from talkedit.bench.infer import count_gmacs
from talkedit.bench.reference import Reference

KNOWN_PARAMETERS, WITHIN = 48.2e6, 0.01


@pytest.fixture(scope="module")
def reference() -> Reference:
    torch.manual_seed(0)
    return Reference().eval()


def test_it_has_48_million_parameters(reference: Reference) -> None:
    n_parameters = sum(parameter.numel() for parameter in reference.parameters())
    assert n_parameters == pytest.approx(KNOWN_PARAMETERS, rel=WITHIN)


def test_it_has_the_known_widths(reference: Reference) -> None:
    downs = [down[0].conv.out_channels for down in reference.downs]
    ups = [up[0].up.out_channels for up in reference.ups]
    assert [reference.stem.conv.out_channels, *downs] == [16, 32, 64, 128, 256, 512, 512]
    assert [reference.bottom[1].out_channels, *ups] == [512, 512, 512, 384, 256, 128, 64]
    assert reference.bottom[0].conv.in_channels == 2048
    assert reference.stem.conv.in_channels == 6


def test_attention_stands_at_8_16_and_32_px(reference: Reference) -> None:
    sides = [8 << index for index, up in enumerate(reference.ups) if len(up) == 2]
    assert sides == [8, 16, 32]


@torch.inference_mode()
def test_it_draws_pictures(reference: Reference) -> None:
    inputs = made_up.reference_inputs(1, 256)
    pictures = reference(*inputs)
    assert pictures.shape == (1, 3, 256, 256)
    assert 0 < pictures.min() < pictures.max() < 1
    # The finest level alone: 3 x 3 kernels, 160 to 64 channels from half the side, 64 to 64, 80 to 32.
    at_256_px = 256**2 * 9 * (160 * 64 / 4 + 64 * 64 + 80 * 32) / 1e9
    assert at_256_px < count_gmacs(reference, inputs, 1) < 3.5 * at_256_px
