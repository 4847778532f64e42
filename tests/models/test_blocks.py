import pytest
import torch
from torch import nn

from talkedit.models.blocks import ConvBlock, DownBlock, UpBlock

NORM_EPSILON = 1e-4


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
    assert UpBlock(8, 4, n_residual=1, side_px=6)(x[..., :1, :1]).shape == (2, 4, 6, 6)


@pytest.mark.parametrize("block", [ConvBlock(8, 8), DownBlock(8, 8, 1), UpBlock(8, 8, 1)])
def test_a_picture_does_not_depend_on_its_neighbours_in_the_batch_once_trained(block: nn.Module) -> None:
    block.eval()
    x = torch.randn(3, 8, 6, 6)
    torch.testing.assert_close(block(x)[1:2], block(x[1:2]), atol=1e-5, rtol=0)
