"""`auditor.check_entries`: entries, a board and a policy in; verdicts, findings and one page for each entry out."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import __version__
from auditor.checking.evidence import KINDS, Evidence
from auditor.checking.findings import fingerprint
from auditor.checking.join import found_items, joined_findings, questions, together
from auditor.checking.policy import VERDICTS, Policy, read_policy
from auditor.checking.readers import read_entry
from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.baseline import Baseline
    from auditor.checking.entry import Entry
    from auditor.index import BenchmarkIndex
    from auditor.scores.lineage import FlaggedModel
    from auditor.scores.table import ScoreTable
    from auditor.types import Finding, Match

_ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class EntryCheck:
    """One entry, checked."""

    entry: Entry
    verdict: str
    """"pass", "review" or "block"."""
    evidence: Mapping[str, Evidence]
    """By kind: scores, data, lineage, disclosure, consistency."""
    findings: tuple[Finding, ...]
    """All of them, worst first; `evidence["effect"]` is what each means by the policy: "pass", "review" or "block"."""
    together: tuple[str, ...]
    """What the lines of evidence say together."""
    questions: tuple[str, ...]
    """What a moderator could ask next."""
    missing: tuple[str, ...]
    """What could not be checked."""
    matches: tuple[Match, ...]
    page: str

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for could be checked."""
        return not self.missing

    def to_json(self) -> dict[str, Any]:
        """What `summary.json` holds of it."""
        return {
            "entry": self.entry.path,
            "model": self.entry.model,
            "verdict": self.verdict,
            "complete": self.complete,
            "findings": len(self.findings),
            "evidence": {kind: self.evidence[kind].to_json() for kind in KINDS},
            "page": self.page,
            "form": self.entry.form,
            "blocked_by": _rules_with("block", self.findings),
            "reviewed_for": _rules_with("review", self.findings),
            "together": list(self.together),
            "ask": list(self.questions),
            "missing": list(self.missing),
        }


