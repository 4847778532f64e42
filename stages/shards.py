"""Packs crops, speech, codes and landmarks of every usable clip into WebDataset shards with a Parquet index."""

import argparse
from pathlib import Path

from talkedit.params import load_section
from talkedit.shards.writer import ShardsParams, write_shards
from talkedit.stage import run_stage, write_metrics


def main() -> None:
    """Parses the paths and runs the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="folder of the curate stage")
    parser.add_argument("--crops", type=Path, required=True, help="folder of the crop stage")
    parser.add_argument("--attributes", type=Path, required=True, help="folder of the attributes stage")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--metrics", type=Path, required=True, help="metrics file")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameters (default: params.yaml)")
    args = parser.parse_args()
    params = load_section(args.params, ShardsParams)
    write_metrics(args.metrics, write_shards(args.clips, args.crops, args.attributes, args.out, params))


if __name__ == "__main__":
    run_stage(main)
