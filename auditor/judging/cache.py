"""Answers that a judge gave before, found again by what it was asked: no answer is paid for twice.

An entry is one small file, named by a hash of the endpoint, the model, the prompt and both texts, and it holds the
answer alone: neither text nor key is kept. It is written as soon as the answer is there, so that an interrupted run
loses none.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

from auditor.cache import cache_directory
from auditor.judging.prompt import DIFFERENT, INVALID, SAME, UNSURE, Reply, probability

_VERSION = 1
"""Of what is asked around the prompt; another version asks again."""


class AnswerCache:
    """Replies on disk, and in memory for the time of a run. Safe to use from several threads and processes.

    Args:
        directory: where the entries lie; `judge` in the user's cache directory by default. Made when needed.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self.directory = cache_directory() / "judge" if directory is None else Path(directory)
        self.not_kept = 0
        """Answers that could not be written, and will be asked for again."""
        self._memory: dict[str, Reply] = {}
        self._lock = threading.Lock()

    @staticmethod
    def key(url: str, model: str, prompt_sha256: str, train: str, item: str) -> str:
        """The name of an entry: SHA-256, in hex, of all that the answer depends on."""
        asked = json.dumps([_VERSION, url, model, prompt_sha256, train, item])
        return hashlib.sha256(asked.encode("ascii")).hexdigest()

    def get(self, key: str) -> Reply | None:
        """The reply that is kept, or None; a damaged entry counts as none."""
        with self._lock:
            if (known := self._memory.get(key)) is not None:
                return known
        try:
            row = json.loads(self._path(key).read_bytes())
            answer = row["answer"]
            given = row["probability"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if answer not in (SAME, DIFFERENT, UNSURE, INVALID):
            return None
        reply = Reply(answer, probability(given))
        with self._lock:
            self._memory[key] = reply
        return reply

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply. A directory that cannot be written costs only that it is asked again; it is counted."""
        with self._lock:
            self._memory[key] = reply
        path = self._path(key)
        staging = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            staging.write_text(json.dumps({"answer": reply.answer, "probability": reply.probability}), encoding="ascii")
            os.replace(staging, path)  # noqa: PTH105
        except OSError:
            with self._lock:
                self.not_kept += 1

    def _path(self, key: str) -> Path:
        return self.directory / key[:2] / f"{key}.json"
