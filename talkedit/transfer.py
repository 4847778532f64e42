"""Brings one file from a web address to its place: whole, or not at all."""

import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from talkedit.errors import TalkeditError

_BLOCK_BYTES = 1 << 20


class TransferError(TalkeditError):
    """A file that could not be brought here.

    Attributes:
        reason: A short stable word to count by: ``unreachable``, ``http_error``, ``incomplete`` or ``web_page``.
        detail: A sentence for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def fetch_url(url: str, to: Path, timeout_s: float) -> None:
    """Streams what is at `url` into the file `to`; on any failure there is no such file afterwards.

    Args:
        url: An http or https address.
        to: Where to put it; replaced if there.
        timeout_s: How long the other side may be silent.

    Raises:
        TransferError: Nobody answers, the answer is an error or a web page, or the connection dropped on the way.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise TransferError("unreachable", f"{url}: only http and https addresses can be fetched")
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:  # noqa: S310 (the scheme is checked above)
            _save(answer, url, part)
        part.replace(to)
    except urllib.error.HTTPError as error:
        raise TransferError("http_error", f"{url}: the server answered {error.code} {error.reason}") from error
    except http.client.HTTPException as error:
        raise TransferError(
            "incomplete", f"{url}: the connection dropped ({type(error).__name__}); try again"
        ) from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        problem = getattr(error, "reason", error)
        raise TransferError("unreachable", f"{url}: cannot be reached ({problem}); check it and the network") from error
    except OSError as error:
        raise TalkeditError(f"{to}: cannot be written ({error.strerror}); nothing was changed") from error
    finally:
        part.unlink(missing_ok=True)


def _save(answer: http.client.HTTPResponse, url: str, part: Path) -> None:
    announced = answer.headers.get("Content-Length")
    n_bytes = 0
    with open(part, "wb") as file:
        while block := answer.read(_BLOCK_BYTES):
            if n_bytes == 0:
                _refuse_web_page(answer.headers.get_content_type(), block, url)
            file.write(block)
            n_bytes += len(block)
        file.flush()
        os.fsync(file.fileno())
    if n_bytes == 0 or (announced is not None and n_bytes != int(announced)):
        expected = f" of {announced}" if announced is not None else ""
        raise TransferError("incomplete", f"{url}: only {n_bytes}{expected} bytes arrived; try again")


def _refuse_web_page(content_type: str, start: bytes, url: str) -> None:
    head = start[:512].lstrip().lower()
    if content_type in ("text/html", "application/xhtml+xml") or head.startswith((b"<!doctype html", b"<html")):
        detail = f"{url}: is a web page, not a file; give the address of the file itself"
        raise TransferError("web_page", detail)
