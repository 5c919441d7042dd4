"""One object behind a URL, read by offset: a connection that breaks is made again, and goes on where it broke."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from auditor.errors import SourceError
from auditor.sources.raw import Failure, ReadFailedError, describe
from auditor.sources.redaction import redacted, without_credentials
from auditor.sources.retries import Retries, Trouble, patiently, trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHUNK_BYTES = 8 << 20
"""Bytes asked for at once: a request's latency is small beside their transfer, and what a break costs is small, too."""
DROP_BYTES = 1 << 20

CONTENT_MARKS = (
    "ETag", "etag", "blob_id", "md5Hash", "crc32c", "generation", "VersionId", "Content-MD5", "content_md5",
)  # fmt: skip
TIME_MARKS = ("LastModified", "Last-Modified", "last_modified", "updated", "mtime", "modified", "created")
"""What file systems say that tells one object from another under its name, the surest first. A listing may write a time
in another way than a request for the object does, a hash never."""

_REASONS = {
    Trouble.PASSING: "connection_lost",
    Trouble.DENIED: "access_denied",
}


def version_of(info: Mapping[str, Any]) -> str:
    """What tells an object from one that takes its place; empty where its store says nothing."""
    for name in (*CONTENT_MARKS, *TIME_MARKS):
        if info.get(name):
            # a listing has an ETag in quotes where a request for the object has none, or the other way round
            return f"{name.lower()} {info[name]}".replace('"', "")
    return ""


def differ(listed: str, found: str) -> bool:
    """Whether the versions that a listing and a request for the object gave are surely of two objects."""
    mark = listed.partition(" ")[0]
    return listed != found and found.startswith(f"{mark} ") and mark in {name.lower() for name in CONTENT_MARKS}


def size_of(info: Mapping[str, Any]) -> int | None:
    """Bytes of an object, where its store says."""
    size = info.get("size")
    return int(size) if size is not None else None


