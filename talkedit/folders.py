"""The folders that stages hand to each other: which files lie in them, and how those are read and written.

A stage that reads another's folder needs this module, not the code that filled the folder.
"""

import io
from fractions import Fraction
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa

from talkedit.errors import TalkeditError
from talkedit.manifest import write_atomically
from talkedit.records import EMOTIONS, POSE, Attributes, Clip, CropTrack, Floats
from talkedit.tables import Row, read_rows, write_table

SOURCES_TABLE = "sources.parquet"
CLIPS_TABLE = "clips.parquet"
CROPS_TABLE = "crops.parquet"

ATTRIBUTE_COLUMNS = (*(f"{angle}_deg" for angle in POSE), *EMOTIONS, "eye_openness")
_ATTRIBUTE_SCHEMA = pa.schema([(column, pa.float32()) for column in ATTRIBUTE_COLUMNS])


def kept_rows(table: Path) -> list[Row]:
    """The rows of a stage's table whose item can be used.

    Raises:
        TalkeditError: The table is missing or damaged.
    """
    return [row for row in read_rows(table) if row["status"] == "kept"]


def read_clips(folder: Path) -> list[Clip]:
    """The kept clips of the segment stage."""
    return [
        Clip(row["clip_id"], row["source"], Fraction(row["start_s"]), row["n_frames"], row["split"])
        for row in kept_rows(folder / CLIPS_TABLE)
    ]


def read_crop_track(folder: Path, clip_id: str) -> CropTrack:
    """How a clip was cropped, from the crop stage.

    Raises:
        TalkeditError: The file is missing or damaged.
    """
    path = folder / f"{clip_id}.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            width, height = arrays["frame_size_px"].tolist()
            return CropTrack(int(arrays["size_px"]), arrays["frame_from_crop"], arrays["landmarks_px"], (width, height))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise TalkeditError(f"{path}: cannot be read ({error}); delete it and run the crop stage") from error


def write_crop_track(path: Path, track: CropTrack) -> None:
    """Writes what `read_crop_track` reads; the same track gives the same bytes."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        size_px=track.size_px,
        frame_from_crop=track.frame_from_crop,
        landmarks_px=track.landmarks_px,
        frame_size_px=np.array(track.frame_size_px),
    )
    write_atomically(path, buffer.getvalue())


def read_attributes(folder: Path, clip_id: str) -> Attributes:
    """What was measured in a clip, from the attributes stage.

    Raises:
        TalkeditError: The table is missing or is another one.
    """
    path = folder / f"{clip_id}.parquet"
    rows = read_rows(path)
    try:
        values = [[row[column] for column in ATTRIBUTE_COLUMNS] for row in rows]
    except KeyError as error:
        raise TalkeditError(f"{path}: has no column {error}; run the attributes stage again") from error
    table = np.array(values, np.float32).reshape(-1, len(ATTRIBUTE_COLUMNS))
    return Attributes(table[:, :3], table[:, 3:-1], table[:, -1])


def write_attributes(folder: Path, clip_id: str, attributes: Attributes) -> None:
    """Writes what `read_attributes` reads, as ``<clip_id>.parquet``, a row per frame."""
    rows = [dict(zip(ATTRIBUTE_COLUMNS, row, strict=True)) for row in attribute_matrix(attributes).tolist()]
    write_table(folder / f"{clip_id}.parquet", rows, _ATTRIBUTE_SCHEMA)


def attribute_matrix(attributes: Attributes) -> Floats:
    """(T, 11) float32, in the order of `ATTRIBUTE_COLUMNS`."""
    return np.concatenate([attributes.pose_deg, attributes.emotion, attributes.eye_openness[:, None]], axis=1)
