"""What a use of the Action came to. It is read from files that a run left, believed only where all of them agree."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.action.run import LINK, RESULT
from auditor.errors import InputError
from auditor.report.blocks import count
from auditor.types import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.action.plan import Plan

VERDICTS = ("pass", "review", "block")
MOST_ROWS, MOST_POINTS = 200, 60
_LONGEST = 2_000
MAX_FILE = 512 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was judged: an entry, a benchmark looked for, a table."""

    verdict: str
    """One of `VERDICTS`."""
    name: str
    about: str
    """The model of an entry, what a benchmark came to."""
    why: str
    complete: bool = True
    says: tuple[str, ...] = ()
    """What speaks for the verdict, worst first."""
    ask: tuple[str, ...] = ()
    """What a moderator could ask."""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A finding as an annotation says it."""

    level: str
    """"error" or "warning"."""
    file: str
    line: int | None
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that summary, annotations, comment and outputs are made of."""

    command: str
    verdict: str
    """One of `VERDICTS`, or "incomplete"."""
    exit_code: int
    rows: tuple[Row, ...] = ()
    row_count: int = 0
    """Of all that were judged; `rows` holds the worst."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows by verdict."""
    findings: int = 0
    points: tuple[Point, ...] = ()
    point_counts: Mapping[str, int] = field(default_factory=dict)
    """Findings by level; `points` holds the first."""
    problems: tuple[str, ...] = ()
    """Why something could not be checked."""
    notes: tuple[str, ...] = ()
    guarded: bool = False
    """Whether the pull request changes what entries are judged by, or what runs here."""

    def to_json(self) -> dict[str, Any]:
        """For `outcome.json`."""
        return asdict(self)


def failed(problem: str, exit_code: int, command: str = "check", notes: Sequence[str] = ()) -> Outcome:
    """The outcome of a use that could not check anything."""
    return Outcome(command, "incomplete", exit_code, problems=(problem,), notes=tuple(notes))


def outcome_of(plan: Plan, work: Path) -> Outcome:
    """What the runs came to; anything that is missing, contradicts itself or did not end is a problem, never a pass."""
    refused = [f"{path} was not read: {why}." for path, why in plan.refused]
    if not plan.entries and not refused:
        return _guarded(Outcome(plan.command, "pass", 0, notes=plan.notes), plan)
    result = _result(work) if plan.entries else {"runs": []}
    if result is None:
        return failed(
            "The check did not end: it left no result. The log of this job says more.", 3, plan.command, plan.notes
        )
    codes: list[int] = []
    rows: list[Row] = []
    points: list[Point] = []
    problems: list[str] = list(refused)
    for number, run in enumerate(result["runs"]):
        code, problem, (own_rows, own_points) = _judged(plan, run, str(result.get("log", "")))
        codes.append(code)
        if plan.command == "scores":
            # a table's findings and its own records name it without its folder
            own_rows = [replace(row, name=plan.entries[number]) for row in own_rows]
            own_points = [replace(point, file=plan.entries[number]) for point in own_points]
        rows += own_rows
        points += own_points
        problems += [problem] if problem else []
    if len(codes) != (len(plan.entries) if plan.command == "scores" else bool(plan.entries)):
        return failed("The check did not run.", 3, plan.command, plan.notes)
    # a finding that fails the check is certain, whatever could not be checked
    code = 1 if 1 in codes else max([*codes, 3 if refused else 0])
    rows.sort(key=lambda row: -VERDICTS.index(row.verdict))
    worst = max((row.verdict for row in rows), key=VERDICTS.index, default="pass")
    points.sort(key=lambda point: point.level)
    levels = {level: sum(p.level == level for p in points) for level in ("error", "warning")}
    outcome = Outcome(
        plan.command, "incomplete" if code in (2, 3) else worst, code, tuple(rows[:MOST_ROWS]), len(rows),
        {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}, len(points),
        tuple(p for level in levels for p in [q for q in points if q.level == level][:MOST_POINTS]), levels,
        tuple(problems), plan.notes,
    )  # fmt: skip
    return _guarded(outcome, plan)


