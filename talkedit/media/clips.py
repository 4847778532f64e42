"""Makes the clips of a person: cuts the sources, writes each clip's sound, and says why anything is left out."""

from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa

from talkedit.closure import code_hash
from talkedit.errors import MediaError, TalkeditError
from talkedit.folders import CLIPS_TABLE, SOURCES_TABLE, kept_rows
from talkedit.manifest import Manifest, content_key
from talkedit.media.audio import read_audio, write_wav
from talkedit.media.cuts import find_cuts
from talkedit.media.segment import SegmentParams, Source, plan_clips
from talkedit.progress import track
from talkedit.records import CLIP_FPS, SAMPLE_RATE_HZ, Clip, Floats
from talkedit.tables import Row, write_table
from talkedit.workers import workers

_MIN_HEARD_SHARE = 0.9
_SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // int(CLIP_FPS)
_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("clip_id", "source", "start_s")]
    + [("n_frames", pa.int32()), ("split", pa.string()), ("status", pa.string())]
    + [("reason", pa.string()), ("detail", pa.string()), ("loudness_db", pa.float64())]
)


def segment_sources(raw_folder: Path, out_folder: Path, params: SegmentParams) -> list[Row]:
    """Cuts the kept sources into clips and writes `clips.parquet` and a WAV file for each kept clip.

    Args:
        raw_folder: What the download stage made.
        out_folder: Where the table and the WAV files go; what is still good there is kept.
        params: How to cut.

    Returns:
        The table's rows: the fields of `Clip`, start_s as text, status (``kept`` or ``rejected``), reason, detail,
        loudness_db (root mean square, 0 is full scale). A source that gives no clip is a row of its own.

    Raises:
        MediaError: A source is not there, or its sound cannot be opened.
        TalkeditError: There is no footage for a training and a validation clip.
    """
    fetched = kept_rows(raw_folder / SOURCES_TABLE)
    audible = [row for row in fetched if row["has_audio"]]
    rows = [_rejected_source(row, "no_audio", "the source has no sound") for row in fetched if not row["has_audio"]]
    manifest = Manifest(out_folder)
    cuts_s = _cuts(audible, raw_folder, manifest, params)
    sources = [
        Source(
            row["id"],
            row["file"],
            Fraction(row["duration_s"]),
            cuts,
            Fraction(row["start_s"] or 0),
            _end_s(row),
            row["sha256"],
        )
        for row, cuts in zip(audible, cuts_s, strict=True)
    ]
    plan = plan_clips(sources, params)
    cut = {clip.source for clip in plan}
    for row in track(audible, "cutting", "sources"):
        if row["file"] in cut:
            clips = [clip for clip in plan if clip.source == row["file"]]
            rows += _clips_of(row, clips, raw_folder, manifest)
        else:
            length_s = (_end_s(row) or Fraction(row["duration_s"])) - Fraction(row["start_s"] or 0)
            problem = f"no scene of its {float(length_s):.2f} s is as long as segment.min_clip_s"
            rows.append(_rejected_source(row, "too_short", problem))
    items = {_cuts_item(row) for row in audible} | {row["id"] for row in audible if row["file"] in cut}
    manifest.prune(items, also_keep=frozenset({CLIPS_TABLE}))
    write_table(out_folder / CLIPS_TABLE, rows, _SCHEMA)
    _check_splits(rows)
    return rows


def segment_metrics(rows: list[Row]) -> dict[str, float | int]:
    """Counts for the stage's metrics file; lengths in seconds."""
    kept = [row for row in rows if row["status"] == "kept"]
    frames = {split: sum(row["n_frames"] for row in kept if row["split"] == split) for split in ("train", "validation")}
    return {
        "n_clips": len(kept),
        "n_rejected": len(rows) - len(kept),
        "train_s": frames["train"] / float(CLIP_FPS),
        "validation_s": frames["validation"] / float(CLIP_FPS),
    }


