"""Dual attention, as in DANet (Fu et al., CVPR 2019): position attention plus channel attention."""

import torch
from torch import Tensor, nn


class PositionAttention(nn.Module):
    """Every position gathers from all positions whose features are alike.

    For x (B, C, H, W), queries and keys have C/8 channels: ``y = gamma * V softmax(Q^T K) + x``.
    `gamma` starts at 0, so that the module starts as the identity.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        n_keys = max(n_channels // 8, 1)
        self.query = nn.Conv2d(n_channels, n_keys, 1)
        self.key = nn.Conv2d(n_channels, n_keys, 1)
        self.value = nn.Conv2d(n_channels, n_channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))
        energy = query.transpose(1, 2) @ key  # (B, HW, HW): row = asking position
        gathered = value @ energy.softmax(dim=2).transpose(1, 2)
        return self.gamma * gathered.view_as(x) + x


class ChannelAttention(nn.Module):
    """Every channel gathers from all channels: ``y = gamma * softmax(max(E) - E) X + x`` with ``E = X X^T``.

    The maximum is subtracted row by row, as DANet does, so that unlike channels are favoured.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        features = x.flatten(2)
        energy = features @ features.transpose(1, 2)  # (B, C, C)
        attention = (energy.amax(dim=2, keepdim=True) - energy).softmax(dim=2)
        return self.gamma * (attention @ features).view_as(x) + x


class DualAttention(nn.Module):
    """The sum of position attention and channel attention; the shape stays (B, C, H, W)."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.position = PositionAttention(n_channels)
        self.channel = ChannelAttention()

    def forward(self, x: Tensor) -> Tensor:
        return self.position(x) + self.channel(x)
