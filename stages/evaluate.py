"""Examines the model on held-out clips: likeness, landmarks, and whether each control does what was asked."""

import argparse
from pathlib import Path

from talkedit.evaluate.examine import evaluate
from talkedit.evaluate.settings import EvaluateParams
from talkedit.params import load_section
from talkedit.shards.remote import open_shards
from talkedit.stage import run_stage, write_metrics


def main() -> None:
    """Parses the paths and runs the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", required=True, help="folder of the shards stage, or s3://bucket/folder")
    parser.add_argument("--model", type=Path, required=True, help="the model folder")
    parser.add_argument(
        "--discriminator",
        type=Path,
        required=True,
        help="folder of the stage train_discriminator, whose expert judges lips and speech; one model's can judge "
        "several models",
    )
    parser.add_argument("--clips", type=Path, help="folder of the curate stage, for evaluate.sync: syncnet")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables, pictures and videos")
    parser.add_argument("--metrics", type=Path, required=True, help="metrics file: the headline")
    parser.add_argument("--details", type=Path, required=True, help="file for all other numbers")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameters (default: params.yaml)")
    args = parser.parse_args()
    params = load_section(args.params, EvaluateParams)
    headline, details = evaluate(open_shards(args.shards), args.model, args.discriminator, args.clips, args.out, params)
    write_metrics(args.details, details)
    write_metrics(args.metrics, headline)
    print(f"contact sheet: {args.out / 'contact_sheet.png'}")


if __name__ == "__main__":
    run_stage(main)
