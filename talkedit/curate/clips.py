"""Curates a person's clips: measures each, keeps or rejects it, and puts its sound in sync."""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from talkedit import assets
from talkedit.closure import code_hash
from talkedit.curate.measure import measure_clip
from talkedit.curate.rules import CurateParams, Numbers, count_speakers, judge_source
from talkedit.errors import TalkeditError
from talkedit.face.sync import Offset, pooled_offset
from talkedit.folders import CLIPS_TABLE, CROPS_TABLE
from talkedit.manifest import Manifest, content_key, file_sha256, write_atomically
from talkedit.media.audio import read_audio, write_wav
from talkedit.progress import track
from talkedit.records import CLIP_FPS, SAMPLE_RATE_HZ, Floats
from talkedit.tables import Row, read_rows, write_table
from talkedit.workers import workers

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("clip_id", "source", "start_s")]
    + [("n_frames", pa.int32())]
    + [(name, pa.string()) for name in ("split", "status", "reason", "detail")]
    + [("shift_frames", pa.int32())]
    + [("offset_frames", pa.int32()), ("offset_certainty", pa.float64())]
    + [("source_offset_frames", pa.int32()), ("source_offset_certainty", pa.float64())]
    + [(name, pa.float64()) for name in ("found_share", "face_px", "sharpness", "out_of_pose_share")]
    + [(name, pa.float64()) for name in ("yaw_deg", "pitch_deg", "roll_deg", "loudness_db", "speech_share")]
    + [("n_speakers", pa.int32()), ("voice_likeness", pa.float64())]
)
_SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // int(CLIP_FPS)


@dataclass(frozen=True)
class Folders:
    """Where the stages before left their work.

    Attributes:
        raw: Of the download stage.
        clips: Of the segment stage.
        crops: Of the crop stage.
        attributes: Of the attributes stage.
    """

    raw: Path
    clips: Path
    crops: Path
    attributes: Path


def curate_clips(folders: Folders, out: Path, params: CurateParams) -> list[Row]:
    """The stage: `clips.parquet` with a row for every clip there ever was, and the sound of each kept one, in sync.

    Clips whose result is there already, made by the same params, code and inputs, are not done again.

    Args:
        folders: What the stages before made.
        out: Gets the table and `<clip_id>.wav`.
        params: See `CurateParams`.

    Returns:
        The rows of the table, in the order of the segment stage's; every number that could be measured is there.

    Raises:
        TalkeditError: Nothing is left to train on or to validate with, or too many clips were rejected.
    """
    cropped = {row["clip_id"]: row for row in read_rows(folders.crops / CROPS_TABLE)}
    rows = [_joined(row, cropped) for row in read_rows(folders.clips / CLIPS_TABLE)]
    kept = [row for row in rows if row["status"] == "kept"]
    manifest = Manifest(out)
    measured = _measure([row["clip_id"] for row in kept], folders, manifest, params)
    for source in sorted({row["source"] for row in kept}):
        _judge([row for row in kept if row["source"] == source], measured, params)
    heard = [row for row in kept if row["status"] == "kept"]
    _write_sound(heard, folders, manifest)
    items = {_measure_item(clip_id) for clip_id in measured} | {row["clip_id"] for row in heard}
    manifest.prune(items, also_keep=frozenset({CLIPS_TABLE}))
    write_table(out / CLIPS_TABLE, rows, SCHEMA)
    _check(rows, params)
    return rows


def curate_metrics(rows: list[Row]) -> dict[str, float | int]:
    """Counts for the stage's metrics file; the length in seconds, the median offset in frames."""
    kept = [row for row in rows if row["status"] == "kept"]
    offsets = [row["offset_frames"] for row in kept if row["offset_frames"] is not None]
    reasons = Counter(row["reason"] for row in rows if row["status"] != "kept")
    return {
        "n_kept": len(kept),
        "n_rejected": len(rows) - len(kept),
        "n_shifted": sum(row["shift_frames"] != 0 for row in kept),
        "kept_s": sum(row["n_frames"] for row in kept) / float(CLIP_FPS),
        "offset_frames": float(np.median(offsets)) if offsets else 0.0,
        **{f"rejected_{reason}": n for reason, n in sorted(reasons.items())},
    }


def _joined(clip: Row, cropped: dict[str, Row]) -> Row:
    """A clip's row with what the crop stage said of it."""
    row: Row = dict.fromkeys(SCHEMA.names) | {name: value for name, value in clip.items() if name in SCHEMA.names}
    if row["status"] == "rejected":  # a whole source, whose name may be that of another one's clip
        return row
    crop = cropped.get(row["clip_id"])
    if crop is None:
        return row | {"status": "rejected", "reason": "not_cropped"}
    row |= {"found_share": crop["found_share"], "face_px": crop["face_px"]}
    return row | {name: crop[name] for name in ("status", "reason", "detail")}


