import pytest
import torch
from torch import nn

from talkedit.models.blocks import ConvBlock, DownBlock, UpBlock, group_norm

NORM_EPSILON = 1e-4


@pytest.mark.parametrize(("n_channels", "n_groups"), [(4, 1), (8, 1), (16, 2), (24, 3), (28, 2), (100, 10), (13, 1)])
def test_groups_have_about_eight_channels_and_any_number_of_channels_can_be_grouped(
    n_channels: int, n_groups: int
) -> None:
    norm = group_norm(n_channels)
    assert norm.num_groups == n_groups
    assert norm(torch.randn(2, n_channels, 3, 3)).shape == (2, n_channels, 3, 3)


@pytest.mark.parametrize(("residual", "expected"), [(False, (0.0, 1.0)), (True, (0.0, 4.0))])
def test_a_conv_block_by_hand(residual: bool, expected: tuple[float, float]) -> None:
    # The convolution is the identity; the norm takes (1, 3) to (-1, 1); the input is added, then the ReLU.
    block = ConvBlock(1, 1, kernel=1, residual=residual)
    nn.init.ones_(block.conv.weight)
    y = block(torch.tensor([[[[1.0, 3.0]]]]))
    torch.testing.assert_close(y, torch.tensor([[[expected]]]), atol=NORM_EPSILON, rtol=0)


def test_down_halves_and_up_doubles() -> None:
    x = torch.randn(2, 8, 12, 12)
    assert DownBlock(8, 16, n_residual=1)(x).shape == (2, 16, 6, 6)
    assert UpBlock(8, 4, n_residual=1)(x).shape == (2, 4, 24, 24)


@pytest.mark.parametrize("block", [ConvBlock(8, 8), DownBlock(8, 8, 1), UpBlock(8, 8, 1)])
def test_a_picture_does_not_depend_on_its_neighbours_in_the_batch(block: nn.Module) -> None:
    x = torch.randn(3, 8, 6, 6)
    torch.testing.assert_close(block(x)[1:2], block(x[1:2]), atol=1e-5, rtol=0)
