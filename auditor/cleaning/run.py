"""`auditor.cleaning.clean`: a training set and the matches of its scan in, the training set without them out."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from auditor.cleaning.changes import Changes
from auditor.cleaning.options import CleanOptions, Done, Touched
from auditor.cleaning.places import LOG, Staging, refuse_overlap, relative_names
from auditor.cleaning.plan import changed, find_sources, read_scan
from auditor.cleaning.streams import CHUNK, OutputFile
from auditor.cleaning.subsets import load_scanned, write_subsets
from auditor.cleaning.text_files import TABLES, Written, rewrite_text
from auditor.errors import AuditorError, InputError
from auditor.report.files import SUMMARY, write_summary
from auditor.results import versions
from auditor.sources.open import open_stored
from auditor.sources.raw import Peekable
from auditor.types import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from auditor.baseline import Baseline
    from auditor.cleaning.plan import Given, Scan
    from auditor.types import Match, Skip


@dataclass(frozen=True, slots=True)
class CleanResult:
    """A training set that was cleaned. `summary` is what `summary.json` says."""

    summary: Mapping[str, Any]
    out: Path


@dataclass(frozen=True, slots=True)
class _Source:
    """What became of one source."""

    facts: dict[str, Any]
    counts: Counter[Done]
    records: int
    kept: int
    blank: int


def clean(
    train: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    matches: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    options: CleanOptions | None = None,
    benchmarks: Sequence[str | os.PathLike[str]] = (),
    benchmark_out: str | os.PathLike[str] | None = None,
    baseline: Baseline | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> CleanResult:
    """Write a training set without the records that a scan found contaminated.

    Every file is written in its own format, compression and layout; what stays of a text file stays byte for byte, and
    a file of which nothing goes is copied. Beside them are `removed.jsonl` (each record that was touched, and why)
    and `summary.json` (counts that add up). Memory is bounded, whatever the size of the files.

    Args:
        train: files, directories, globs or URLs: the training set that was scanned.
        matches: `matches.jsonl` of that scan, or its directory; `summary.json` has to be there.
        out: a directory that is not there or empty. It is there whole when this returns, or not at all.
        options: what is done to contaminated records; by default they go.
        benchmarks: for `benchmark_out`, the benchmarks of the scan.
        benchmark_out: where to write the clean and the contaminated items of each benchmark.
        baseline: findings that are accepted; their records stay.
        progress: called before each source with how many are done, how many there are, and its name.

    Raises:
        InputError: the training set is not the one that was scanned, or something given cannot be used.
        OutputError: the output cannot be written; nothing is left of it.
    """
    options = options or CleanOptions()
    train = [train] if isinstance(train, str | os.PathLike) else list(train)
    out = Path(out)
    subsets = None if benchmark_out is None else Path(benchmark_out)
    scan = read_scan(matches, options)
    loaded = load_scanned(benchmarks, scan) if subsets is not None else []
    given, skips = find_sources(train, scan)
    sources = [entry.source for entry in given]
    names = relative_names(train, sources)
    for directory in filter(None, (out, subsets)):
        refuse_overlap(directory, train, sources)
    _refuse_nested(out, subsets)
    touching, accepted = scan.touching(options, baseline)
    with ExitStack() as stack:
        staging = stack.enter_context(Staging(out))
        beside = stack.enter_context(Staging(subsets)) if subsets is not None else None
        written = _write_sources(given, names, touching, scan, options, staging, progress)
        summary = _summary(scan, options, written, skips)
        if baseline is not None:
            summary["baseline"] = {"file": baseline.name, "accepted": accepted}
        if beside is not None and subsets is not None:
            summary["benchmark_subsets"] = write_subsets(
                loaded, scan, beside.path, subsets, include_review=options.include_review
            )
        write_summary(staging.path / SUMMARY, summary)
        if beside is not None:
            beside.publish()
        try:
            staging.publish()
        except BaseException:
            if beside is not None:
                beside.path = Path(os.path.realpath(beside.out))  # both or none: the way out removes it
            raise
    return CleanResult(summary, out)


def _refuse_nested(out: Path, subsets: Path | None) -> None:
    if subsets is None:
        return
    one, other = os.path.realpath(out), os.path.realpath(subsets)
    if one == other or one.startswith(other + os.sep) or other.startswith(one + os.sep):
        raise InputError(f"--benchmark-out {subsets} and -o {out} lie in one another; name two separate directories")


def _write_sources(
    given: Sequence[Given], names: Mapping[str, Path], touching: Mapping[str, Mapping[int, Sequence[Match]]],
    scan: Scan, options: CleanOptions, staging: Staging, progress: Callable[[int, int, str], None] | None,
) -> list[_Source]:  # fmt: skip
    written = []
    log = OutputFile(staging.path / LOG, staging.out / LOG)
    try:
        for number, entry in enumerate(given):
            if progress is not None:
                progress(number, len(given), entry.source.name)
            rows = touching.get(entry.scanned.name, {})
            written.append(_write_source(entry, names[entry.source.name], rows, scan, options, staging, log))
        log.finish()
    finally:
        log.close()
    return written


def _write_source(
    entry: Given, name: Path, rows: Mapping[int, Sequence[Match]], scan: Scan, options: CleanOptions,
    staging: Staging, log: OutputFile,
) -> _Source:  # fmt: skip
    """Write one source, and hold what was done against what the scan counted."""

    def note(touched: Touched) -> None:
        log.write(orjson.dumps(touched.to_json()) + b"\n")

    source, scanned = entry.source, entry.scanned
    changes = Changes(source.name, rows, options, scan.reading, note)
    file = OutputFile(staging.path / name, staging.out / name)
    try:
        if rows:
            done = _rewrite(entry, file, changes, scan)
        else:
            done = Written(scanned.records, scanned.records, _copy(entry, file), "copied as it is")
    finally:
        file.close()
    if done.digest != scanned.digest:
        raise changed(source.name, scanned.digest, done.digest)
    touched = sum(changes.counts.values())
    blank = done.rows - scanned.records
    if changes.last_row >= done.rows:
        raise InputError(
            f"matches.jsonl names row {changes.last_row} of {source.name}, which has {done.rows}: it is of another "
            "run; scan again"
        )
    if blank < 0 or done.passed + touched != done.rows or (blank and blank > scan.summary.get("blank_lines", 0)):
        raise AuditorError(
            f"the counts of {source.name} do not add up: {done.rows} records were read, {done.passed} kept and "
            f"{touched} touched, and the scan counted {scanned.records}; nothing was written. Please report this"
        )
    facts = {
        "source": source.name,
        "output": name.as_posix(),
        "written_as": done.format,
        "records": scanned.records,
        "kept": done.passed - blank,
        **{kind.value: changes.counts[kind] for kind in Done},
        "not_judged": scanned.skipped,
        "bytes": file.size,
        "xxh3_128": file.digest(),
        "scanned_xxh3_128": scanned.digest,
    }
    return _Source(facts, changes.counts, scanned.records, done.passed - blank, blank)


def _rewrite(entry: Given, file: OutputFile, changes: Changes, scan: Scan) -> Written:
    stored = open_stored(entry.source)
    try:
        head = Peekable(stored).peek(8)
    finally:
        stored.close()
    if head.startswith(TABLES):
        from auditor.cleaning.tables import rewrite_table

        return rewrite_table(entry.source, file, changes, scan.reading, head)
    return rewrite_text(entry.source, file, changes, scan.reading)


def _copy(entry: Given, file: OutputFile) -> str:
    """Copy a source as it is stored; its hash."""
    stored = open_stored(entry.source)
    try:
        buffer = memoryview(bytearray(CHUNK))
        while count := stored.readinto(buffer):
            file.write(buffer[:count])
        if stored.failure is not None:
            raise InputError(f"{entry.source.name} could not be read: {stored.failure.detail}; nothing was written")
        file.finish()
        return stored.digest()
    finally:
        stored.close()


def _summary(scan: Scan, options: CleanOptions, written: Sequence[_Source], skips: Sequence[Skip]) -> dict[str, Any]:
    """The summary; raises AuditorError where its counts do not add up."""
    total = {kind: sum(source.counts[kind] for source in written) for kind in Done}
    records = sum(source.records for source in written)
    kept = sum(source.kept for source in written)
    if records != kept + sum(total.values()):
        raise AuditorError(
            f"the counts do not add up: {records} records, {kept} kept, {dict(total)}; nothing was written. "
            "Please report this"
        )
    verdicts = Counter(match.verdict for match in scan.matches)
    return {
        "command": "clean",
        "action": options.action.value,
        "mask": options.mask,
        "include_review": options.include_review,
        "records": records,
        "kept": kept,
        **{kind.value: total[kind] for kind in Done},
        "not_judged": sum(source.facts["not_judged"] for source in written),
        "blank_lines_rewritten": sum(source.blank for source in written),
        "matches": {verdict.value: verdicts[verdict] for verdict in Verdict},
        "scan": {
            "benchmarks": {name: facts.get("sha256") for name, facts in scan.summary["benchmarks"].items()},
            "config": scan.summary.get("config", {}),
            "versions": scan.summary.get("versions", {}),
        },
        "left_out": [{"source": s.source, "reason": s.reason, "detail": s.detail} for s in skips],
        "log": LOG,
        "sources": [source.facts for source in written],
        "versions": versions(),
    }
