"""The directory that a run writes into: one run at a time, and results that are all there or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import OutputError
from auditor.report.files import make_directory, output_error

if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED = ".unfinished"
"""Below the output directory: the journal of a run that is not done, and results that are not whole yet."""
LOCK = ".lock"
CLAIM = ".lock-owner"
"""The lock where the file system has none of its own: a file that only one can make."""

NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK})


class DirectoryLock:
    """Keeps every other run out of a directory until it is released or its process ends, however that ends.

    Args:
        directory: made where it is not there.
        by_file_system: lock a file, which the kernel undoes when a process dies. Where that cannot be done (a network
            file system without locks, no `fcntl`), a file that names the process stands for it; one that a dead process
            of this machine left is taken over.

    Raises OutputError where another run holds it, or the directory cannot be written.
    """

    def __init__(self, directory: str | os.PathLike[str], *, by_file_system: bool = True) -> None:
        self.directory = make_directory(directory)
        self._handle: int | None = None
        self._claim: Path | None = None
        try:
            if not (by_file_system and self._lock()):
                self._take_claim()
        except OSError as error:
            raise output_error(self.directory, error) from error

    def _lock(self) -> bool:
        """Lock the file; False where there are no locks."""
        try:
            import fcntl
        except ImportError:
            return False
        path = self.directory / LOCK
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                owner = os.read(handle, 200)
                os.close(handle)
                if error.errno in NO_LOCKS:
                    return False
                if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                    raise self._taken(owner) from None
                raise
            # whoever held it may have removed it meanwhile: then ours is a file that nobody else will find
            if _same_file(handle, path):
                break
            os.close(handle)
        self._handle = handle
        with suppress(OSError):  # on a full disk it is still a lock
            os.ftruncate(handle, 0)
            os.write(handle, _owner())
        return True

    def _take_claim(self) -> None:
        path = self.directory / CLAIM
        for _ in range(2):
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                owner = path.read_bytes()
                if not _is_dead(owner):
                    raise self._taken(owner, path) from None
                path.unlink(missing_ok=True)
                continue
            os.write(handle, _owner())
            os.close(handle)
            self._claim = path
            return
        raise self._taken(b"", path)

    def _taken(self, owner: bytes, file: Path | None = None) -> OutputError:
        pid, _, host = owner.decode("ascii", "replace").strip().partition(" ")
        who = f" (process {pid} on {host})" if pid.isdigit() and host.isprintable() else ""
        fix = "wait for it, or give another directory with -o"
        if file is not None:
            fix += f"; if that process is gone, delete {file}"
        return OutputError(f"another run is writing to {self.directory}{who}: {fix}")

    def release(self) -> None:
        """Let others in; may be called more than once."""
        if self._handle is not None:
            # removed while it is held, so that no one else's is
            (self.directory / LOCK).unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None
        if self._claim is not None:
            self._claim.unlink(missing_ok=True)
            self._claim = None

    def __del__(self) -> None:
        with suppress(Exception):  # an interpreter that goes down has taken its modules apart
            self.release()


def _owner() -> bytes:
    return f"{os.getpid()} {socket.gethostname()}\n".encode("ascii", "replace")


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _is_dead(owner: bytes) -> bool:
    """Whether a process of this machine that is gone left this; of other machines that cannot be told."""
    pid, _, host = owner.decode("ascii", "replace").strip().partition(" ")
    if not pid.isdigit() or host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def published(directory: Path, last: str) -> Iterator[Path]:
    """A place to write the files of a result in; they take their names together, once all are whole.

    Until then the directory holds what it held. A run that dies while they take their names leaves no `last`, by which
    a reader knows a finished run. Raises OutputError where that cannot be done.
    """
    staging = directory / UNFINISHED / "results"
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
        names = sorted(path.name for path in staging.iterdir())
        for name in names:
            if (directory / name).is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(directory / name))
        (directory / last).unlink(missing_ok=True)
        for name in [*(name for name in names if name != last), last]:
            if name == last:
                _sync(directory)
            (staging / name).replace(directory / name)
        _sync(directory)
    except OSError as error:
        raise output_error(Path(error.filename or directory), error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):  # not empty: a journal is there
            staging.parent.rmdir()


def _sync(directory: Path) -> None:
    """Make renames last through a loss of power, where directories can be synced."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
