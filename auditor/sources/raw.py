"""Bytes of one source as they are stored: read in order, hashed on the way, watched for changes."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import xxhash

from auditor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

DRAIN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a source ended before its end: a fixed reason code and what happened, in words."""

    reason: str
    detail: str


class ReadFailedError(OSError):
    """A read that failed for good: `reason` is the code of the skip that it is."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class ByteStream(Protocol):
    """Bytes in order. It never raises for what is wrong with the bytes: it ends, and `failure` says why."""

    @property
    def failure(self) -> Failure | None:
        """Set once the stream ended early."""
        ...

    def readinto(self, view: memoryview) -> int:
        """Fill the front of a view; the number of bytes, 0 only at the end (or for an empty view)."""
        ...


class StoredBytes:
    """An open file, local or remote: the bottom of every chain of streams.

    Args:
        file: a raw binary file object with `readinto` or `read`, and `close`.
        size: bytes it should hold, where that is known.
        status: `os.fstat` of a local regular file when it was opened; None for anything else.
        changed: says at the end what shows that a remote file is not what it was; None for anything else.
    """

    def __init__(
        self, file: Any, size: int | None, status: os.stat_result | None = None,
        changed: Callable[[], Failure | None] | None = None,
    ) -> None:  # fmt: skip
        self._changed = changed
        self._file = file
        self._size = size
        self._status = status
        self._hash = xxhash.xxh3_128()
        self._ended = False
        self.consumed = 0
        self.failure: Failure | None = None

    def readinto(self, view: memoryview) -> int:
        """See `ByteStream`. A file that grows while it is read is read up to the size that it was opened with."""
        if self._ended or not len(view):
            return 0
        try:
            count = self._file.readinto(view) or 0
        except ReadFailedError as error:
            return self._end(Failure(error.reason, describe(error)))
        except OSError as error:
            return self._end(Failure("read_error", f"after {self.consumed} bytes: {describe(error)}"))
        if count and self._status is not None and self._size is not None:
            count = min(count, self._size - self.consumed)
        if not count:
            return self._end(self._change())
        self._hash.update(view[:count])
        self.consumed += count
        return count

    def _end(self, failure: Failure | None) -> int:
        self._ended = True
        self.failure = failure
        return 0

    def _change(self) -> Failure | None:
        """What speaks against this being the file that was opened."""
        if self._size is not None and self.consumed < self._size:
            return Failure("changed_while_reading", f"held {self._size} bytes when opened and ended at {self.consumed}")
        if self._status is None:
            return self._changed() if self._changed is not None else None
        now = os.fstat(self._file.fileno())
        if now.st_size != self._status.st_size:
            return Failure("changed_while_reading", f"grew from {self._status.st_size} to {now.st_size} bytes")
        if now.st_mtime_ns != self._status.st_mtime_ns:
            return Failure("changed_while_reading", "was written to while it was read")
        return None

    @property
    def status(self) -> os.stat_result | None:
        """Of a local regular file when it was opened; None for anything else."""
        return self._status

    def digest(self) -> str:
        """Hexadecimal xxh3_128 of all bytes; reads what a decompressor or a parser left unread."""
        if not self._ended:
            scratch = memoryview(bytearray(DRAIN_BYTES))
            while self.readinto(scratch):
                pass
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close the file; may be called more than once."""
        self._ended = True
        self._file.close()


class Peekable:
    """A stream whose first bytes may be looked at before they are read."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._head = b""

    @property
    def failure(self) -> Failure | None:
        """See `ByteStream`."""
        return self._stream.failure

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end of the stream; they stay to be read."""
        if len(self._head) < size:
            more = bytearray(size - len(self._head))
            self._head += more[: read_full(self._stream, memoryview(more))]
        return self._head[:size]

    def skip(self, count: int) -> None:
        """Drop bytes that were peeked at."""
        self._head = self._head[count:]

    def readinto(self, view: memoryview) -> int:
        """See `ByteStream`."""
        if not self._head:
            return self._stream.readinto(view)
        count = min(len(view), len(self._head))
        view[:count] = self._head[:count]
        self._head = self._head[count:]
        return count


def read_full(stream: ByteStream, view: memoryview) -> int:
    """Fill a view as far as the stream goes, so that block boundaries do not depend on how reads were cut."""
    filled = 0
    while filled < len(view):
        count = stream.readinto(view[filled:])
        if not count:
            break
        filled += count
    return filled


def open_local(path: str) -> StoredBytes:
    """Open a local file. Raises OSError."""
    file = open(path, "rb", buffering=0)  # noqa: SIM115, PTH123 - the stream closes it; paths come as text
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        return StoredBytes(file, None)
    return StoredBytes(file, status.st_size, status)


_FIXES = {
    "access_denied": "check the credentials in the environment (missing, wrong or expired)",
    "connection_lost": "check the network, and try again",
    "changed_while_reading": "scan again",
}


def cannot_read(source: str, reason: str, detail: str) -> SourceError:
    """The error for a source of which nothing could be read; `reason` is the code of the skip that it is."""
    return SourceError(f"cannot read {source}: {detail}; {_FIXES.get(reason, 'check the file and its disk')}", reason)


def describe(error: BaseException) -> str:
    """An exception in one line."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(text.split())[:300]
