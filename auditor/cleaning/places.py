"""Where the output goes: names as in the training set, never over the input, there when it is whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import InputError, OutputError
from auditor.report.files import SUMMARY, output_error
from auditor.sources.discover import GLOB_MARKS
from auditor.sources.redaction import is_url, without_credentials
from auditor.sources.remote import local_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.sources import Source

LOG = "removed.jsonl"
_SAFE = re.compile(r"[^\w.+-]")


def relative_names(train: Sequence[str | os.PathLike[str]], sources: Sequence[Source]) -> dict[str, Path]:
    """Source name to the path below the output directory.

    It is the path below the directory that was given, or the file's own name; where several arguments were given, the
    path below the directory that holds all of them.

    Raises InputError where two sources would have one name, or one has the name of our own files.
    """
    roots = [_root(os.fspath(argument), sources) for argument in train]
    common = _common(roots)
    names: dict[str, Path] = {}
    taken: dict[str, str] = {}
    for source in sources:
        parts = _parts(source.name)
        below = [_SAFE_URL.sub("_", part) if source.is_remote else part for part in parts[len(common) :] if part]
        path = Path(*(below or parts[-1:]))
        # file systems that do not tell upper from lower case would put two into one
        folded = path.as_posix().casefold()
        if folded in taken:
            raise InputError(f"{source.name} and {taken[folded]} would both become {path}; clean them one by one")
        if folded in (LOG, SUMMARY):
            raise InputError(
                f"{source.name} has the name of a file that cleaning writes itself; rename it and scan again"
            )
        taken[folded] = source.name
        names[source.name] = path
    return names


_SAFE_URL = re.compile(r"[\\:?…\0]")


def _parts(name: str) -> tuple[str, ...]:
    if is_url(name):
        scheme, _, rest = name.partition("://")
        return (scheme, *(part for part in rest.split("/") if part not in ("", ".", "..")))
    return ("", *Path(os.path.abspath(name)).parts)  # noqa: PTH100 - links stay what the user named


def _root(argument: str, sources: Sequence[Source]) -> tuple[str, ...]:
    """The directory below which an argument's files keep their paths."""
    text = local_path(argument) if argument.startswith("file://") else argument
    text = without_credentials(text) if is_url(text) else os.path.expanduser(text)  # noqa: PTH111
    parts = _parts(text)
    if any(_parts(source.name) == parts for source in sources):
        return parts[:-1]
    if not is_url(text) and os.path.isdir(text):  # noqa: PTH112
        return parts
    for place, part in enumerate(parts):
        if any(mark in part for mark in GLOB_MARKS):
            return parts[:place]
    return parts


def _common(roots: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    shared = []
    for level in zip(*roots, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return tuple(shared)


def refuse_overlap(out: Path, train: Sequence[str | os.PathLike[str]], sources: Sequence[Source]) -> None:
    """Raise InputError where writing to `out` could touch the training set, or make it larger for the next scan.

    Raises OutputError where something is there already.
    """
    real = os.path.realpath(out)
    for argument in train:
        text = os.path.expanduser(os.fspath(argument))  # noqa: PTH111
        if not is_url(text) and os.path.isdir(text) and _is_within(real, os.path.realpath(text)):  # noqa: PTH112
            raise InputError(
                f"the output {out} lies in the training set {text}; name a directory outside of it with -o"
            )
    for source in sources:
        if not source.is_remote and _is_within(os.path.realpath(source.location), real):
            raise InputError(
                f"the training set ({source.name}) lies in the output {out}; name another directory with -o"
            )
    if os.path.lexists(out):
        if not out.is_dir():
            raise OutputError(f"{out} is a file; name a new directory with -o")
        if any(out.iterdir()):
            raise OutputError(f"{out} is not empty, and nothing is written over; name a new directory with -o")


def _is_within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip(os.sep) + os.sep)


class Staging:
    """A directory beside the one to be made, which takes its name when all is written.

    As a context manager it removes what was not published.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._target = Path(os.path.realpath(out))
        try:
            parent = self._target.parent
            parent.mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(prefix=f".{self._target.name}.", suffix=".partial", dir=parent))
            mask = os.umask(0)
            os.umask(mask)
            self.path.chmod(0o777 & ~mask)
        except OSError as error:
            raise output_error(out, error) from error

    def publish(self) -> None:
        """Give the directory its name. Raises OutputError; what is at that name by then, unless empty, stays."""
        try:
            self.path.replace(self._target)
            with suppress(OSError):  # not every file system lets a directory be synced
                parent = os.open(self._target.parent, os.O_RDONLY)
                try:
                    os.fsync(parent)
                finally:
                    os.close(parent)
        except OSError as error:
            raise output_error(self.out, error) from error

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def safe_name(name: str, taken: set[str]) -> str:
    """A file name for a benchmark, unlike any in `taken`, to which it is added."""
    base = _SAFE.sub("_", name).lstrip(".")[:100] or "benchmark"
    chosen, number = base, 1
    while chosen.casefold() in taken:
        number += 1
        chosen = f"{base}-{number}"
    taken.add(chosen.casefold())
    return chosen
