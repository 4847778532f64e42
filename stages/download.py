"""Fetches the footage that sources.yaml names for one person, and checks that each file is a video.

Writes the files and sources.parquet, a row for each source: kept, or rejected and why.
"""

import argparse
from pathlib import Path

from talkedit.media.download import DownloadParams, download, download_metrics
from talkedit.params import load_section
from talkedit.stage import run_stage, write_metrics


def main() -> None:
    """Reads the command line and runs the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True, help="what to fetch: data/sources.yaml")
    parser.add_argument("--datasets", type=Path, help="folder of the lists that it names (default: datasets beside it)")
    parser.add_argument("--person", required=True, help="whose footage: a top-level name in that file")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files and sources.parquet")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for the counts")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="section read: download")
    args = parser.parse_args()
    params = load_section(args.params, DownloadParams)
    rows = download(args.sources, args.person, args.out, params, args.datasets)
    write_metrics(args.metrics, download_metrics(rows))


if __name__ == "__main__":
    run_stage(main)
