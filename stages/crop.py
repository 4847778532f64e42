"""Cuts the head out of every clip.

Finds the face (dlib: boxes and 68 points), follows it, and cuts a square around the whole head that moves slowly, so
that the background stays still. Where each square came from is kept, so that it can be put back. Clips without a usable
face become rows of the table, with the reason.
"""

import argparse
from pathlib import Path

from talkedit.face.choose import FacesParams
from talkedit.face.crop import CropParams, crop_clips
from talkedit.params import load_section
from talkedit.stage import run_stage, write_metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True, help="folder of the sources (download stage)")
    parser.add_argument("--clips", type=Path, required=True, help="folder of the clips (segment stage)")
    parser.add_argument("--out", type=Path, required=True, help="folder for <clip_id>.mp4, .npz and crops.parquet")
    parser.add_argument("--metrics", type=Path, required=True, help="JSON file for what was kept and rejected")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="its sections crop and faces are used")
    arguments = parser.parse_args()
    params, faces = load_section(arguments.params, CropParams), load_section(arguments.params, FacesParams)
    write_metrics(arguments.metrics, crop_clips(arguments.raw, arguments.clips, arguments.out, params, faces))


if __name__ == "__main__":
    run_stage(main)