def _guarded(outcome: Outcome, plan: Plan) -> Outcome:
    """The outcome, but no pass where the pull request changes what judges or what runs: a person must see that."""
    if not plan.guarded:
        return outcome
    verdict, code = outcome.verdict, outcome.exit_code
    if verdict == "pass":
        verdict, code = "review", 1 if plan.fail_on == "review" else code
    return replace(outcome, verdict=verdict, exit_code=code, guarded=True)


def _result(work: Path) -> dict[str, Any] | None:
    try:
        document = json.loads((work / RESULT).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and isinstance(document.get("runs"), list) else None


def _judged(plan: Plan, run: Mapping[str, Any], log: str) -> tuple[int, str, tuple[list[Row], list[Point]]]:
    """Exit code, what went wrong, and what was found, of one run."""
    code, place = run["exit_code"], Path(run["directory"])
    if code is None:
        return 3, f"The check took longer than {plan.timeout_minutes:g} minutes and was stopped.", ([], [])
    if code == 2:
        return 2, f"The input or the call is wrong: {_last_error(log)}", ([], [])
    if code not in (0, 1, 3):
        return 3, f"The check ended in an unforeseen way (exit code {code}).", ([], [])
    try:
        summary, findings = _read(place, plan.command)
        rows = _ROWS[plan.command](plan, summary, findings)
        points = [_point(finding, summary) for finding in findings if _counts(finding)]
    except FileNotFoundError:
        return 3, f"The check left no result: {_last_error(log)}", ([], [])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError) as error:
        return 3, f"The check left no result that can be read ({type(error).__name__}: {error}).", ([], [])
    said = _expected_code(plan, summary, findings, rows)
    if code != said and not (code == 3 and said == 0):
        return 3, f"The check ended with exit code {code}, but what it wrote says {said}.", (rows, points)
    if code == 3:
        missing = [text for row in rows for text in row.missing][:5]
        why = ": " + "; ".join(missing) if missing else ". The report says what"
        return 3, f"Something could not be checked{why}.", (rows, points)
    if not run.get("rendered"):
        return max(code, 0) or 3, "The reports could not be written. The log of this job says more.", (rows, points)
    return code, "", (rows, points)


def _last_error(log: str) -> str:
    """What the command said last of why it ended; from outside, as all that a log holds."""
    _, found, said = f"\n{log}".rpartition("\nerror: ")
    return " ".join(said.split())[:_LONGEST] if found else "the log of this job says more."


def _read(place: Path, command: str) -> tuple[dict[str, Any], list[Finding]]:
    documents = []
    for name in ("summary.json", "findings.json"):
        path = place / name
        if path.stat().st_size > MAX_FILE:
            raise ValueError(f"{name} is larger than any result")
        documents.append(json.loads(path.read_bytes()))
    summary, listed = documents
    if listed["command"] != command:
        raise ValueError("it is that of another command")
    return summary, [Finding.from_json(row) for row in listed["findings"]]


def _counts(finding: Finding) -> bool:
    return finding.baseline is None and _effect(finding) in ("block", "review")


def _effect(finding: Finding) -> str:
    known = {"contaminated": "block", "strong": "block", "review": "review"}
    return str(finding.evidence.get("effect") or known.get(finding.verdict, "pass"))


def _expected_code(plan: Plan, summary: Mapping[str, Any], findings: Sequence[Finding], rows: Sequence[Row]) -> int:
    """The exit code that the files speak for."""
    fails = {"never": set(), "review": {"block", "review"}}.get(plan.fail_on, {"block"})
    if plan.command == "check":
        if str(summary["verdict"]) in fails:
            return 1
        return 0 if summary["complete"] and all(row.complete for row in rows) else 3
    if any(_counts(finding) and _effect(finding) in fails for finding in findings):
        return 1
    return 3 if summary.get("interrupted") else 0


def _check_rows(plan: Plan, summary: Mapping[str, Any], findings: Sequence[Finding]) -> list[Row]:
    told = summary["entries"]
    if sorted(without_link(str(e["entry"])) for e in told) != sorted(plan.entries):
        raise ValueError("its entries are not those that were to be checked")
    of_entry: dict[str, list[Finding]] = {}
    for finding in findings:
        if _counts(finding):
            of_entry.setdefault(str(finding.evidence.get("entry")), []).append(finding)
    rows = []
    for e in told:
        own = sorted(of_entry.get(str(e["entry"]), ()), key=lambda f: _effect(f) != "block")
        why = own[0].title if own else e["missing"][0] if e["missing"] else ""
        rows.append(
            Row(
                e["verdict"],
                without_link(e["entry"]),
                str(e["model"]),
                why,
                bool(e["complete"]),
                tuple(f.title for f in own[:5]),
                tuple(e["ask"][:5]),
                tuple(e["missing"][:5]),
            )
        )
    return rows


