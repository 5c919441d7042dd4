"""What a scan gives back: matches, findings, and a summary; and how they are written and judged again."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any

from auditor import __version__
from auditor.baseline import apply_baseline
from auditor.decoys import FalseDiscovery, estimate
from auditor.detectors import REPHRASE
from auditor.findings import findings_of, merge_matches
from auditor.output import DirectoryLock, published
from auditor.rephrase.matches import Judgement
from auditor.report.files import (
    FINDINGS,
    MATCHES,
    REPORT,
    SUMMARY,
    match_order,
    write_findings,
    write_matches,
    write_summary,
    write_text,
)
from auditor.report.markdown import render_scan_report
from auditor.report.page import render_page
from auditor.scanner import first_of_each
from auditor.sources.discover import shown_name
from auditor.spill import Sorter, Spilled, finding_sorter, match_sorter
from auditor.types import Verdict
from auditor.verdict import Signals, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from auditor.baseline import Applied, Baseline
    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex, Weights
    from auditor.journal import Journal
    from auditor.rephrase.calibration import RephraseTally
    from auditor.scanner import BlockResult
    from auditor.types import Finding, Match, Skip

BENIGN_SKIPS = frozenset({"ignored_file", "empty_file", "own_output"})
"""Reasons of skips that leave nothing unread that was asked for."""

NOT_OPENED = frozenset({"unreadable", "unreachable", "access_denied"})
"""Reasons of skips of sources that could not be opened."""

RESUMABLE_SKIPS = frozenset({"unreachable", "connection_lost", "access_denied", "read_error"})
"""Reasons of skips that another day may not have: a run with one keeps its journal, for `--resume`."""


@dataclass(slots=True)
class SourceTally:
    """What was read of one source."""

    records_read: int = 0
    records_skipped: int = 0
    bytes_read: int = 0
    digest: str = ""
    """Of its bytes; empty until its end was reached."""
    cut: bool = False
    """Whether a part of it could not be read."""

    @property
    def complete(self) -> bool:
        """Whether all of it was read, once the run is over: an end may be known before its last block is added."""
        return bool(self.digest) and not self.cut


@dataclass(slots=True)
class Tally:
    """Adds up results of blocks, in whatever order they come."""

    sources: dict[str, SourceTally] = field(default_factory=dict)
    matches: Sorter[Match] = field(default_factory=match_sorter)
    skipped: Counter[str] = field(default_factory=Counter)
    skips: list[Skip] = field(default_factory=list)
    blank_lines: int = 0
    decoys_found: Counter[str] = field(default_factory=Counter)
    rephrases: RephraseTally | None = None
    records_read: int = 0
    """Records that were scanned."""
    bytes_read: int = 0
    """Bytes of the sources, as they are stored."""

    def add(self, result: BlockResult) -> None:
        """Add the result of a block."""
        source = self.sources.setdefault(result.source, SourceTally())
        source.records_read += result.records_read
        source.records_skipped += sum(result.records_skipped.values())
        source.bytes_read += result.bytes_read
        self.records_read += result.records_read
        self.bytes_read += result.bytes_read
        self.matches.add(result.matches)
        self.blank_lines += result.blank_lines
        self.skipped.update(result.records_skipped)
        self.decoys_found.update(result.decoys_found)
        if result.rephrases is not None:
            if self.rephrases is None:
                self.rephrases = result.rephrases.copy()
            else:
                self.rephrases.add(result.rephrases)
        self._remember(result.skips)

    def skip(self, skip: Skip) -> None:
        """Add a skip of a whole source, or of what is in a directory beside them."""
        self.skipped[skip.reason] += 1
        self._remember([skip])

    def _remember(self, skips: Iterable[Skip]) -> None:
        for skip in skips:
            if skip.row is None and skip.source in self.sources:
                self.sources[skip.source].cut = True
            self.skips.append(skip)
        if len(self.skips) > 10_000:
            self.skips = list(first_of_each(sorted(self.skips, key=skip_order)))

    def unique_matches(self) -> Iterator[Match]:
        """The matches in order, one for each record, item and detector: overlapping pieces find some twice."""
        for _, matches in groupby(self.matches.in_order(), key=_record):
            best: dict[tuple[Any, ...], Match] = {}
            for match in matches:
                key = (match.benchmark, match.split, match.item_id, match.detector)
                if key not in best or _rank(match) > _rank(best[key]):
                    best[key] = match
            yield from sorted(best.values(), key=match_order)


def skip_order(skip: Skip) -> tuple[Any, ...]:
    """Skips by reason, source and row."""
    return (skip.reason, skip.source, -1 if skip.row is None else skip.row, skip.detail)


def _record(match: Match) -> tuple[str, int]:
    return match.source, match.row


def _rank(match: Match) -> tuple[bool, float]:
    return match.verdict is Verdict.CONTAMINATED, match.score


@dataclass(frozen=True)
class ScanResult:
    """A finished scan.

    `matches` holds what is worth showing; `summary` is what `summary.json` says (see `auditor.report.markdown` for
    keys).
    """

    matches: Sequence[Match]
    """In order; a tuple, or a sequence in a temporary file where there are more than `auditor.spill.IN_MEMORY`."""
    summary: Mapping[str, Any]
    baseline: Baseline | None = None
    journal: Journal | None = field(default=None, repr=False, compare=False)
    """Of the run, in the output directory that it was given: removed once the result is written there."""

    @cached_property
    def findings(self) -> Sequence[Finding]:
        """Matches merged into what a person acts on, worst first; those that the baseline accepts say so."""
        found = self._merged()
        return found if self.baseline is None else self._applied(found, self.baseline).findings

    def _merged(self) -> Sequence[Finding]:
        if isinstance(self.matches, tuple):
            return merge_matches(self.matches)
        sorter = finding_sorter(self._spilling)
        sorter.add(findings_of(self.matches))
        return sorter.kept(sorter.in_order())

    def _applied(self, found: Sequence[Finding], baseline: Baseline) -> Applied:
        return apply_baseline(found, baseline, finding_sorter(self._spilling).kept)

    @property
    def _spilling(self) -> str | os.PathLike[str] | None:
        """Where what does not fit into memory is written."""
        return self.matches.directory if isinstance(self.matches, Spilled) else None

    def with_baseline(self, baseline: Baseline) -> ScanResult:
        """The same result with the findings marked that a baseline accepts; the summary counts them."""
        applied = self._applied(self._merged(), baseline)
        summary = {**self.summary, "baseline": applied.summary(baseline)}
        return ScanResult(self.matches, summary, baseline, self.journal)

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was read."""
        return bool(self.summary["complete"])

    def judged_by(self, config: ScanConfig) -> ScanResult:
        """The same scan under other verdict thresholds, without reading the training set again.

        Only stricter thresholds give just what a new scan would: what was not worth showing was not kept.
        """
        rephrases = Judgement.of((match for match in self.matches if match.detector == REPHRASE), config)
        judged = match_sorter(self._spilling).kept(self._judged_again(rephrases, config))
        summary = {**self.summary, "config": config.to_json()}
        if "rephrase" in summary:
            summary["rephrase"] = {**summary["rephrase"], **rephrases.facts()}
        summary["benchmarks"] = {
            name: {**facts, **counts(judged, name)} for name, facts in self.summary["benchmarks"].items()
        }
        result = ScanResult(judged, summary, journal=self.journal)
        return result if self.baseline is None else result.with_baseline(self.baseline)

    def _judged_again(self, rephrases: Judgement, config: ScanConfig) -> Iterator[Match]:
        """The matches that are still worth showing, in order."""
        for match in self.matches:
            if match.detector == REPHRASE:
                again = rephrases.verdict(match)
                if again is not None:
                    yield again
                continue
            decision = decide(Signals.from_json(match.signals), config)
            if decision.verdict is not None:
                signals = {**match.signals, "kind": decision.kind}
                yield replace(match, verdict=decision.verdict, reason=decision.reason, signals=signals)

    def write(self, directory: str | os.PathLike[str], *, full_text: bool = False) -> None:
        """Write `matches.jsonl`, `findings.json`, `summary.json`, `report.md` and `report.html`: all of them or none.

        Raises OutputError where that cannot be done; then `--resume` does it again without scanning.
        """
        own = self.journal is not None and os.path.realpath(directory) == os.path.realpath(self.journal.out)
        lock = None if own else DirectoryLock(directory)
        try:
            with published(Path(directory), last=SUMMARY) as out:
                write_matches(out / MATCHES, self.matches, in_order=True)
                write_findings(out / FINDINGS, self.findings, command="scan")
                write_text(out / REPORT, render_scan_report(self.summary, self.findings, full_text=full_text))
                page = render_page("scan", self.summary, self.findings, full_text=full_text)
                write_text(out / "report.html", page)
                write_summary(out / SUMMARY, self.summary)
            if own and self.journal is not None and not self.can_resume:
                self.journal.remove()
        finally:
            if own and self.journal is not None:
                self.journal.keep()
            if lock is not None:
                lock.release()

    @property
    def can_resume(self) -> bool:
        """Whether `--resume` may read what this run did not: it was interrupted, or something could not be reached."""
        return bool(self.summary["interrupted"]) or not RESUMABLE_SKIPS.isdisjoint(self.summary["records_skipped"])


