"""Consistency: scores that contradict each other or the board, counts of items and parameters that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.checking.entry import same_benchmark
from auditor.checking.evidence import Evidence
from auditor.checking.evidence.scores import board_labels, shots_in
from auditor.checking.findings import finding
from auditor.scores.findings import number
from auditor.scores.known import facts_of
from auditor.scores.sizes import size_in_name
from auditor.scores.values import parse_number

if TYPE_CHECKING:
    from auditor.checking.entry import Entry, ScoreClaim
    from auditor.checking.policy import Policy
    from auditor.scores.table import ScoreTable
    from auditor.types import Finding

AVERAGES = ("average", "avg", "mean", "overall")
ARCHITECTURE_ROWS = 20
"""Rows of an architecture on the board from which on their sizes say what is usual."""
ARCHITECTURE_FACTOR = 2.0
"""Beyond the smallest and largest of its architecture on the board by this factor, a size is odd."""


def check_consistency(entry: Entry, board: ScoreTable | None, policy: Policy) -> Evidence:
    """What in the entry does not fit together, or does not fit the board and the policy."""
    findings = [
        *_unusable(entry),
        *_contradicting(entry, policy),
        *_average(entry, policy),
        *_items(entry, policy),
        *_set_up(entry, board, policy),
        *_size(entry, board, policy),
        *_board_row(entry, board, policy),
        *_unknown_keys(entry),
    ]
    says = (
        f"{len(findings)} {'thing does' if len(findings) == 1 else 'things do'} not fit: "
        + "; ".join(f.title for f in findings[:3]) + ("; …" if len(findings) > 3 else "") + "."
        if findings else "Its numbers fit together."
    )  # fmt: skip
    missing = tuple(
        f"{f.evidence['benchmark']}: {f.title}" for f in findings
        if f.rule_id in ("consistency/score-not-a-number", "consistency/score-out-of-range")
    )  # fmt: skip
    return Evidence("consistency", says, tuple(findings), missing)


def _unknown_keys(entry: Entry) -> list[Finding]:
    return [
        finding(
            entry, "consistency/unknown-key", f"the key {key!r} means nothing in an entry",
            f"The key {key!r} is none that an entry has, and what stands under it was not read.",
            key=key, identity=(key,), verdict="none", evidence={"unknown": key},
        )
        for key in entry.unknown_keys[:20]
    ]  # fmt: skip


def _unusable(entry: Entry) -> list[Finding]:
    found = []
    for claim in entry.scores:
        if claim.value is None:
            found.append(
                finding(
                    entry, "consistency/score-not-a-number", f"the score on {claim.name} is no number: {claim.text!r}",
                    f"{claim.name}: {claim.text!r} is no number, and was not judged.",
                    key=claim.key, identity=(claim.name,), evidence={"benchmark": claim.name, "text": claim.text},
                )
            )  # fmt: skip
        elif entry.points(claim) is None:
            found.append(
                finding(
                    entry, "consistency/score-out-of-range", f"the score on {claim.name} is {claim.text}",
                    f"{claim.name}: {claim.text} lies outside of 0 to {'100' if entry.scale > 1 else '1'}, and was not "
                    "judged.",
                    key=claim.key, identity=(claim.name,), evidence={"benchmark": claim.name, "text": claim.text},
                )
            )  # fmt: skip
    small = [c for c in entry.scores if c.value is not None and not c.percent and 0 < c.value < 1]
    # half a point is a real score on a hard benchmark, and far below guessing on one with choices
    below_chance = [c for c in small if (facts := facts_of(c.benchmark)) and 100 * facts.chance > 2 * (c.value or 0)]
    if small and entry.in_points is None and entry.scale > 1 and (below_chance or 2 * len(small) >= len(entry.scores)):
        names = ", ".join(f"{c.name} {c.text}" for c in small[:10])
        found.append(
            finding(
                entry, "consistency/mixed-scale", f"{len(small)} of its scores seem to be shares and the others points",
                f"Read as points, as the larger scores are: {names}. If these are shares, they were judged too low.",
                key=small[0].key, evidence={"benchmarks": [c.name for c in small]},
            )
        )  # fmt: skip
    return found


def _contradicting(entry: Entry, policy: Policy) -> list[Finding]:
    """Two scores on one benchmark, got by the same means as far as the entry says."""
    first: dict[tuple[str, object, str, str], ScoreClaim] = {}
    found = []
    for claim in entry.scores:
        points = entry.points(claim)
        if points is None:
            continue
        # a set-up that one of the two does not name is not another one
        key = (same_benchmark(claim.benchmark), claim.shots, claim.method, claim.chat_template)
        other = first.setdefault(key, claim)
        known = entry.points(other)
        if known is None or abs(known - points) <= policy.consistency.score_tolerance:
            continue
        found.append(
            finding(
                entry, "consistency/contradicting-scores",
                f"{claim.name} is {known:.1f} in one place and {points:.1f} in another",
                f"The entry reports {known:.2f} on {claim.name} (`{other.key}`) and {points:.2f} (`{claim.key}`), and "
                "names no other set-up. The first was judged.",
                key=claim.key, identity=(claim.name,),
                evidence={"benchmark": claim.name, "scores": [number(known, 2), number(points, 2)],
                          "keys": [other.key, claim.key]},
            )
        )  # fmt: skip
    return found


def _average(entry: Entry, policy: Policy) -> list[Finding]:
    listed = [(c.key, c.value) for c in entry.scores if c.benchmark.strip().lower() in AVERAGES]
    told = parse_number(entry.fields.get("average")) if "average" in entry.fields else None
    if told is not None:
        listed.append(("average", told))
    others = {same_benchmark(c.benchmark): p for c in reversed(entry.scores)
              if c.benchmark.strip().lower() not in AVERAGES and (p := entry.points(c)) is not None}  # fmt: skip
    if not listed or listed[0][1] is None or len(others) < 2:
        return []
    key, value = listed[0]
    said = float(value or 0.0) * 100.0 / entry.scale
    mean = float(np.mean(list(others.values())))
    if abs(said - mean) <= policy.consistency.score_tolerance:
        return []
    return [
        finding(
            entry, "consistency/average", f"the average is {said:.1f}, and that of its scores {mean:.1f}",
            f"The entry gives an average of {said:.2f}; the mean of its {len(others)} scores is {mean:.2f}.",
            key=key, evidence={"average": number(said, 2), "mean": number(mean, 2), "scores": len(others)},
        )
    ]  # fmt: skip


def known_items(name: str, policy: Policy) -> set[int]:
    """Numbers of items that a benchmark may have: the policy's, else the catalog's and the statistics' own."""
    from auditor.suites.catalog import find_entry

    for policys, count in policy.benchmarks.items.items():
        if same_benchmark(policys) == same_benchmark(name):
            return {count}
    found = set()
    catalog, facts = find_entry(name), facts_of(name)
    if catalog is not None and catalog.items:
        found.add(catalog.items)
    if facts is not None and facts.known:
        found.add(facts.items)
    return found


