"""Brings a person's footage into one folder, and says of every source whether it can be used and why not."""

import os
import shutil
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from talkedit.errors import MediaError, ParamsError, TalkeditError
from talkedit.folders import SOURCES_TABLE
from talkedit.manifest import Manifest, file_sha256
from talkedit.media.fetch import Rejected, fetch_source
from talkedit.media.several import expand, listing_item
from talkedit.media.sources import SourceSpec, load_sources
from talkedit.media.video import measure_duration_s, probe
from talkedit.media.web import WebManners, require_yt_dlp
from talkedit.params import Section
from talkedit.progress import track
from talkedit.tables import Row, write_table
from talkedit.transfer import Patience

_SCHEMA = pa.schema(
    [
        (name, pa.string())
        for name in ("id", "file", "status", "reason", "detail", "sha256", "licence", "note", "origin")
    ]
    + [(name, pa.string()) for name in ("start_s", "end_s", "duration_s", "average_fps")]
    + [("width_px", pa.int32()), ("height_px", pa.int32()), ("codec", pa.string()), ("has_audio", pa.bool_())]
)
_PARTS_FOLDER = ".fetching"  # beside the stage's folder, so that DVC does not keep what is half there
OTHER_STAGES = ("clips", "crops", "attributes", "curated", "shards")  # beside this one's folder
MOST_OBLONG = 0.02  # pixels that differ by less from squares measure as squares
_MAX_MISSING_S, _MAX_MISSING_SHARE = 1, Fraction(1, 20)  # of a file's announced length: containers round it up


class DownloadParams(Section):
    """How sources are fetched."""

    section: ClassVar[str] = "download"

    timeout_s: float = Field(gt=0, description="How long a server may be silent, in seconds.")
    n_tries: int = Field(ge=1, le=20, description="Tries in a row that bring nothing before a source is given up.")
    retry_pause_s: float = Field(ge=0, le=60, description="Before the second try; doubled for each further, seconds.")
    max_failed_share: float = Field(ge=0, lt=1, description="Share of the sources that may fail, 0..1.")
    web_max_side_px: int = Field(ge=144, description="Shorter side of the picture taken from web pages, pixels.")
    web_rate_mb_s: float = Field(ge=0, description="Most megabytes a second from web pages; 0 is no limit.")
    web_pause_s: float = Field(ge=0, description="Before each video from a web page, seconds.")

    def patience(self) -> Patience:
        """How long to try."""
        return Patience(self.timeout_s, self.n_tries, self.retry_pause_s)

    def manners(self) -> WebManners:
        """What is taken from web pages, and how politely."""
        rate = round(self.web_rate_mb_s * 1e6) or None
        return WebManners(self.web_max_side_px, rate, self.web_pause_s)


def download(
    sources_file: Path, person: str, out_folder: Path, params: DownloadParams, datasets: Path | None = None
) -> list[Row]:
    """Fetches every source of a person and writes `sources.parquet`, a row for each file.

    A file that is there already, from the same origin and unchanged, is not fetched again; one that is not wanted any
    more, or is worth nothing, is removed. What a source gave before stays while it cannot be had again. A transfer that
    broke off, in this run or an earlier one, goes on where it was. Every file is looked at anew.

    Args:
        sources_file: sources.yaml.
        person: Whose sources.
        out_folder: Where the files and the table go.
        params: Patience, and how many may fail.
        datasets: Folder of the lists that sources.yaml names; ``datasets`` beside it if not given.

    Returns:
        The table's rows, in the order of sources.yaml: id, file, status (``kept`` or ``rejected``), reason, detail,
        sha256, licence, note, origin, start_s and end_s (of what is to be used; None is all), duration_s of the file,
        average_fps (these four are fractions as text), width_px, height_px, codec, has_audio.

    Raises:
        ParamsError: sources.yaml is wrong, does not know the person, or names a dataset that is to be filled in; or a
            source lies in a folder of the stages, from which files are removed.
        TalkeditError: Too many sources failed; the message counts them by reason. What was fetched stays.
    """
    listed, base = load_sources(sources_file, person, datasets), sources_file.parent
    if any(spec.web or spec.playlist for spec in listed):
        require_yt_dlp()
    _require_outside(listed, base, out_folder)
    manifest = Manifest(out_folder)
    parts = out_folder.parent / _PARTS_FOLDER
    specs = expand(listed, base, manifest)
    _require_outside(specs, base, out_folder)  # a folder of links may lead there
    spoilt: set[str] = set()
    rows = [_row(spec, base, manifest, parts, params, spoilt) for spec in track(specs, "downloading", "files")]
    _reject_duplicates(rows)
    kept = {row["id"] for row in rows if row["status"] == "kept"}
    wanted = {spec.id for spec in specs} | {listing_item(spec) for spec in listed}
    if any(spec.playlist or (spec.path and not os.path.isfile(base / spec.path)) for spec in specs):
        wanted |= manifest.items()  # a list or a folder that is away for now: nobody knows what of it is wanted
    manifest.prune(wanted - spoilt, also_keep=frozenset({SOURCES_TABLE}))
    _clear_parts(parts, {row["id"] for row in rows} - kept)
    write_table(out_folder / SOURCES_TABLE, rows, _SCHEMA)
    _check_failures(rows, params.max_failed_share)
    return rows


def download_metrics(rows: list[Row]) -> dict[str, float | int]:
    """Counts for the stage's metrics file; lengths in seconds."""
    kept = [row for row in rows if row["status"] == "kept"]
    return {
        "n_sources": len(rows),
        "n_kept": len(kept),
        "n_rejected": len(rows) - len(kept),
        "duration_s": float(sum(_used_s(row) for row in kept)),
    }


