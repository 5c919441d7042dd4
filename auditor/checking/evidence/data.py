"""Training sets: those that the entry names, scanned for the policy's benchmarks within limits of size and time."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from auditor.checking.entry import same_benchmark
from auditor.checking.evidence import Evidence
from auditor.checking.findings import finding, of_entry
from auditor.checking.places import Place, place_of
from auditor.errors import AuditorError

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.checking.entry import Entry, TrainingSet
    from auditor.checking.policy import Policy
    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex
    from auditor.scanning import Progress
    from auditor.types import Finding, Match

SHOWN_SETS = 100
"""Training sets that `summary.json` lists one by one; all are counted."""


class _LimitReachedError(KeyboardInterrupt):
    """Ends a scan as an interruption does, so that what was found until then is kept."""


@dataclass(slots=True)
class _Budget:
    """What is left of the policy's limits for one entry."""

    bytes_left: int
    deadline: float
    reached: str = ""
    """Which limit ended the last scan."""

    def watch(self, progress: Progress) -> None:
        if progress.bytes_total is not None and progress.bytes_read >= progress.bytes_total:
            return
        if progress.bytes_read > self.bytes_left:
            self.reached = "the policy's max_bytes"
        elif time.monotonic() > self.deadline:
            self.reached = "the policy's max_seconds"
        else:
            return
        raise _LimitReachedError

    def spent(self) -> str:
        """The limit that leaves nothing for another set, "" while there is something left."""
        if self.bytes_left <= 0:
            return "the policy's max_bytes is used up"
        return "the policy's max_seconds are used up" if time.monotonic() > self.deadline else ""


@dataclass(slots=True)
class _Scan:
    """What the scans of one entry's sets gave."""

    sets: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    matches: list[Match] = field(default_factory=list)
    benchmarks: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataEvidence:
    """The evidence, and the matches that it rests on."""

    evidence: Evidence
    matches: tuple[Match, ...] = ()


def check_data(entry: Entry, index: BenchmarkIndex | None, policy: Policy, root: Path) -> DataEvidence:
    """Scan the entry's training sets.

    Args:
        entry: the entry.
        index: of the benchmarks to look for; None where none are given.
        policy: its limits.
        root: nothing outside of it is read, but for the policy's URLs.
    """
    declared = _declared_benchmarks(entry)
    count = len(entry.training_sets) + entry.more_training_sets
    if not count:
        says = "The entry names no training set, so that none could be scanned."
        return DataEvidence(Evidence("data", says, asked=False, facts={"named": 0, "scanned": 0}))
    if index is None:
        says = f"It names {_sets(count)}; none was scanned, as no benchmark to look for was given (-b NAME=PATH)."
        nothing = {"named": count, "scanned": 0}
        return DataEvidence(Evidence("data", says, tuple(declared), asked=bool(declared), facts=nothing))
    scan = _scan_all(entry, index, policy, root)
    if policy.data.unreadable == "note":
        scan.findings = [replace(f, severity="note") if f.rule_id.startswith("check/training-set") else f
                         for f in scan.findings]  # fmt: skip
    contaminated = {b: n["contaminated_items"] for b, n in scan.benchmarks.items() if n["contaminated_items"]}
    scanned = sum(s["status"] == "scanned" for s in scan.sets)
    partly = sum(s["status"] == "partly_scanned" for s in scan.sets)
    facts: dict[str, Any] = {
        "named": count, "scanned": scanned, "partly_scanned": partly, "not_scanned": count - scanned - partly,
        "benchmarks": scan.benchmarks, "sets": scan.sets[:SHOWN_SETS],
    }  # fmt: skip
    missing = () if policy.data.unreadable == "note" else tuple(scan.missing)
    says = _says(count, scanned, partly, contaminated, scan.benchmarks)
    ordered = sorted(scan.findings, key=lambda f: ("error", "warning", "note").index(f.severity))
    return DataEvidence(Evidence("data", says, (*ordered, *declared), missing, facts=facts), tuple(scan.matches))


def _sets(count: int) -> str:
    return f"{count:,} training {'set' if count == 1 else 'sets'}"


