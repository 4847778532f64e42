"""Files in object stores (s3://..., gs://..., az://...), through fsspec."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talkedit.errors import TalkeditError
from talkedit.partial import Partial
from talkedit.transfer import Patience, TransferError, with_patience

_BLOCK_BYTES = 1 << 20


def fetch_object(url: str, to: Path, patience: Patience, part: Path) -> None:
    """Copies an object into the file `to`; credentials are those that the store's own tools find.

    Args:
        url: Such as ``s3://bucket/folder/film.mp4``.
        to: Where to put it; replaced if there.
        patience: How long to try.
        part: Where to keep what has arrived until it is whole; left there on failure, and gone on with later if the
            object is still the same.

    Raises:
        TransferError: There is no such object, or the store does not give it.
        TalkeditError: What talks to this store is not installed, or there is no such kind of store.
    """
    store, path = _open(url)
    partial = Partial(part)
    with_patience(lambda: _fetch(store, path, url, partial), patience, partial.n_bytes)
    partial.finish(to)


def read_object(url: str, start: int | None = None, stop: int | None = None) -> bytes:
    """What a small object holds, or a part of any.

    Args:
        url: Such as ``s3://bucket/folder/list.json``.
        start: The part's first byte; from the beginning if not given.
        stop: The byte after its last; to the end if not given.

    Raises:
        TransferError: There is no such object, or the store does not give it.
        TalkeditError: What talks to this store is not installed, or there is no such kind of store.
    """
    store, path = _open(url)
    with _said(url):
        store.invalidate_cache()  # another program may have put it there a moment ago
        return store.cat_file(path, start=start, end=stop)


def put_object(content: Path | bytes, url: str) -> None:
    """Puts a file, or some bytes, into a store, in the place of what is there.

    Raises:
        TransferError: The store does not take it.
        TalkeditError: What talks to this store is not installed, or there is no such kind of store.
    """
    store, path = _open(url)
    with _said(url):
        if isinstance(content, Path):
            store.put_file(str(content), path)
        else:
            store.pipe_file(path, content)


def _open(url: str) -> tuple[Any, str]:
    import fsspec.core  # noqa: PLC0415 (takes a while, and most sources lie elsewhere)

    try:
        return fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise TalkeditError(
            f"{url}: what reads this kind of store is not installed ({error}): pip install s3fs, gcsfs or adlfs"
        ) from error
    except ValueError as error:
        raise TalkeditError(
            f"{url}: is in no kind of store that is known here ({error}); check its spelling"
        ) from error


def _fetch(store: Any, path: str, url: str, partial: Partial) -> None:
    with _said(url):
        version, size = store.ukey(path), store.size(path)
        if partial.version(url) != version:
            partial.begin(url, version)
        with store.open(path, "rb") as file:
            file.seek(partial.n_bytes())
            while block := file.read(_BLOCK_BYTES):
                partial.append(block)
    if partial.n_bytes() != size:
        detail = f"{url}: only {partial.n_bytes()} of {size} bytes arrived; try again"
        raise TransferError("incomplete", detail, is_passing=True)


@contextmanager
def _said(url: str) -> Iterator[None]:
    """Says in a sentence what a store's client raises.

    Raises:
        TransferError: It raised something.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise TransferError("no_such_file", f"{url}: there is no such object; check the address") from error
    except PermissionError as error:
        raise TransferError("no_access", f"{url}: the store refuses it ({error}); check the credentials") from error
    except (OSError, *_own_errors()) as error:
        raise TransferError("unreachable", f"{url}: cannot be reached ({error})", is_passing=True) from error


def _own_errors() -> tuple[type[Exception], ...]:
    """What the S3 client raises of its own, such as for want of credentials, where it is installed."""
    try:
        return (importlib.import_module("botocore.exceptions").BotoCoreError,)
    except ImportError:
        return ()
