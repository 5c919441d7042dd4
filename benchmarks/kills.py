"""Kill scans at random points, resume them until they end, and compare every byte with an undisturbed run.

    python -m benchmarks.kills --kills 100

Half of the kills come after a random time, half at a random file operation (an open, a rename, a removal), so that the
moments in which files take their names are met, too. Each scan runs in a process forked from one that has everything
loaded: a kill costs a fraction of a second. Exit code 1 where one byte differs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import auditor
from auditor.sources import ReadOptions
from auditor.types import Benchmark, Item

OUTPUTS = ("matches.jsonl", "findings.json", "report.md", "report.html")
READING = ReadOptions(block_bytes=6000)
WORDS = 4000
OPERATIONS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"})


def corpus(folder: Path, rng: random.Random, files: int = 40) -> list[Item]:
    """Small files, plain and compressed, with copies of items and broken lines in them; and the items."""
    words = ["".join(rng.choices("abcdefghijklmnoprstuvw", k=rng.randint(3, 9))) for _ in range(WORDS)]

    def text(length: int) -> str:
        return " ".join(rng.choices(words, k=length))

    items = [Item(f"item-{n}", text(24) + "?", answers=(text(3),), split="test") for n in range(40)]
    for number in range(files):
        rows = [json.dumps({"text": text(120)}) for _ in range(80 if number == files // 2 else 12)]
        if number % 3 == 0:
            item = items[number]
            rows[5] = json.dumps({"text": f"{text(40)}\n\n{item.question}\n{item.answers[0]}\n\n{text(40)}"})
        if number % 5 == 0:
            rows[7] = '{"text": broken'
        data = ("\n".join(rows) + "\n").encode()
        name = f"{number:03d}.jsonl"
        if number % 4 == 0:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data, mtime=0))
        else:
            (folder / name).write_bytes(data)
    return items


class Target:
    """One corpus and one benchmark, to be scanned again and again."""

    def __init__(self, folder: Path, seed: int) -> None:
        (folder / "train").mkdir()
        self.folder = folder
        items = corpus(folder / "train", random.Random(seed))
        benchmark = Benchmark("bench", tuple(items), source="bench.jsonl", sha256="0" * 64)
        self._index = auditor.BenchmarkIndex.build([benchmark], auditor.ScanConfig())
        self.scan(folder / "whole")
        shutil.rmtree(folder / "whole")
        begun = time.perf_counter()
        self.scan(folder / "whole")
        self.seconds = time.perf_counter() - begun
        """Of a run with everything loaded."""
        self.expected = outputs(folder / "whole")

    def scan(self, out: Path) -> None:
        """Scan, or go on with it, and write the results."""
        found = auditor.scan(self.folder / "train", self._index, reading=READING, workers=2, out=out, resume=True)
        found.write(out)

    def killed(self, out: Path, *, after: float | None = None, operation: int | None = None) -> bool:
        """Run in a process of its own that is killed after a time or at a file operation; whether it was."""
        process = os.fork()
        if not process:
            self._run(out, operation)
        until = None if after is None else time.monotonic() + after
        while True:
            done, status = os.waitpid(process, os.WNOHANG if until is not None else 0)
            if done:
                break
            if until is not None and time.monotonic() >= until:
                os.kill(process, signal.SIGKILL)
                until = None
            else:
                time.sleep(0.001)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return True
        if os.waitstatus_to_exitcode(status):
            raise RuntimeError(f"a scan that nobody killed ended with {os.waitstatus_to_exitcode(status)}")
        return False

    def _run(self, out: Path, operation: int | None) -> None:
        """In the forked process: scan and exit, or die by one's own hand."""
        count = 0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal count
            if event in OPERATIONS and str(out) in str(arguments[0]):
                count += 1
                if count == operation:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            self.scan(out)
        except BaseException:
            traceback.print_exc()
            os._exit(70)
        os._exit(0)


def outputs(out: Path) -> dict[str, str]:
    """What a finished run wrote; of the summary all but the seconds."""
    summary = json.loads((out / "summary.json").read_text())
    summary.pop("seconds")
    return {**{name: (out / name).read_text() for name in OUTPUTS}, "summary.json": json.dumps(summary)}


def kill_all(kills: int, seed: int) -> dict[str, Any]:
    """Kill that often; how many runs that took, how many kills came in which way, and which runs differ."""
    rng = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="auditor-kills-"))
    counts = {"seed": seed, "kills": 0, "by_time": 0, "by_operation": 0, "runs": 0, "resumed_most": 0}
    different: list[int] = []
    try:
        target = Target(folder, seed)
        while counts["kills"] < kills:
            out = folder / f"run-{counts['runs']}"
            resumed = 0
            while True:
                # the later ones may be short of one whole run: then it ends, and the next begins
                by_time = rng.random() < 0.5
                after = rng.uniform(0, target.seconds)
                operation = rng.randint(1, rng.choice([10, 60]))
                over = counts["kills"] >= kills
                if over or not target.killed(out, **({"after": after} if by_time else {"operation": operation})):
                    break
                resumed += 1
                counts["kills"] += 1
                counts["by_time" if by_time else "by_operation"] += 1
            if counts["kills"] >= kills and target.killed(out):
                raise RuntimeError("a run that was to end was killed")
            if outputs(out) != target.expected or sorted(path.name for path in out.iterdir()) != sorted(
                (*OUTPUTS, "summary.json")
            ):
                different.append(counts["runs"])
            shutil.rmtree(out)
            counts["runs"] += 1
            counts["resumed_most"] = max(counts["resumed_most"], resumed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {**counts, "different": different}


def main() -> None:
    """Kill, resume, compare; print what came of it as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kills", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    found = kill_all(args.kills, args.seed)
    print(json.dumps(found))
    sys.exit(1 if found["different"] else 0)


if __name__ == "__main__":
    main()
