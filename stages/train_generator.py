"""Trains a person's generator against the frozen discriminator and writes the model folder, the artefact."""

import argparse
from pathlib import Path

from talkedit.live import live_curves
from talkedit.models.build import ModelParams
from talkedit.models.losses import LossParams
from talkedit.params import load_section
from talkedit.shards.remote import open_shards
from talkedit.stage import run_stage, write_metrics
from talkedit.train.generator import TrainParams, train_generator


def main() -> None:
    """Parses the paths and runs the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", required=True, help="folder of the shards stage, or s3://bucket/folder")
    parser.add_argument("--discriminator", type=Path, required=True, help="folder of the train_discriminator stage")
    parser.add_argument("--person", required=True, help="whose model it is, for the model card")
    parser.add_argument("--out", type=Path, required=True, help="the model folder")
    parser.add_argument("--live", type=Path, required=True, help="folder for the live curves")
    parser.add_argument("--metrics", type=Path, required=True, help="metrics file")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameters (default: params.yaml)")
    args = parser.parse_args()
    model, params = load_section(args.params, ModelParams), load_section(args.params, TrainParams)
    loss = load_section(args.params, LossParams)
    curves = live_curves(args.live)
    metrics = train_generator(
        open_shards(args.shards), args.discriminator, args.out, curves, args.person, model, params, loss
    )
    if metrics:  # the first of several processes has them
        write_metrics(args.metrics, metrics)


if __name__ == "__main__":
    run_stage(main)