def _items(entry: Entry, policy: Policy) -> list[Finding]:
    found = []
    for claim in entry.scores:
        if claim.items is None:
            continue
        known = known_items(claim.benchmark, policy)
        cut = claim.items_of is not None and claim.items < claim.items_of
        if not cut and (not known or claim.items in known):
            continue
        of = f" of the {claim.items_of:,} that its harness had" if cut else ""
        fits = f"; the benchmark has {' or '.join(f'{n:,}' for n in sorted(known))}" if known else ""
        found.append(
            finding(
                entry, "consistency/item-count", f"{claim.name} was scored on {claim.items:,} items{of or fits}",
                f"The score on {claim.name} is over {claim.items:,} items{of}{fits}. A score over a part of a "
                "benchmark is not comparable with the board's.",
                key=claim.key, identity=(claim.name,),
                evidence={"benchmark": claim.name, "items": claim.items, "items_of": claim.items_of,
                          "known": sorted(known)},
            )
        )  # fmt: skip
    return found


def _set_up(entry: Entry, board: ScoreTable | None, policy: Policy) -> list[Finding]:
    """Shots and task hashes beside the policy's, or the shots that the board names."""
    wanted = {same_benchmark(n): s for n, s in policy.benchmarks.shots.items()}
    hashes = {same_benchmark(n): h for n, h in policy.benchmarks.task_hashes.items()}
    boards = _board_shots(board) if board is not None else {}
    found = []
    for claim in entry.scores:
        key = same_benchmark(claim.benchmark)
        allowed, who = ({wanted[key]}, "policy") if key in wanted else (boards.get(key, set()), "board")
        if claim.shots is not None and allowed and claim.shots not in allowed:
            asked = " or ".join(str(s) for s in sorted(allowed))
            found.append(
                finding(
                    entry, "consistency/shots",
                    f"{claim.name} was got with {claim.shots} shots, the {who}'s with {asked}",
                    f"The score on {claim.name} was got with {claim.shots} shots; the {who}'s are got with {asked}.",
                    key=claim.key, identity=(claim.name,),
                    evidence={"benchmark": claim.name, "shots": claim.shots, "expected": sorted(allowed)},
                )
            )  # fmt: skip
        if claim.task_hash and key in hashes and claim.task_hash not in hashes[key]:
            found.append(
                finding(
                    entry, "consistency/task-hash", f"the task data of {claim.name} has another hash than the policy's",
                    f"The result file gives {claim.task_hash[:80]} for {claim.name}; the policy lists "
                    f"{', '.join(h[:80] for h in hashes[key][:3])}. It was run on other data, or in another format.",
                    key=claim.key, identity=(claim.name,),
                    evidence={"benchmark": claim.name, "task_hash": claim.task_hash, "expected": list(hashes[key])},
                )
            )  # fmt: skip
    return found


