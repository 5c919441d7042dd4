"""How well rephrased items are found, what of that other tools reach, and what it costs.

    python -m benchmarks.rephrase sets [SET]... [--folder F]   # an hour and a half; each set some minutes
    python -m benchmarks.rephrase paper [--folder F]           # arXiv 2311.04850, Tables 5 and 6: ten minutes
    python -m benchmarks.rephrase codealpaca                   # real contamination: a minute
    python -m benchmarks.rephrase speed                        # 20,000 records against 18,000 items: half an hour
    python -m benchmarks.rephrase page                         # rephrase.md from results/rephrase*.json

The honest protocol of `sets`: rephrases are shuffled among real rows that are not contaminated, empty ones left out.
One counts as found where it is matched to its own item among all items of the benchmarks of the set; thresholds are
those of the product, at the rate asked for. `--folder` holds files of llm-decontaminator that the project lacks
(humaneval_c.jsonl, humaneval_js.jsonl, high_school_us_history_test_*.jsonl; their first lines are enough).

The texts of false calls and of misses are written to the cache, not to the results.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.places import RESULTS, ROOT, cache
from benchmarks.rephrase_page import page
from benchmarks.rephrase_paper import measure_codealpaca, measure_paper
from benchmarks.rephrase_sets import FITTED, PLACES, all_sets, is_right, items_of
from benchmarks.rephrase_speed import measure_speed
from benchmarks.running import machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.types import Match
    from benchmarks.rephrase_sets import RephraseSet, Row

SURE = frozenset({"contaminated"})
SHOWN = frozenset({"contaminated", "review"})


def measure(chosen: RephraseSet, *, workers: int | None = None, model: str | None = None) -> dict[str, Any]:
    """Scan a set and count what was found of it; `model` instead of the set's own."""
    import auditor
    from auditor.config import ScanConfig

    rows = list(chosen.rows)
    random.Random(5).shuffle(rows)
    config = ScanConfig(detectors=("rephrase",), model=model or chosen.model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        path.write_text("".join(json.dumps(row.record) + "\n" for row in rows), encoding="utf-8")
        began = time.perf_counter()
        result = auditor.scan(path, [f"{b}={PLACES[b]}" for b in chosen.benchmarks], config=config, workers=workers)
        seconds = time.perf_counter() - began
    facts = result.summary["rephrase"]
    matches = [m for m in result.matches if m.signals["kind"] == "rephrase"]
    write_reading(chosen.name, rows, result.matches)
    calls = [m for m in matches if m.verdict.value in SURE]
    false = sum(not is_right(rows[m.row], m.benchmark, m.item_id) for m in calls)
    found = {
        "set": chosen.name, "model": config.model, "benchmarks": list(chosen.benchmarks),
        "rephrases": sum(row.truth is not None for row in rows), "other_rows": sum(row.truth is None for row in rows),
        "contaminated": counted(matches, rows, SURE), "with_review": counted(matches, rows, SHOWN),
        "calls": len(calls), "false_calls": false,
        "stated_false_discovery_rate": facts["estimated_false_discovery_rate"],
        "measured_false_discovery_rate": round(false / len(calls), 4) if calls else 0.0,
        "encoded": facts["encoded"], "views": facts["views"], "seconds": round(seconds, 1),
    }  # fmt: skip
    if chosen.name in FITTED:
        even = [i for i, row in enumerate(rows) if row.truth is None or row.number % 2 == 0]
        found["contaminated_even_half"] = counted(matches, rows, SURE, only=frozenset(even))
    parts = sorted({row.part for row in rows if row.part})
    found["parts"] = {part: of_part(matches, rows, part) for part in parts}
    return found


def of_part(matches: Sequence[Match], rows: Sequence[Row], part: str) -> dict[str, Any]:
    """The counts of one part of the rephrases, among the same clean rows; of a part without rephrases, how many of its
    rows were called."""
    own = {i for i, row in enumerate(rows) if row.part == part}
    if any(rows[i].truth is not None for i in own):
        only = frozenset(own | {i for i, row in enumerate(rows) if not row.part})
        return {
            "contaminated": counted(matches, rows, SURE, only=only),
            "with_review": counted(matches, rows, SHOWN, only=only),
        }
    return {
        "rows": len(own),
        "called_contaminated": len({m.row for m in matches if m.row in own and m.verdict.value in SURE}),
        "called_either": len({m.row for m in matches if m.row in own and m.verdict.value in SHOWN}),
    }


def counted(
    matches: Sequence[Match], rows: Sequence[Row], verdicts: frozenset[str],
    only: frozenset[int] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Rephrases found with the right item, rows matched to wrong items only, and F1; of the rows `only`."""
    chosen = only if only is not None else frozenset(range(len(rows)))
    wanted = {i for i in chosen if rows[i].truth is not None}
    called = [m for m in matches if m.verdict.value in verdicts and m.row in chosen]
    right = {m.row for m in called if is_right(rows[m.row], m.benchmark, m.item_id)}
    wrong = {m.row for m in called} - right
    right &= wanted  # the others overlap with an item by themselves
    clean = sum(rows[i].truth is None for i in wrong)
    return {
        "found": len(right), "of": len(wanted), "wrong": len(wrong), "wrong_clean": clean,
        "f1": round(f1(len(right), len(wrong), len(wanted)), 3),
    }  # fmt: skip


def f1(right: int, wrong: int, wanted: int) -> float:
    """F1 of `right` of `wanted` found and `wrong` false calls; a rephrase with a wrong item is a miss and a false
    call."""
    return 2 * right / (right + wrong + wanted) if right else 0.0


def write_reading(name: str, rows: Sequence[Row], matches: Sequence[Match]) -> None:
    """False calls, then misses, with both texts and the signals, for a person to read: in the cache."""
    by_row: dict[int, list[Match]] = {}
    for match in matches:
        by_row.setdefault(match.row, []).append(match)
    place = cache() / "rephrase-reading"
    place.mkdir(exist_ok=True)
    false: list[str] = []
    missed: list[str] = []
    for i, row in enumerate(rows):
        found = by_row.get(i, [])
        right = [m for m in found if is_right(row, m.benchmark, m.item_id)]
        called = any(m.verdict.value in SURE and m.signals["kind"] == "rephrase" for m in right)
        wrong = [m for m in found if m not in right and m.signals["kind"] == "rephrase"]
        if (row.truth is not None and not called) or wrong:
            told = [f"=== row {i}, line {row.number} {row.part}: {json.dumps(row.record, ensure_ascii=False)[:1500]}"]
            if row.truth is not None:
                item = next(item for item in items_of(row.truth[0]) if item.item_id == row.truth[1])
                told.append(f"  item {row.truth[1]}: {item.question[-900:]!r} {item.choices}")
            told += [
                f"  {m.verdict.value} {m.signals['kind']} {m.benchmark}/{m.item_id} {m.score} {m.train_excerpt!r} ~ "
                f"{m.item_excerpt!r}\n    {json.dumps(m.signals)}"
                for m in found
            ]
            (false if any(m.verdict.value in SURE for m in wrong) else missed).append("\n".join(told))
    text = "\n".join(["##### FALSE CALLS", *false, "##### MISSES, AND WRONG ITEMS TO REVIEW", *missed])
    (place / f"{name.replace(' ', '-')}.txt").write_text(text + "\n", encoding="utf-8")


def keep(name: str, found: dict[str, Any], args: argparse.Namespace) -> None:
    """Keep what was measured, with where and when, in results/NAME.json."""
    words = ["python", "-m", "benchmarks.rephrase", args.what]
    about = {"command": words, "measured": datetime.now(UTC).date().isoformat(), "machine": machine()}
    text = json.dumps({**found, **about}, indent=1, sort_keys=True, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def measure_sets(args: argparse.Namespace) -> None:
    """Measure the sets that are named, or all, and keep each as soon as it is there."""
    there = all_sets(args.folder)
    if unknown := [name for name in args.sets if name not in there]:
        raise SystemExit(f"error: no set {', '.join(unknown)}; there are: {', '.join(there)}")
    kept_in = RESULTS / "rephrase.json"
    kept = json.loads(kept_in.read_text(encoding="utf-8"))["sets"] if kept_in.exists() else {}
    for name in args.sets or there:
        row = {**measure(there[name](), workers=args.workers, model=args.model), "commit": machine()["auditor_commit"]}
        own = name
        if args.model:
            # beside what the set's own model finds; a folder's own path says nothing to others
            row["model"] = Path(args.model).name
            own = row["set"] = f"{name}, {row['model']}"
        kept[own] = row
        print(json.dumps(row), flush=True)
        keep("rephrase", {"sets": kept}, args)


def main() -> None:
    """Measure one thing, or write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rephrase", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="what", required=True)
    for name in ("sets", "paper", "codealpaca", "speed", "page"):
        command = commands.add_parser(name)
        if name in {"sets", "paper"}:
            command.add_argument("--folder", type=Path, help="files of llm-decontaminator that the project lacks")
        if name == "sets":
            command.add_argument("sets", nargs="*", metavar="SET")
            command.add_argument("--model", help="instead of the set's own model")
            command.add_argument("--workers", type=int)
        if name == "speed":
            command.add_argument("--rows", type=int, default=20_000)
            command.add_argument("--skip", nargs="*", default=[], choices=["build", "scan", "encode", "recall"])
    args = parser.parse_args()
    if args.what == "sets":
        measure_sets(args)
    elif args.what == "paper":
        for found in measure_paper(args.folder):
            keep("rephrase-paper", found, args)
    elif args.what == "codealpaca":
        keep("rephrase-codealpaca", measure_codealpaca(), args)
    elif args.what == "speed":
        keep("rephrase-speed", measure_speed(args.rows, args.skip), args)
    else:
        (ROOT / "benchmarks" / "rephrase.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
