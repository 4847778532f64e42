"""What holds a training still, so that nothing but the sum of its gradients is left to differ between processes.

Norms are frozen, for each process would otherwise take them over its own part, and plain gradient descent takes the
place of Adam, which makes whole steps out of the last digits of a gradient that is 0.
"""

from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn


def frozen(build: Callable[..., nn.Module | None]) -> Callable[..., nn.Module | None]:
    """Builds the same network with its norms frozen."""

    def build_frozen(*args: Any) -> nn.Module | None:
        network = build(*args)
        for module in network.modules() if network else ():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.eval()
        return network

    return build_frozen


def make_sgd(module: nn.Module, learning_rate: float, betas: tuple[float, float], fabric: Fabric) -> torch.optim.SGD:
    return torch.optim.SGD(module.parameters(), learning_rate)
