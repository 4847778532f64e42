"""Keeps the clips that can be trained on, says of each other one why not, and puts sound in sync with the picture.

Writes clips.parquet, a row for every clip of the segment stage with all numbers behind the verdict, and the sound of
each kept clip. The offset between sound and picture is found from the mouth and the level of speech; where it is the
same all over a source, it is corrected. `talkedit clips` shows the table.
"""

import argparse
from pathlib import Path

from talkedit.curate.clips import Folders, curate_clips, curate_metrics
from talkedit.curate.rules import CurateParams
from talkedit.params import load_section
from talkedit.stage import run_stage, write_metrics


def main() -> None:
    """Reads the command line and runs the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="folder of the sources (download stage)")
    parser.add_argument("--clips", type=Path, required=True, help="folder of the clips (segment stage)")
    parser.add_argument("--crops", type=Path, required=True, help="folder of the crops (crop stage)")
    parser.add_argument("--attributes", type=Path, required=True, help="folder of the attributes stage")
    parser.add_argument("--out", type=Path, required=True, help="folder for clips.parquet and the WAV files")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for what was kept and rejected")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="section read: curate")
    args = parser.parse_args()
    folders = Folders(args.raw, args.clips, args.crops, args.attributes)
    rows = curate_clips(folders, args.out, load_section(args.params, CurateParams))
    write_metrics(args.metrics, curate_metrics(rows))


if __name__ == "__main__":
    run_stage(main)
