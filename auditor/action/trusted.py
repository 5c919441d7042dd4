"""The files that judge a pull request, taken from the base branch: a change must not relax its own check.

Policy, board, lists and benchmarks that git tracks are read from the base's commit, whatever the pull request made of
them. What git does not track was made by the workflow itself, and is taken as it is.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.action.git import TreeEntry, git, tree_entries
from auditor.errors import InputError

if TYPE_CHECKING:
    from auditor.action.git import Review

_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*oid sha256:([0-9a-f]{64})\n")


class TrustedFiles:
    """Finds the files that the inputs name; those of the base branch are written below `into`."""

    def __init__(self, workspace: Path, into: Path, review: Review | None) -> None:
        self._workspace = workspace
        self._into = into
        self._review = review
        self.changed: list[str] = []
        """Files that the pull request changes, of which the base's version is used."""

    def place(self, given: str, what: str) -> Path:
        """Where a file or folder that an input names is to be read.

        Args:
            given: a path from the root of the checkout, or an absolute one.
            what: the input, for messages.
        Raises:
            InputError: it is not there, or only the pull request has it.
        """
        path = self._inside(given)
        if path is None:
            return _existing(Path(given), given, what)
        if self._review is None:
            return _existing(self._workspace / path, given, what)
        found = tree_entries(self._workspace, self._review.base, path)
        if found:
            self._extract(found[0], what)
            self._note_change(found[0])
            return self._into / path
        return self._untracked(path, given, what)

    def benchmark(self, spec: str) -> str:
        """A benchmark as `-b` takes it: `name=path`, a path, a catalog name or a URL; paths as `place` gives them."""
        name, equals, target = spec.partition("=")
        if not equals:
            name, target = "", spec
        if "://" in target or not self._is_path(target):
            return spec
        place = self.place(target, "benchmarks")
        return f"{name or Path(target).name.split('.')[0]}={place}"

    def policy(self, given: str) -> tuple[Path, dict[str, Any]]:
        """The policy file and what it says; the benchmarks that it names by path are brought beside it.

        Raises:
            InputError: it cannot be had or read.
        """
        place = self.place(given, "policy")
        document = read_toml(place, given)
        table = document.get("benchmarks")
        scan = table.get("scan") if isinstance(table, dict) else None
        folder = self._inside(given)
        for target in (scan or {}).values() if folder is not None and isinstance(scan, dict) else ():
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(folder or ""), str(target)))
            if "://" in str(target) or str(target).startswith("/") or beside.startswith(".."):
                continue
            if self._review is not None and self._is_path(beside if "/" in str(target) else str(target), folder or ""):
                found = self.place(beside, "policy")
                wanted = self._into / beside
                if not os.path.lexists(wanted):
                    wanted.parent.mkdir(parents=True, exist_ok=True)
                    wanted.symlink_to(found)
        return place, document

    def _is_path(self, target: str, beside: str = "") -> bool:
        """Whether a benchmark is a file and no name of the catalog; a file that only the pull request has is none."""
        if "/" in target or target.startswith("."):
            return True
        path = posixpath.join(posixpath.dirname(beside), target)
        if self._review is None:
            return (self._workspace / path).exists()
        return bool(tree_entries(self._workspace, self._review.base, path))

    def _inside(self, given: str) -> str | None:
        """A path from the root of the checkout; None for one that lies elsewhere. Raises InputError for `..`."""
        path = Path(given)
        if path.is_absolute():
            if not path.is_relative_to(self._workspace):
                return None
            path = path.relative_to(self._workspace)
        normal = posixpath.normpath(path.as_posix())
        if normal.startswith("..") or normal == "." or normal.split("/")[0] == ".git":
            raise InputError(f"the path {given!r} must lie in the checkout, or be absolute")
        return normal

    def _untracked(self, path: str, given: str, what: str) -> Path:
        """A file that the base does not have: one that the workflow made, or one that the pull request brings."""
        place = self._workspace / path
        tracked = tree_entries(self._workspace, "HEAD", path)
        # a folder or a link of the pull request's may stand in the path of a file that the workflow made
        if tracked or (os.path.lexists(place) and place.resolve() != (self._workspace.resolve() / path)):
            raise InputError(
                f"the {what} {given!r} is not in the base branch; a pull request is judged by the base branch's files, "
                "so merge that file first"
            )
        return _existing(place, given, what)

    def _extract(self, entry: TreeEntry, what: str) -> None:
        assert self._review is not None  # noqa: S101 - the callers looked
        entries = [entry]
        if entry.mode == "040000":
            entries = tree_entries(self._workspace, self._review.base, entry.path, below=True)
        for file in entries:
            if file.mode not in ("100644", "100755"):
                raise InputError(
                    f"the {what} {file.path!r} is a link or a submodule in the base branch; name the file itself"
                )
            target = self._into / file.path
            if target.exists():
                continue
            data = git(self._workspace, "cat-file", "blob", file.sha)
            target.parent.mkdir(parents=True, exist_ok=True)
            pointer = _LFS.match(data)
            target.write_bytes(self._large(file.path, pointer[1].decode("ascii"), what) if pointer else data)

    def _large(self, path: str, digest: str, what: str) -> bytes:
        """The content of a file in Git LFS, from the checkout if it has the base's version. Raises InputError."""
        place = self._workspace / path
        data = place.read_bytes() if place.is_file() else b""
        if hashlib.sha256(data).hexdigest() != digest:
            raise InputError(
                f"the {what} {path!r} is in Git LFS, and the base branch's version is not in the checkout: give "
                "actions/checkout `lfs: true`; a pull request that changes it cannot be checked"
            )
        return data

    def _note_change(self, entry: TreeEntry) -> None:
        now = tree_entries(self._workspace, "HEAD", entry.path)
        if not now or (now[0].sha, now[0].mode) != (entry.sha, entry.mode):
            self.changed.append(entry.path)


def _existing(place: Path, given: str, what: str) -> Path:
    if not place.exists():
        raise InputError(f"the {what} {given!r} is not there; paths are taken from the root of the checkout")
    return place.resolve()


def read_toml(place: Path, given: str) -> dict[str, Any]:
    """A policy's tables. Raises InputError; what they must hold is looked at by `auditor check`."""
    try:
        return tomllib.loads(place.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"the policy {given!r} cannot be read: {error}") from error
