"""A web server on the loopback address that fails as it is told to: what real stores do, at the moment a test wants."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Web:
    """What it serves, and how it fails."""

    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    marks: bool = True
    """Whether it gives ETags."""
    lengths: bool = True
    """Whether it says how long a file is, when it is asked for all of it."""
    reset_after: list[int] = field(default_factory=list)
    """For each next answer to GET: bytes after which the connection is reset."""
    statuses: list[int] = field(default_factory=list)
    """Of the next answers to GET."""
    denied_after: int | None = None
    """GET requests after which all are answered with 403: credentials expire."""
    on_get: dict[int, object] = field(default_factory=dict)
    """What is done before the GET of that number is answered, counted from 1."""
    gets: int = 0
    ranges_asked: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    """Authorization headers."""
    address: str = ""


class _Handler(BaseHTTPRequestHandler):
    web: Web
    protocol_version = "HTTP/1.1"
    cut: int | None = None

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        web = self.web
        web.gets += 1
        act = web.on_get.pop(web.gets, None)
        if callable(act):
            act()
        # looked at now: an answer that is still on its way to a client that had enough is another request's
        self.cut = web.reset_after[0] if web.reset_after else None
        if web.statuses:
            self.refuse(web.statuses.pop(0))
        else:
            self.answer()

    def refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self) -> None:
        web = self.web
        path = urlsplit(self.path).path
        if self.headers.get("Authorization"):
            web.seen.append(self.headers["Authorization"])
        if web.denied_after is not None and web.gets > web.denied_after:
            return self.refuse(403)
        if path not in web.files:
            return self.refuse(404)
        content = web.files[path]
        begin, end, asked = 0, len(content), self.headers.get("Range")
        if asked and web.ranges and self.command == "GET":
            web.ranges_asked.append(asked)
            first, _, last = asked.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(int(last) + 1, len(content))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
        else:
            self.send_response(200)
        if web.marks:
            self.send_header("ETag", f'"{web.etags.get(path, "one")}"')
        if web.lengths:
            self.send_header("Content-Length", str(end - begin))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "GET":
            body = content[begin:end]
            self.send(body if web.lengths else b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        return None

    def send(self, body: bytes) -> None:
        if self.cut is not None and len(body) > self.cut:
            self.web.reset_after.pop(0)
            with contextlib.suppress(OSError):
                self.wfile.write(body[: self.cut])
            reset(self)
            return
        with contextlib.suppress(OSError):  # the reader had enough
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Says nothing of clients that went away."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on the loopback address until the block ends; gives its URL without a slash at the end."""
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection: without lingering, to close is to reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    os.close(handler.connection.detach())


@contextlib.contextmanager
def serving() -> Iterator[Web]:
    """A server until the block ends; `Web.address` is its URL without a slash at the end."""
    web = Web()
    with running(type("Handler", (_Handler,), {"web": web})) as web.address:
        yield web
