"""The peers: their environments, their input made from ours, and their findings in the form that the scorer reads.

Each runs from its own virtual environment with its version pinned, at its documented defaults but for what is said
here:

- decon (PyPI `decontaminate`, bindings to Ai2's Rust program; Python 3.12 or later): both token modes, `uniseg` (words;
  its best on these corpora) and its default `cl100k` (subwords). It reads one text field, so chat rows are joined into
  text for it. It answers "contaminated" or nothing. `eval_min_token_length=0`, which keeps short items in, found no
  more of them and is left at its default.
- datacruxai: word n-grams of 8 (its default) and 13 (the upper end of what it recommends). It knows instruction rows,
  not `text` rows, so each record is given to it as an instruction. One shared n-gram flags a row.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.places import cache
from benchmarks.running import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from benchmarks.running import Run

RUNNERS = Path(__file__).resolve().parent / "peer_runners"


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool in one mode."""

    name: str
    package: str
    version: str
    """The version on PyPI that is installed."""
    text_key: str
    """The key that its records have their text in."""
    setting: str
    """Tokenizer of decon, n-gram length of datacruxai."""


PEERS = (
    Peer("decon uniseg", "decontaminate", "0.3.0.post4", "text", "uniseg"),
    Peer("decon cl100k", "decontaminate", "0.3.0.post4", "text", "cl100k"),
    Peer("datacruxai 8", "datacruxai", "0.4.0", "instruction", "8"),
    Peer("datacruxai 13", "datacruxai", "0.4.0", "instruction", "13"),
)


def find_python(given: str | None) -> str:
    """A CPython of 3.12 or later for the peers: `given`, else this one, else one on PATH or of pyenv."""
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.1[2-9]*/bin/python3"))
    named = [shutil.which(f"python3.{minor}") for minor in range(12, 20)]
    for candidate in [given] if given else [sys.executable, *named, *map(str, pyenv)]:
        if candidate and _is_new_enough(candidate):
            return candidate
    sys.exit(
        "error: decon needs Python 3.12 or later. Name one with --peer-python PATH, "
        "or leave the peers out: --tools auditor."
    )


def _is_new_enough(python: str) -> bool:
    # pyenv's shims are on PATH also where they lead to no Python
    probe = "import sys; sys.exit(sys.version_info < (3, 12))"
    try:
        return subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def environment(peer: Peer, python: str) -> Path:
    """The Python of the peer's own virtual environment, made at the first call."""
    place = cache() / "environments" / f"{peer.package}-{peer.version}"
    done = place / "done"
    if not done.is_file():
        subprocess.run([python, "-m", "venv", "--clear", str(place)], check=True)
        subprocess.run(
            [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             f"{peer.package}=={peer.version}"], check=True,
        )  # fmt: skip
        done.touch()
    return place / "bin" / "python"


def write_train(peer: Peer, train: Path, out: Path) -> Path:
    """The corpus `train` (a folder or a JSONL file) with each record as one text in the peer's key: same files, same
    rows, same escaping. Written once."""
    target = out / f"train-{peer.text_key}"
    if not target.is_dir():
        making = target.with_name(target.name + ".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for path in [train] if train.is_file() else sorted(train.glob("*.jsonl")):
            with path.open(encoding="utf-8") as lines, (making / path.name).open("w", encoding="utf-8") as rows:
                for line in lines:
                    row = json.loads(line)
                    flat = {"id": row.get("id"), peer.text_key: _text(row)}
                    rows.write(json.dumps(flat, ensure_ascii=line.isascii()) + "\n")
        making.rename(target)
    return target


def _text(row: Mapping[str, Any]) -> str:
    if "messages" in row:
        return "\n".join(message["content"] for message in row["messages"])
    if "question" in row:  # GSM8K's own training rows
        return f"{row['question']}\n{row['answer']}"
    return str(row["text"])


def write_benchmark(peer: Peer, items: Sequence[Mapping[str, Any]], out: Path) -> Path:
    """The benchmark in the peer's form, under `out`: decon's reference rows, or texts of question and answer."""
    place = out / f"benchmark-{peer.package}" / "benchmark.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w", encoding="utf-8") as lines:
        for number, item in enumerate(items):
            if peer.package == "decontaminate":
                row: dict[str, Any] = {
                    "eval_key": "benchmark", "split": "test", "eval_instance_index": number, "doc_id": number + 1,
                    "question": item["question"], "answer": item["answer"], "passage": item.get("passage", ""),
                    "fingerprint": str(number), "is_correct": True,
                }  # fmt: skip
            else:
                row = {"id": item["id"], "text": f"{item['question']}\n{item['answer']}"}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    return place


def scan(peer: Peer, python: Path, train: Path, benchmark: Path, out: Path, *, workers: int) -> Run:
    """Run the peer on what `write_train` and `write_benchmark` wrote."""
    shutil.rmtree(out, ignore_errors=True)
    if peer.package == "decontaminate":
        command = ["decon_scan.py", str(train), str(benchmark.parent), str(out), peer.setting, str(workers)]
    else:
        command = ["datacruxai_scan.py", str(train), str(benchmark), str(out), peer.setting]
    return run([str(python), str(RUNNERS / command[0]), *command[1:]], log=out.with_name(out.name + ".log"))


def findings(peer: Peer, out: Path, items: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What the peer found, as rows of `matches.jsonl`. Neither knows "review": all it says is "contaminated"."""
    for row in _rows(out.glob("*.jsonl")):
        if peer.package == "decontaminate":
            found = {"source": row["training_file"], "row": row["training_line"],
                     "item_id": items[int(row["fingerprint"])]["id"]}  # fmt: skip
        else:
            found = row
        yield found | {"verdict": "contaminated"}


def _rows(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in sorted(paths):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def items_of(specs: Sequence[str]) -> list[dict[str, Any]]:
    """The items of benchmarks as `auditor` reads them, for the peers: every tool looks for the same items."""
    from auditor import load_benchmark

    return [
        {"id": f"{benchmark.name}/{item.item_id}", "question": item.question, "passage": item.passage,
         "answer": item.answers[0] if item.answers else ""}
        for benchmark in map(load_benchmark, specs)
        for item in benchmark.items
    ]  # fmt: skip


def python_version(python: str) -> str:
    """The version of that interpreter, such as "3.12.1"."""
    probe = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", probe], capture_output=True, check=True, text=True).stdout.strip()
