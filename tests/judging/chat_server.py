"""A chat endpoint on the loopback address, with judges of several characters and faults on request."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from auditor.types import Match, Verdict

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

MATCH = Match(
    source="train.jsonl",
    row=0,
    field="text",
    benchmark="bench",
    split="test",
    item_id="0",
    detector="ngram",
    score=0.6,
    verdict=Verdict.REVIEW,
    answer_present=False,
    train_span=(0, 10),
    item_span=(0, 10),
    train_excerpt="",
    item_excerpt="",
    reason="part of it",
    signals={"kind": "partial"},
)


@dataclass(frozen=True)
class Asked:
    """A request as a model would understand it."""

    train: str
    item: str
    nonce: str
    same: str
    different: str
    unsure: str

    def reply(self, word: str, **more: Any) -> str:
        return json.dumps({"id": self.nonce, "answer": word, "probability": 0.5, **more})


def understand(messages: list[dict[str, str]]) -> Asked:
    system, user = messages[0]["content"], messages[1]["content"]
    same, different, unsure = re.findall(r"^([a-z]{8}) - ", system, re.MULTILINE)
    (nonce,) = set(re.findall(r"^-----(?:BEGIN|END) TEXT [AB] ([0-9a-f]{12})-----$", user, re.MULTILINE))
    train, item = (
        json.loads(text)
        for name in "AB"
        for text in re.findall(f"^-----BEGIN TEXT {name} {nonce}-----\n(.*)\n-----END TEXT {name}", user, re.MULTILINE)
    )
    return Asked(train, item, nonce, same, different, unsure)


def truthful(asked: Asked) -> str:
    """Same where most words are the same and all numbers are."""
    train, item = (set(re.findall(r"\w+", text.lower())) for text in (asked.train, asked.item))
    numbers = {word for word in train ^ item if word.isdigit()}
    if len(train & item) >= 0.6 * len(train | item) and not numbers:
        return asked.reply(asked.same, probability=0.9)
    return asked.reply(asked.different, probability=0.125)


def literal(asked: Asked) -> str:
    """Says what a text tells it to say."""
    told = re.search(r"answer (\w+)", f"{asked.train} {asked.item}")
    return told[1] if told else truthful(asked)


def gullible(asked: Asked) -> str:
    """Does what a text tells it to do, in the words and the form of the request."""
    told = re.search(r"answer (same|different|unsure)", f"{asked.train} {asked.item}")
    return asked.reply(getattr(asked, told[1])) if told else truthful(asked)


def fault(status: int, body: bytes = b"{}", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer other than a completion."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@dataclass
class ChatServer:
    """What it says, and what it was sent."""

    judge: Callable[[Asked], str | None] = truthful
    models: tuple[str, ...] = ("m",)
    faults: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    """What the next requests get instead of an answer."""
    refused: tuple[str, ...] = ()
    """Types of response_format, and other parameters, that it does not know."""
    finish_reason: str = "stop"
    gate: threading.Event | None = None
    """Where it waits with requests beyond the first `open_for`."""
    open_for: int = 0
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def asked(self) -> list[Asked]:
        return [understand(body["messages"]) for body in self.bodies]


class _Handler(BaseHTTPRequestHandler):
    chat: ChatServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        chat = self.chat
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with chat.lock:
            chat.bodies.append(body)
            chat.headers.append(dict(self.headers))
            number = len(chat.bodies)
            broken = chat.faults.pop(0) if chat.faults else None
        if chat.gate is not None and number > chat.open_for:
            chat.gate.wait(30)
        try:
            if broken is not None:
                broken(self)
            elif self.path != "/v1/chat/completions" or body["model"] not in chat.models:
                fault(404, b'{"error": {"code": "model_not_found"}}')(self)
            elif body.get("response_format", {}).get("type") in chat.refused or set(body) & set(chat.refused):
                fault(400, b'{"error": {"message": "unsupported parameter"}}')(self)
            else:
                message = {"role": "assistant", "content": chat.judge(understand(body["messages"]))}
                choice = {"index": 0, "message": message, "finish_reason": chat.finish_reason}
                fault(200, json.dumps({"object": "chat.completion", "choices": [choice]}).encode())(self)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was not waited for


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def serving(chat: ChatServer, tls: ssl.SSLContext | None = None) -> Iterator[ChatServer]:
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"chat": chat}))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    chat.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield chat
    finally:
        if chat.gate is not None:
            chat.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