def _scan_rows(plan: Plan, summary: Mapping[str, Any], findings: Sequence[Finding]) -> list[Row]:  # noqa: ARG001
    if not summary["records_read"] or not summary["benchmarks"]:
        raise ValueError("nothing was read")
    rows = []
    for name, facts in summary["benchmarks"].items():
        own = [f for f in findings if _counts(f) and f.evidence.get("benchmark") == name]
        found = {
            effect: len({(f.evidence.get("split"), f.evidence.get("item_id")) for f in own if _effect(f) == effect})
            for effect in ("block", "review")
        }
        verdict = "block" if found["block"] else "review" if found["review"] else "pass"
        about = f"{found['block']:,} of {facts['items']:,} items in the data, {found['review']:,} to review"
        own.sort(key=lambda f: _effect(f) != "block")
        rows.append(Row(verdict, name, about, own[0].title if own else "", says=tuple(f.title for f in own[:5])))
    return rows


def _scores_rows(plan: Plan, summary: Mapping[str, Any], findings: Sequence[Finding]) -> list[Row]:  # noqa: ARG001
    own = sorted((f for f in findings if _counts(f)), key=lambda f: _effect(f) != "block")
    verdict = max((_effect(f) for f in own), key=VERDICTS.index, default="pass")
    why = f"{own[0].subject}: {own[0].title}" if own else ""
    says = tuple(f"{f.subject}: {f.title}" for f in own[:5])
    about = f"{summary['models']:,} models, {count(len(own), 'finding')}"
    return [Row(verdict, "", about, why, says=says)]


_ROWS = {"check": _check_rows, "scan": _scan_rows, "scores": _scores_rows}


def _point(finding: Finding, summary: Mapping[str, Any]) -> Point:
    from auditor.report.sarif import place_of

    file, line = place_of(finding, summary)
    level = "error" if _effect(finding) == "block" else "warning"
    return Point(
        level, without_link(file), line, f"{finding.rule_id}: {finding.title}"[:300], finding.message[:_LONGEST]
    )


def without_link(path: str) -> str:
    """A path from the root of the checkout."""
    return path.removeprefix(f"{LINK}/")


def read_outcome(path: Path, limit: int = 4 << 20) -> Outcome:
    """An outcome from a file that may come from a stranger's run: every part has its type, its range and its length.

    Raises:
        InputError: it is none.
    """
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > limit:
            raise ValueError("it is no file, or too large")
        d = json.loads(path.read_bytes())
        rows = tuple(
            Row(_one_of(r["verdict"], VERDICTS), _text(r["name"]), _text(r["about"]), _text(r["why"]),
                r["complete"] is True, _texts(r["says"]), _texts(r["ask"]), _texts(r["missing"]))
            for r in d["rows"][:MOST_ROWS]
        )  # fmt: skip
        code = d["exit_code"]
        if code not in (0, 1, 2, 3) or isinstance(code, bool):
            raise ValueError("its exit code is none")
        counts = {verdict: _number(d["counts"].get(verdict, 0)) for verdict in VERDICTS}
        return Outcome(
            _one_of(d["command"], tuple(_ROWS)), _one_of(d["verdict"], (*VERDICTS, "incomplete")), code, rows,
            _number(d["row_count"]), counts, _number(d["findings"]),
            guarded=d["guarded"] is True, problems=_texts(d["problems"]), notes=_texts(d["notes"]),
        )  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path.name} of the artifact is not what this Action writes ({type(error).__name__})"
        ) from error


def _one_of(value: Any, known: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError("a value is none of those that there are")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is none")
    return value[:_LONGEST]


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError("a list is none")
    return tuple(_text(value) for value in values[:MOST_ROWS])


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise ValueError("a number is none")
    return value
