"""Brings one file from a web address to its place: whole, or not at all.

A connection that drops is taken up again where it was (HTTP Range), where the server can do that and says that the file
is still the same. Proxies are those of the environment: ``http_proxy``, ``https_proxy``, ``no_proxy``.
"""

import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from talkedit.errors import TalkeditError
from talkedit.partial import Partial

_BLOCK_BYTES = 1 << 20
_MAX_PAUSE_S = 60.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_RANGE_NOT_SATISFIABLE, _PARTIAL_CONTENT = 416, 206

_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what means something in an address, or has been quoted already

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long to try.

    Attributes:
        timeout_s: How long the other side may be silent.
        n_tries: Tries in a row that bring nothing before it is given up.
        pause_s: Before the second try; twice as long before each further one, at most a minute.
    """

    timeout_s: float
    n_tries: int = 1
    pause_s: float = 1.0


class TransferError(TalkeditError):
    """A file that could not be brought here.

    Attributes:
        reason: A short stable word to count by: ``unreachable``, ``http_error``, ``incomplete`` or ``web_page``.
        detail: A sentence for a person.
        is_passing: Whether trying again may help.
        wait_s: How long the other side asks to wait before that.
    """

    def __init__(self, reason: str, detail: str, is_passing: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.is_passing = is_passing
        self.wait_s = wait_s


def fetch_url(url: str, to: Path, patience: Patience, part: Path | None = None) -> None:
    """Streams what is at `url` into the file `to`; on any failure that file is as it was.

    Args:
        url: An http or https address.
        to: Where to put it; replaced if there.
        patience: How long to try.
        part: Where to keep what has arrived until it is whole, on the same disk. It is left there on failure, and a
            later call goes on with it. Without it nothing is left.

    Raises:
        TransferError: Nobody answers, the answer is an error or a web page, or the connection dropped on the way.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise TransferError("unreachable", f"{url}: only http and https addresses can be fetched")
    partial = Partial(part or to.with_name(f".{to.name}.{os.getpid()}.part"))
    try:
        with_patience(lambda: _fetch(url, partial, patience.timeout_s), patience, partial.n_bytes)
        partial.finish(to)
    finally:
        if part is None:
            partial.discard()


def with_patience(fetch: Callable[[], T], patience: Patience, n_bytes: Callable[[], int] = lambda: 0) -> T:
    """Calls `fetch` until it succeeds, fails for good, or has brought nothing `n_tries` times in a row.

    Args:
        fetch: One try.
        patience: How long to try.
        n_bytes: How much has arrived so far, where a try goes on with what the last one brought.
    """
    n_left, most_bytes = patience.n_tries, n_bytes()
    while True:
        try:
            return fetch()
        except TransferError as error:
            came = n_bytes() > most_bytes
            n_left, most_bytes = (patience.n_tries if came else n_left) - 1, max(most_bytes, n_bytes())
            if not error.is_passing or n_left <= 0:
                raise
            pause_s = patience.pause_s * 2 ** (patience.n_tries - n_left - 1)
            time.sleep(min(max(pause_s, error.wait_s), _MAX_PAUSE_S))


def _fetch(url: str, partial: Partial, timeout_s: float) -> None:
    """One try: from where the partial file ends, if the server still has the same file; else from its beginning."""
    version, n_before = partial.version(url), partial.n_bytes()
    headers = {"Range": f"bytes={n_before}-", "If-Range": version} if version else {}
    try:
        request = urllib.request.Request(_ascii(url), headers=headers)  # noqa: S310 (the scheme is checked above)
        with _opener().open(request, timeout=timeout_s) as answer:
            _save(answer, url, partial)
    except urllib.error.HTTPError as error:
        raise _refused(url, error, partial) from error
    except (http.client.InvalidURL, UnicodeError) as error:  # such as a port that is no number
        raise _no_address(url, error) from error
    except http.client.HTTPException as error:
        detail = f"{url}: the connection dropped ({type(error).__name__}); try again"
        raise TransferError("incomplete", detail, is_passing=True) from error
    except OSError as error:  # nobody there, silence, a connection that was reset
        problem = getattr(error, "reason", error)
        detail = f"{url}: cannot be reached ({problem}); check it and the network"
        raise TransferError("unreachable", detail, is_passing=True) from error


def _ascii(url: str) -> str:
    """An address as it is asked for: as a browser does with what a person wrote, umlauts and spaces in it."""
    try:
        parts = urllib.parse.urlsplit(url)
        user, at, place = parts.netloc.rpartition("@")
        if not place.isascii():
            host, colon, port = place.partition(":")
            place = f"{host.encode('idna').decode()}{colon}{port}"
        return urllib.parse.quote(parts._replace(netloc=user + at + place).geturl(), safe=_SAFE)
    except ValueError as error:
        raise _no_address(url, error) from error


def _no_address(url: str, error: Exception) -> TransferError:
    return TransferError("unreachable", f"{url}: is no address of the web ({error}); check its spelling")


def _opener() -> urllib.request.OpenerDirector:
    """Http and https alone, wherever an answer sends us; proxies as the environment says now."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _refused(url: str, error: urllib.error.HTTPError, partial: Partial) -> TransferError:
    if error.code == _RANGE_NOT_SATISFIABLE:
        partial.discard()
    wait = error.headers.get("Retry-After", "")
    return TransferError(
        "http_error",
        f"{url}: the server answered {error.code} {error.reason}",
        is_passing=error.code in _PASSING | {_RANGE_NOT_SATISFIABLE},
        wait_s=float(wait) if wait.isascii() and wait.isdigit() else 0.0,
    )


def _save(answer: http.client.HTTPResponse, url: str, partial: Partial) -> None:
    announced = answer.headers.get("Content-Length")
    if answer.status == _PARTIAL_CONTENT:
        _require_next(answer, url, partial)
    else:
        partial.begin(url, _version(answer))
    n_bytes = 0
    while block := answer.read(_BLOCK_BYTES):
        if partial.n_bytes() == 0:
            _refuse_web_page(answer.headers.get_content_type(), block, url)
        partial.append(block)
        n_bytes += len(block)
    if n_bytes == 0 or (announced is not None and n_bytes != int(announced)):
        expected = f" of {announced}" if announced is not None else ""
        detail = f"{url}: only {n_bytes}{expected} bytes arrived; try again"
        raise TransferError("incomplete", detail, is_passing=True)


def _require_next(answer: http.client.HTTPResponse, url: str, partial: Partial) -> None:
    """A part of the file must begin where ours ends."""
    begin = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if not begin or int(begin[1]) != partial.n_bytes():
        partial.discard()
        raise TransferError("incomplete", f"{url}: the server sent another part than was asked for", is_passing=True)


def _version(answer: http.client.HTTPResponse) -> str | None:
    """What If-Range may carry: a strong ETag, or else a date."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified")


def _refuse_web_page(content_type: str, start: bytes, url: str) -> None:
    head = start[:512].lstrip().lower()
    if content_type in ("text/html", "application/xhtml+xml") or head.startswith((b"<!doctype html", b"<html")):
        detail = f"{url}: is a web page, not a file; give the address of the file itself"
        raise TransferError("web_page", detail)
