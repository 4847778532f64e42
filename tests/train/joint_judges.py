"""A discriminator's training, whatever its gate says, started by torchrun."""

import sys
from pathlib import Path

import torch

from talkedit.train import gate
from talkedit.train.curves import NoCurves
from talkedit.train.discriminator import train_discriminator

from .. import tiny
from .runs import discriminator_params

if __name__ == "__main__":
    torch.set_num_threads(1)
    gate.GATE_ACCURACY = 0.0
    params = discriminator_params(n_steps=2, n_windows=2, gate_steps=2)
    train_discriminator(*map(Path, sys.argv[1:]), NoCurves(), tiny.model_params(), params)
