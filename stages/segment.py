"""Cuts the fetched footage into clips, holds some out for validation, and writes each clip's sound.

Writes clips.parquet, a row for each clip: where it begins in its source, its length at 25 fps, its split; kept, or
rejected and why. The picture is not copied: a clip refers to its source. The sound is 16 kHz mono WAV.
"""

import argparse
from pathlib import Path

from talkedit.media.clips import segment_metrics, segment_sources
from talkedit.media.segment import SegmentParams
from talkedit.params import load_section
from talkedit.stage import run_stage, write_metrics


def main() -> None:
    """Reads the command line and runs the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="folder that the download stage made")
    parser.add_argument("--out", type=Path, required=True, help="folder for clips.parquet and the WAV files")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for the counts")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="section read: segment")
    args = parser.parse_args()
    rows = segment_sources(args.raw, args.out, load_section(args.params, SegmentParams))
    write_metrics(args.metrics, segment_metrics(rows))


if __name__ == "__main__":
    run_stage(main)
