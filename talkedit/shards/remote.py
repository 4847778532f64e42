"""Shards in an object store: put there, and read from there clip by clip, each checked by its SHA-256.

In the store lie the files of the shards stage under their own names, and a list of their hashes and of the clips in
them, which is written last: where it is, all that it names is there. So a training reads a clip when it first needs it,
by a range request, and keeps it in the cache; it begins before most of the footage has arrived.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from talkedit.assets import cache_folder
from talkedit.errors import TalkeditError
from talkedit.manifest import file_sha256, write_atomically
from talkedit.media.store import put_object, read_object
from talkedit.progress import track
from talkedit.shards.samples import PREPARATION
from talkedit.shards.tar import spans_of
from talkedit.transfer import Patience, TransferError, with_patience

LIST = "shards.json"  # in the store
STORE = "store.json"  # in the cache: the same list, and where it is from
_FILES = ("*.tar", "index.parquet", PREPARATION)
_PATIENCE = Patience(timeout_s=60.0, n_tries=4, pause_s=1.0)
_N_FETCHES = 8  # at once

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\.(tar|parquet|json)$")]
_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Listed(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Clip(_Listed):
    """A clip of a shard: bytes `start` to `stop`."""

    clip_id: str
    n_frames: int = Field(gt=0)
    start: int = Field(ge=0)
    stop: int = Field(gt=0)
    sha256: _Sha256


class _List(_Listed):
    """What a store holds: the hash of each file, and the clips of each shard."""

    files: dict[_Name, _Sha256]
    clips: dict[_Name, list[_Clip]]


class _Store(_Listed):
    address: str
    holds: _List


@dataclass(frozen=True)
class StoredClip:
    """A clip of a shard in a store.

    Attributes:
        clip_id: The clip.
        n_frames: T.
        shard: The shard's address.
        start: The first byte in it.
        stop: The byte after its last.
        sha256: Of these bytes.
    """

    clip_id: str
    n_frames: int
    shard: str
    start: int
    stop: int
    sha256: str

    def read(self) -> bytes:
        """The clip's bytes, from the cache if they are there.

        Raises:
            TalkeditError: The store does not give them, or they are others than the list says.
        """
        kept = cache_folder() / "shards" / "clips" / self.sha256
        if (content := _kept(kept, self.sha256)) is not None:
            return content
        content = with_patience(lambda: read_object(self.shard, self.start, self.stop), _PATIENCE)
        _require(content, self.sha256, self.shard)
        _keep(kept, content)
        return content


def push_shards(folder: Path, address: str) -> list[str]:
    """Puts the shards of a folder into a store; what is there already, unchanged, is not sent again.

    Args:
        folder: Of the shards stage.
        address: Such as ``s3://bucket/ann``.

    Returns:
        The names of the files that were sent.

    Raises:
        TalkeditError: There are no shards in the folder, one is damaged, the store holds those of other clips or does
            not take these.
    """
    files = sorted(path for pattern in _FILES for path in folder.glob(pattern))
    shards = [path for path in files if path.suffix == ".tar"]
    if not shards:
        raise TalkeditError(f"{folder}: holds no shard; run `dvc repro shards`")
    holds = _List(
        files={path.name: file_sha256(path) for path in files}, clips={path.name: _clips_of(path) for path in shards}
    )
    stored = _stored(address)
    _require_related(holds, stored, address)
    there = stored.files
    new = [path for path in files if there.get(path.name) != holds.files[path.name]]
    if new and there:  # the old list would still be believed where a push is stopped; without preparation, none reads
        same = {path.name: holds.files[path.name] for path in files if path not in new and path.name != PREPARATION}
        _put_list(_List(files=same, clips={}), address)
    for path in track(new, "sending", "files"):
        put_object(path, _at(address, path.name))
    _put_list(holds, address)
    return [path.name for path in new]


def open_shards(shards: str) -> Path:
    """The folder of shards that a stage reads: itself, or one in the cache that stands for what lies in a store.

    Args:
        shards: A folder, or an address such as ``s3://bucket/ann``.

    Returns:
        A folder for `talkedit.shards.index`.

    Raises:
        TalkeditError: The store does not give them, or what it gives is not what the list says.
    """
    if "://" not in shards:
        return Path(shards)
    holds = _parsed(read_object(_at(shards, LIST)), shards)
    preparation = read_object(_at(shards, PREPARATION))
    _require(preparation, holds.files.get(PREPARATION, ""), _at(shards, PREPARATION))
    store = _Store(address=shards, holds=holds).model_dump_json().encode()
    folder = cache_folder() / "shards" / hashlib.sha256(store).hexdigest()[:16]
    _keep(folder / PREPARATION, preparation)
    _keep(folder / STORE, store)
    return folder


def fetch_shards(shards: str) -> Path:
    """Brings all clips of a store into the cache before they are needed; the folder as from `open_shards`.

    Raises:
        TalkeditError: As `open_shards` and `StoredClip.read`.
    """
    folder = open_shards(shards)
    if (folder / STORE).is_file():
        clips = stored_clips(folder)
        with ThreadPoolExecutor(_N_FETCHES, thread_name_prefix="fetch") as pool:
            for _ in track(pool.map(lambda clip: len(clip.read()), clips), "fetching", "clips", len(clips)):
                pass
    return folder


def stored_clips(folder: Path, split: str = "") -> list[StoredClip]:
    """The clips of a split, or of all, that a folder of `open_shards` stands for, in the order of their shards.

    Raises:
        TalkeditError: The folder is damaged.
    """
    try:
        store = _Store.model_validate_json((folder / STORE).read_bytes())
    except (OSError, ValidationError) as error:
        raise TalkeditError(f"{folder / STORE}: is damaged; delete it and start again") from error
    return [
        StoredClip(clip.clip_id, clip.n_frames, _at(store.address, shard), clip.start, clip.stop, clip.sha256)
        for shard, clips in sorted(store.holds.clips.items())
        if shard.startswith(split)
        for clip in clips
    ]


def _put_list(holds: _List, address: str) -> None:
    put_object((holds.model_dump_json(indent=1) + "\n").encode(), _at(address, LIST))


def _clips_of(shard: Path) -> list[_Clip]:
    listed = []
    with open(shard, "rb") as file:
        for span in spans_of(shard):
            file.seek(span.start)
            sha256 = hashlib.sha256(file.read(span.stop - span.start)).hexdigest()
            listed.append(
                _Clip(clip_id=span.clip_id, n_frames=span.n_frames, start=span.start, stop=span.stop, sha256=sha256)
            )
    return listed


def _stored(address: str) -> _List:
    """What is in the store; nothing where there is no list yet, or one of another version."""
    try:
        return _List.model_validate_json(read_object(_at(address, LIST)))
    except ValidationError:
        return _List(files={}, clips={})
    except TransferError as error:
        if error.reason != "no_such_file":
            raise
        return _List(files={}, clips={})


def _require_related(ours: _List, theirs: _List, address: str) -> None:
    """Shards with not one clip in common are somebody else's, and would be overwritten."""
    ids, others = ({clip.clip_id for clips in each.clips.values() for clip in clips} for each in (ours, theirs))
    if others and not ids & others:
        raise TalkeditError(
            f"{address}: holds the shards of other clips ({min(others)}); push to another address, or remove those"
        )


def _parsed(content: bytes, address: str) -> _List:
    try:
        return _List.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise TalkeditError(
            f"{_at(address, LIST)}: is no list of shards ({where}: {first['msg']}); push the shards again"
        ) from error


def _require(content: bytes, sha256: str, address: str) -> None:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise TalkeditError(f"{address}: is not what {LIST} names; push the shards again")


def _kept(path: Path, sha256: str) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None


def _keep(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        advice = "name a folder that can be written in TALKEDIT_CACHE"
        raise TalkeditError(f"{path.parent}: cannot be made ({error.strerror}); {advice}") from error
    mine = path.with_name(f"{path.name}.{os.getpid()}")  # other processes may be writing the same
    write_atomically(mine, content)
    mine.replace(path)


def _at(address: str, name: str) -> str:
    return f"{address.rstrip('/')}/{name}"
