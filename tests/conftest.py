"""What tests of several folders share: a small Hugging Face hub on the loopback address."""

from __future__ import annotations

import hashlib
import json
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import settings

from auditor.cache import cache_directory

# kernels are compiled at their first call, and machines are shared: how long an example takes says nothing. The same
# examples every time, so that a run that was green stays green
settings.register_profile("auditor", deadline=None, derandomize=True)
settings.load_profile("auditor")

# a shell starts what runs in the background deaf to Ctrl-C, and so would be the commands that tests interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONVERTED = "refs/convert/parquet"


@dataclass
class Hub:
    """The hub's API of datasets and models and its file downloads, over files held in memory, with faults on request."""

    endpoint: str = ""
    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    """Repository to branch to path to content."""
    gated: set[str] = field(default_factory=set)
    failures: list[int] = field(default_factory=list)
    """Status codes that the next requests get instead of an answer."""
    cut: int = 0
    """How many of the next downloads break off in the middle."""
    swapped: bool = False
    """Whether downloads give other bytes of the same length than were announced."""
    requests: Counter[str] = field(default_factory=Counter)
    tokens: set[str] = field(default_factory=set)

    def add(self, repository: str, files: dict[str, bytes], branch: str = "main") -> None:
        self.repositories.setdefault(repository, {})[branch] = files

    def commit(self, repository: str, branch: str = "main") -> str:
        content = repr(sorted(self.repositories[repository][branch].items()))
        return hashlib.sha1((repository + branch + content).encode(), usedforsecurity=False).hexdigest()

    def at(self, repository: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        for branch, files in self.repositories[repository].items():
            commit = self.commit(repository, branch)
            if revision in {branch, commit}:
                return commit, files
        return None


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.hub
        path = unquote(urlsplit(self.path).path)
        hub.requests[path] += 1
        if self.headers.get("Authorization"):
            hub.tokens.add(self.headers["Authorization"])
        if hub.failures:
            self.answer(hub.failures.pop(0), b"{}")
        elif path.startswith("/api/datasets/"):
            self.info(path.removeprefix("/api/datasets/"))
        elif path.startswith("/datasets/") and "/resolve/" in path:
            repository, _, rest = path.removeprefix("/datasets/").partition("/resolve/")
            self.file(repository, rest)
        elif path.startswith("/api/models/") and "/tree/" in path:
            self.answer(404, b"{}", X_Error_Code="EntryNotFound")
        elif path.startswith("/api/models/"):
            self.info(path.removeprefix("/api/models/"))
        elif "/resolve/" in path:
            repository, _, rest = path.removeprefix("/").partition("/resolve/")
            self.file(repository, rest)
        else:
            self.answer(404, b"{}")

    def known(self, repository: str) -> bool:
        if repository in self.hub.gated and not self.headers.get("Authorization"):
            self.answer(401, b'{"error": "gated"}', X_Error_Code="GatedRepo")
        elif repository not in self.hub.repositories:
            self.answer(404, b'{"error": "Repository not found"}', X_Error_Code="RepoNotFound")
        else:
            return True
        return False

    def info(self, rest: str) -> None:
        repository, _, revision = rest.partition("/revision/")
        if not self.known(repository):
            return
        found = self.hub.at(repository, revision or "main")
        if found is None:
            self.answer(404, b'{"error": "Invalid rev id"}', X_Error_Code="RevisionNotFound")
            return
        commit, files = found
        siblings = [
            {
                "rfilename": path,
                "size": len(content),
                "blobId": "0" * 40,
                "lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 1},
            }
            for path, content in files.items()
        ]
        body = {"id": repository, "_id": "1", "sha": commit, "private": False, "tags": [], "siblings": siblings}
        self.answer(200, json.dumps(body).encode(), Content_Type="application/json")

    def file(self, repository: str, rest: str) -> None:
        if not self.known(repository):
            return
        revision, _, path = rest.partition("/")
        found = self.hub.at(repository, revision)
        if found is None or path not in found[1]:
            self.answer(404, b"", X_Error_Code="EntryNotFound")
            return
        commit, files = found
        content = files[path]
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X_Repo_Commit": commit}
        if self.command == "GET" and self.hub.swapped:
            content = bytes(len(content))
        if self.command == "GET" and self.hub.cut:
            self.hub.cut -= 1
            self.answer(200, content[: len(content) // 2], Content_Length=str(len(content)), **headers)
            self.close_connection = True
            return
        self.answer(200, content, **headers)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on the loopback address; `hub.endpoint` is its address. No token, no cache of the machine is seen."""
    for name in ("HF_TOKEN", "HF_ENDPOINT", "AUDITOR_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    shared = Hub()
    handler = type("Handler", (_Handler,), {"hub": shared})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    shared.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield shared
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this test run's own, but for compiled kernels and models' vocabularies: those take up to a minute."""
    kernels = cache_directory() / "kernels"
    vocabularies = sorted((cache_directory() / "rephrase").glob("words-*.npy"))
    kernels.mkdir(parents=True, exist_ok=True)
    folder = tmp_path_factory.mktemp("cache")
    (folder / "kernels").symlink_to(kernels.resolve())
    (folder / "rephrase").mkdir()
    for vocabulary in vocabularies:
        (folder / "rephrase" / vocabulary.name).symlink_to(vocabulary.resolve())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDITOR_CACHE", str(folder))
        yield folder
