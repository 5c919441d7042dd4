"""The files of a score audit: outliers.csv, pareto.csv, findings.json, summary.json, report.md and .html, figures."""

from __future__ import annotations

import io
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor import __version__
from auditor.errors import OutputError
from auditor.report.escape import csv_cell
from auditor.report.files import make_directory, write_findings, write_summary, write_text
from auditor.scores.band import size_band
from auditor.scores.explain import reasons_of
from auditor.scores.families import RULES
from auditor.scores.findings import number, significant
from auditor.scores.resolve import DUPLICATE_RULE
from auditor.scores.verdicts import VERDICTS

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from auditor.scores.audit import BenchmarkAudit, ScoresAudit

COLUMNS = (
    "model", "benchmark", "score", "params_b", "bucket", "bucket_n", "z", "modified_z", "expected", "low", "high",
    "excess", "p_value", "q_value", "verdict", "reason",
)  # fmt: skip


def _csv_bytes(columns: dict[str, Any]) -> bytes:
    """CSV with a header, numbers as they are, text quoted where it must be; arrow's writer, since rows may be a
    million."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    arrays = {
        name: pa.array(values, from_pandas=True) if isinstance(values, np.ndarray) else pa.array(values, pa.string())
        for name, values in columns.items()
    }
    out = io.BytesIO()
    table = pa.table(arrays)
    pa_csv.write_csv(table, out, pa_csv.WriteOptions(include_header=False, quoting_style="needed"))
    return (",".join(columns) + "\n").encode() + out.getvalue()


def _round(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    return np.asarray(np.round(values, digits) + 0.0)


def _significant(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.power(10.0, 3 - np.floor(np.log10(np.where(values > 0, values, 1.0))))
    return np.asarray(np.where(values > 1e-290, np.round(values * power) / power, values))


def _cells(texts: Sequence[str]) -> list[str]:
    """Texts for a CSV; each distinct one is looked at once, and most reasons are the same few."""
    safe = {text: csv_cell(text) for text in set(texts)}
    return [safe[text] for text in texts]


def _outlier_columns(audit: ScoresAudit, found: BenchmarkAudit, names: Sequence[str]) -> dict[str, Any]:
    table, judged, buckets = audit.table, found.judgement, found.buckets
    labels = [b.label for b in buckets.buckets]
    index = buckets.index
    return {
        "model": names,
        "benchmark": [csv_cell(found.name)] * len(table),
        "score": _round(100 * table.scores[:, found.column], 3),
        "params_b": _round(table.params_b, 4),
        "bucket": [labels[k] if k >= 0 else "" for k in index],
        "bucket_n": np.where(index >= 0, buckets.n, 0),
        "z": _round(buckets.z, 3),
        "modified_z": _round(buckets.modified_z, 3),
        "expected": _round(100 * judged.expected, 3),
        "low": _round(100 * judged.low, 3),
        "high": _round(100 * judged.high, 3),
        "excess": _round(judged.excess, 3),
        "p_value": _significant(judged.p),
        "q_value": _significant(judged.q),
        "verdict": [VERDICTS[v] for v in judged.verdict],
        "reason": _cells(reasons_of(audit, found)),
    }


def _without_header(parts: Iterator[bytes]) -> Iterator[bytes]:
    for k, part in enumerate(parts):
        yield part if k == 0 else part[part.index(b"\n") + 1 :]


def outlier_parts(audit: ScoresAudit) -> Iterator[bytes]:
    """`outliers.csv` in pieces, one for each benchmark, so that a million rows need not stand in memory at once."""
    names = _cells(audit.table.models)
    return _without_header(_csv_bytes(_outlier_columns(audit, found, names)) for found in audit.benchmarks)


def outliers_csv(audit: ScoresAudit) -> bytes:
    """`outliers.csv`: a row for each model and benchmark in the table's order; scores and excess in points (0-100)."""
    return b"".join(outlier_parts(audit))


