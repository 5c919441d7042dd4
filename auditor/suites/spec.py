"""What `-b` takes, taken apart: a catalog name, a path, or `name=path`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import InputError, UnknownBenchmarkError
from auditor.suites.catalog import CatalogEntry, find_entry, nearest_names
from auditor.suites.files import COMPRESSIONS, TEXT_SUFFIXES, BenchmarkFile, find_files, glob_base
from auditor.suites.lmeval_samples import task_of

_NAME = re.compile(r"[\w.+-]{1,100}")
_VAGUE_STEMS = frozenset(
    "question questions data dataset examples items samples train dev test val valid validation".split()
)


@dataclass(frozen=True, slots=True)
class BenchmarkSpec:
    """What was asked for with one `-b`."""

    name: str
    """The name given with `name=`, else the one that the target has by default."""
    target: str
    """Catalog name, path or glob."""
    entry: CatalogEntry | None = None
    """The catalog's entry, where the target is one; None for a path."""
    warning: str = ""
    named: bool = False
    """Whether the user gave the name."""


def parse_spec(spec: str | os.PathLike[str], name: str | None = None) -> BenchmarkSpec:
    """Take apart what `-b` was given. `name` overrides the name in it.

    A catalog name wins over a file of the same name in the working directory (`./mmlu` means the file), so that what a
    command audits does not depend on where it is run.

    Raises UnknownBenchmarkError, with the nearest names, for what is neither in the catalog nor there as a file;
    InputError for an empty text or a name with other characters than letters, digits and `_.+-`.
    """
    given = os.fspath(spec)
    if not given.strip():
        raise InputError("a benchmark is given as a catalog name, a path, or name=path, not as an empty text")
    target = given
    if isinstance(spec, str) and "=" in given and not Path(given).expanduser().exists():
        before, _, after = given.partition("=")
        if _NAME.fullmatch(before) and after:
            name, target = name or before, after
        elif not after:
            raise InputError(f"benchmark {given!r}: nothing after the equals sign; write name=path")
    if name is not None and not _NAME.fullmatch(name):
        raise InputError(f"benchmark name {name!r}: use letters, digits and _ . + - only, and at most 100 of them")
    entry = find_entry(target) if isinstance(spec, str) else None
    if entry is not None:
        beside = Path(target).exists()
        warning = f"the catalog's {entry.name} was read, not the file {target} beside it; write ./{target} for the file"
        return BenchmarkSpec(name or entry.name, target, entry, warning if beside else "", name is not None)
    _require_path(target)
    return BenchmarkSpec(name or default_name(target), target, named=name is not None)


def _require_path(target: str) -> None:
    try:
        find_files(target)
    except UnknownBenchmarkError:
        suffixes = (*TEXT_SUFFIXES, ".parquet", ".arrow", ".yaml", *COMPRESSIONS)
        if target.startswith((".", "/", "~")) or target.lower().endswith(suffixes) or set(target) & set("*?["):
            raise
        near = nearest_names(target)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise UnknownBenchmarkError(
            f"unknown benchmark {target!r}: it is not in the catalog, and there is no such file.{meant} "
            "`auditor suites list` shows every name; a file of your own is given by its path."
        ) from None


def default_name(target: str) -> str:
    """The name of the benchmark at a path: its file's or directory's, or the parent's where that says only a split."""
    path = Path(target).expanduser()
    if path.is_file():
        stem = BenchmarkFile(path, path.name).stem
        stem = task_of(stem) or stem
    elif path.is_dir():
        stem = path.resolve().name
    else:
        path = glob_base(path) / "*"
        stem = path.parent.resolve().name
        path = path.parent
    if stem.lower() in _VAGUE_STEMS or stem.isdecimal():
        stem = path.resolve().parent.name or stem
    return re.sub(r"[^\w.+-]+", "-", stem).strip("-") or "benchmark"
