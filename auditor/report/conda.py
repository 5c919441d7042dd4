"""Rows for the CONDA database of data contamination, `contamination_report.csv` of
https://huggingface.co/spaces/CONDA-Workshop/Data-Contamination-Database, for a person to read and to submit.

One row says of a benchmark and a training corpus what share of the benchmark's items, in percent and by split, is in
the corpus: 0 where it was looked for and not found, blank where that is not known. Only findings about data belong
there: a score is no percentage of anything. Findings that a baseline accepts do not count.
"""

from __future__ import annotations

import csv
import io
import os.path
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.report.escape import csv_cell, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.types import Finding

COLUMNS = (
    "Evaluation Dataset", "Subset", "Contaminated Source", "Model or corpus", "Train Split", "Development Split",
    "Test Split", "Approach", "Reference", "PR",
)  # fmt: skip
_SPLITS = {
    "train": "Train Split",
    "training": "Train Split",
    "dev": "Development Split",
    "development": "Development Split",
    "val": "Development Split",
    "valid": "Development Split",
    "validation": "Development Split",
    "test": "Test Split",
    # of a dataset without splits the whole counts as its test split
    "": "Test Split",
}
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_URL = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+?)(?:@[^/]*)?(?:/.*)?")


def render_conda(command: str, summary: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """The rows as CSV, semicolon-separated, with their head.

    Args:
        command: the command that made the run.
        summary: the contents of `summary.json`.
        findings: all findings of the run.

    Raises:
        InputError: the run scanned no data.
    """
    if "sources" not in summary or "benchmarks" not in summary:
        raise InputError(
            f"the CONDA database takes findings about data, and this run of `auditor {command}` read none: give "
            "the directory of a run of `auditor scan` over a training set"
        )
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(COLUMNS)
    corpora = _corpora(summary)
    found = _found(findings, corpora)
    for name, facts in summary.get("benchmarks", {}).items():
        for corpus in dict.fromkeys(corpora.values()):
            whole = all(s.get("complete", True) for s in summary["sources"] if corpora[s["source"]] == corpus)
            shares = _shares(facts, found[name, corpus], complete=whole and not summary.get("interrupted"))
            row = {
                "Evaluation Dataset": _dataset(name, facts),
                "Contaminated Source": corpus,
                "Model or corpus": "corpus",
                **shares,
                "Approach": "data-based",
            }
            if shares:
                writer.writerow([csv_cell(visible(row.get(column, ""))) for column in COLUMNS])
    return out.getvalue()


def _dataset(name: str, facts: Mapping[str, Any]) -> str:
    """The benchmark's id on the hub where it came from there, else its name."""
    source = str(facts.get("source", ""))
    if facts.get("revision") and _HUB_ID.fullmatch(source):
        return source
    url = _HUB_URL.fullmatch(source)
    return url[1] if url else name


def _corpora(summary: Mapping[str, Any]) -> dict[str, str]:
    """Each source's corpus: a dataset of the hub by its id, all local files together by their common directory."""
    names: dict[str, str] = {}
    local = []
    for entry in summary.get("sources", ()):
        url = _HUB_URL.fullmatch(entry["source"])
        if url:
            names[entry["source"]] = url[1]
        else:
            local.append(entry["source"])
    together = local[0] if len(local) == 1 else _common(local)
    return {**names, **dict.fromkeys(local, together)}


def _common(paths: Sequence[str]) -> str:
    try:
        common = os.path.commonpath(paths)
    except ValueError:  # absolute paths and relative ones, or none at all
        common = ""
    return common or "local files"


def _found(findings: Sequence[Finding], corpora: Mapping[str, str]) -> dict[tuple[str, str], dict[str, set[str]]]:
    """The contaminated items of each (benchmark, corpus), by split."""
    found: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for finding in findings:
        evidence = finding.evidence
        if finding.verdict == "contaminated" and finding.baseline is None and evidence.get("source") in corpora:
            where = evidence["benchmark"], corpora[evidence["source"]]
            found[where][evidence["split"]].add(evidence["item_id"])
    return found


def _shares(facts: Mapping[str, Any], found: Mapping[str, set[str]], *, complete: bool) -> dict[str, str]:
    """Percentages by column; nothing is said of a split whose size is not known, nor 0 where not all was read."""
    items: dict[str, int] = defaultdict(int)
    hits: dict[str, int] = defaultdict(int)
    for split, number in (facts.get("splits") or {}).items():
        column = _SPLITS.get(split.lower())
        if column:
            items[column] += number
            hits[column] += len(found.get(split, ()))
    return {c: _percent(hits[c], items[c]) for c in items if items[c] and (hits[c] or complete)}


def _percent(part: int, whole: int) -> str:
    """Two decimals, never 0 for something and never 100 for less than all."""
    share = round(100 * part / whole, 2)
    if part:
        share = max(share, 0.01)
    if part < whole:
        share = min(share, 99.99)
    return f"{share:.2f}".rstrip("0").rstrip(".") if share not in (0.0, 100.0) else f"{share:.0f}"
