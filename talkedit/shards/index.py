"""The clips of the shards, so that any one of them can be read by itself and in any order."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from talkedit.errors import TalkeditError
from talkedit.shards.remote import STORE, stored_clips
from talkedit.shards.samples import PREPARATION, Sample, decode
from talkedit.shards.tar import damaged, members_of, spans_of


class Place(Protocol):
    """Where the bytes of one clip lie."""

    def read(self) -> bytes:
        """A tar file by itself, but for its end."""
        ...


@dataclass(frozen=True)
class InShard:
    """A part of a shard on this machine.

    Attributes:
        shard: The tar file.
        start: Its first byte.
        stop: The byte after its last.
    """

    shard: Path
    start: int
    stop: int

    def read(self) -> bytes:
        """As `Place.read`.

        Raises:
            TalkeditError: The shard cannot be read.
        """
        try:
            with open(self.shard, "rb") as file:
                file.seek(self.start)
                return file.read(self.stop - self.start)
        except OSError as error:
            raise damaged(self.shard, error) from error


@dataclass(frozen=True)
class Entry:
    """One clip of the shards.

    Attributes:
        clip_id: The clip.
        n_frames: T.
        place: Where it lies.
    """

    clip_id: str
    n_frames: int
    place: Place


def index_split(folder: Path, split: str) -> list[Entry]:
    """The clips of a split, in the order in which they were written.

    Args:
        folder: Of the shards stage, or of `talkedit.shards.remote.open_shards`.
        split: ``train`` or ``validation``.

    Raises:
        TalkeditError: There is no shard of this split, or one is damaged.
    """
    if (folder / STORE).is_file():
        entries = [Entry(clip.clip_id, clip.n_frames, clip) for clip in stored_clips(folder, split)]
    else:
        entries = [
            Entry(span.clip_id, span.n_frames, InShard(shard, span.start, span.stop))
            for shard in sorted(folder.glob(f"{split}-*.tar"))
            for span in spans_of(shard)
        ]
    if not entries:
        raise TalkeditError(f"{folder}: holds no shard of the {split} split; run `dvc repro shards`")
    return entries


def read_sample(entry: Entry) -> Sample:
    """Reads one clip.

    Raises:
        TalkeditError: It is damaged, the shard is not what it was when it was indexed, or the store does not give it.
    """
    try:
        members = members_of(entry.place.read())
    except tarfile.TarError as error:
        raise TalkeditError(
            f"shard sample {entry.clip_id!r} is damaged ({error}); run `dvc repro -f shards`"
        ) from error
    return decode({"__key__": entry.clip_id, **members})


def read_samples(folder: Path, split: str) -> Iterator[Sample]:
    """The samples of a split, one after the other.

    Raises:
        TalkeditError: As `index_split` and `read_sample`.
    """
    for entry in index_split(folder, split):
        yield read_sample(entry)


def read_preparation(folder: Path) -> dict[str, Any]:
    """The params under which the crops and the codes were made, by stage, and ``who`` is seen.

    Raises:
        TalkeditError: The shards folder is not whole.
    """
    try:
        return json.loads((folder / PREPARATION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TalkeditError(f"{folder / PREPARATION}: cannot be read; run `dvc repro shards`") from error