def _measure(clip_ids: list[str], folders: Folders, manifest: Manifest, params: CurateParams) -> dict[str, Row]:
    limits = (params.max_yaw_deg, params.max_pitch_deg, params.max_roll_deg)
    hear_voices = params.max_speakers is not None
    code = code_hash(__file__)
    keys = {
        clip_id: content_key(code=code, limits=limits, voices=hear_voices, inputs=_inputs_sha256(clip_id, folders))
        for clip_id in clip_ids
    }
    found = {clip_id: manifest.reuse(_measure_item(clip_id), keys[clip_id]) for clip_id in clip_ids}
    todo = [clip_id for clip_id in clip_ids if found[clip_id] is None]
    if todo and hear_voices:
        assets.fetch("voice_encoder")  # before the workers do, so that it is fetched once and its errors arrive whole
    with workers(len(todo)) as run_all:
        tasks = [(clip_id, folders.clips, folders.crops, folders.attributes, limits, hear_voices) for clip_id in todo]
        rows = track(run_all(measure_clip, tasks), "measuring", "clips", total=len(todo))
        for clip_id, row in zip(todo, rows, strict=True):
            manifest.record(_measure_item(clip_id), keys[clip_id], [], row)
            found[clip_id] = row
    return {clip_id: row for clip_id, row in found.items() if row is not None}


def _measure_item(clip_id: str) -> str:
    return f"measures of {clip_id}"  # no clip's id has a space


def _inputs_sha256(clip_id: str, folders: Folders) -> list[str]:
    crops = [folders.crops / f"{clip_id}{suffix}" for suffix in (".mp4", ".npz")]
    files = [folders.clips / f"{clip_id}.wav", *crops, folders.attributes / f"{clip_id}.parquet"]
    return [file_sha256(file) for file in files]


def _judge(rows: list[Row], measured: dict[str, Row], params: CurateParams) -> None:
    """Fills in the verdict on each clip of one source."""
    curves = [(np.array(curve), row["n_frames"]) for row in rows if (curve := measured[row["clip_id"]]["lag_curve"])]
    pooled = pooled_offset([curve for curve, _ in curves], [n for _, n in curves]) if curves else None
    numbers = [_numbers(row, measured[row["clip_id"]], params) for row in rows]
    for row, clip, verdict in zip(rows, numbers, judge_source(numbers, pooled, params), strict=True):
        row |= {name: value for name, value in measured[row["clip_id"]].items() if name in SCHEMA.names}
        row |= {f"offset_{name}": value for name, value in _offset_columns(clip.offset).items()}
        row |= {f"source_offset_{name}": value for name, value in _offset_columns(pooled).items()}
        merges = measured[row["clip_id"]]["voice_merges"]
        row |= {"n_speakers": clip.n_speakers, "voice_likeness": merges and min(merges)}
        row |= {"shift_frames": verdict.shift_frames}
        if verdict.reason:
            row |= {"status": "rejected", "reason": verdict.reason, "detail": verdict.detail}


def _offset_columns(offset: Offset | None) -> Row:
    return {"frames": offset and offset.frames, "certainty": offset and round(offset.certainty, 3)}


def _numbers(row: Row, measures: Row, params: CurateParams) -> Numbers:
    curve = measures["lag_curve"]
    return Numbers(
        sharpness=measures["sharpness"],
        out_of_pose_share=measures["out_of_pose_share"],
        loudness_db=row["loudness_db"],
        speech_share=measures["speech_share"],
        n_speakers=count_speakers(measures["voice_merges"], params),
        offset=pooled_offset([np.array(curve)], [row["n_frames"]]) if curve else None,
    )


def _write_sound(rows: list[Row], folders: Folders, manifest: Manifest) -> None:
    """The sound of each clip, moved if its row says so; it is read out of the source then, not filled up."""
    code = code_hash(__file__)
    source_sha256 = cache(lambda source: file_sha256(folders.raw / source))
    sound_of = lru_cache(maxsize=1)(lambda source: read_audio(folders.raw / source))
    for row in rows:
        wav, place = folders.clips / f"{row['clip_id']}.wav", [row["shift_frames"], row["start_s"], row["n_frames"]]
        is_moved = row["shift_frames"] != 0
        content = source_sha256(row["source"]) if is_moved else file_sha256(wav)
        key = content_key(code=code, place=place, content=content)
        if manifest.reuse(row["clip_id"], key) is None:
            if is_moved:
                write_wav(manifest.folder / wav.name, _moved_sound(row, sound_of(row["source"])))
            else:
                write_atomically(manifest.folder / wav.name, wav.read_bytes())
            manifest.record(row["clip_id"], key, [wav.name], {"shift_frames": row["shift_frames"]})


def _moved_sound(row: Row, sound: Floats | None) -> Floats:
    """The sound from `shift_frames` after the clip's begin; silence where the source has none."""
    sound = np.zeros(0, np.float32) if sound is None else sound
    begin = round(Fraction(row["start_s"]) * SAMPLE_RATE_HZ) + row["shift_frames"] * _SAMPLES_PER_FRAME
    n = row["n_frames"] * _SAMPLES_PER_FRAME
    heard = sound[max(begin, 0) : max(begin + n, 0)]
    before = min(max(-begin, 0), n)
    return np.pad(heard, (before, n - before - len(heard)))


def _check(rows: list[Row], params: CurateParams) -> None:
    rejected = [row for row in rows if row["status"] != "kept"]
    missing = {"train", "validation"} - {row["split"] for row in rows if row["status"] == "kept"}
    if not missing and len(rejected) <= params.max_rejected_share * len(rows):
        return
    counts = ", ".join(f"{n} {reason}" for reason, n in Counter(row["reason"] for row in rejected).most_common())
    what = f"no clip is left for {' and '.join(sorted(missing))}" if missing else "too many clips were rejected"
    raise TalkeditError(
        f"{what}: {len(rejected)} of {len(rows)} are rejected ({counts}); the first, {rejected[0]['clip_id']}: "
        f"{rejected[0]['detail']}. Look at them with talkedit clips; add footage, or change the section curate"
    )