def _says(count: int, scanned: int, partly: int, contaminated: dict[str, int], looked_for: dict[str, Any]) -> str:
    told = f"It names {_sets(count)}: {scanned:,} scanned whole, {partly:,} in part, {count - scanned - partly:,} not."
    if contaminated:
        return told + " Items found in them: " + ", ".join(f"{n} of {b}" for b, n in contaminated.items()) + "."
    return told + (f" No item of {', '.join(looked_for)} was found." if looked_for else "")


def _scan_all(entry: Entry, index: BenchmarkIndex, policy: Policy, root: Path) -> _Scan:
    from auditor.config import ScanConfig

    rules = policy.data
    config = ScanConfig(detectors=rules.detectors) if rules.detectors else ScanConfig()
    budget = _Budget(rules.max_bytes, time.monotonic() + rules.max_seconds)
    found = _Scan()
    seen: set[str] = set()
    over = 0
    for training_set in entry.training_sets:
        place = place_of(training_set, entry, root, rules.allowed_urls)
        if place.location and place.location in seen:
            _tell(found, training_set, place, "same", "it is another name of a set above")
            continue
        if place.location and len(seen) >= rules.max_sets:
            over += 1
            continue
        if place.problem:
            _refuse(found, entry, training_set, place)
            continue
        seen.add(place.location)
        if limit := budget.spent():
            _not_scanned(found, entry, training_set, place, limit)
            continue
        _scan_one(found, entry, training_set, place, index, config, budget)
    _fold_refused(found, entry)
    over += entry.more_training_sets
    if over:
        _too_many(found, entry, over, rules.max_sets)
    return found


def _tell(found: _Scan, training_set: TrainingSet, place: Place, status: str, reason: str = "", **more: Any) -> None:
    name = place.shown or training_set.name
    found.sets.append({"set": name, "key": training_set.key, "status": status, "reason": reason, **more})


def _refuse(found: _Scan, entry: Entry, training_set: TrainingSet, place: Place) -> None:
    rule = "check/training-set-refused" if place.refused else "check/training-set-not-scanned"
    name = place.shown or training_set.name
    _tell(found, training_set, place, "refused" if place.refused else "not_scanned", place.problem)
    found.missing.append(f"{name[:200]}: {place.problem}")
    found.findings.append(
        finding(
            entry, rule, f"the training set {name[:120]} was not read: {place.problem}",
            f"The entry names the training set {name[:500]}, which was not read: {place.problem}.",
            key=training_set.key, identity=(name,), evidence={"set": name[:500], "reason": place.problem},
        )
    )  # fmt: skip


def _not_scanned(found: _Scan, entry: Entry, training_set: TrainingSet, place: Place, reason: str) -> None:
    _refuse(found, entry, training_set, replace(place, problem=reason))


def _scan_one(
    found: _Scan, entry: Entry, training_set: TrainingSet, place: Place, index: BenchmarkIndex, config: ScanConfig,
    budget: _Budget,
) -> None:  # fmt: skip
    from auditor.scanning import scan

    budget.reached = ""
    try:
        result = scan([place.location], index, config=config, progress=budget.watch)
    except _LimitReachedError:
        _not_scanned(found, entry, training_set, place, f"{budget.reached} was reached")
        return
    except AuditorError as error:
        _not_scanned(found, entry, training_set, place, _renamed(str(error), place)[:500])
        return
    summary = result.summary
    if summary["interrupted"] and not budget.reached:
        raise KeyboardInterrupt  # it was a person and no limit of ours
    budget.bytes_left -= summary["bytes_read"]
    for name, counts in summary["benchmarks"].items():
        of_all = found.benchmarks.setdefault(
            name, {"contaminated_items": 0, "review_items": 0, "items": counts["items"]}
        )
        # sets may hold the same items; the larger of the two counts is sure
        for key in ("contaminated_items", "review_items"):
            of_all[key] = max(of_all[key], counts[key])
    found.matches += [replace(m, source=_renamed(m.source, place)) for m in result.matches]
    for item in result.findings:
        source = _renamed(item.subject, place)
        evidence = {**item.evidence, "source": source}
        renamed = replace(item, subject=source, message=item.message.replace(item.subject, source), evidence=evidence)
        found.findings.append(of_entry(renamed, entry, training_set.key))
    unread = dict(summary["records_skipped"])
    facts = {"records_read": summary["records_read"], "bytes_read": summary["bytes_read"], "skipped": unread}
    if summary["complete"]:
        _tell(found, training_set, place, "scanned", **facts)
        return
    reason = f"{budget.reached} was reached" if budget.reached else "some of it could not be read: " + ", ".join(
        f"{n} × {r.replace('_', ' ')}" for r, n in unread.items())  # fmt: skip
    _tell(found, training_set, place, "partly_scanned", reason, **facts)
    found.missing.append(f"{place.shown}: {reason}")
    found.findings.append(
        finding(
            entry, "check/training-set-not-scanned", f"the training set {place.shown[:120]} was scanned in part",
            f"Of the training set {place.shown[:500]}, {summary['records_read']:,} records were scanned; {reason}.",
            key=training_set.key, identity=(place.shown, "part"), evidence={"set": place.shown, "reason": reason},
        )
    )  # fmt: skip


