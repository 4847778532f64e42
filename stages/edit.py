"""Edits the person's first source as params.yaml asks, and says where the edited video lies."""

import argparse
from pathlib import Path

from talkedit.edit.demonstration import demonstrate
from talkedit.edit.timeline import EditParams
from talkedit.params import load_section
from talkedit.stage import run_stage, write_metrics


def main() -> None:
    """Parses the paths and runs the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="folder of the download stage")
    parser.add_argument("--model", type=Path, required=True, help="the model folder")
    parser.add_argument("--out", type=Path, required=True, help="folder for the edited video")
    parser.add_argument("--metrics", type=Path, required=True, help="metrics file")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameters (default: params.yaml)")
    args = parser.parse_args()
    metrics = demonstrate(args.raw, args.model, args.out, load_section(args.params, EditParams))
    write_metrics(args.metrics, metrics)
    print(f"edited video: {args.out / 'edited.mp4'}\nbefore and after: {args.out / 'before_after.png'}")


if __name__ == "__main__":
    run_stage(main)
