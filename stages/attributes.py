"""Measures what the editor can change, in every frame: head pose, emotion, eye openness.

Yaw is positive when the person turns to their own left, pitch when they look up, roll when the head tilts clockwise as
the viewer sees it, in degrees. Emotions are probabilities. Eye openness is 0 (closed) to 1 (open).
"""

import argparse
from pathlib import Path

from talkedit.face.extract import AttributesParams, extract_clips
from talkedit.params import load_section
from talkedit.stage import run_stage, write_metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=Path, required=True, help="folder of the crops (crop stage)")
    parser.add_argument("--out", type=Path, required=True, help="folder for <clip_id>.parquet, a row per frame")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for the ranges of what was measured")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="its section attributes is used")
    arguments = parser.parse_args()
    params = load_section(arguments.params, AttributesParams)
    write_metrics(arguments.metrics, extract_clips(arguments.crops, arguments.out, params))


if __name__ == "__main__":
    run_stage(main)
