"""Indexes that were built before, found again by what they were built from.

There are two ways to an index: by the items themselves, and, without reading any item, by the bytes of the files that
they were read from. The second is a note that names the first.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import xxhash

from auditor import __version__
from auditor.cache import cache_directory
from auditor.errors import AuditorError, InputError
from auditor.index import INDEX_VERSION, BenchmarkIndex, index_parameters, item_line
from auditor.suites import load_benchmarks, parse_spec
from auditor.suites.cache import read_manifest
from auditor.suites.files import TASK_SUFFIXES, find_files, read_bytes
from auditor.text import TEXT_VERSION
from auditor.types import Benchmark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.config import ScanConfig


def index_of(
    benchmarks: Sequence[str | os.PathLike[str] | Benchmark] | str | os.PathLike[str] | Benchmark, config: ScanConfig
) -> BenchmarkIndex:
    """The index of benchmarks: from the cache if it was built before, or built and cached.

    A single path of a directory that `BenchmarkIndex.save` made is loaded as it is.

    Raises:
        InputError: a benchmark cannot be loaded (see `auditor.load_benchmark`), or two have one name.
    """
    given = [benchmarks] if isinstance(benchmarks, str | os.PathLike | Benchmark) else list(benchmarks)
    if len(given) == 1 and not isinstance(given[0], Benchmark) and (Path(given[0]) / "index.json").is_file():
        return BenchmarkIndex.load(Path(given[0]))
    root = cache_directory() / "index"
    specs = [b for b in given if not isinstance(b, Benchmark)]
    note = root / "by-file" / key if (key := _files_key(specs, config)) and len(specs) == len(given) else None
    if note is not None and (index := _load(root, _read(note))) is not None:
        return index
    loaded = iter(load_benchmarks(specs)) if specs else iter(())
    items = [b if isinstance(b, Benchmark) else next(loaded) for b in given]
    name = items_key(items, config)
    index = _load(root, name) or _build(root, name, items, config)
    if note is not None and (root / name).is_dir():
        _write(note, name)
    return index


def _load(root: Path, name: str) -> BenchmarkIndex | None:
    if not name or not (root / name / "index.json").is_file():
        return None
    try:
        return BenchmarkIndex.load(root / name)
    except InputError:
        # damaged: what is in a cache can be made again
        shutil.rmtree(root / name, ignore_errors=True)
        return None


def _build(root: Path, name: str, items: Sequence[Benchmark], config: ScanConfig) -> BenchmarkIndex:
    index = BenchmarkIndex.build(items, config)
    staging = root / f"{name}.{os.getpid()}"
    try:
        index.save(staging)
        os.replace(staging, root / name)  # noqa: PTH105
    except (AuditorError, OSError):
        # another process was faster, or the cache cannot be written, which only costs time
        shutil.rmtree(staging, ignore_errors=True)
    return index


def _read(note: Path) -> str:
    try:
        name = note.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return name if name.isalnum() else ""


def _write(note: Path, name: str) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        staging = note.with_name(f"{note.name}.{os.getpid()}")
        staging.write_text(name, encoding="ascii")
        os.replace(staging, note)  # noqa: PTH105
    except OSError:
        pass


def _versions(config: ScanConfig) -> bytes:
    return f"{__version__} {INDEX_VERSION}.{TEXT_VERSION} {sorted(index_parameters(config).items())}".encode()


def items_key(benchmarks: Iterable[Benchmark], config: ScanConfig) -> str:
    """Name of the index of these items: a hash of all that it is made of."""
    digest = xxhash.xxh3_128(_versions(config))
    for b in benchmarks:
        digest.update(
            orjson.dumps([b.name, b.source, b.sha256, b.revision, b.licence, list(b.warnings), dict(b.skipped)])
        )
        for item in b.items:
            digest.update(item_line(item))
    return digest.hexdigest()


def _files_key(specs: Sequence[str | os.PathLike[str]], config: ScanConfig) -> str:
    """A hash of the bytes that the benchmarks would be read from; empty where that cannot be told without reading
    them."""
    digest = xxhash.xxh3_128(_versions(config))
    for spec in specs:
        try:
            parsed = parse_spec(spec)
            digest.update(orjson.dumps([parsed.name, str(parsed.target), parsed.warning]))
            if parsed.entry is not None:
                manifest = read_manifest(parsed.entry)
                if manifest is None:
                    return ""
                digest.update(repr(parsed.entry).encode() + orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS))
                continue
            files, left_out = find_files(parsed.target)
            if any(file.kind in TASK_SUFFIXES for file in files):
                return ""  # a task names other files
            digest.update(orjson.dumps(left_out))
            for file in files:
                digest.update(os.fsencode(file.path) + b"\0")
                digest.update(xxhash.xxh3_128_digest(read_bytes(file.path)))
        except AuditorError:
            return ""  # reading it will say what is wrong
    return digest.hexdigest() if specs else ""