def _board_shots(board: ScoreTable) -> dict[str, set[int]]:
    """Numbers of shots that the board names for each benchmark; nothing where a part of its rows names none."""
    found = {}
    for j, facts in enumerate(board.benchmarks):
        shots = {shots_in(label) for label in board_labels(board, j)}
        if shots and None not in shots:
            found[same_benchmark(facts.name)] = {s for s in shots if s is not None}
    return found


def _size(entry: Entry, board: ScoreTable | None, policy: Policy) -> list[Finding]:
    """The parameter count beside the model's name, its base model and its architecture."""
    if not np.isfinite(entry.params_b):
        return []
    found = []
    tolerance = policy.consistency.size_tolerance
    named = size_in_name(entry.model)
    if named is not None and not _near(entry.params_b, named.total_b, tolerance) and not (
        np.isfinite(named.active_b) and _near(entry.params_b, named.active_b, tolerance)
    ):  # fmt: skip
        found.append(
            finding(
                entry, "consistency/size-differs-from-name",
                f"it gives {entry.params_b:g} billion parameters, and its name says {named.total_b:g}",
                f"The entry of {entry.model} gives {entry.params_b:g} billion parameters; its name says "
                f"{named.total_b:g} billion. Its scores are judged by the former.",
                key="params_b", evidence={"params_b": entry.params_b, "in_name_b": named.total_b},
            )
        )  # fmt: skip
    if board is not None:
        found += _size_on_board(entry, board, tolerance)
    return found


def _near(a: float, b: float, factor: float) -> bool:
    return max(a, b) <= factor * min(a, b)


def _size_on_board(entry: Entry, board: ScoreTable, tolerance: float) -> list[Finding]:
    found = []
    sizes = board.effective_b
    base = entry.base_models[0].lower() if len(entry.base_models) == 1 and not entry.is_merge else ""
    rows = [i for i, m in enumerate(board.models) if base and m.lower() == base and np.isfinite(sizes[i])]
    if rows and not any(_near(entry.params_b, float(sizes[i]), tolerance) for i in rows):
        size = float(sizes[rows[0]])
        found.append(
            finding(
                entry, "consistency/size-differs-from-base",
                f"it gives {entry.params_b:g} billion parameters, and its base model has {size:g}",
                f"The entry gives {entry.params_b:g} billion parameters; the board gives its base model "
                f"{entry.base_models[0]} {size:g} billion.",
                key="params_b", evidence={"params_b": entry.params_b, "base_model": entry.base_models[0],
                                          "base_b": number(size)},
            )
        )  # fmt: skip
    kind = entry.architecture.lower()
    of_kind = sizes[[i for i, a in enumerate(board.architecture) if kind and a.lower() == kind]]
    of_kind = of_kind[np.isfinite(of_kind)]
    if len(of_kind) >= ARCHITECTURE_ROWS:
        low, high = float(of_kind.min()), float(of_kind.max())
        if not low / ARCHITECTURE_FACTOR <= entry.params_b <= high * ARCHITECTURE_FACTOR:
            found.append(
                finding(
                    entry, "consistency/size-differs-from-architecture",
                    f"no {entry.architecture} on the board has near {entry.params_b:g} billion parameters",
                    f"The {len(of_kind):,} models of the architecture {entry.architecture} on the board have {low:g} "
                    f"to {high:g} billion parameters; the entry gives {entry.params_b:g}.",
                    key="params_b", evidence={"params_b": entry.params_b, "architecture": entry.architecture,
                                              "low_b": number(low), "high_b": number(high), "rows": len(of_kind)},
                )
            )  # fmt: skip
    return found


def _board_row(entry: Entry, board: ScoreTable | None, policy: Policy) -> list[Finding]:
    """The board's own row of the model, where it lists it already."""
    rows = [i for i, m in enumerate(board.models) if m.lower() == entry.model.lower()] if board is not None else []
    rows = [i for i in rows if _same(entry, board, i)] if board is not None else []
    if board is None or not rows:
        return []
    found = []
    for j, facts in enumerate(board.benchmarks):
        claim = entry.first_of(facts.name)
        points = entry.points(claim) if claim is not None else None
        listed = [100 * float(board.scores[i, j]) for i in rows if np.isfinite(board.scores[i, j])]
        if claim is None or points is None or not listed:
            continue
        nearest = min(listed, key=lambda value: abs(value - points))
        if abs(nearest - points) > policy.consistency.score_tolerance:
            found.append(
                finding(
                    entry, "consistency/differs-from-board",
                    f"{facts.name} is {points:.1f} here and {nearest:.1f} on the board",
                    f"The board lists {entry.model} with {nearest:.2f} on {facts.name}; the entry says {points:.2f}.",
                    key=claim.key, identity=(facts.name,),
                    evidence={"benchmark": facts.name, "score": number(points, 2), "board": number(nearest, 2)},
                )
            )  # fmt: skip
    return found


def _same(entry: Entry, board: ScoreTable, i: int) -> bool:
    """Whether a row may be of the entry's revision and precision, as far as both say them."""
    pairs = ((entry.revision, board.revision[i]), (entry.precision, board.precision[i]))
    return all(not a or not b or a == b for a, b in pairs)
