"""What is to be done: the matches of a scan, checked against its summary and against the training set as it is now."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.baseline import apply_baseline
from auditor.cleaning.options import Action, refuse_unmaskable
from auditor.errors import InputError
from auditor.findings import merge_matches
from auditor.report.files import MATCHES, SUMMARY, read_document, read_matches
from auditor.results import counts
from auditor.sources import ReadOptions, discover
from auditor.sources.open import open_stored
from auditor.types import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.baseline import Baseline
    from auditor.cleaning.options import CleanOptions
    from auditor.sources import Source
    from auditor.types import Match, Skip


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan says of one source."""

    name: str
    records: int
    """Records of it, those that were skipped included."""
    skipped: int
    """Records that could not be judged."""
    size: int
    digest: str
    complete: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """A finished scan, as far as cleaning needs it."""

    directory: Path
    summary: Mapping[str, Any]
    reading: ReadOptions
    sources: Mapping[str, Scanned]
    matches: tuple[Match, ...]

    def touching(
        self, options: CleanOptions, baseline: Baseline | None = None
    ) -> tuple[dict[str, dict[int, list[Match]]], int]:
        """Source to row to the matches for which the record is touched; and how many findings a baseline accepts."""
        accepted: set[tuple[Any, ...]] = set()
        if baseline is not None:
            applied = apply_baseline(merge_matches(self.matches), baseline)
            accepted = {
                tuple(f.evidence[key] for key in ("source", "row", "benchmark", "split", "item_id"))
                for f in applied.findings
                if f.baseline is not None
            }
        chosen: dict[str, dict[int, list[Match]]] = defaultdict(lambda: defaultdict(list))
        for match in self.matches:
            key = (match.source, match.row, match.benchmark, match.split, match.item_id)
            if key not in accepted and (match.verdict is Verdict.CONTAMINATED or options.include_review):
                chosen[match.source][match.row].append(match)
        return {source: dict(rows) for source, rows in chosen.items()}, len(accepted)


@dataclass(frozen=True, slots=True)
class Given:
    """A source of the training set, and what the scan said of it."""

    source: Source
    scanned: Scanned


