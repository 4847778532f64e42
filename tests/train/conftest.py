"""What the training tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from talkedit.train.curves import NoCurves
from talkedit.train.discriminator import train_discriminator

from .. import tiny
from .runs import discriminator_params


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are faster on one, and sums are the same in every process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def judges_folder(tiny_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished train_discriminator stage."""
    top = tmp_path_factory.mktemp("judges")
    params = discriminator_params(n_steps=2)
    train_discriminator(tiny_shards, top / "discriminator", NoCurves(), tiny.model_params(), params)
    return top / "discriminator"
