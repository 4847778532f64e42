"""DANet's two formulas, on maps so small that every number can be worked out by hand."""

import torch
from torch import nn

from talkedit.models.attention import ChannelAttention, DualAttention, PositionAttention


def set_layer(layer: nn.Conv2d, weight: float, bias: float) -> None:
    nn.init.constant_(layer.weight, weight)
    assert layer.bias is not None
    nn.init.constant_(layer.bias, bias)


def position_attention(gamma: float) -> PositionAttention:
    """One channel, query = x + 1, key = value = x."""
    attention = PositionAttention(1)
    for layer, bias in ((attention.query, 1.0), (attention.key, 0.0), (attention.value, 0.0)):
        set_layer(layer, 1.0, bias)
    nn.init.constant_(attention.gamma, gamma)
    return attention


def test_position_attention_gathers_by_the_asking_pixel() -> None:
    # Pixels (1, 2): queries (2, 3), keys (1, 2), so energies (2, 4) and (3, 6).
    # softmax(2, 4) = (0.1192, 0.8808) gathers 1.8808; softmax(3, 6) = (0.0474, 0.9526) gathers 1.9526.
    y = position_attention(gamma=1.0)(torch.tensor([[[[1.0, 2.0]]]]))
    torch.testing.assert_close(y, torch.tensor([[[[2.8808, 3.9526]]]]), atol=1e-4, rtol=0)


def test_position_attention_scales_what_it_gathers() -> None:
    y = position_attention(gamma=0.5)(torch.tensor([[[[1.0, 2.0]]]]))
    torch.testing.assert_close(y, torch.tensor([[[[1.9404, 2.9763]]]]), atol=1e-4, rtol=0)


def test_channel_attention_favours_unlike_channels() -> None:
    # X = ((1, 0), (1, 1)), E = X X^T = ((1, 1), (1, 2)), max - E = ((0, 0), (1, 0)).
    # softmax = ((0.5, 0.5), (0.7311, 0.2689)); times X = ((1, 0.5), (1, 0.2689)).
    attention = ChannelAttention()
    nn.init.ones_(attention.gamma)
    y = attention(torch.tensor([[[[1.0, 0.0]], [[1.0, 1.0]]]]))
    torch.testing.assert_close(y, torch.tensor([[[[2.0, 0.5]], [[2.0, 1.2689]]]]), atol=1e-4, rtol=0)


def test_both_start_as_the_identity() -> None:
    x = torch.randn(2, 16, 3, 4)
    assert torch.equal(PositionAttention(16)(x), x)
    assert torch.equal(ChannelAttention()(x), x)


def test_dual_attention_is_the_sum_of_both() -> None:
    x = torch.randn(2, 16, 3, 4)
    dual = DualAttention(16)
    nn.init.constant_(dual.position.gamma, 0.3)
    nn.init.constant_(dual.channel.gamma, 0.7)
    assert torch.equal(dual(x), dual.position(x) + dual.channel(x))
    assert not torch.allclose(dual(x), 2 * x, atol=1e-3)


def test_queries_and_keys_have_an_eighth_of_the_channels() -> None:
    attention = PositionAttention(32)
    assert (attention.query.out_channels, attention.key.out_channels, attention.value.out_channels) == (4, 4, 32)