class RemoteObject(io.RawIOBase):
    """A file of bytes over `system.open`, which is called again where a read fails.

    Args:
        system: an fsspec file system.
        path: of the object in it.
        url: for messages, which show it without credentials.
        version: what it must be, as `version_of` gave it when it was listed; empty: whatever it is.
        at_random: read here and there (tables), and not in order.
        retries: for each read; the count begins anew with every byte that came. By default as configured.

    Raises SourceError where it cannot be opened; `read` and `seek` raise ReadFailedError.
    """

    def __init__(
        self, system: Any, path: str, url: str, version: str = "", *, at_random: bool = False,
        retries: Retries | None = None,
    ) -> None:  # fmt: skip
        self._system = system
        self._path = path
        self._url = url
        self._at_random = at_random
        self._retries = retries = retries or Retries.configured()
        self._position = 0
        self._file: Any = None
        self._streams = False
        self._broken = False
        try:
            info = patiently(lambda: system.info(path), retries)
            self.size = size_of(info)
            self.version = version_of(info)
            if differ(version, self.version):
                raise SourceError(
                    f"{without_credentials(url)} was replaced after the sources were listed; scan again",
                    "changed_while_reading",
                )
            patiently(self._connect, retries)
        except SourceError:
            raise
        except Exception as error:  # a remote file system raises what it likes
            raise cannot_open(url, error) from None

    def _connect(self) -> None:
        """Open the object at the position that was reached."""
        if self._broken:
            self._check()
        options: dict[str, Any] = {"block_size": 0 if self._streams else CHUNK_BYTES}
        if not self._streams:
            options["cache_type"] = "none" if self._at_random else "readahead"
        file = self._system.open(self._path, "rb", **options)
        try:
            self._go_to(file, self._position)
        except BaseException:
            file.close()
            raise
        self._file = file
        self._broken = False

    def _go_to(self, file: Any, position: int) -> None:
        if not position:
            return
        try:
            file.seek(position)
        except (ValueError, OSError) as error:
            if isinstance(error, OSError) and not isinstance(error, io.UnsupportedOperation):
                raise
            # a server that gives no ranges: what was read is read again, and dropped
            left = position
            while left and (data := file.read(min(left, DROP_BYTES))):
                left -= len(data)
            if left:
                raise ConnectionError(f"ended {left} bytes before where it broke") from None

    def _check(self) -> None:
        """Raises ReadFailedError where the object is not the one that was opened."""
        if self.size is None and not self.version:
            raise self._failed("connection_lost", "and the server does not tell whether it still is the same file")
        if detail := self._difference():
            raise self._failed("changed_while_reading", detail)

    def _difference(self) -> str:
        self._system.invalidate_cache(self._path)
        info = self._system.info(self._path)
        size, version = size_of(info), version_of(info)
        if size != self.size:
            return f"held {self.size} bytes when opened, and now {size}"
        return "was replaced by another of the same size" if version != self.version else ""

    def changed(self) -> Failure | None:
        """What shows that the object was deleted or replaced since it was opened; None where nothing does.

        What came in one answer is of one object: only a longer one is looked at again.
        """
        if self.size is not None and self.size <= CHUNK_BYTES and not self._at_random:
            return None
        try:
            detail = patiently(self._difference, self._retries)
        except Exception as error:  # a remote file system raises what it likes
            return Failure(*self._meaning(error))
        return Failure("changed_while_reading", detail) if detail else None

    def _meaning(self, error: BaseException) -> tuple[str, str]:
        """The reason code of an error, and what it says."""
        what = trouble(error)
        if what is Trouble.MISSING:
            return "changed_while_reading", "it was deleted"
        if what is Trouble.LASTING:
            # a request for the bytes of one version is refused where there is another now
            with suppress(Exception):
                if detail := self._difference():
                    return "changed_while_reading", detail
        return _REASONS.get(what, "read_error"), redacted(describe(error), self._url)

    def _failed(self, reason: str, detail: str) -> ReadFailedError:
        return ReadFailedError(reason, f"after {self._position} bytes: {detail}")

    def _try(self, act: Callable[[], bytes]) -> bytes:
        def attempt() -> bytes:
            try:
                if self._file is None:
                    self._connect()
                return act()
            except ReadFailedError:
                raise
            except Exception as error:
                self._drop()
                if "range requests" in str(error) and not self._streams and not self._at_random:
                    self._streams = True
                    raise ConnectionError(describe(error)) from None
                raise

        try:
            return patiently(attempt, self._retries)
        except ReadFailedError:
            raise
        except Exception as error:  # a remote file system raises what it likes
            raise self._failed(*self._meaning(error)) from None

    def _drop(self) -> None:
        file, self._file, self._broken = self._file, None, True
        with suppress(Exception):  # it is broken already
            if file is not None:
                file.close()

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes from where the last read ended; b"" only at the end. Raises ReadFailedError."""
        if not size:
            return b""

        def once() -> bytes:
            data: bytes = self._file.read(size)
            if not data and self.size is not None and self._position < self.size:
                raise ConnectionError(f"the connection ended at {self._position} of {self.size} bytes")
            return data

        data = self._try(once)
        self._position += len(data)
        return data

    def readinto(self, view: Any) -> int:
        """See `io.RawIOBase`. Raises ReadFailedError."""
        data = self.read(min(len(view), CHUNK_BYTES))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.RawIOBase`. Raises ReadFailedError."""
        if whence == io.SEEK_END and self.size is None:
            raise self._failed("read_error", "the server does not say how long the file is; download it first")
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size or 0}[whence]

        def move() -> bytes:
            self._file.seek(base + offset)
            return b""

        self._try(move)
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """See `io.RawIOBase`."""
        return self._position

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def close(self) -> None:
        """Close the connection; may be called more than once."""
        self._drop()
        super().close()


def cannot_open(url: str, error: BaseException) -> SourceError:
    """The error for a URL that cannot be listed or opened, with the reason code of its skip."""
    shown, said, what = without_credentials(url), redacted(describe(error), url), trouble(error)
    if what is Trouble.MISSING:
        return SourceError(f"no such file: {shown}; check the URL")
    if what is Trouble.DENIED:
        return SourceError(
            f"no access to {shown}: {said}; check the credentials in the environment (missing, wrong or expired)",
            "access_denied",
        )
    return SourceError(
        f"cannot open {shown}: {said}; check the URL, the network and your credentials",
        "unreachable" if what is Trouble.PASSING else "unreadable",
    )
