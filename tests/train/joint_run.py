"""A generator's training with all but the sum of its gradients held still: started by torchrun, or called as it is."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch

from talkedit.models.build import ModelParams, build_generator
from talkedit.models.losses import LossParams
from talkedit.models.perceptual import Vgg16Features
from talkedit.train import generator as training
from talkedit.train.generator import TrainParams, train_generator

from .frozen import frozen, make_sgd
from .runs import KeptCurves


def some_vgg(name: str) -> Vgg16Features:
    """Features of a network that nobody has to fetch."""
    torch.manual_seed(0)
    return Vgg16Features(1, [0.5] * 3, [2.0] * 3, bgr_255=False)


@contextmanager
def held_still() -> Iterator[None]:
    with (
        patch.object(training, "build_generator", frozen(build_generator)),
        patch.object(training, "make_adam", make_sgd),
        patch.object(training, "load_vgg", some_vgg),
    ):
        yield


def run(shards: Path, judges: Path, out: Path, sections: dict[str, dict]) -> list[tuple[int, dict[str, float]]]:
    """Trains; the points of the curves, which only the first process has."""
    model = ModelParams.model_validate(sections["model"])
    params, loss = TrainParams.model_validate(sections["train"]), LossParams.model_validate(sections["loss"])
    curves = KeptCurves()
    with held_still():
        train_generator(shards, judges, out, curves, "ann", model, params, loss)
    return curves.points


if __name__ == "__main__":
    torch.set_num_threads(1)
    shards, judges, out, losses = map(Path, sys.argv[1:5])
    if points := run(shards, judges, out, json.loads(sys.argv[5])):
        losses.write_text(json.dumps(points))
