"""Load a benchmark: from its spec to its items, with every row that gave none counted."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.errors import BenchmarkFormatError, InputError
from auditor.suites.files import TASK_SUFFIXES, BenchmarkFile, find_files, read_bytes, read_rows
from auditor.suites.lmeval_samples import task_of
from auditor.suites.shapes import mapped_shape, parse_schema, shape_named, told_apart, unknown_shape
from auditor.suites.spec import BenchmarkSpec, parse_spec
from auditor.types import Benchmark, Item

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from auditor.suites.catalog import CatalogEntry
    from auditor.suites.shape import Shape
    from auditor.suites.values import Row

UNKNOWN_SHAPE = "unknown_shape"
OTHER_SPLIT = "other_split"


@dataclass(frozen=True, slots=True)
class Part:
    """One file to read, and what is known of it from outside."""

    file: BenchmarkFile
    split: str
    subset: str


@dataclass(slots=True)
class _Draft:
    """An item before it has the id that it keeps."""

    item: Item
    part: Part
    place: int
    """Position of the part among the parts."""
    number: int
    """0-based number of its row in its file."""


@dataclass(slots=True)
class _Group:
    """Rows of all files of one shape. They are read together, since five rows of a small file tell less of how its
    answers are written than those of all files do."""

    shape: Shape
    rows: list[tuple[int, int, Row]] = field(default_factory=list)
    """Position of the part, number in its file, row."""


@dataclass(slots=True)
class Reading:
    """What was read of a benchmark's files so far."""

    drafts: list[_Draft] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    digest: str = ""


def load_benchmark(
    spec: str | os.PathLike[str],
    *,
    name: str | None = None,
    split: str | None = None,
    schema: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    offline: bool = False,
    endpoint: str | None = None,
) -> Benchmark:
    """Load one benchmark.

    Args:
        spec: what `-b` takes: a name in the catalog (fetched once and cached), a path (file, directory, glob), or
            `name=path`. An `os.PathLike` is always a path.
        name: the benchmark's name, instead of the catalog's or the file's.
        split: keep only the items of this split; by default all that the files hold (for a catalog name: all that the
            catalog lists).
        schema: the shape of the rows, where sniffing gets it wrong: a shape's name, or `question=FIELD,answer=FIELD,…`.
        cache_dir: where fetched benchmarks are kept; by default `$AUDITOR_CACHE`, else `~/.cache/auditor`.
        offline: never fetch.
        endpoint: the hub's address, instead of `$HF_ENDPOINT`.

    Returns:
        The benchmark, with at least one item. Item ids are unique in it and the same from load to load.

    Raises:
        UnknownBenchmarkError: neither in the catalog nor a file; the nearest names are in the message.
        BenchmarkFormatError: the files cannot be read, fit no known shape, or hold no items.
        FetchError: it could not be fetched, or the cached copy is damaged.
        InputError: the spec, name, split or schema is malformed.
        MissingExtraError: fetching or a task YAML needs an extra that is not installed.
    """
    return load_spec(
        parse_spec(spec, name), split=split, schema=schema, cache_dir=cache_dir, offline=offline, endpoint=endpoint
    )


def load_benchmarks(
    specs: Iterable[str | os.PathLike[str]],
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    offline: bool = False,
) -> list[Benchmark]:
    """Load several benchmarks, in the order given; see `load_benchmark`.

    Raises InputError, before anything is read, where two of them would have the same name.
    """
    parsed = [parse_spec(spec) for spec in specs]
    if not parsed:
        raise InputError(
            "no benchmark is given; name one or more with -b, such as -b mmlu or -b mine=path/to/items.jsonl"
        )
    _refuse_twins(parsed)
    loaded = [load_spec(spec, cache_dir=cache_dir, offline=offline) for spec in parsed]
    # a task YAML tells its name only when it is read
    _refuse_twins([replace(spec, name=benchmark.name) for spec, benchmark in zip(parsed, loaded, strict=True)])
    return loaded


def _refuse_twins(specs: Sequence[BenchmarkSpec]) -> None:
    seen: dict[str, str] = {}
    for spec in specs:
        if spec.name in seen:
            raise InputError(
                f"two benchmarks are called {spec.name!r}: {seen[spec.name]} and {spec.target}. "
                f"Give one of them another name: -b other-name={spec.target}"
            )
        seen[spec.name] = spec.target


