"""The image discriminator beside the generator: it learns while the generator does, unlike the frozen judges."""

import torch
from lightning_fabric import Fabric
from torch import Tensor

from talkedit.models.build import ModelParams, build_patch_discriminator
from talkedit.models.losses import realism, tell_apart
from talkedit.train.loop import check_finite, clip_gradient
from talkedit.train.machine import make_adam, place

BETAS = (0.5, 0.99)


class Adversary:
    """The image discriminator and its optimizer.

    Args:
        model: Sizes.
        learning_rate: Adam's.
        fabric: The processes.

    Attributes:
        network: The discriminator itself; its weights are a part of the training's state.
        optimizer: Likewise.
    """

    def __init__(self, model: ModelParams, learning_rate: float, fabric: Fabric) -> None:
        self._fabric = fabric
        self.network = place(build_patch_discriminator(model), fabric)
        self._trained, self.optimizer = fabric.setup(
            self.network, make_adam(self.network, learning_rate, BETAS, fabric)
        )

    def term(self, seen: Tensor) -> Tensor:
        """The generator's loss on (N, 3, px, px) pictures; the discriminator is read, not changed."""
        self.network.requires_grad_(False).eval()  # spectral norm changes its own estimate in training mode
        try:
            return realism(self.network(seen))
        finally:
            self.network.requires_grad_(True).train()

    def learn(self, seen: Tensor, truth: Tensor, step: int, keys: list[str]) -> Tensor:
        """One step on drawn and real pictures, (N, 3, px, px) each; its own loss."""
        real, drawn = self._trained(torch.cat([truth, seen.detach()])).chunk(2)
        loss = tell_apart(real, drawn)
        check_finite({"image_discriminator": loss}, step, keys, self._fabric)
        self.optimizer.zero_grad()
        self._fabric.backward(loss)
        clip_gradient(self._trained, self.optimizer, float("inf"), step, keys, self._fabric)
        self.optimizer.step()
        return loss.detach()
