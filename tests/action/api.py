"""GitHub's REST API for issue comments and pull requests, on the loopback address."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

BOT = {"login": "github-actions[bot]", "type": "Bot"}


@dataclass
class GitHub:
    """A repository `board/board`."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    read_only: bool = False
    """The token of a fork's pull request."""
    refuse: list[int] = field(default_factory=list)
    """Status codes that the next requests get."""
    redirect: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    user: dict[str, Any] | None = None

    def say(self, body: str, user: dict[str, Any]) -> None:
        self.comments.append({"id": 1000 + len(self.comments), "body": body, "user": user})


class _Handler(BaseHTTPRequestHandler):
    hub: GitHub

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, document: Any, **headers: str) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_request(self) -> None:
        hub, parts = self.hub, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.requests.append((self.command, self.path))
        hub.tokens.add(self.headers.get("Authorization", ""))
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        page, size = int(query.get("page", 1)), int(query.get("per_page", 30))
        piece = slice((page - 1) * size, page * size)
        if hub.refuse:
            self.answer(hub.refuse.pop(0), {"message": "no"})
        elif hub.redirect:
            self.answer(307, {}, Location=hub.redirect)
        elif parts.path == "/user":
            self.answer(200, hub.user) if hub.user else self.answer(403, {"message": "no user"})
        elif self.command != "GET" and hub.read_only:
            self.answer(403, {"message": "Resource not accessible by integration"})
        elif self.command != "GET" and len(json.loads(body)["body"]) > 65_536:
            self.answer(422, {"message": "body is too long (maximum is 65536 characters)"})
        elif self.command == "POST":
            hub.say(json.loads(body)["body"], BOT)
            self.answer(201, hub.comments[-1])
        elif self.command == "PATCH":
            changed = next(c for c in hub.comments if c["id"] == int(parts.path.rpartition("/")[2]))
            changed["body"] = json.loads(body)["body"]
            self.answer(200, changed)
        elif parts.path == "/repos/board/board/issues/7/comments":
            self.answer(200, hub.comments[piece])
        elif parts.path == "/repos/board/board/issues/8/comments":
            self.answer(200, [])
        elif parts.path == "/repos/board/board/pulls":
            self.answer(200, [p for p in hub.pulls if p["head"]["label"] == query["head"]])
        elif parts.path == "/repos/board/board/pulls/7/files":
            self.answer(200, hub.files[piece])
        else:
            self.answer(404, {"message": "Not Found"})

    do_GET = do_POST = do_PATCH = handle_request  # noqa: N815


def serve() -> Iterator[GitHub]:
    hub = GitHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()
