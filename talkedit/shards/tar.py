"""Where each clip lies in a shard, which is a tar file with the members of one clip after the other."""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from talkedit.errors import TalkeditError

END_OF_TAR = bytes(1024)
LENGTH_MEMBER = "eye_openness.npy"  # the smallest array with a row a frame


@dataclass(frozen=True)
class Span:
    """The part of a shard that holds one clip, a tar file by itself but for its end.

    Attributes:
        clip_id: The clip.
        n_frames: T.
        start: Its first byte.
        stop: The byte after its last.
    """

    clip_id: str
    n_frames: int
    start: int
    stop: int


def spans_of(shard: Path) -> list[Span]:
    """The clips of a shard, in the order in which they were written.

    Raises:
        TalkeditError: The shard is damaged.
    """
    found: dict[str, list[tarfile.TarInfo]] = {}
    end = 0
    try:
        with open(shard, "rb") as file:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for member in tar:
                    found.setdefault(_split(member)[0], []).append(member)
                    end = _end(member)
            file.seek(end)
            rest = file.read()  # tarfile takes a damaged header, or a cut between two members, for the end
            if len(rest) < len(END_OF_TAR) or rest.strip(b"\0"):
                raise tarfile.ReadError(f"it is not whole after byte {end}")
            return [_span(clip_id, members, file) for clip_id, members in found.items()]
    except (tarfile.TarError, OSError, KeyError, ValueError, EOFError) as error:
        raise damaged(shard, error) from error


def members_of(content: bytes) -> dict[str, bytes]:
    """What the bytes of a span hold, by the name without the clip's.

    Raises:
        tarfile.TarError: They are damaged.
    """
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        return {_split(member)[1]: _content(content, member) for member in tar}


def damaged(shard: Path, error: Exception) -> TalkeditError:
    """What to say of a shard that cannot be read."""
    return TalkeditError(f"{shard}: is damaged ({error}); run `dvc repro -f shards`")


def _span(clip_id: str, members: list[tarfile.TarInfo], file: IO[bytes]) -> Span:
    length = next((member for member in members if _split(member)[1] == LENGTH_MEMBER), None)
    if length is None:
        raise KeyError(LENGTH_MEMBER)
    file.seek(length.offset_data)
    n_frames = len(np.load(io.BytesIO(file.read(length.size)), allow_pickle=False))
    return Span(clip_id, n_frames, members[0].offset, _end(members[-1]))


def _end(member: tarfile.TarInfo) -> int:
    return member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _split(member: tarfile.TarInfo) -> tuple[str, str]:
    clip_id, _, name = member.name.partition(".")
    return clip_id, name


def _content(content: bytes, member: tarfile.TarInfo) -> bytes:
    found = content[member.offset_data : member.offset_data + member.size]
    if len(found) < member.size:
        raise tarfile.ReadError(f"{member.name} ends early")
    return found