def load_spec(
    spec: BenchmarkSpec,
    *,
    split: str | None = None,
    schema: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    offline: bool = False,
    endpoint: str | None = None,
) -> Benchmark:
    """Load what `parse_spec` took apart; arguments and errors as for `load_benchmark`."""
    shape = parse_schema(schema) if schema else None
    if spec.entry is not None:
        from auditor.suites.hub import cached_or_fetched

        cached = cached_or_fetched(spec.entry, cache_dir=cache_dir, offline=offline, endpoint=endpoint)
        reading = read_parts(cached.parts(), shape or entry_shape(spec.entry))
        _check_count(spec.entry, reading, split)
        source, revision, licence = f"hf://datasets/{spec.entry.hub}", cached.commit, spec.entry.licence
    else:
        files, left_out = find_files(spec.target)
        if len(files) == 1 and files[0].kind in TASK_SUFFIXES:
            from auditor.suites.task_yaml import load_task

            return load_task(files[0].path, spec, split=split, cache_dir=cache_dir, offline=offline, endpoint=endpoint)
        reading = read_parts(parts_of(files), shape)
        source, revision, licence = spec.target, "", ""
        if left_out:
            shown = ", ".join(left_out[:5]) + (", …" if len(left_out) > 5 else "")
            reading.warnings.append(f"{len(left_out)} files are of no known format and were left out: {shown}")
    if spec.warning:
        reading.warnings.append(spec.warning)
    return finish(spec.name, reading, source, split=split, revision=revision, licence=licence)


def entry_shape(entry: CatalogEntry) -> Shape | None:
    """The shape that the catalog fixes for a benchmark; None where it is left to sniffing."""
    if entry.fields is not None:
        return mapped_shape(entry.fields)
    return shape_named(entry.schema) if entry.schema else None


def _check_count(entry: CatalogEntry, reading: Reading, split: str | None) -> None:
    if entry.items and split is None and len(reading.drafts) != entry.items:
        reading.warnings.append(f"{len(reading.drafts)} items were read; the catalog says {entry.items}")


def parts_of(files: Sequence[BenchmarkFile]) -> list[Part]:
    """The files with the split and subset that their names say; one file alone, or files alike, have no subset."""
    subsets = [task_of(file.stem) or file.subset for file in files]
    distinct = len(set(subsets)) > 1
    return [
        Part(file, file.split, subset if distinct or task_of(file.stem) else "")
        for file, subset in zip(files, subsets, strict=True)
    ]


def read_parts(parts: Sequence[Part], shape: Shape | None = None) -> Reading:
    """Read files one after the other. A file that fits no shape costs only itself where there are others.

    Raises BenchmarkFormatError for a file that is damaged, and where no file fits.
    """
    reading = Reading()
    sha256 = hashlib.sha256()
    problem: BenchmarkFormatError | None = None
    offsets: Counter[tuple[Path, str, str]] = Counter()
    groups: dict[object, _Group] = {}
    for place, part in enumerate(parts):
        if part.file.kind in TASK_SUFFIXES:
            reading.warnings.append(
                f"{part.file.relative}: a task file among others is left out; give it by its own path"
            )
            continue
        data = read_bytes(part.file.path)
        sha256.update(data)
        rows = read_rows(data, part.file)
        reading.skipped.update(rows.skipped)
        if not rows.rows:
            reading.warnings.append(f"{part.file.relative}: holds no rows")
            continue
        # the shards of one split are numbered on, as the `datasets` library does
        shard_of = (part.file.path.parent, "" if part.file.stem.isdecimal() else part.file.stem, part.split)
        first = offsets[shard_of]
        offsets[shard_of] += 1 + rows.rows[-1][0]
        for known, alike in [(shape, rows.rows)] if shape else told_apart(rows.rows):
            if known is None:
                problem = problem or unknown_shape(alike, str(part.file.path))
                reading.skipped[UNKNOWN_SHAPE] += len(alike)
                reading.warnings.append(f"{part.file.relative}: its rows fit no known shape")
                continue
            key = place if known.one_file else (known.name, frozenset(alike[0][1]))
            group = groups.setdefault(key, _Group(known))
            group.rows += [(place, first + number, row) for number, row in alike]
    if problem is not None and not groups:
        raise problem
    for group in groups.values():
        _read_group(group, parts, reading)
    reading.drafts.sort(key=lambda draft: (draft.place, draft.number))
    reading.digest = sha256.hexdigest()
    return reading


