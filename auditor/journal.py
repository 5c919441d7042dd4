"""What an interrupted scan leaves behind, so that `--resume` goes on where it stopped.

The journal lies in the output directory while a scan runs: a header that says which run it is, a line for each block
that was scanned, and a line for each source that was read to its end: the marker of a finished unit of work, which is
not opened again. Each line begins with a hash of its rest. What follows the first line that was cut off or damaged is
dropped, and its blocks are scanned again.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import xxhash

from auditor import __version__
from auditor.errors import InputError, OutputError
from auditor.output import UNFINISHED
from auditor.scanner import BlockResult
from auditor.types import Match, Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.output import DirectoryLock

JOURNAL_VERSION = 6
DIRECTORY = UNFINISHED
HEADER, BLOCKS = "header.json", "blocks.jsonl"
SYNC_SECONDS = 5.0
"""A process that is killed loses nothing that it wrote; a machine that loses power, at most this much work."""
HASH_CHARS = 16


@dataclass(frozen=True, slots=True)
class SourceEnd:
    """A source was read to its end, and all its blocks stand before this."""

    source: str
    digest: str
    """Hexadecimal xxh3_128 of its bytes."""


class Journal:
    """Appends results as they come, and gives back those of the run before.

    Args:
        lock: of the output directory; held until the journal is kept or removed.
        header: what tells that a run is the same one.
        resume: go on with what is there.

    Raises OutputError where the directory cannot be written, InputError where `resume` is asked for and what is there
    is another run.
    """

    def __init__(self, lock: DirectoryLock, header: dict[str, Any], *, resume: bool) -> None:
        self._lock = lock
        self.out = lock.directory
        self.directory = self.out / DIRECTORY
        self._file: int | None = None
        self._synced = time.monotonic()
        header = {"journal_version": JOURNAL_VERSION, "auditor": __version__, **header}
        try:
            # a run that died before its header was whole had not begun
            if resume and (self.directory / HEADER).exists():
                self._check(header)
            else:
                self._begin(header)
            self._file = os.open(self.directory / BLOCKS, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._cannot_write(error) from error

    def _begin(self, header: dict[str, Any]) -> None:
        # without its header first: what a kill leaves of the old journal must not pass for one
        (self.directory / HEADER).unlink(missing_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, exist_ok=True)
        staging = self.directory / f"{HEADER}.tmp"
        staging.write_bytes(orjson.dumps(header))
        staging.replace(self.directory / HEADER)

    def recall(self) -> Iterator[BlockResult | SourceEnd]:
        """What the run before wrote, in order; to be read to its end before anything is added."""
        assert self._file is not None  # noqa: S101
        good = 0
        with open(self._file, "rb", closefd=False) as file:
            for line in file:
                try:
                    entry = _entry(line)
                except (ValueError, KeyError, TypeError):
                    break
                good += len(line)
                yield entry
        os.ftruncate(self._file, good)
        os.lseek(self._file, good, os.SEEK_SET)

    def add(self, entry: BlockResult | SourceEnd) -> None:
        """Append one entry. Raises OutputError on a full disk."""
        if self._file is None:
            return
        try:
            line = memoryview(_line(entry))
            while line:
                line = line[os.write(self._file, line) :]
            if time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            raise self._cannot_write(error) from error

    def keep(self) -> None:
        """Stop writing, and let other runs in; what was written stays, to go on with. May be called more than once."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._lock.release()

    def remove(self) -> None:
        """Forget the journal: the run is complete and its results are written."""
        (self.directory / HEADER).unlink(missing_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.keep()

    def _cannot_write(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write to {self.directory}: {error.strerror or error}. What was scanned so far is kept; make room "
            "and run again with --resume, or give another directory with -o"
        )

    def _check(self, header: dict[str, Any]) -> None:
        try:
            before = orjson.loads((self.directory / HEADER).read_bytes())
            different = sorted(key for key in {*before, *header} if before.get(key) != header.get(key))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise InputError(
                f"the unfinished run in {self.directory} cannot be read ({error}): scan again without --resume"
            ) from error
        if different:
            raise InputError(
                f"the unfinished run in {self.directory} is another one (different: {', '.join(different)}): "
                "give the same arguments, or scan again without --resume"
            )


def _line(entry: BlockResult | SourceEnd) -> bytes:
    if isinstance(entry, SourceEnd):
        row: dict[str, Any] = {"end": entry.source, "digest": entry.digest}
    else:
        row = {name: getattr(entry, name) for name in BlockResult.__slots__}
        row["matches"] = [match.to_json() for match in entry.matches]
        row["rephrases"] = None if entry.rephrases is None else entry.rephrases.to_json()
    text = orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)
    return xxhash.xxh3_64_hexdigest(text).encode() + b" " + text + b"\n"


def _entry(line: bytes) -> BlockResult | SourceEnd:
    """Raises ValueError, KeyError or TypeError for what this did not write."""
    text = line[HASH_CHARS + 1 : -1]
    if not line.endswith(b"\n") or xxhash.xxh3_64_hexdigest(text).encode() != line[:HASH_CHARS]:
        raise ValueError("cut off")
    row = orjson.loads(text)
    if "end" in row:
        return SourceEnd(row["end"], row["digest"])
    row["matches"] = tuple(Match.from_json(m) for m in row["matches"])
    row["skips"] = tuple(Skip(**s) for s in row["skips"])
    if row["rephrases"] is not None:
        from auditor.rephrase.calibration import RephraseTally

        row["rephrases"] = RephraseTally.from_json(row["rephrases"])
    return BlockResult(**row)


def identity(path: str) -> list[int]:
    """What tells that a local file is still the same one: size and time of its last change."""
    status = os.stat(path)  # noqa: PTH116
    return [status.st_size, status.st_mtime_ns]
