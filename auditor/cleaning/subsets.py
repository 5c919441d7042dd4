"""Benchmarks in two halves, to evaluate a model on both: the items that were found in a training set, and the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from auditor.cleaning.places import safe_name
from auditor.cleaning.streams import OutputFile
from auditor.errors import InputError
from auditor.suites import load_benchmarks
from auditor.types import Verdict

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from auditor.cleaning.plan import Scan
    from auditor.types import Benchmark, Item

HALVES = ("clean", "contaminated")


def load_scanned(specs: Sequence[str | os.PathLike[str]], scan: Scan) -> list[Benchmark]:
    """The benchmarks of a scan. Raises InputError where they are not those that were looked for."""
    if not specs:
        raise InputError("--benchmark-out needs the benchmarks of the scan: name them with -b as they were named there")
    benchmarks = load_benchmarks(specs)
    known = scan.summary["benchmarks"]
    for benchmark in benchmarks:
        if benchmark.name not in known:
            raise InputError(
                f"the scan did not look for {benchmark.name}, but for {', '.join(sorted(known))}; name those with -b"
            )
        if benchmark.sha256 != known[benchmark.name].get("sha256"):
            raise InputError(f"{benchmark.name} changed since the scan ({benchmark.source}); scan again")
        if len(benchmark.items) != known[benchmark.name].get("items"):
            raise InputError(f"{benchmark.name} gives other items than in the scan ({benchmark.source}); scan again")
    return benchmarks


def write_subsets(
    benchmarks: Sequence[Benchmark], scan: Scan, staging: Path, out: Path, *, include_review: bool
) -> dict[str, Any]:
    """Write each benchmark's halves below `staging` (which becomes `out`); what was written, for `summary.json`.

    For each benchmark a directory with, for each half, `clean.jsonl` (the items, as `auditor -b` reads them again) and
    `clean.ids.json` (a list of their ids). Items that a person should look at are in the half that `include_review`
    says.

    Raises:
        InputError: a match names an item that the benchmark does not have.
        OutputError: a file cannot be written.
    """
    taken: set[str] = set()
    said: dict[str, Any] = {}
    for benchmark in benchmarks:
        verdicts = {verdict: _items_of(benchmark, scan, verdict) for verdict in Verdict}
        review = verdicts[Verdict.REVIEW] - verdicts[Verdict.CONTAMINATED]
        bad = verdicts[Verdict.CONTAMINATED] | (review if include_review else set())
        folder = safe_name(benchmark.name, taken)
        halves = {
            "clean": [item for item in benchmark.items if (item.split, item.item_id) not in bad],
            "contaminated": [item for item in benchmark.items if (item.split, item.item_id) in bad],
        }
        if sum(map(len, halves.values())) != len(benchmark.items) or len(halves["contaminated"]) != len(bad):
            raise InputError(
                f"matches.jsonl names items that {benchmark.name} does not have: it is of another benchmark; scan again"
            )
        for half, items in halves.items():
            _write(staging / folder / f"{half}.jsonl", out / folder, b"".join(map(_line, items)))
            ids = orjson.dumps([item.item_id for item in items], option=orjson.OPT_INDENT_2) + b"\n"
            _write(staging / folder / f"{half}.ids.json", out / folder, ids)
        said[benchmark.name] = {
            "directory": folder,
            "items": len(benchmark.items),
            **{half: len(items) for half, items in halves.items()},
            "review": len(review),
            "review_is_in": "contaminated" if include_review else "clean",
            "not_looked_for": sum(scan.summary["benchmarks"][benchmark.name].get("items_not_indexed", {}).values()),
        }
    return said


def _items_of(benchmark: Benchmark, scan: Scan, verdict: Verdict) -> set[tuple[str, str]]:
    return {(m.split, m.item_id) for m in scan.matches if m.benchmark == benchmark.name and m.verdict is verdict}


def _line(item: Item) -> bytes:
    row: dict[str, Any] = {"id": item.item_id, "question": item.question}
    if item.choices:
        row["choices"] = list(item.choices)
    if item.answers:
        row["answer"] = item.answers[0]
    if len(item.answers) > 1:
        row["answers"] = list(item.answers)
    for key in ("passage", "split", "subset"):
        if getattr(item, key):
            row[key] = getattr(item, key)
    return orjson.dumps(row) + b"\n"


def _write(path: Path, folder: Path, data: bytes) -> None:
    file = OutputFile(path, folder / path.name)
    try:
        file.write(data)
        file.finish()
    finally:
        file.close()
