"""What an interrupted scan leaves behind, so that `--resume` goes on where it stopped.

The journal lies in the output directory while a scan runs: a header that says which run it is, and a line for each
block that was scanned. A line that was cut off by a crash is left out, and its block is scanned again.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

import orjson

from auditor.errors import InputError, OutputError
from auditor.scanner import BlockResult
from auditor.types import Match, Skip

if TYPE_CHECKING:
    from pathlib import Path

JOURNAL_VERSION = 1
DIRECTORY = ".unfinished"


class Journal:
    """Appends results as they come, and gives back those of the run before.

    Raises OutputError where the directory cannot be written, InputError where `resume` is asked for and what is there
    is another run.
    """

    def __init__(self, out: Path, header: dict[str, Any], *, resume: bool) -> None:
        self.directory = out / DIRECTORY
        self.results: list[BlockResult] = []
        header = {"journal_version": JOURNAL_VERSION, **header}
        try:
            if resume and self.directory.exists():
                self._check(header)
                self.results = self._read()
            else:
                shutil.rmtree(self.directory, ignore_errors=True)
                self.directory.mkdir(parents=True)
                (self.directory / "header.json").write_bytes(orjson.dumps(header))
            self._file: IO[bytes] = (self.directory / "blocks.jsonl").open("wb")
            # what was read goes first, without the line that a crash may have cut off
            for result in self.results:
                self.add(result)
        except OSError as error:
            raise OutputError(f"cannot write to {out}: {error.strerror or error}") from error

    def add(self, result: BlockResult) -> None:
        """Append one result. Raises OutputError on a full disk."""
        row = asdict(result) | {"matches": [m.to_json() for m in result.matches]}
        try:
            self._file.write(orjson.dumps(row, default=str) + b"\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"cannot write to {self.directory}: {error.strerror or error}. What was scanned so far is "
                "kept; make room and run again with --resume"
            ) from error

    def close(self) -> None:
        """Stop writing; what was written stays."""
        self._file.close()

    def remove(self) -> None:
        """Forget the journal: the run is complete and its results are written."""
        self.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _check(self, header: dict[str, Any]) -> None:
        try:
            before = orjson.loads((self.directory / "header.json").read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(
                f"the unfinished run in {self.directory} cannot be read ({error}): scan again without --resume"
            ) from error
        different = sorted(key for key in {*before, *header} if before.get(key) != header.get(key))
        if different:
            raise InputError(
                f"the unfinished run in {self.directory} is another one (different: {', '.join(different)}): "
                "give the same arguments, or scan again without --resume"
            )

    def _read(self) -> list[BlockResult]:
        path = self.directory / "blocks.jsonl"
        results = []
        if path.exists():
            for line in path.read_bytes().split(b"\n")[:-1]:
                try:
                    results.append(_result(orjson.loads(line)))
                except (ValueError, KeyError, TypeError):
                    break
        return results


def _result(row: dict[str, Any]) -> BlockResult:
    row["matches"] = tuple(Match.from_json(m) for m in row["matches"])
    row["skips"] = tuple(Skip(**s) for s in row["skips"])
    return BlockResult(**row)


def identity(path: str) -> list[int]:
    """What tells that a local file is still the same one: size and time of its last change."""
    status = os.stat(path)  # noqa: PTH116
    return [status.st_size, status.st_mtime_ns]