def _renamed(text: str, place: Place) -> str:
    """The same text with the set named as in results: where the checkout lies on this machine is of no interest."""
    return text.replace(place.location.rstrip("/"), place.shown.rstrip("/"))


def _too_many(found: _Scan, entry: Entry, over: int, allowed: int) -> None:
    reason = f"the policy scans at most {allowed} sets of one entry (max_sets)"
    found.missing.append(f"{_sets(over)} more: {reason}")
    key = entry.training_sets[0].key.partition("[")[0]
    found.findings.append(
        finding(
            entry, "check/training-set-not-scanned", f"{_sets(over)} beyond the limit were not scanned",
            f"The entry names {_sets(over)} more than were looked at: {reason}.",
            key=key, identity=("too many",), evidence={"sets": over, "reason": reason},
        )
    )  # fmt: skip


MAX_REFUSED = 20
"""Findings about sets that were not read, of one entry; the rest of them become one."""


def _fold_refused(found: _Scan, entry: Entry) -> None:
    """Ten thousand sets that cannot be read are one thing to know, and not ten thousand."""
    of_sets = [f for f in found.findings if f.rule_id.startswith("check/training-set")]
    if len(of_sets) <= MAX_REFUSED:
        return
    rest = of_sets[MAX_REFUSED:]
    dropped = {id(f) for f in rest}
    found.findings = [f for f in found.findings if id(f) not in dropped]
    reasons = Counter(str(f.evidence["reason"]) for f in rest)
    told = "; ".join(f"{n:,} × {r}" for r, n in reasons.most_common(5))
    found.missing = [*found.missing[:MAX_REFUSED], f"{_sets(len(rest))} more: {told}"]
    found.findings.append(
        finding(
            entry, "check/training-set-not-scanned", f"{_sets(len(rest))} more were not read",
            f"{_sets(len(rest))} more that the entry names were not read: {told}.",
            key=entry.training_sets[0].key.partition("[")[0], identity=("folded",),
            evidence={"sets": len(rest), "reason": told},
        )
    )  # fmt: skip


def _declared_benchmarks(entry: Entry) -> list[Finding]:
    """Training sets whose name is that of a benchmark that the entry reports a score on."""
    scored = {same_benchmark(c.benchmark): c for c in entry.scores}
    results = []
    for training_set in entry.training_sets:
        if training_set.kind != "id":
            continue
        claim = scored.get(same_benchmark(training_set.name))
        if claim is not None:
            results.append(
                finding(
                    entry, "check/declared-training-on-benchmark",
                    f"names {training_set.name[:120]} as a training set and reports a score on {claim.name}",
                    f"{training_set.name[:500]} is among its training sets, and it reports {claim.text} on "
                    f"{claim.name}. Whether the training split or the test split was used, it does not say.",
                    key=training_set.key, identity=(claim.name,), evidence={"set": training_set.name[:500],
                                                                           "benchmark": claim.name},
                )
            )  # fmt: skip
    return results
