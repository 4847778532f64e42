"""A web server on this machine that behaves, or does not, by the address that is asked for."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = b"<!DOCTYPE html><html><body>Click here to play</body></html>"


TAG = '"first edition"'


@contextmanager
def serve(content: bytes, asked: list[tuple[str, str | None]] | None = None) -> Iterator[str]:
    """Serves `content` at any address, but for /missing, /page, /sneaky-page, /empty, /silent and these:

    /dropped announces all and sends half; /short announces half and sends that; /redirect leads to /film.mp4;
    /flaky drops every answer after a third of the content, but goes on where it is asked to (Range, ETag); /changing
    does too, but is another file each time; /busy answers 503 once.

    Args:
        content: What is served.
        asked: Gets the path and the Range of every request.

    Yields:
        The server's address, without a slash at its end. Asked as a proxy, it serves as well.
    """
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            if asked is not None:
                asked.append((self.path, self.headers.get("Range")))
            if self.path == "/missing":
                self.send_error(404)
            elif self.path == "/page":
                self._answer(PAGE, "text/html; charset=utf-8")
            elif self.path == "/sneaky-page":
                self._answer(PAGE, "video/mp4")
            elif self.path == "/dropped":
                self._answer(content[: len(content) // 2], "video/mp4", announced=len(content))
            elif self.path == "/short":
                self._answer(content[: len(content) // 2], "video/mp4")
            elif self.path == "/empty":
                self._answer(b"", "video/mp4")
            elif self.path == "/silent":
                stop.wait(5)
            elif self.path == "/redirect":
                self._answer(b"", "text/plain", status=302, headers={"Location": "/film.mp4"})
            elif self.path == "/busy" and seen.count("/busy") == 1:
                self._answer(b"", "text/plain", status=503, headers={"Retry-After": "0"})
            elif self.path in ("/flaky", "/changing"):
                self._a_third(TAG if self.path == "/flaky" else f'"{len(seen)}"')
            else:
                self._answer(content, "video/mp4")

        do_HEAD = do_GET

        def _a_third(self, tag: str) -> None:
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            begin = int(wanted[1]) if wanted and self.headers.get("If-Range") == tag else 0
            place = {"Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"} if begin else {}
            body = content[begin : begin + len(content) // 3 + 1]
            status = 206 if begin else 200
            self._answer(body, "video/mp4", len(content) - begin, status, {"ETag": tag, **place})

        def _answer(
            self,
            body: bytes,
            kind: str,
            announced: int | None = None,
            status: int = 200,
            headers: dict[str, str] | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in ({"Content-Type": kind} | (headers or {})).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if announced is None else announced))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    stop = threading.Event()
    with _running(Handler) as address:
        try:
            yield address
        finally:
            stop.set()


@contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Serves the files of a folder, each as what its suffix says."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with _running(partial(Handler, directory=str(folder))) as address:
        yield address


@contextmanager
def _running(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
