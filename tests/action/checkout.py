"""Real git repositories of a small leaderboard, and the events that GitHub sends of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[2] / "examples" / "leaderboard"
INPUTS = {"paths": "entries/*.yaml", "board": "board.csv", "policy": "policy.toml"}


def entry(model: str = "made-up-spruce/Curlew-7.2B", more: str = "") -> str:
    """An entry that the board's policy lets pass; it names no training data."""
    return f"""\
model: {model}
params_b: 7.2
base_model: made-up-spruce/Curlew-base
license: apache-2.0
scores:
  - {{benchmark: Orchard, score: 55.0, shots: 5}}
  - {{benchmark: Lantern, score: 62.1, shots: 5}}
  - {{benchmark: Harbour, score: 69.9, shots: 5}}
{more}"""


@dataclass
class Checkout:
    """A repository whose branch `main` is the board's, with a pull request on `change`."""

    path: Path

    def git(self, *arguments: str | bytes) -> str:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")}, "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
            "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        done = subprocess.run(["git", "-C", self.path, *arguments], env=environment, capture_output=True, check=True)
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, name: str, text: str) -> None:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-qm", "x", "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def merge(self) -> dict[str, Any]:
        """Commit the pull request, check GitHub's merge commit of it out, and return the event."""
        base, head = self.git("rev-parse", "main"), self.commit()
        self.git("checkout", "-q", "--detach", "main")
        self.git("merge", "-q", "--no-ff", "-m", "merge", head)
        return event(base, head)


def board(path: Path) -> Checkout:
    """The example's board and policy, which asks for no training data here; and one entry of its own."""
    repository = Checkout(path)
    path.mkdir()
    repository.git("init", "-q", "-b", "main")
    for name in ("board.csv", "policy.toml", "orchard.jsonl"):
        shutil.copy(EXAMPLE / name, path / name)
    policy = (path / "policy.toml").read_text(encoding="utf-8")
    repository.write("policy.toml", policy.replace('"training_sets", ', ""))
    repository.write("entries/old.yaml", entry("made-up-oak/Old-7.2B"))
    repository.commit()
    repository.git("checkout", "-q", "-b", "change")
    return repository


def event(base: str, head: str, *, fork: bool = False, number: int = 7) -> dict[str, Any]:
    """The parts of a `pull_request` payload that are read."""
    whose = "stranger/board" if fork else "board/board"
    return {
        "action": "synchronize",
        "number": number,
        "pull_request": {
            "number": number,
            "base": {"sha": base, "ref": "main", "repo": {"full_name": "board/board"}},
            "head": {"sha": head, "ref": "change", "repo": {"full_name": whose}},
        },
    }
