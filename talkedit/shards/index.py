"""Where each clip lies in the shards, so that any one of them can be read by itself and in any order."""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkedit.errors import TalkeditError
from talkedit.shards.samples import PREPARATION, Sample, decode

END_OF_TAR = bytes(1024)
LENGTH_MEMBER = "eye_openness.npy"  # the smallest array with a row a frame


@dataclass(frozen=True)
class Entry:
    """One clip of a shard.

    Attributes:
        clip_id: The clip.
        shard: The tar file.
        members: Offset and size, in bytes, of each member by its name.
        n_frames: T.
    """

    clip_id: str
    shard: Path
    members: dict[str, tuple[int, int]]
    n_frames: int


def index_split(folder: Path, split: str) -> list[Entry]:
    """The clips of a split, in the order in which they were written.

    Raises:
        TalkeditError: There is no shard of this split, or one is damaged.
    """
    shards = sorted(folder.glob(f"{split}-*.tar"))
    if not shards:
        raise TalkeditError(f"{folder}: holds no shard of the {split} split; run `dvc repro shards`")
    return [entry for shard in shards for entry in _index_shard(shard)]


def read_sample(entry: Entry) -> Sample:
    """Reads one clip.

    Raises:
        TalkeditError: It is damaged, or the shard is not what it was when it was indexed.
    """
    members: dict[str, Any] = {"__key__": entry.clip_id}
    try:
        with open(entry.shard, "rb") as file:
            members |= {name: _read(file, place) for name, place in entry.members.items()}
    except OSError as error:
        raise _damaged(entry.shard, error) from error
    return decode(members)


def read_samples(folder: Path, split: str) -> Iterator[Sample]:
    """The samples of a split, one after the other.

    Raises:
        TalkeditError: As `index_split` and `read_sample`.
    """
    for entry in index_split(folder, split):
        yield read_sample(entry)


def read_preparation(folder: Path) -> dict[str, Any]:
    """The params under which the crops and the codes were made, by stage.

    Raises:
        TalkeditError: The shards folder is not whole.
    """
    try:
        return json.loads((folder / PREPARATION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TalkeditError(f"{folder / PREPARATION}: cannot be read; run `dvc repro shards`") from error


def _index_shard(shard: Path) -> list[Entry]:
    places: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                clip_id, _, name = member.name.partition(".")
                places.setdefault(clip_id, {})[name] = (member.offset_data, member.size)
        with open(shard, "rb") as file:
            file.seek(-len(END_OF_TAR), io.SEEK_END)
            if file.read() != END_OF_TAR:  # cut off between two members, which tarfile takes for the end
                raise tarfile.ReadError("it ends early")
            return [Entry(clip_id, shard, place, _n_frames(file, place)) for clip_id, place in places.items()]
    except (tarfile.TarError, OSError, KeyError, ValueError, EOFError) as error:
        raise _damaged(shard, error) from error


def _n_frames(file: io.BufferedReader, places: dict[str, tuple[int, int]]) -> int:
    return len(np.load(io.BytesIO(_read(file, places[LENGTH_MEMBER])), allow_pickle=False))


def _read(file: io.BufferedReader, place: tuple[int, int]) -> bytes:
    offset, size = place
    file.seek(offset)
    return file.read(size)


def _damaged(shard: Path, error: Exception) -> TalkeditError:
    return TalkeditError(f"{shard}: is damaged ({error}); run `dvc repro -f shards`")