def counts(matches: Iterable[Match], benchmark: str) -> dict[str, int]:
    """Items and records of a benchmark that matches call contaminated, and those they only ask to be reviewed."""
    items: dict[Verdict, set[tuple[str, str]]] = {v: set() for v in Verdict}
    # by source, so that a record takes a number and no more
    records: dict[Verdict, dict[str, set[int]]] = {v: defaultdict(set) for v in Verdict}
    for match in matches:
        if match.benchmark == benchmark:
            items[match.verdict].add((match.split, match.item_id))
            records[match.verdict][match.source].add(match.row)
    sure, unsure = records[Verdict.CONTAMINATED], records[Verdict.REVIEW]
    return {
        "contaminated_items": len(items[Verdict.CONTAMINATED]),
        "review_items": len(items[Verdict.REVIEW] - items[Verdict.CONTAMINATED]),
        "contaminated_records": sum(map(len, sure.values())),
        "review_records": sum(len(rows - sure.get(source, set())) for source, rows in unsure.items()),
    }


def summarise(
    tally: Tally, matches: Sequence[Match], index: BenchmarkIndex, weights: Weights, config: ScanConfig, *,
    interrupted: bool, seconds: float, command: list[str], reading: Mapping[str, Any], learnt_records: int,
    rephrases: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The summary of a run, in a fixed order of keys; `seconds` is all in it that the clock has a part in."""
    overall = false_discovery(tally, matches, index)
    unread = {r: n for r, n in tally.skipped.items() if r not in BENIGN_SKIPS}
    common = int(weights.groups_without_grams.sum())
    return {
        "complete": not interrupted and not unread,
        "interrupted": interrupted,
        "records_read": tally.records_read,
        "records_skipped": dict(sorted(tally.skipped.items())),
        "blank_lines": tally.blank_lines,
        "skip_examples": [
            {"source": s.source, "row": s.row, "reason": s.reason, "detail": s.detail}
            for s in first_of_each(sorted(tally.skips, key=skip_order))
        ],
        "bytes_read": tally.bytes_read,
        "benchmarks": {
            info.name: {
                "items": info.items,
                "items_indexed": info.items - sum(info.not_indexed.values()),
                "items_not_indexed": info.not_indexed,
                "splits": info.splits,
                "rows_without_item": info.skipped,
                **counts(matches, info.name),
                "warnings": [*info.warnings, *_warnings(info.name, info.items, info.not_indexed)],
                "source": info.source,
                "revision": info.revision,
                "licence": info.licence,
                "sha256": info.sha256,
            }
            for info in index.benchmarks
        },
        "sources": [
            {
                "source": name, "records_read": s.records_read, "records_skipped": s.records_skipped,
                "bytes": s.bytes_read, "xxh3_128": s.digest, "complete": s.complete,
            }
            for name, s in sorted(tally.sources.items())
        ],
        "inputs": {
            **{name: f"xxh3_128:{s.digest}" for name, s in sorted(tally.sources.items()) if s.digest},
            **{f"benchmark {info.name}": f"sha256:{info.sha256}" for info in index.benchmarks},
        },
        "boilerplate": {
            "records_learnt_from": learnt_records,
            "ngrams": len(weights.table.weight),
            "ngrams_everywhere": weights.boilerplate_grams,
            "questions_of_boilerplate_only": common,
        },
        "estimated_false_discovery_rate": stated_rate(overall, rephrases, matches),
        **({} if rephrases is None else {"rephrase": dict(rephrases)}),
        "false_discovery": {
            "estimate": overall.estimate,
            "upper_95": overall.upper,
            "decoys": overall.decoys,
            "decoys_found": overall.decoys_found,
            "method": "target-decoy: decoys are halves of different items of one benchmark"
            + ("" if rephrases is None else "; of rephrases: the mean probability of being none, from the run itself"),
        },
        "config": config.to_json(),
        "reading": dict(reading),
        "versions": versions(),
        "command": [shown_name(part) for part in command],
        "seconds": round(seconds, 3),
    }  # fmt: skip


def stated_rate(strings: FalseDiscovery, rephrases: Mapping[str, Any] | None, matches: Iterable[Match]) -> float | None:
    """The false discovery rate of all that is called contaminated: the two methods' estimates, each weighted by the
    records and items that it speaks for."""
    if rephrases is None:
        return strings.estimate
    found = only = 0
    for _, of_record in groupby((m for m in matches if m.verdict is Verdict.CONTAMINATED), key=_record):
        by_meaning: set[tuple[str, str, str]] = set()
        by_string: set[tuple[str, str, str]] = set()
        for m in of_record:
            (by_meaning if m.detector == REPHRASE else by_string).add((m.benchmark, m.split, m.item_id))
        found, only = found + len(by_string), only + len(by_meaning - by_string)
    if not only:
        return strings.estimate
    wrong = (strings.estimate or 0.0) * found + rephrases["estimated_false_discovery_rate"] * only
    return round(float(wrong / (found + only)), 4)


def false_discovery(tally: Tally, matches: Iterable[Match], index: BenchmarkIndex) -> FalseDiscovery:
    """The estimate over all benchmarks: each one's decoys stand for its items."""
    contaminated = (m for m in matches if m.verdict is Verdict.CONTAMINATED and m.detector != REPHRASE)
    # whatever number of detectors saw it; matches come record by record
    found = sum(len({(m.benchmark, m.split, m.item_id) for m in of}) for _, of in groupby(contaminated, key=_record))
    items = sum(info.items for info in index.benchmarks)
    decoys = sum(info.decoys for info in index.benchmarks)
    # weighted by how many items one decoy stands for, so that a small benchmark's decoys do not speak for a large one
    seen = sum(tally.decoys_found[info.name] * info.items / info.decoys for info in index.benchmarks if info.decoys)
    return estimate(items, decoys, round(seen * decoys / items) if items else 0, found)


def _warnings(name: str, items: int, not_indexed: Mapping[str, int]) -> list[str]:
    lost = sum(not_indexed.values())
    if lost == items:
        return [f"no item of {name} can be looked for: all {items} are too short to be told from other text"]
    if lost:
        return [f"{lost} of {items} items of {name} are too short to be told from other text, and are not looked for"]
    return []


def versions() -> dict[str, str]:
    """Versions of this package and of what its results rest on."""
    found = {"auditor": __version__, "python": python_version()}
    for package in ("numpy", "numba", "rapidfuzz", "pyarrow", "orjson"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
