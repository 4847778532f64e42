"""The image discriminator beside the generator."""

import torch
from lightning_fabric import Fabric

from talkedit.train.loop import set_learning_rate
from talkedit.train.realism import Adversary

from .. import tiny

MODEL = tiny.model_params()


def adversary() -> Adversary:
    torch.manual_seed(0)
    return Adversary(MODEL, 1e-3, Fabric(accelerator="cpu", devices=1))


def pictures(level: float) -> torch.Tensor:
    return torch.full((4, 3, MODEL.image_px, MODEL.image_px), level)


def test_the_generators_term_leaves_it_as_it_is() -> None:
    judge, seen = adversary(), pictures(0.5).requires_grad_()
    before = {name: tensor.clone() for name, tensor in judge.network.state_dict().items()}
    judge.term(seen).backward()
    assert seen.grad is not None
    assert seen.grad.abs().sum() > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in judge.network.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in judge.network.parameters())
    assert judge.network.training


def test_it_learns_to_tell_drawn_from_real_pictures() -> None:
    judge = adversary()
    costs = [float(judge.learn(pictures(0.2), pictures(0.8), step, [])) for step in range(60)]
    assert costs[-1] < 0.5 * costs[0]


def test_it_learns_nothing_once_the_learning_rate_is_0() -> None:
    judge = adversary()
    set_learning_rate(judge.optimizer, 1e-3, 10, 10, 0.5)
    before = [parameter.clone() for parameter in judge.network.parameters()]
    judge.learn(pictures(0.2), pictures(0.8), 10, [])
    assert all(torch.equal(*pair) for pair in zip(before, judge.network.parameters(), strict=True))