@dataclass(frozen=True)
class CheckResult:
    """The check of all entries; `summary` is what `summary.json` says."""

    entries: tuple[EntryCheck, ...]
    summary: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """The worst of the entries' verdicts."""
        return max((e.verdict for e in self.entries), key=VERDICTS.index)

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for could be checked, for every entry."""
        return all(e.complete for e in self.entries)

    @cached_property
    def findings(self) -> list[Finding]:
        """The findings of all entries, in the entries' order, each entry's worst first."""
        return [f for e in self.entries for f in e.findings]

    def write(self, directory: str | os.PathLike[str]) -> None:
        """Write JSON, `report.md`, `report.html`, `entries/*.md`, and `matches.jsonl` if sets were scanned.

        Raises OutputError where that cannot be done.
        """
        from auditor.report.check import render_check_report, render_entry_page
        from auditor.report.files import make_directory, write_findings, write_matches, write_summary, write_text
        from auditor.report.formats import write_formats

        out = make_directory(directory)
        write_findings(out / "findings.json", self.findings, command="check")
        matches = out / "matches.jsonl"
        if any(s["status"].endswith("scanned") and s["status"] != "not_scanned"
               for e in self.entries for s in e.evidence["data"].facts.get("sets", ())):  # fmt: skip
            # two entries may name one set, whose matches are then the same
            unique = {repr(m.to_json()): m for e in self.entries for m in e.matches}
            write_matches(matches, unique.values())
        elif matches.exists():
            matches.unlink()  # of an earlier run, and no part of this one
        pages = make_directory(out / "entries")
        for told in self.summary["entries"]:
            write_text(pages / Path(told["page"]).name, render_entry_page(self.summary, told, self.findings))
        write_text(out / "report.md", render_check_report(self.summary, self.findings))
        # last: a directory with a summary is a finished one
        write_summary(out / "summary.json", self.summary)
        write_formats(out, ["html"])


def check_entries(
    entries: Sequence[str | os.PathLike[str]],
    *,
    board: str | os.PathLike[str] | ScoreTable | None = None,
    mapping: Mapping[str, str] | None = None,
    policy: str | os.PathLike[str] | Policy | None = None,
    flagged: str | os.PathLike[str] | None = None,
    benchmarks: Sequence[str] = (),
    baseline: str | os.PathLike[str] | None = None,
    root: str | os.PathLike[str] = ".",
) -> CheckResult:
    """May these entries be added to a leaderboard?

    Args:
        entries: files or folders, of any shape in "Leaderboard tables and entries".
        board: the leaderboard, as `audit_scores` takes it; without it scores are not judged.
        mapping: role or benchmark to column of the board, where its headers do not say it.
        policy: a policy file, or a loaded one; the defaults where None.
        flagged: a list of flagged models.
        benchmarks: `name=path`, paths or catalog names to look for in training sets, beside the policy's.
        baseline: accepted findings.
        root: training sets of an entry must lie in it, links resolved.
    Returns:
        a CheckResult; each entry's verdict does not depend on which others are checked with it.
    Raises:
        InputError, SourceError: an entry, the board, the policy or a list cannot be used; the message says which.

    >>> check_entries(["entry.yaml"], board="board.csv").verdict  # doctest: +SKIP
    """
    if not entries:
        raise InputError("name at least one entry to check: a file or a folder of results")
    base = Path(root)
    if not base.is_dir():
        raise InputError(f"the root {root} is not a directory; name the one that training sets must lie in")
    rules = policy if isinstance(policy, Policy) else read_policy(policy) if policy is not None else Policy()
    read = _read_all(entries, base)
    table = _board(board, mapping)
    listed = _flagged(flagged)
    accepted = _baseline(baseline)
    index = _index(rules, benchmarks) if any(e.training_sets for e in read) else None
    pages = _pages([e.path for e in read])
    checked = tuple(
        _check(entry, page, table, rules, listed, index, accepted, base)
        for entry, page in zip(read, pages, strict=True)
    )
    inputs = [{"what": "entry", "path": e.path, "sha256": e.sha256} for e in read]
    if table is not None:
        inputs.append({"what": "board", "path": table.source, "sha256": table.sha256})
    for what, path in (("policy", rules.source), ("flagged", flagged), ("baseline", baseline)):
        if path:
            inputs.append({"what": what, "path": os.fspath(path), "sha256": _digest(Path(path))})
    summary = {
        "command": "check",
        "verdict": max((c.verdict for c in checked), key=VERDICTS.index),
        "complete": all(c.complete for c in checked),
        "entries": [c.to_json() for c in checked],
        **({"baseline": _accepted(accepted, checked)} if accepted is not None else {}),
        "policy": rules.to_json(),
        "benchmarks": _benchmark_facts(index),
        "notes": list(table.notes) if table is not None else [],
        "versions": _versions(),
        "inputs": inputs,
    }
    return CheckResult(checked, summary)


def check_entry(entry: str | os.PathLike[str], **options: Any) -> EntryCheck:
    """One entry checked; `options` are those of `check_entries`."""
    return check_entries([entry], **options).entries[0]


def _read_all(paths: Sequence[str | os.PathLike[str]], root: Path) -> list[Entry]:
    """Every entry, each once; all that cannot be read are named in one error."""
    read: list[Entry] = []
    errors: list[str] = []
    for path in dict.fromkeys(os.fspath(p) for p in paths):
        try:
            read.append(read_entry(path, root))
        except InputError as error:
            errors.append(str(error))
    if len(errors) > 1:
        # a dash first: a file may be named like a workflow command, which counts at the start of a line
        raise InputError("\n- ".join([f"{len(errors)} entries cannot be read:", *errors]))
    if errors:
        raise InputError(errors[0])
    return read


def _board(board: str | os.PathLike[str] | ScoreTable | None, mapping: Mapping[str, str] | None) -> ScoreTable | None:
    if board is None:
        if mapping:
            raise InputError("--map says which column of the board is what, and no board was given: add --board TABLE")
        return None
    from auditor.scores.config import ScoresConfig
    from auditor.scores.loaders import load_raw
    from auditor.scores.resolve import resolve_table
    from auditor.scores.table import ScoreTable

    if isinstance(board, ScoreTable):
        return board
    return resolve_table(load_raw(os.fspath(board)), ScoresConfig(), mapping=mapping)


def _flagged(path: str | os.PathLike[str] | None) -> tuple[FlaggedModel, ...]:
    if path is None:
        return ()
    from auditor.scores.lineage import read_flagged

    return read_flagged(Path(path))


def _baseline(path: str | os.PathLike[str] | None) -> Baseline | None:
    if path is None:
        return None
    from auditor.baseline import read_baseline

    return read_baseline(path)


def _index(policy: Policy, benchmarks: Sequence[str]) -> BenchmarkIndex | None:
    """The index of the policy's benchmarks and of those given; one of a name that both have is the one given."""
    if not benchmarks and not policy.benchmarks.scan:
        return None
    from auditor.config import ScanConfig
    from auditor.index_cache import index_of
    from auditor.suites import parse_spec

    given = {parse_spec(b).name for b in benchmarks}
    specs = [*benchmarks, *(f"{name}={target}" for name, target in policy.benchmarks.scan.items() if name not in given)]
    detectors = policy.data.detectors
    return index_of(specs, ScanConfig(detectors=detectors) if detectors else ScanConfig())


