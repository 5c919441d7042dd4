"""Where a training set that an entry names may be read from: inside the root, or behind a prefix of the policy's."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.checking.entry import Entry, TrainingSet

MAX_NAME = 2000
"""Characters of a path or URL; longer is none that anything could open."""


@dataclass(frozen=True, slots=True)
class Place:
    """A training set as it may be scanned, or why it may not."""

    location: str = ""
    """Absolute path with links resolved, or URL; "" where it may not be read."""
    shown: str = ""
    """How it is named in results: from the root, or the URL without credentials."""
    problem: str = ""
    """Why it is not read, in words."""
    refused: bool = False
    """Whether the entry points where nothing may be read, rather than at nothing."""


def place_of(training_set: TrainingSet, entry: Entry, root: Path, allowed_urls: Sequence[str]) -> Place:
    """Where a named set lies. Nothing is opened, and nothing outside of `root` is looked at."""
    name = training_set.name.strip()
    if len(name) > MAX_NAME or any(ord(c) < 32 or ord(c) == 127 for c in name):
        return Place(problem="its name holds control characters or is too long", refused=True)
    if training_set.kind == "id":
        beside = _of_path(name, Path(entry.path), root)
        return beside if beside.location else _of_id(name, allowed_urls)
    if training_set.kind == "url":
        return _of_url(name, allowed_urls)
    return _of_path(name, Path(entry.path), root)


def _of_id(name: str, allowed_urls: Sequence[str]) -> Place:
    """A name such as `org/data`: the hub's data set, where the policy lets the hub be read."""
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII) and ".." not in name:
        found = _of_url(f"hf://datasets/{name}/", allowed_urls)
        if not found.problem:
            return found
    return Place(problem="it is named, and neither a path nor a URL that the policy's allowed_urls lists")


def _of_url(url: str, allowed_urls: Sequence[str]) -> Place:
    from auditor.sources.redaction import without_credentials

    shown = without_credentials(url)
    try:
        parts = urlsplit(url)
        path = unquote(unquote(parts.path))
    except ValueError:
        return Place(shown=shown, problem="it is no URL", refused=True)
    # what a server, fsspec's chains (a::b) or a glob would read as another place than the prefix names
    odd = any(mark in url for mark in ("::", "\\", "@", "#", "*", "[", "]")) or ".." in path.split("/")
    if odd or not parts.netloc or parts.scheme.lower() == "file":
        return Place(shown=shown, problem="URLs of this form are not read", refused=True)
    for prefix in allowed_urls:
        whole = prefix if prefix.endswith("/") else f"{prefix}/"
        if url.startswith(whole) or url == prefix:
            return Place(url, shown)
    return Place(shown=shown, problem="the policy's allowed_urls lists no prefix of it", refused=True)


def _of_path(name: str, entry: Path, root: Path) -> Place:
    if name.startswith("~") or os.path.isabs(name) or re.match(r"[A-Za-z]:|[\\/]", name):  # noqa: PTH117
        return Place(
            shown=name, problem="it is an absolute path; only paths from the entry's folder are read", refused=True
        )
    base = root.resolve()
    folder = entry if entry.is_dir() else entry.parent
    try:
        # resolve() follows every link of the path, so that what is compared is what would be opened
        target = (folder / name).resolve()
    except (OSError, RuntimeError, ValueError):
        return Place(shown=name, problem="its path cannot be resolved", refused=True)
    if not target.is_relative_to(base):
        return Place(shown=name, problem="it lies outside of the root, by `..` or a symbolic link", refused=True)
    shown = target.relative_to(base).as_posix()
    if ".git" in target.relative_to(base).parts:
        return Place(shown=shown, problem="it lies in the checkout's own .git, which holds credentials", refused=True)
    if not target.exists():
        return Place(shown=shown, problem="there is no such file or folder")
    if not (target.is_file() or target.is_dir()):
        return Place(shown=shown, problem="it is neither a file nor a folder", refused=True)
    if target.is_dir() and entry.resolve().is_relative_to(target) and target == base:
        return Place(shown=shown, problem="it is the whole root and no training set", refused=True)
    return Place(str(target), shown)
