"""Shards in an object store: put there, and brought to the machine that trains, each file checked by its SHA-256.

In the store lie the files of the shards stage under their own names, and a list of their hashes, which is written last:
where it is, all that it names is there.
"""

import hashlib
import json
import os
import re
from pathlib import Path

from talkedit.assets import cache_folder
from talkedit.errors import TalkeditError
from talkedit.manifest import file_sha256
from talkedit.media.store import fetch_object, put_object, read_object
from talkedit.progress import track
from talkedit.transfer import Patience, TransferError

LIST = "shards.json"
_FILES = ("*.tar", "index.parquet", "preparation.json")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.(tar|parquet|json)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PATIENCE = Patience(timeout_s=60.0, n_tries=4, pause_s=1.0)


def push_shards(folder: Path, address: str) -> list[str]:
    """Puts the shards of a folder into a store; what is there already, unchanged, is not sent again.

    Args:
        folder: Of the shards stage.
        address: Such as ``s3://bucket/ann``.

    Returns:
        The names of the files that were sent.

    Raises:
        TalkeditError: There are no shards in the folder, or the store does not take them.
    """
    files = sorted(path for pattern in _FILES for path in folder.glob(pattern))
    if not any(path.suffix == ".tar" for path in files):
        raise TalkeditError(f"{folder}: holds no shard; run `dvc repro shards`")
    listed, there = {path.name: file_sha256(path) for path in files}, _listed_at(address)
    new = [path for path in files if there.get(path.name) != listed[path.name]]
    for path in track(new, "sending", "files"):
        put_object(path, _at(address, path.name))
    put_object((json.dumps(listed, indent=1, sort_keys=True) + "\n").encode(), _at(address, LIST))
    return [path.name for path in new]


def local_shards(shards: str) -> Path:
    """The folder of shards that a stage reads: itself, or a copy in the cache of what lies in a store.

    What is in the cache and has the right hash is not fetched again; a transfer that broke off is gone on with.

    Args:
        shards: A folder, or an address such as ``s3://bucket/ann``.

    Raises:
        TalkeditError: The store does not give them, or one is another file than the list says.
    """
    if "://" not in shards:
        return Path(shards)
    content = read_object(_at(shards, LIST))
    listed = _parsed(content, shards)
    folder = cache_folder() / "shards" / hashlib.sha256(content).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in listed if not _is(folder / name, listed[name])]
    for name in track(missing, "fetching", "files"):
        _fetch(_at(shards, name), folder / name, listed[name])
    return folder


def _fetch(address: str, to: Path, sha256: str) -> None:
    # Of several processes on a machine (torchrun) each has a part of its own.
    part = to.with_name(f".{to.name}.{os.environ.get('LOCAL_RANK', '0')}.part")
    whole = part.with_suffix(".whole")
    fetch_object(address, whole, _PATIENCE, part)
    if not _is(whole, sha256):
        whole.unlink()
        raise TalkeditError(f"{address}: is not the file that {LIST} names; push the shards again")
    whole.replace(to)


def _listed_at(address: str) -> dict[str, str]:
    """The hashes of what is in the store, by name; none where there is no list yet."""
    try:
        return _parsed(read_object(_at(address, LIST)), address)
    except TransferError as error:
        if error.reason != "no_such_file":
            raise
        return {}


def _parsed(content: bytes, address: str) -> dict[str, str]:
    try:
        listed = json.loads(content)
    except ValueError:
        listed = None
    if not isinstance(listed, dict) or not all(_NAME.fullmatch(name) for name in listed):
        raise TalkeditError(f"{_at(address, LIST)}: is no list of shards; push the shards again")
    if not all(isinstance(sha256, str) and _SHA256.fullmatch(sha256) for sha256 in listed.values()):
        raise TalkeditError(f"{_at(address, LIST)}: lists a file without its SHA-256; push the shards again")
    return listed


def _at(address: str, name: str) -> str:
    return f"{address.rstrip('/')}/{name}"


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and file_sha256(path) == sha256
