"""A discriminator's training, whatever its gate says, held still: started by torchrun, or called as it is."""

import json
import sys
from pathlib import Path
from unittest.mock import patch

import torch

from talkedit.models.build import ModelParams, build_discriminator, build_eye_net, build_lip_net
from talkedit.train import discriminator as training
from talkedit.train import gate
from talkedit.train.discriminator import DiscriminatorParams, train_discriminator

from .frozen import frozen, make_sgd
from .runs import KeptCurves


def run(shards: Path, out: Path, sections: dict[str, dict]) -> list[tuple[int, dict[str, float]]]:
    """Trains; the points of the curves, which only the first process has."""
    model = ModelParams.model_validate(sections["model"])
    params = DiscriminatorParams.model_validate(sections["discriminator"])
    curves = KeptCurves()
    with (
        patch.object(gate, "GATE_ACCURACY", 0.0),
        patch.object(training, "build_discriminator", frozen(build_discriminator)),
        patch.object(training, "build_eye_net", frozen(build_eye_net)),
        patch.object(training, "build_lip_net", frozen(build_lip_net)),
        patch.object(training, "make_adam", make_sgd),
    ):
        train_discriminator(shards, out, curves, model, params)
    return curves.points


if __name__ == "__main__":
    torch.set_num_threads(1)
    shards, out, losses = map(Path, sys.argv[1:4])
    if points := run(shards, out, json.loads(sys.argv[4])):
        losses.write_text(json.dumps(points))