def read_scan(matches: str | os.PathLike[str], options: CleanOptions) -> Scan:
    """The scan whose `matches.jsonl` (or whose directory) this is.

    Raises:
        InputError: it is not one of a finished scan, or does not belong to the summary beside it; or its matches cannot
            be masked.
    """
    path = Path(matches)
    path = path / MATCHES if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"no such file: {path}; give the matches.jsonl that `auditor scan -o DIR` wrote")
    beside = path.parent / SUMMARY
    if not beside.is_file():
        raise InputError(
            f"{path} has no {SUMMARY} beside it, which tells what the scanned training set was; keep the two together"
        )
    summary = read_document(beside)
    if summary.get("interrupted", True):
        raise InputError(f"the scan in {path.parent} was interrupted or is none: finish it with --resume, then clean")
    try:
        sources = {
            entry["source"]: Scanned(
                name=entry["source"],
                records=int(entry["records_read"]) + _skipped(entry),
                skipped=_skipped(entry),
                size=int(entry["bytes"]),
                digest=str(entry["xxh3_128"]),
                complete=bool(entry["complete"]),
            )
            for entry in summary["sources"]
        }
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in summary["reading"].items()
        }
        reading = ReadOptions(**values)
        benchmarks = {
            name: {key: facts[key] for key in counts((), name)} for name, facts in summary["benchmarks"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{beside} is not the summary of a scan ({error}); scan again") from error
    found = tuple(read_matches(path))
    _refuse_other_run(path, found, sources, benchmarks)
    if options.action is Action.MASK:
        refuse_unmaskable([m for m in found if m.verdict is Verdict.CONTAMINATED or options.include_review])
    return Scan(path.parent, summary, reading, sources, found)


def _skipped(entry: Mapping[str, Any]) -> int:
    """Records that were skipped: of an empty file the file was, which counts there, too."""
    return int(entry["records_skipped"]) if int(entry["bytes"]) else 0


def _refuse_other_run(
    path: Path, matches: Sequence[Match], sources: Mapping[str, Scanned], benchmarks: Mapping[str, Mapping[str, int]]
) -> None:
    other = "they are not of one run, or one of them was cut or edited; scan again"
    for match in matches:
        if match.source not in sources:
            raise InputError(f"{path} names {match.source}, which {SUMMARY} beside it does not: {other}")
        if match.benchmark not in benchmarks:
            raise InputError(f"{path} names the benchmark {match.benchmark}, which {SUMMARY} does not: {other}")
    for name, said in benchmarks.items():
        listed = counts(matches, name)
        if listed != said:
            key = next(key for key in said if listed[key] != said[key])
            raise InputError(
                f"{path} lists {listed[key]} {key.replace('_', ' ')} of {name}, and {SUMMARY} says {said[key]}: {other}"
            )


def find_sources(train: Sequence[str | os.PathLike[str]], scan: Scan) -> tuple[list[Given], list[Skip]]:
    """The training set's sources, each with what the scan says of it, and what a scan would have left out of them.

    A source is known by its name or, where the training set was moved, by its bytes. Every local one is hashed, so that
    a change is found before anything is written.

    Raises InputError where they are not the bytes that were scanned, or not all of them.
    """
    sources, skips = discover(train, scan.reading)
    run = os.path.realpath(scan.directory) + os.sep
    own = [s for s in sources if not s.is_remote and os.path.realpath(s.location).startswith(run)]
    if len(own) < len(sources):
        sources = [s for s in sources if s not in own]
    by_name = [s for s in sources if s.name in scan.sources]
    left = {name: facts for name, facts in scan.sources.items() if name not in {s.name for s in by_name}}
    given: list[Given] = []
    for source in sorted(sources, key=lambda s: (s.name not in scan.sources, s.name)):
        scanned = scan.sources.get(source.name)
        digest = _digest(source)
        if scanned is None:
            alike = sorted(n for n, f in left.items() if f.digest and f.digest == digest)
            if not alike:
                raise InputError(
                    f"{source.name} is not what was scanned: the training set has grown or changed since the scan, or "
                    f"the matches are of another one; scan it again (scanned were {_names(scan.sources)})"
                )
            scanned = left.pop(alike[0])
        _refuse_changed(source, scanned, digest)
        given.append(Given(source, scanned))
    missing = [name for name in left if name not in {g.scanned.name for g in given}]
    if missing:
        raise InputError(
            f"the scan also read {_names(missing)}, which is not among what was given; name the training set that was "
            "scanned, or scan the part that you want to clean"
        )
    return sorted(given, key=lambda entry: entry.source.name), skips


def _digest(source: Source) -> str:
    """The hash of a local file's bytes; empty for a URL, which is hashed while it is read."""
    if source.is_remote:
        return ""
    if source.size is None:
        raise InputError(
            f"{source.name} is a pipe, which can be read only once; write it to a file, scan and clean that"
        )
    stored = open_stored(source)
    try:
        return stored.digest()
    finally:
        stored.close()


def _refuse_changed(source: Source, scanned: Scanned, digest: str) -> None:
    if not scanned.digest or not (scanned.complete or (scanned.size == 0 and not scanned.records)):
        raise InputError(
            f"{source.name} was not read to its end by the scan (see `auditor scan`'s report for the reason): make it "
            "whole or leave it out, and scan again"
        )
    if digest and digest != scanned.digest:
        raise changed(source.name, scanned.digest, digest)


def changed(name: str, before: str, now: str) -> InputError:
    """The error for a source with other bytes than those that were scanned."""
    return InputError(
        f"{name} changed since the scan (xxh3_128 was {before}, is {now}), so that row numbers may be wrong; nothing "
        "was written; scan it again"
    )


def _names(names: Sequence[str] | Mapping[str, Any]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