def _cuts(sources: list[Row], raw_folder: Path, manifest: Manifest, params: SegmentParams) -> list[list[Fraction]]:
    """The cuts of each source; those that were found before, by the same code and threshold, are not looked for."""
    code, threshold = code_hash(__file__), params.cut_threshold
    keys = [content_key(code=code, source=row["sha256"], threshold=threshold) for row in sources]
    known = [manifest.reuse(_cuts_item(row), key) for row, key in zip(sources, keys, strict=True)]
    todo = [i for i, found in enumerate(known) if found is None]
    with workers(len(todo)) as run_all:
        tasks = [(raw_folder / sources[i]["file"], threshold) for i in todo]
        for i, cuts_s in zip(
            todo, track(run_all(_find_cuts, tasks), "looking for cuts", "sources", len(todo)), strict=True
        ):
            found = {"cuts_s": [str(cut_s) for cut_s in cuts_s or ()]}
            if cuts_s is not None:
                manifest.record(_cuts_item(sources[i]), keys[i], [], found)
            known[i] = found
    return [[Fraction(cut_s) for cut_s in found["cuts_s"]] for found in known if found]


def _end_s(source: Row) -> Fraction | None:
    return Fraction(source["end_s"]) if source["end_s"] else None


def _find_cuts(path: Path, threshold: float) -> list[Fraction] | None:
    """None: the picture cannot be read, this time or ever; the crop stage says so of each clip."""
    try:
        return find_cuts(path, threshold)
    except MediaError:
        return None


def _cuts_item(source: Row) -> str:
    return f"cuts of {source['id']}"  # no source's id has a space


def _clips_of(source: Row, clips: list[Clip], raw_folder: Path, manifest: Manifest) -> list[Row]:
    """The rows of one source's clips, from the manifest where nothing that they depend on has changed."""
    key = content_key(code=code_hash(__file__), source=source["sha256"], clips=[asdict(clip) for clip in clips])
    kept = manifest.reuse(source["id"], key)
    if kept is not None:
        return kept["rows"]
    sound = read_audio(raw_folder / source["file"], SAMPLE_RATE_HZ)
    rows = [_clip_row(clip, sound, manifest.folder) for clip in clips]
    files = [f"{row['clip_id']}.wav" for row in rows if row["status"] == "kept"]
    manifest.record(source["id"], key, files, {"rows": rows})
    return rows


def _clip_row(clip: Clip, sound: Floats | None, folder: Path) -> Row:
    row: Row = dict.fromkeys(_SCHEMA.names) | asdict(clip) | {"start_s": str(clip.start_s), "status": "kept"}
    wanted = clip.n_frames * _SAMPLES_PER_FRAME
    begin = round(clip.start_s * SAMPLE_RATE_HZ)
    heard = np.zeros(0, np.float32) if sound is None else sound[begin : begin + wanted]
    if len(heard) < _MIN_HEARD_SHARE * wanted:
        detail = f"the sound ends after {len(heard) / SAMPLE_RATE_HZ:.2f} s of it"
        return row | {"status": "rejected", "reason": "no_audio", "detail": detail}
    samples = np.pad(heard, (0, wanted - len(heard)))
    write_wav(folder / f"{clip.clip_id}.wav", samples, SAMPLE_RATE_HZ)
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return row | {"loudness_db": round(10 * float(np.log10(max(power, 1e-10))), 2)}


def _rejected_source(source: Row, reason: str, detail: str) -> Row:
    row: Row = dict.fromkeys(_SCHEMA.names) | {"clip_id": source["id"], "source": source["file"]}
    return row | {"status": "rejected", "reason": reason, "detail": detail}


def _check_splits(rows: list[Row]) -> None:
    splits = {row["split"] for row in rows if row["status"] == "kept"}
    missing = sorted({"train", "validation"} - splits)
    if missing:
        reasons = "; ".join(f"{row['clip_id']}: {row['detail']}" for row in rows if row["status"] == "rejected")
        raise TalkeditError(
            f"no clip is left for {' and '.join(missing)} ({reasons or 'no source was kept'}); "
            "add footage to sources.yaml, or lower segment.min_clip_s"
        )
