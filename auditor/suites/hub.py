"""Fetch catalog benchmarks from the Hugging Face hub: data files only, never a dataset's own code."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from auditor.errors import FetchError, MissingExtraError
from auditor.suites.cache import (
    CachedBenchmark,
    CachedFile,
    cache_root,
    cached,
    read_manifest,
    safe_relative,
    staging,
    store,
)
from auditor.suites.files import BINARY_SUFFIXES, TEXT_SUFFIXES, BenchmarkFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from auditor.suites.catalog import CatalogEntry

CONVERTED = "refs/convert/parquet"
"""Branch on which the hub keeps every dataset as Parquet, also one whose repository holds only a loading script."""

ATTEMPTS = 4
PAUSE = 0.5
"""Seconds before the second attempt; doubled before each further one."""

Result = TypeVar("Result")

_VALIDATION = {"val", "valid", "validation"}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository on the hub that belongs to a benchmark."""

    path: str
    config: str
    split: str
    bytes: int | None = None
    sha256: str = ""
    """Known for the large files that the hub keeps apart; "" for the others."""


def cached_or_fetched(
    entry: CatalogEntry,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    offline: bool = False,
    endpoint: str | None = None,
) -> CachedBenchmark:
    """The benchmark from the cache, or fetched now where it is not there; arguments and errors as for `fetch`."""
    found = cached(entry, cache_dir)
    if found is not None:
        return found
    if offline:
        raise FetchError(
            f"{entry.name} is not in the cache ({cache_root(cache_dir)}), and fetching is switched off. Fetch it once "
            f"with a network: auditor suites fetch {entry.name}; or give your own copy: -b {entry.name}=path/to/file"
        )
    return fetch(entry, cache_dir=cache_dir, endpoint=endpoint)


def fetch(
    entry: CatalogEntry,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    endpoint: str | None = None,
    force: bool = False,
    pause: float = PAUSE,
) -> CachedBenchmark:
    """Fetch a benchmark into the cache, unless it is there whole.

    The commit is the catalog's pinned one; without that, the one of an earlier fetch; without that, the newest, which
    is then recorded, so that every later fetch into this cache gets the same files.

    Args:
        entry: what to fetch.
        cache_dir: see `cache_root`.
        endpoint: the hub's address; by default `$HF_ENDPOINT`, else huggingface.co. A token comes from `$HF_TOKEN`.
        force: fetch also where it is cached; the way out of a damaged cache.
        pause: seconds before the second of ATTEMPTS attempts.

    Raises:
        FetchError: not reachable, not there, not allowed, cut off, or the cache cannot be written.
        MissingExtraError: huggingface_hub is not installed.
    """
    if not force:
        found = cached(entry, cache_dir)
        if found is not None:
            return found
    hub = _Hub(entry, endpoint, pause)
    refs = [entry.revision or _commit_before(entry, cache_dir) or "main", CONVERTED]
    for ref in refs:
        commit, files = hub.files_at(ref)
        if files:
            break
    else:
        raise FetchError(
            f"{entry.name}: {entry.hub} has no data files for {_wanted(entry)}, neither on {refs[0]} nor on "
            f"{CONVERTED}. "
            "Datasets' own scripts are never run; get the data yourself and give it as "
            f"-b {entry.name}=path/to/file"
        )
    with staging(entry, cache_dir) as staged:
        stored = [hub.download(file, commit, staged) for file in files]
        shutil.rmtree(staged / ".cache", ignore_errors=True)
        try:
            return store(entry, staged, stored, commit=commit, ref=ref, cache_dir=cache_dir)
        except OSError as error:
            raise FetchError(
                f"the cache {cache_root(cache_dir)} cannot be written: {error.strerror or error}"
            ) from None


def _commit_before(entry: CatalogEntry, cache_dir: str | os.PathLike[str] | None) -> str:
    """The commit that an earlier fetch recorded, which later ones keep to; "" where there is none that can be read."""
    try:
        manifest = read_manifest(entry, cache_dir)
    except FetchError:
        # a damaged manifest must not stand in the way of its repair
        return ""
    return str(manifest["commit"]) if manifest and manifest["request"]["hub"] == entry.hub else ""


def _wanted(entry: CatalogEntry) -> str:
    configs = f"{', '.join(entry.configs)}; " if entry.configs else ""
    return configs + ", ".join(entry.splits)


def select_files(entry: CatalogEntry, paths: Sequence[str]) -> list[tuple[str, str, str]]:
    """The (path, config, split) of a repository's files that make the benchmark, in a fixed order.

    Empty unless every configuration and split of the entry has a file: half a benchmark is none. Parquet is preferred
    where the same is there in several formats.
    """
    data = sorted(path for path in paths if BenchmarkFile(Path(path), path).kind in (*TEXT_SUFFIXES, *BINARY_SUFFIXES))
    if entry.files:
        chosen = [path for path in data if any(fnmatchcase(path, pattern) for pattern in entry.files)]
        only = entry.splits[0] if len(entry.splits) == 1 else ""
        return [(path, "", only or BenchmarkFile(Path(path), path).split) for path in chosen]
    selected: list[tuple[str, str, str]] = []
    for config in entry.configs or ("",):
        for split in entry.splits:
            matching = [path for path in data if _is_split(path, split) and _is_config(path, config)]
            parquet = [path for path in matching if path.endswith(".parquet")]
            if not matching:
                return []
            selected += [(path, config or _config_of(path, split), split) for path in parquet or matching]
    return selected