def _check(
    entry: Entry, page: str, board: ScoreTable | None, policy: Policy, flagged: Sequence[FlaggedModel],
    index: BenchmarkIndex | None, baseline: Baseline | None, root: Path,
) -> EntryCheck:  # fmt: skip
    from auditor.checking.evidence.consistency import check_consistency
    from auditor.checking.evidence.data import check_data
    from auditor.checking.evidence.disclosure import check_disclosure
    from auditor.checking.evidence.lineage import check_lineage
    from auditor.checking.evidence.scores import check_scores

    data = check_data(entry, index, policy, root)
    lines = (
        check_scores(entry, board, policy, flagged),
        data.evidence,
        check_lineage(entry, board, policy, flagged),
        check_disclosure(entry, policy),
        check_consistency(entry, board, policy),
    )
    seen: Counter[str] = Counter()
    evidence = {e.kind: replace(e, findings=_marked(e.findings, baseline, seen)) for e in lines}
    joined = _marked(joined_findings(entry, evidence), baseline, seen)
    findings = sorted(
        [*joined, *(f for kind in KINDS for f in evidence[kind].findings)], key=lambda f: _ORDER.get(f.severity, 3)
    )
    effects = _effects(findings, evidence, policy)
    findings = [replace(f, evidence={**f.evidence, "effect": e}) for f, e in zip(findings, effects, strict=True)]
    # what is missing twice, as a number that is none and as a score that was not judged, is said once
    missing = tuple(dict.fromkeys([*entry.unread, *(m for kind in KINDS for m in evidence[kind].missing)]))
    worst = max(effects, key=VERDICTS.index, default="pass")
    return EntryCheck(
        entry=entry,
        verdict="review" if missing and worst == "pass" else worst,
        evidence=evidence,
        findings=tuple(findings),
        together=tuple(together(entry, evidence)),
        questions=tuple(questions(findings)),
        missing=missing,
        matches=data.matches,
        page=page,
    )


def _marked(findings: Sequence[Finding], baseline: Baseline | None, seen: Counter[str]) -> tuple[Finding, ...]:
    """The findings with fingerprints that no two of an entry share, and those marked that a baseline accepts."""
    distinct = []
    for found in findings:
        seen[found.fingerprint] += 1
        count = seen[found.fingerprint]
        distinct.append(replace(found, fingerprint=fingerprint(found.fingerprint, str(count))) if count > 1 else found)
    if baseline is None:
        return tuple(distinct)
    from auditor.baseline import apply_baseline

    return tuple(apply_baseline(distinct, baseline).findings)


def _effects(findings: Sequence[Finding], evidence: Mapping[str, Evidence], policy: Policy) -> list[str]:
    """What each finding means by the policy; items of a benchmark that are too few to block are for review."""
    items = found_items(evidence)
    effects = []
    for found in findings:
        effect = policy.verdict(found)
        if effect == "block" and found.rule_id.startswith("data/"):
            if items.get(found.evidence["benchmark"], 0) < policy.data.block_items:
                effect = "review"
        effects.append(effect)
    return effects


def _rules_with(effect: str, findings: Sequence[Finding]) -> dict[str, int]:
    counts = Counter(f.rule_id for f in findings if f.evidence["effect"] == effect)
    return dict(sorted(counts.items()))


def _accepted(baseline: Baseline, checked: Sequence[EntryCheck]) -> dict[str, Any]:
    """`summary.json`'s `baseline`, over all entries."""
    from auditor.baseline import Applied

    findings = [f for c in checked for f in c.findings]
    there = {f.fingerprint for f in findings}
    stale = tuple(e for e in baseline.entries if e.fingerprint not in there)
    return Applied(findings, sum(f.baseline is not None for f in findings), stale).summary(baseline)


def _benchmark_facts(index: BenchmarkIndex | None) -> dict[str, Any]:
    """The benchmarks that were looked for; none where no entry names a training set."""
    if index is None:
        return {}
    return {b.name: {"items": b.items, "source": b.source, "sha256": b.sha256} for b in index.benchmarks}


def _pages(paths: Sequence[str]) -> list[str]:
    """A file name for each entry's page: readable, safe everywhere, and no two alike in any case."""
    pages: list[str] = []
    taken: set[str] = set()
    for path in paths:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", re.sub(r"\.(?:ya?ml|json|md)$", "", path)).strip("-._")[:80] or "entry"
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.lower())
        pages.append(f"entries/{name}.md")
    return pages


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:  # it was read before; that it went away since is no reason to fail
        return ""


def _versions() -> dict[str, str]:
    found = {"auditor": __version__, "python": platform.python_version()}
    for package in ("numpy", "scipy", "pyarrow", "rapidfuzz"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # pragma: no cover - all are core dependencies
            found[package] = "unknown"
    return found
