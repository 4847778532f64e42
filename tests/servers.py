"""A web server on this machine that behaves, or does not, by the address that is asked for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"<!DOCTYPE html><html><body>Click here to play</body></html>"


@contextmanager
def serve(content: bytes) -> Iterator[str]:
    """Serves `content` at any address but these: /missing, /page, /sneaky-page, /dropped, /empty, /silent.

    Yields:
        The server's address, without a slash at its end.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/missing":
                self.send_error(404)
            elif self.path == "/page":
                self._answer(PAGE, "text/html; charset=utf-8")
            elif self.path == "/sneaky-page":
                self._answer(PAGE, "video/mp4")
            elif self.path == "/dropped":
                self._answer(content[: len(content) // 2], "video/mp4", announced=len(content))
            elif self.path == "/empty":
                self._answer(b"", "video/mp4")
            elif self.path == "/silent":
                stop.wait(5)
            else:
                self._answer(content, "video/mp4")

        def _answer(self, body: bytes, kind: str, announced: int | None = None) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body) if announced is None else announced))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    stop = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
