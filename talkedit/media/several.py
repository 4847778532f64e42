"""Sources that stand for several files: folders, patterns and lists of videos, one entry for each."""

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from talkedit.errors import ParamsError
from talkedit.manifest import Manifest, content_key
from talkedit.media.sources import SourceSpec
from talkedit.media.web import Video, list_videos
from talkedit.transfer import TransferError

VIDEO_SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"),
    *(".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
)
_ID_LENGTH = 64
_HASH_DIGITS = 8

Lister = Callable[[str, str | None], list[Video]]


def expand(
    specs: Iterable[SourceSpec], base: Path, manifest: Manifest, lister: Lister = list_videos
) -> list[SourceSpec]:
    """Puts an entry for each file or video in the place of an entry for several.

    Files come in the order of their names; their ids begin with that of the entry. A list of videos is asked for once:
    what it held then stays, until its address or `items` change.

    Args:
        specs: As in sources.yaml.
        base: The folder that paths are seen from.
        manifest: Of the download folder; it remembers the lists.
        lister: Looks up the videos of a list.

    Returns:
        Entries of one file each. One whose files are not there, or whose list cannot be had, stays as it is.

    Raises:
        ParamsError: A hash is given for several files, or two files come to the same id.
    """
    expanded: list[tuple[str, SourceSpec]] = []
    for spec in specs:
        if spec.path is not None:
            found = _files(spec, base)
        elif spec.playlist is not None:
            found = _videos(spec, manifest, lister)
        else:
            found = [spec]
        expanded += [(spec.id, each) for each in found]
    return _told_apart(expanded)


def listing_item(spec: SourceSpec) -> str:
    """What the manifest calls a list of videos."""
    return f"list of {spec.id}"  # no source's id has a space


def _files(spec: SourceSpec, base: Path) -> list[SourceSpec]:
    path = spec.path or ""
    if os.path.isfile(base / path):  # unlike Path's, not stopped by a folder that may not be looked into
        return [spec]
    if os.path.isdir(base / path):
        found = {_posix(name, path): name for name in _below(base, path)}
    else:
        names = glob.glob(path, root_dir=base, recursive=True)
        found = {_posix(name, _fixed_part(path)): name for name in names if os.path.isfile(base / name)}
    if found and spec.sha256:
        raise ParamsError(f"source {spec.id}: sha256 pins one file, but path {path} is several; leave one of them out")
    return [
        spec.model_copy(update={"id": _id(spec.id, str(PurePosixPath(key).with_suffix("")), key), "path": found[key]})
        for key in sorted(found)
    ] or [spec]


def _below(base: Path, folder: str) -> list[str]:
    """Every video in a folder and those below it, links to folders too; hidden ones are left out."""
    found, seen = [], set()
    for top, folders, names in os.walk(base / folder, followlinks=True):
        if os.path.realpath(top) in seen:  # a link back up, or to a folder that another name leads to
            folders.clear()
            continue
        seen.add(os.path.realpath(top))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inner = Path(folder) / Path(top).relative_to(base / folder)
        found += [
            str(inner / name)
            for name in names
            if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".")
        ]
    return found


def _fixed_part(pattern: str) -> str:
    """The folders of a pattern before the first one with a wildcard."""
    parts = Path(pattern).parts
    return str(Path(*(part for i, part in enumerate(parts) if not any(map(glob.has_magic, parts[: i + 1])))))


def _posix(name: str, folder: str) -> str:
    return Path(name).relative_to(folder).as_posix()


def _videos(spec: SourceSpec, manifest: Manifest, lister: Lister) -> list[SourceSpec]:
    key = content_key(playlist=spec.playlist, items=spec.items)
    row = manifest.reuse(listing_item(spec), key)
    if row is None:
        try:
            videos = lister(spec.playlist or "", spec.items)
        except TransferError:
            videos = []
        if not videos:
            return [spec]
        row = {"videos": list({video.url: [video.id, video.url] for video in videos}.values())}  # lists repeat some
        manifest.record(listing_item(spec), key, [], row)
    return [
        spec.model_copy(update={"id": _id(spec.id, video_id, url), "web": url, "playlist": None, "items": None})
        for video_id, url in row["videos"]
    ]


def _id(own: str, name: str, key: str) -> str:
    """Readable where it can be: the entry's id and the file's name; cut short, with a hash, where it is too long."""
    whole = f"{own}-{re.sub(r'[^A-Za-z0-9_-]+', '-', name).strip('-') or _hash(key)}"
    return whole if len(whole) <= _ID_LENGTH else f"{whole[: _ID_LENGTH - _HASH_DIGITS - 1]}-{_hash(key)}"


def _told_apart(expanded: list[tuple[str, SourceSpec]]) -> list[SourceSpec]:
    """Ids that are alike, as of a/b.mp4 and a-b.mp4, or b.mp4 and B.mp4, get a hash of whose entry and file each is."""
    counts = Counter(spec.id.lower() for _, spec in expanded)
    specs = [
        spec
        if counts[spec.id.lower()] == 1
        else spec.model_copy(
            update={"id": f"{spec.id[: _ID_LENGTH - _HASH_DIGITS - 1]}-{_hash(f'{listed} {spec.origin}')}"},
        )
        for listed, spec in expanded
    ]
    twice = [one for one, n in Counter(spec.id.lower() for spec in specs).items() if n > 1]
    if twice:
        raise ParamsError(f"two sources come to the id {', '.join(twice)}; give one of them another in sources.yaml")
    return specs


def _hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:_HASH_DIGITS]
