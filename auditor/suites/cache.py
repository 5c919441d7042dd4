"""The cache of fetched benchmarks: files, and beside them a manifest with their hashes and the commit they are of."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.errors import FetchError
from auditor.suites.files import BenchmarkFile
from auditor.suites.load import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.suites.catalog import CatalogEntry

MANIFEST = "manifest.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class CachedFile:
    """One file of a fetched benchmark."""

    path: str
    """Path in the repository, and below the benchmark's directory in the cache."""
    bytes: int
    sha256: str
    config: str
    split: str


@dataclass(frozen=True, slots=True)
class CachedBenchmark:
    """A benchmark as it lies in the cache."""

    directory: Path
    hub: str
    commit: str
    """Commit of the hub's repository that the files are of."""
    ref: str
    """What was asked for: a branch or a commit."""
    files: tuple[CachedFile, ...]

    def parts(self) -> list[Part]:
        """The files for `load.read_parts`, with their splits and, where there are several, their configurations."""
        several = len({file.config for file in self.files}) > 1
        return [
            Part(
                BenchmarkFile(self.directory / file.path, file.path),
                file.split,
                file.config if several else "",
            )
            for file in self.files
        ]


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Where benchmarks are kept: below the directory given, else `$AUDITOR_CACHE`, else `$XDG_CACHE_HOME/auditor`."""
    if cache_dir is not None:
        root = Path(cache_dir)
    elif os.environ.get("AUDITOR_CACHE"):
        root = Path(os.environ["AUDITOR_CACHE"])
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "auditor"
    return root.expanduser() / "benchmarks"


def request_of(entry: CatalogEntry) -> dict[str, Any]:
    """What of an entry decides which files are fetched; kept in the manifest, so that a changed entry is noticed."""
    return {
        "hub": entry.hub,
        "configs": list(entry.configs),
        "splits": list(entry.splits),
        "files": list(entry.files),
        "revision": entry.revision,
    }


def cached(entry: CatalogEntry, cache_dir: str | os.PathLike[str] | None = None) -> CachedBenchmark | None:
    """The benchmark from the cache, every file checked against its hash; None where it is not there as now listed.

    Raises FetchError, with the command that fetches it again, where the cached copy is damaged.
    """
    directory = cache_root(cache_dir) / entry.name
    manifest = read_manifest(entry, cache_dir)
    if manifest is None or manifest["request"] != request_of(entry):
        return None
    files = tuple(CachedFile(**file) for file in manifest["files"])
    for file in files:
        path = directory / safe_relative(file.path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _damaged(entry, f"{path}: {error.strerror or error}") from None
        if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
            raise _damaged(entry, f"{path} is not the file that was fetched (its hash differs)")
    return CachedBenchmark(directory, manifest["request"]["hub"], manifest["commit"], manifest["ref"], files)


def read_manifest(entry: CatalogEntry, cache_dir: str | os.PathLike[str] | None = None) -> dict[str, Any] | None:
    """The manifest of a fetched benchmark, or None where there is none. Raises FetchError for an unreadable one."""
    path = cache_root(cache_dir) / entry.name / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _damaged(entry, f"{path}: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("version") != VERSION or not _well_formed(manifest):
        raise _damaged(entry, f"{path} is not a manifest of version {VERSION}")
    return manifest


def _well_formed(manifest: dict[str, Any]) -> bool:
    names = set(CachedFile.__dataclass_fields__)
    return (
        isinstance(manifest.get("request"), dict)
        and isinstance(manifest["request"].get("hub"), str)
        and isinstance(manifest.get("commit"), str)
        and isinstance(manifest.get("ref"), str)
        and isinstance(manifest.get("files"), list)
        and bool(manifest["files"])
        and all(isinstance(file, dict) and set(file) == names for file in manifest["files"])
    )


def _damaged(entry: CatalogEntry, what: str) -> FetchError:
    return FetchError(
        f"the cached copy of {entry.name} is damaged: {what}. Fetch it again: auditor suites fetch --force {entry.name}"
    )


def safe_relative(path: str) -> PurePosixPath:
    """A repository's path as a path below a directory of ours. Raises FetchError where it would lead out of that."""
    relative = PurePosixPath(path)
    if relative.is_absolute() or not relative.parts or ".." in relative.parts or "\\" in path or "\0" in path:
        raise FetchError(f"the hub names a file {path!r}, which would lie outside the cache; nothing was written")
    return relative


@contextmanager
def staging(entry: CatalogEntry, cache_dir: str | os.PathLike[str] | None) -> Iterator[Path]:
    """A fresh directory beside the benchmark's own, removed at the end whatever happens.

    Raises FetchError where the cache cannot be written.
    """
    root = cache_root(cache_dir)
    try:
        root.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=root))
    except OSError as error:
        raise FetchError(
            f"the cache {root} cannot be written: {error.strerror or error}. Set AUDITOR_CACHE to another directory"
        ) from None
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def store(
    entry: CatalogEntry,
    staged: Path,
    files: list[CachedFile],
    *,
    commit: str,
    ref: str,
    cache_dir: str | os.PathLike[str] | None,
) -> CachedBenchmark:
    """Move staged files into the cache in one step, with their manifest: a reader sees the old copy or the new one."""
    manifest = {
        "version": VERSION,
        "request": request_of(entry),
        "commit": commit,
        "ref": ref,
        "files": [asdict(file) for file in files],
    }
    (staged / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    staged.chmod(0o755)
    final = cache_root(cache_dir) / entry.name
    if final.exists():
        retired = Path(tempfile.mkdtemp(prefix=f".{entry.name}-old-", dir=final.parent))
        final.replace(retired)
        staged.rename(final)
        shutil.rmtree(retired, ignore_errors=True)
    else:
        staged.rename(final)
    return CachedBenchmark(final, entry.hub, commit, ref, tuple(files))
