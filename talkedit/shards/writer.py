"""Packs clips into WebDataset shards: crops, speech, codes, landmarks, once and for all; and whose face it is."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field
from webdataset.writer import ShardWriter

from talkedit.errors import TalkeditError
from talkedit.face.head import camera_of, locate_heads
from talkedit.face.identity import a_few, describe_at
from talkedit.folders import read_attributes, read_clips, read_crop_track
from talkedit.manifest import write_atomically
from talkedit.media.audio import mel_spectrogram, read_wav
from talkedit.params import Section, read_record
from talkedit.progress import track
from talkedit.records import CLIP_FPS, Clip
from talkedit.shards.samples import PREPARATION, Sample, encode
from talkedit.tables import write_table

INDEX = "index.parquet"
SPLITS = ("train", "validation")
MOST_DESCRIBED = 20  # training clips, from the first to the last
SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("split", pa.string()),
        ("shard", pa.string()),
        ("n_frames", pa.int64()),
        ("size_px", pa.int64()),
    ]
)


class ShardsParams(Section):
    """How clips become training samples."""

    section: ClassVar[str] = "shards"
    max_clips: int = Field(gt=0, description="most clips in one shard")
    position_smooth_s: float = Field(ge=0, description="smoothing of the head's place over time, in seconds")


def write_shards(clips: Path, crops: Path, attributes: Path, out: Path, params: ShardsParams) -> dict[str, Any]:
    """Writes ``<split>-NNNNNN.tar`` shards, ``index.parquet``, how crops and codes were made, and ``who`` is seen.

    Two runs on the same input give the same bytes.

    Args:
        clips: Folder of the curate stage.
        crops: Folder of the crop stage.
        attributes: Folder of the attributes stage.
        out: Output folder.
        params: How to pack.

    Returns:
        Metrics: clips and seconds a split.
    """
    out.mkdir(parents=True, exist_ok=True)
    _remove_shards(out)
    wanted = read_clips(clips)
    rows: list[dict[str, Any]] = []
    for split in SPLITS:
        members = [clip for clip in wanted if clip.split == split]
        if not members:
            raise TalkeditError(f"no usable clip is left for {split}; add footage to data/sources.yaml")
        samples = _samples(members, clips, crops, attributes, params)
        rows += _pack(track(samples, f"packing {split}", "clips", len(members)), split, out, params.max_clips)
    write_table(out / INDEX, rows, SCHEMA)
    preparation = {
        "crop": read_record(crops),
        "attributes": read_record(attributes),
        "shards": params.model_dump(),
        "who": _who([clip for clip in wanted if clip.split == "train"], crops),
    }
    write_atomically(out / PREPARATION, (json.dumps(preparation, indent=1, sort_keys=True) + "\n").encode())
    return _metrics(rows)


def _pack(samples: Iterator[Sample], split: str, out: Path, max_clips: int) -> list[dict[str, Any]]:
    """Writes the shards of a split; rows of the index."""
    rows = []
    try:
        pattern = str(out / f"{split}-%06d.tar")
        with ShardWriter(pattern, maxcount=max_clips, mtime=0, encoder=False, verbose=0) as writer:
            for sample in samples:
                writer.write(encode(sample))
                rows.append(_row(sample, Path(str(writer.fname)).name))
    except OSError as error:
        _remove_shards(out)
        raise TalkeditError(
            f"{error.filename or out}: {error.strerror}; free some space, or run the stages before again"
        ) from error
    return rows


def _remove_shards(folder: Path) -> None:
    for split in SPLITS:
        for shard in folder.glob(f"{split}-*.tar"):
            shard.unlink()


def _samples(members: list[Clip], clips: Path, crops: Path, attributes: Path, params: ShardsParams) -> Iterator[Sample]:
    for clip in members:
        crop_track = read_crop_track(crops, clip.clip_id)
        codes = read_attributes(attributes, clip.clip_id)
        yield Sample(
            clip_id=clip.clip_id,
            split=clip.split,
            crops_mp4=(crops / f"{clip.clip_id}.mp4").read_bytes(),
            mel=mel_spectrogram(read_wav(clips / f"{clip.clip_id}.wav")[0]),
            heads=locate_heads(crop_track, codes.pose_deg, params.position_smooth_s * float(CLIP_FPS)),
            camera=camera_of(crop_track.frame_size_px),
            attributes=codes,
            track=crop_track,
        )


def _who(clips: list[Clip], crops: Path) -> list[float]:
    """The person's mean descriptor (`talkedit.face.identity`), of a few frames of some clips."""
    looks = []
    for clip in (clips[at] for at in a_few(np.ones(len(clips), np.bool_), MOST_DESCRIBED)):
        landmarks_px = read_crop_track(crops, clip.clip_id).landmarks_px
        frames = a_few(np.ones(len(landmarks_px), np.bool_)).tolist()
        seen = [(Fraction(at) / CLIP_FPS, landmarks_px[at]) for at in frames]
        looks.append(describe_at(crops / f"{clip.clip_id}.mp4", seen))
    return np.mean(looks, axis=0).round(4).tolist()


def _row(sample: Sample, shard: str) -> dict[str, Any]:
    return {
        "clip_id": sample.clip_id,
        "split": sample.split,
        "shard": shard,
        "n_frames": sample.n_frames,
        "size_px": sample.track.size_px,
    }


def _metrics(rows: list[dict[str, Any]]) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for split in SPLITS:
        frames = [row["n_frames"] for row in rows if row["split"] == split]
        metrics |= {f"{split}_clips": len(frames), f"{split}_s": sum(frames) / float(CLIP_FPS)}
    return metrics