def _is_split(path: str, split: str) -> bool:
    file = BenchmarkFile(Path(path), path)
    wanted = _VALIDATION if split in _VALIDATION else {split.lower()}
    stem = file.stem.lower()
    return any(stem == name or stem.endswith((f"-{name}", f"_{name}", f".{name}")) for name in wanted) or (
        PurePosixPath(path).parent.name.lower() in wanted
    )


def _is_config(path: str, config: str) -> bool:
    if config in {"", "default"}:
        return True
    parts = [part.lower() for part in PurePosixPath(path).parts]
    stem = BenchmarkFile(Path(path), path).stem.lower()
    return config.lower() in parts[:-1] or stem == config.lower() or stem.startswith(f"{config.lower()}_")


def _config_of(path: str, split: str) -> str:
    """The configuration that a path's directories say, where the entry lists none: `geometry/test/0000.parquet`."""
    folders = [
        part for part in PurePosixPath(path).parts[:-1] if part.lower() not in {split.lower(), "data", "default"}
    ]
    return "/".join(folders)


class _Hub:
    """The hub as one benchmark sees it: retries, and errors in this package's words."""

    def __init__(self, entry: CatalogEntry, endpoint: str | None, pause: float) -> None:
        try:
            import huggingface_hub
            import huggingface_hub.utils
        except ImportError:
            raise MissingExtraError(f"fetching {entry.name} from the hub", "hub") from None
        self.library = huggingface_hub
        self.entry = entry
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
        self.pause = pause
        # False, not None: None would let the library look for a token in files
        self.token: str | bool = os.environ.get("HF_TOKEN") or False

    def files_at(self, ref: str) -> tuple[str, list[RemoteFile]]:
        """The commit that a ref stands for, and the benchmark's files in it; none where that branch is missing."""
        errors = self.library.utils
        api = self.library.HfApi(endpoint=self.endpoint, token=self.token)
        try:
            info = self._patiently(
                lambda: api.dataset_info(self.entry.hub, revision=ref, files_metadata=True, timeout=30)
            )
        except errors.RevisionNotFoundError:
            if ref == CONVERTED:
                return "", []
            raise FetchError(f"{self.entry.name}: {self.entry.hub} has no revision {ref} any more") from None
        siblings = {sibling.rfilename: sibling for sibling in info.siblings or []}
        files = [
            RemoteFile(path, config, split, siblings[path].size, _lfs_sha256(siblings[path]))
            for path, config, split in select_files(self.entry, list(siblings))
        ]
        return str(info.sha), files

    def download(self, file: RemoteFile, commit: str, staged: Path) -> CachedFile:
        """Download one file below `staged` and check it. Raises FetchError."""
        local = staged / safe_relative(file.path)

        def attempt() -> CachedFile:
            with _bars_on_terminals_only(self.library):
                self.library.hf_hub_download(
                    self.entry.hub,
                    file.path,
                    repo_type="dataset",
                    revision=commit,
                    local_dir=staged,
                    endpoint=self.endpoint,
                    token=self.token,
                )
            data = local.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            if (file.bytes is not None and len(data) != file.bytes) or (file.sha256 and digest != file.sha256):
                local.unlink()
                raise OSError(f"{file.path} came cut off or changed: {len(data)} bytes, {file.bytes} were announced")
            return CachedFile(file.path, len(data), digest, file.config, file.split)

        return self._patiently(attempt)

    def _patiently(self, attempt: Callable[[], Result]) -> Result:
        """Run an attempt, again after a pause where the trouble may pass; a lasting one becomes a FetchError."""
        errors = self.library.utils
        entry = self.entry
        instead = f"Or give your own copy: -b {entry.name}=path/to/file"
        problem: Exception = OSError("not tried")
        for number in range(ATTEMPTS):
            if number:
                time.sleep(self.pause * 2 ** (number - 1))
            try:
                return attempt()
            except errors.RevisionNotFoundError:
                raise
            except errors.GatedRepoError:
                raise FetchError(
                    f"{entry.name}: access to {entry.hub} must be granted first: accept its terms on "
                    f"{self.endpoint}/datasets/{entry.hub}, then set HF_TOKEN to a token of yours. {instead}"
                ) from None
            except (errors.RepositoryNotFoundError, errors.EntryNotFoundError):
                raise FetchError(
                    f"{entry.name}: {self.endpoint} has no dataset {entry.hub} that you may read (it may "
                    f"have moved, or need HF_TOKEN). {instead}"
                ) from None
            except errors.HfHubHTTPError as error:
                status = getattr(error.response, "status_code", 0)
                problem = error
                if status < 500 and status not in {408, 429}:
                    break
            except Exception as error:
                if not isinstance(error, (OSError, *_transport_errors())):
                    raise
                problem = error
        what = str(problem).partition("\n")[0] or type(problem).__name__
        raise FetchError(
            f"{entry.name}: could not be fetched from {self.endpoint} after {number + 1} attempts: {what}. {instead}"
        ) from None


def _transport_errors() -> tuple[type[Exception], ...]:
    """Network errors of the HTTP library that this release of huggingface_hub uses, where they are no OSError."""
    loaded = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    return tuple(module.HTTPError for module in loaded)


def _lfs_sha256(sibling: Any) -> str:
    lfs = sibling.lfs
    return str(lfs["sha256"] if isinstance(lfs, dict) else lfs.sha256) if lfs else ""


@contextmanager
def _bars_on_terminals_only(library: Any) -> Iterator[None]:
    utils = library.utils
    if sys.stderr.isatty() or utils.are_progress_bars_disabled():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()