def _used_s(row: Row) -> Fraction:
    duration_s = Fraction(row["duration_s"])
    return min(Fraction(row["end_s"] or duration_s), duration_s) - Fraction(row["start_s"] or 0)


def _require_outside(specs: list[SourceSpec], base: Path, out_folder: Path) -> None:
    """What is not their own is removed from the stages' folders, and may be all that the user has."""
    out = out_folder.resolve()
    folders = [out, *(out.parent / name for name in OTHER_STAGES)]
    for spec in specs:
        place = (base / spec.path).resolve() if spec.path else None
        if place is None:
            continue
        if any(place.is_relative_to(folder) for folder in folders) or (
            os.path.isdir(place) and out.is_relative_to(place)
        ):
            raise ParamsError(
                f"source {spec.id}: path {spec.path} lies in a folder of the stages ({out_folder} and beside it), or "
                "holds one, and what is no copy is removed from there; move the footage to a folder of its own"
            )


def _row(
    spec: SourceSpec, base: Path, manifest: Manifest, parts: Path, params: DownloadParams, spoilt: set[str]
) -> Row:
    """A source's row; `spoilt` gets its id where what arrived is worth nothing."""
    row: Row = dict.fromkeys(_SCHEMA.names) | {"id": spec.id, "licence": spec.licence, "note": spec.note}
    row |= {"origin": spec.origin, "status": "kept"}
    row |= {name: None if (at := getattr(spec, name)) is None else str(at) for name in ("start_s", "end_s")}
    try:
        file = fetch_source(spec, base, manifest, parts / spec.id, params.patience(), params.manners())
        return row | {"file": file.name, "sha256": file_sha256(file)} | _looked_at(file, spec)
    except Rejected as error:
        if error.is_spoilt:
            spoilt.add(spec.id)
        return row | {"status": "rejected", "reason": error.reason, "detail": error.detail}


def _reject_duplicates(rows: list[Row]) -> None:
    """Of the same footage the first row stays: training and validation clips would show it both."""
    seen: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["status"] != "kept":
            continue
        first = next((one for one in seen[row["sha256"]] if _overlap(one, row)), None)
        if first is None:
            seen[row["sha256"]].append(row)
        else:
            problem = f"{row['file']}: is the same footage as {first['id']}; leave one of them out"
            row |= {"status": "rejected", "reason": "duplicate", "detail": problem}


def _overlap(one: Row, other: Row) -> bool:
    begin_s = max(Fraction(row["start_s"] or 0) for row in (one, other))
    return all(row["end_s"] is None or begin_s < Fraction(row["end_s"]) for row in (one, other))


def _clear_parts(parts: Path, wanted: set[str]) -> None:
    """Leaves what may be gone on with: parts of sources that could not be fetched whole."""
    for path in parts.iterdir() if parts.is_dir() else ():
        is_empty = path.is_dir() and not any(path.iterdir())
        if is_empty or path.name.partition(".")[0] not in wanted:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if parts.is_dir() and not any(parts.iterdir()):
        parts.rmdir()


def _looked_at(file: Path, spec: SourceSpec) -> Row:
    try:
        info, duration_s = probe(file), measure_duration_s(file)
    except MediaError as error:
        raise Rejected("not_a_video", f"{file.name}: {error.problem}", is_spoilt=True) from error
    _require_whole(file, spec, info.duration_s, duration_s)
    if spec.start_s is not None and spec.start_s >= duration_s:
        raise Rejected("no_such_part", f"{file.name}: start is after its end, which is at {float(duration_s):.2f} s")
    if abs(info.pixel_aspect - 1) > MOST_OBLONG:
        advice = f"make them square: ffmpeg -i {file.name} -vf scale=trunc(iw*sar/2)*2:ih,setsar=1 -crf 12 OUT.mp4"
        raise Rejected(
            "oblong_pixels",
            f"{file.name}: its pixels are {float(info.pixel_aspect):.2f} times as wide as high; {advice}",
        )
    return {
        "duration_s": str(duration_s),
        "average_fps": str(info.average_fps),
        "width_px": info.width_px,
        "height_px": info.height_px,
        "codec": info.codec,
        "has_audio": info.has_audio,
    }


def _require_whole(file: Path, spec: SourceSpec, announced_s: Fraction | None, duration_s: Fraction) -> None:
    """A file from elsewhere must be as long as its header says: servers announce too little, and nothing else tells."""
    missing_s = (announced_s or 0) - duration_s
    is_fetched = not spec.path and not spec.package
    if is_fetched and missing_s > max(_MAX_MISSING_S, _MAX_MISSING_SHARE * (announced_s or 0)):
        detail = f"{spec.origin}: ends after {float(duration_s):.1f} of {float(announced_s or 0):.1f} s; try again"
        raise Rejected("incomplete", detail, is_spoilt=True)


def _check_failures(rows: list[Row], max_failed_share: float) -> None:
    failed = [row for row in rows if row["status"] == "rejected"]
    if len(failed) <= max_failed_share * len(rows):
        return
    counts = ", ".join(f"{n} {reason}" for reason, n in Counter(row["reason"] for row in failed).most_common())
    raise TalkeditError(
        f"{len(failed)} of {len(rows)} sources cannot be used ({counts}), more than download.max_failed_share "
        f"({max_failed_share}) allows; the first: {failed[0]['detail']}"
    )