def _read_group(group: _Group, parts: Sequence[Part], reading: Reading) -> None:
    numbered = [(position, row) for position, (_, _, row) in enumerate(group.rows)]
    for position, outcome in group.shape.outcomes(numbered):
        place, number, _ = group.rows[position]
        if isinstance(outcome, Item):
            reading.drafts.append(_Draft(outcome, parts[place], place, number))
        else:
            reading.skipped[outcome] += 1


def finish(
    name: str, reading: Reading, source: str, *, split: str | None = None, revision: str = "", licence: str = ""
) -> Benchmark:
    """Give the items their ids and make the benchmark.

    Raises BenchmarkFormatError where there is no item, InputError where none is of the split asked for.
    """
    warnings = list(reading.warnings)
    skipped = Counter(reading.skipped)
    if not reading.drafts:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in sorted(skipped.items())) or "there are no rows"
        raise BenchmarkFormatError(f"{source}: no items in it ({reasons})")
    items = tuple(with_ids(reading.drafts, warnings))
    if split is not None:
        splits = sorted({item.split or "(none)" for item in items})
        kept = tuple(item for item in items if item.split == split)
        if not kept:
            raise InputError(f"{source}: no item is of the split {split!r}; there is {', '.join(splits)}")
        skipped[OTHER_SPLIT] = len(items) - len(kept)
        items = kept
    unanswered = sum(not item.answers for item in items)
    if unanswered:
        share = "no item has" if unanswered == len(items) else f"{unanswered} of {len(items)} items have no"
        warnings.append(f"{share} {'an ' if unanswered == len(items) else ''}answer: only their questions can be found")
    return Benchmark(
        name=name,
        items=items,
        source=source,
        sha256=reading.digest,
        revision=revision,
        licence=licence,
        skipped={reason: count for reason, count in sorted(skipped.items()) if count},
        warnings=tuple(warnings),
    )


def with_ids(drafts: Sequence[_Draft], warnings: list[str]) -> Iterator[Item]:
    """The items with ids that are unique in the benchmark and do not change from load to load.

    An item's own id where it has one, else its number in its file, behind the file's subset where there are several
    files. Where files share ids, all get the subset, then the split, then the file's path before them. An id that
    stands twice in one file gets `#2`, `#3`, … at its further places.
    """
    several = len({draft.part.file.path for draft in drafts}) > 1
    plain = [draft.item.item_id or str(draft.number) for draft in drafts]

    def behind(prefix: str, name: str) -> str:
        return f"{prefix}/{name}" if prefix else name

    subsets = [draft.part.subset for draft in drafts]
    by_subset = [behind(subset, name) for subset, name in zip(subsets, plain, strict=True)]
    candidates = [
        [
            name if draft.item.item_id or not several else full
            for draft, name, full in zip(drafts, plain, by_subset, strict=True)
        ],
        by_subset,
        [behind(draft.item.split or draft.part.split, full) for draft, full in zip(drafts, by_subset, strict=True)],
        [behind(draft.part.file.relative, name) for draft, name in zip(drafts, plain, strict=True)],
    ]
    chosen = next((ids for ids in candidates if not _shared_by_files(ids, drafts)), candidates[-1])
    taken = set(chosen)
    seen: Counter[str] = Counter()
    again = 0
    for draft, item_id in zip(drafts, chosen, strict=True):
        seen[item_id] += 1
        unique = item_id
        if seen[item_id] > 1:
            again += 1
            while (unique := f"{item_id}#{seen[item_id]}") in taken:
                seen[item_id] += 1
            taken.add(unique)
        yield replace(
            draft.item,
            item_id=unique,
            split=draft.item.split or draft.part.split,
            subset=draft.item.subset or draft.part.subset,
        )
    if again:
        warnings.append(f"{again} items have an id that stands before in the same file; they got #2, #3, … after it")


def _shared_by_files(ids: Sequence[str], drafts: Sequence[_Draft]) -> bool:
    """Whether an id stands in two files. Shards count as one file: their rows are numbered on."""
    files: dict[str, Path] = {}
    return any(
        files.setdefault(item_id, draft.part.file.path) != draft.part.file.path
        for item_id, draft in zip(ids, drafts, strict=True)
    )