def _pareto_columns(audit: ScoresAudit, found: BenchmarkAudit, names: Sequence[str]) -> dict[str, Any]:
    pareto = found.pareto
    columns: dict[str, Any] = {
        "model": names,
        "benchmark": [csv_cell(found.name)] * len(names),
        "params_b": _round(audit.table.params_b, 4),
        "bytes_gb": _round(pareto.bytes_gb, 3),
        "error": _round(100 * (1 - audit.table.scores[:, found.column]), 3),
    }
    for name, front in (
        ("params", pareto.by_params),
        ("params_unflagged", pareto.by_params_unflagged),
        ("bytes", pareto.by_bytes),
        ("bytes_unflagged", pareto.by_bytes_unflagged),
    ):
        on = np.zeros(len(names), dtype=bool)
        on[front.rows] = True
        columns[f"on_front_{name}"] = ["yes" if k else "" for k in on.tolist()]
        columns[f"dominated_by_{name}"] = [names[k] if k >= 0 else "" for k in front.dominated_by.tolist()]
    return columns


def pareto_parts(audit: ScoresAudit) -> Iterator[bytes]:
    """`pareto.csv` in pieces, one for each benchmark."""
    names = _cells(audit.table.models)
    return _without_header(_csv_bytes(_pareto_columns(audit, found, names)) for found in audit.benchmarks)


def pareto_csv(audit: ScoresAudit) -> bytes:
    """`pareto.csv`: for each model and benchmark whether it is on the front, and the model that dominates it."""
    return b"".join(pareto_parts(audit))


