"""Globs of the input `paths`, and which files of a checkout they name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Globs:
    """Which files and folders are entries."""

    files: tuple[re.Pattern[str], ...]
    folders: tuple[re.Pattern[str], ...]
    excluded: tuple[re.Pattern[str], ...]

    def entry_of(self, path: str) -> str | None:
        """The entry that a file belongs to: a folder above it, or the file itself; None where it belongs to none.

        Args:
            path: from the root of the checkout, with `/`.
        """
        if any(pattern.fullmatch(path) for pattern in self.excluded):
            return None
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if any(pattern.fullmatch(folder) for pattern in self.folders):
                return folder
        return path if any(pattern.fullmatch(path) for pattern in self.files) else None


def parse_globs(lines: Sequence[str]) -> Globs:
    """Globs, one a line: `*` and `?` within a name, `**` over folders, `[…]`; a `/` at the end names folders, each of
    which is one entry (MTEB results); a `!` first excludes.

    Raises:
        InputError: a glob leads out of the checkout, or none names anything.
    """
    files: list[re.Pattern[str]] = []
    folders: list[re.Pattern[str]] = []
    excluded: list[re.Pattern[str]] = []
    for line in lines:
        glob = line[1:].strip() if line.startswith("!") else line
        glob = re.sub(r"^(?:\./)+", "", glob)
        if not glob.strip("/") or glob.startswith("/") or ".." in glob.split("/") or "\\" in glob:
            raise InputError(f"the glob {line!r} of the input paths must lie in the checkout, such as entries/*.yaml")
        try:
            pattern = re.compile(_regex(glob.rstrip("/")))
        except re.error as error:
            raise InputError(f"the glob {line!r} of the input paths has a range that is none: {error}") from error
        (excluded if line.startswith("!") else folders if glob.endswith("/") else files).append(pattern)
    if not files and not folders:
        raise InputError("the input paths only excludes; name what is checked, such as entries/*.yaml")
    return Globs(tuple(files), tuple(folders), tuple(excluded))


def _regex(glob: str) -> str:
    parts = re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^\]\[/]+\]|[\s\S]", glob)
    return "".join(_part(part) for part in parts)


def _part(part: str) -> str:
    if part == "**/":
        return r"(?:[^/]+/)*"
    if part == "**":
        return r"[\s\S]*"
    if part == "*":
        return r"[^/]*"
    if part == "?":
        return r"[^/]"
    if part.startswith("[") and len(part) > 1:
        negated = part.startswith("[!")
        inner = part[2 if negated else 1 : -1].replace("^", "\\^")
        return f"[{'^/' if negated else ''}{inner}]"
    return re.escape(part)


def walk(workspace: Path) -> Iterator[str]:
    """Every file of the checkout, links as what they are, `.git` left out; sorted."""
    for folder, names, files in os.walk(workspace):
        names[:] = sorted(name for name in names if name != ".git")
        inside = Path(folder).relative_to(workspace).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        links = [name for name in names if Path(folder, name).is_symlink()]
        yield from (f"{prefix}{name}" for name in sorted([*files, *links]))


def refusal(workspace: Path, entry: str) -> str:
    """Why an entry is not read; "" where it may be. A link must not lead out of the checkout, nor into its `.git`."""
    root = workspace.resolve()
    place = workspace / entry
    if not os.path.lexists(place):
        return "it is not in the checkout"
    inside = [place]
    if place.is_dir() and not place.is_symlink():
        inside += [Path(folder, name) for folder, names, files in os.walk(place) for name in (*names, *files)]
    for path in inside:
        if path.is_symlink() or path == place:
            try:
                target = path.resolve(strict=True)
            except (OSError, RuntimeError):
                return "it is, or holds, a symbolic link to nothing"
            if not target.is_relative_to(root) or ".git" in target.relative_to(root).parts:
                return "it is, or holds, a symbolic link that leads out of the checkout"
        elif not (path.is_file() or path.is_dir()):
            return "it holds something that is neither a file nor a folder"
    return ""