def _versions() -> dict[str, str]:
    found = {"auditor": __version__, "python": platform.python_version()}
    for package in ("numpy", "scipy", "pyarrow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # pragma: no cover - all three are core dependencies
            found[package] = "unknown"
    return found


def _day(days: float) -> str:
    return str(np.datetime64(int(np.floor(days)), "D")) if np.isfinite(days) else ""


def _benchmark_summary(audit: ScoresAudit, found: BenchmarkAudit) -> dict[str, Any]:
    facts, judged, table = audit.table.benchmarks[found.column], found.judgement, audit.table
    reasons: dict[str, int] = {}
    for reason in found.not_judged:
        if reason:
            short = reason.split(":")[0].split(" (")[0]
            reasons[short] = reasons.get(short, 0) + 1
    detectable = judged.detectable[np.isfinite(judged.detectable)]
    summary: dict[str, Any] = {
        "items": facts.items,
        "items_known": facts.known,
        "chance": facts.chance,
        "chance_ceiling": number(100 * facts.chance_ceiling, 2),
        "strong": found.count("strong"),
        "review": found.count("review"),
        "none": found.count("none"),
        "not_judged": dict(sorted(reasons.items())),
        "low_outliers": int(judged.low_outlier.sum()),
        "families": judged.families,
        "smallest_empirical_p": significant(judged.smallest_p),
        "detectable_points_median": number(float(np.median(detectable)), 1) if len(detectable) else None,
        "buckets": [
            {
                "label": b.label,
                "n": b.n,
                "at_chance": b.at_chance,
                "mean": number(100 * b.mean, 2),
                "sd": number(100 * b.sd, 2),
                "median": number(100 * b.median, 2),
                "mad": number(100 * b.mad, 2),
                "modified_z_cutoff": number(b.cutoff, 2),
                "high": int((found.buckets.high & (found.buckets.index == k)).sum()),
                "unstable": int((~found.buckets.stable & (found.buckets.index == k)).sum()),
            }
            for k, b in enumerate(found.buckets.buckets)
        ],
    }
    band = size_band(audit, found)
    if band is not None:
        summary["expected_by_size"] = band.to_json()
    if found.adjusted is not None:
        views = {"size": found.adjusted.size, "context": found.adjusted.context}
        if found.adjusted.others is not None:
            views["others"] = found.adjusted.others
        summary["fits"] = {
            name: {
                "from": list(view.covariates), "sigma": number(view.fit.sigma), "tau": number(view.fit.tau),
                "families": view.fit.families, "effective_coefficients": view.fit.columns,
                "tail_scale": number(float(np.dot(view.tail.scales, view.tail.weights)), 3),
                "tail_df": number(1 / float(np.dot(1 / np.array(view.tail.freedoms), view.tail.weights)), 1),
            }
            for name, view in views.items()
        }  # fmt: skip
    front = found.pareto
    summary["pareto"] = {
        "front": [table.models[i] for i in front.by_params.rows],
        "front_without_flagged": [table.models[i] for i in front.by_params_unflagged.rows],
        "front_by_bytes": [table.models[i] for i in front.by_bytes.rows],
        "dominated": int((front.by_params.dominated_by >= 0).sum()),
        "over_time": [
            {
                "date": _day(s.day),
                "entered": [table.models[i] for i in s.entered],
                "left": [table.models[i] for i in s.left],
            }
            for s in front.steps[-100:]
        ],
    }
    return summary


def _ahead(audit: ScoresAudit, limit: int = 20) -> list[dict[str, Any]]:
    """Models furthest above what models of their size scored in the month before, on their most conspicuous
    benchmark."""
    lead, which = audit.highest_lead
    order = np.argsort(-np.nan_to_num(lead, nan=-np.inf), kind="stable")[:limit]
    return [
        {
            "model": audit.table.models[i],
            "benchmark": audit.benchmarks[which[i]].name,
            "lead": number(lead[i], 2),
            "date": _day(audit.table.dates[i]),
        }
        for i in order
        if np.isfinite(lead[i]) and lead[i] > 0
    ]


def summary_of(audit: ScoresAudit) -> dict[str, Any]:
    """`summary.json`: what was read and skipped, what every benchmark gave, configuration, versions, inputs."""
    table = audit.table
    inputs = [{"path": Path(table.source).name, "sha256": table.sha256, "form": table.form, "rows": len(table)}]
    if audit.second is not None:
        inputs.append({"path": Path(audit.second.source).name, "sha256": audit.second.sha256, "form": "second board",
                       "rows": audit.second.matched + audit.second.unmatched})  # fmt: skip
    return {
        "command": "scores",
        "models": len(set(table.models)),
        "rows": len(table),
        "records_skipped": dict(table.skips),
        "skip_examples": [{"reason": s.reason, "row": s.row, "detail": s.detail} for s in table.skip_examples],
        "complete": audit.lost == 0,
        "verdict": audit.worst,
        "notes": list(table.notes),
        "duplicate_rule": DUPLICATE_RULE,
        "families": len(audit.families.names),
        "family_rules": {RULES[rule]: count for rule, count in audit.families.rule_counts().items()},
        "flagged_models": len(audit.flagged),
        "descendants_of_flagged": len(audit.descents),
        "joined": None if audit.second is None else {
            "columns": list(audit.second.columns), "matched": audit.second.matched, "unmatched": audit.second.unmatched,
        },
        "benchmarks": {found.name: _benchmark_summary(audit, found) for found in audit.benchmarks},
        "ahead_of_contemporaries": _ahead(audit),
        "config": audit.config.to_json(),
        "versions": _versions(),
        "inputs": inputs,
    }  # fmt: skip


def _write_parts(path: Path, parts: Iterator[bytes]) -> None:
    try:
        with path.open("wb") as file:
            file.writelines(parts)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_outputs(audit: ScoresAudit, directory: str | os.PathLike[str], *, figures: str = "main") -> Path:
    """Write every file of a score audit into a directory; the same audit gives the same bytes.

    Args:
        audit: the audit.
        directory: made where it is not there.
        figures: "main" draws one benchmark, "all" every one, "none" nothing; drawing needs the `plots` extra.
    Raises:
        OutputError: something cannot be written.
        MissingExtraError: figures are wanted and matplotlib is not installed.
    """
    from auditor.report.formats import write_formats
    from auditor.report.scores import render_scores_report

    place = make_directory(directory)
    drawn: dict[str, str] = {}
    if figures != "none":
        from auditor.scores.figures import draw_figures

        every = tuple(b.name for b in audit.benchmarks) if figures == "all" else None
        drawn = draw_figures(audit, make_directory(place / "figures"), every)
    summary = summary_of(audit)
    summary["figures"] = drawn
    _write_parts(place / "outliers.csv", outlier_parts(audit))
    _write_parts(place / "pareto.csv", pareto_parts(audit))
    write_findings(place / "findings.json", audit.findings, command="scores")
    write_summary(place / "summary.json", summary)
    write_text(place / "report.md", render_scores_report(summary, audit.findings))
    write_formats(place, ["html"])
    return place
