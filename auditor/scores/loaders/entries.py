"""JSON documents of one or many entries: v1 and lm-eval results, v2 requests, EvalPlus, MTEB metadata."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.scores.known import facts_of
from auditor.scores.loaders.files import columns_of
from auditor.scores.table import RawTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_V1_TASKS = {
    "arc:challenge": ("ARC", "acc_norm"),
    "hellaswag": ("HellaSwag", "acc_norm"),
    "truthfulqa:mc": ("TruthfulQA", "mc2"),
    "winogrande": ("Winogrande", "acc"),
    "gsm8k": ("GSM8K", "acc"),
    "drop": ("DROP", "f1"),
}
_METRICS = ("acc_norm", "acc", "exact_match", "mc2", "pass@1", "prompt_level_strict_acc", "em", "f1", "mcc", "score")
"""Metrics of a task in the order in which a leaderboard takes them."""
_PREFERRED = {"MMLU": "acc", "MMLU-PRO": "acc", "Winogrande": "acc", "TruthfulQA": "acc", "BoolQ": "acc"}
_FILTERS = ("", "none", "strict-match", "flexible-extract", "get-answer", "create_test", "custom-extract")
_RUN_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T_](\d{2})[-:](\d{2})[-:](\d{2})")


def run_date(name: str) -> str:
    """Time of a run from a result file's name (`results_2023-08-09T10-55-12.123456.json`), "" where there is none."""
    match = _RUN_TIME.search(name)
    return f"{match[1]}T{match[2]}:{match[3]}:{match[4]}" if match else ""


def _finite(value: object) -> float | None:
    return (
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        else None
    )


def v1_row(document: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A row of the Open LLM Leaderboard's first result files; MMLU is the mean over its subjects."""
    general = document.get("config_general", document.get("config", {}))
    row: dict[str, Any] = {
        "model": general.get("model_name") or general.get("model_args", ""),
        "revision": general.get("model_sha", ""),
        "precision": general.get("model_dtype", ""),
        "date": run_date(name),
    }
    means: dict[str, str] = {}
    subjects: list[float] = []
    mmlu_shots = ""
    for key, metrics in document["results"].items():
        parts = key.split("|")
        if len(parts) != 3 or not isinstance(metrics, dict):
            continue
        _, task, shots = parts
        if task.startswith("hendrycksTest-"):
            value = _finite(metrics.get("acc"))
            if value is not None:
                subjects.append(value)
                mmlu_shots = shots
        elif task in _V1_TASKS:
            benchmark, metric = _V1_TASKS[task]
            value = _finite(metrics.get(metric))
            if value is not None:
                row[benchmark], means[benchmark] = value, f"{metric}, {shots} shots"
    if subjects:
        row["MMLU"], means["MMLU"] = sum(subjects) / len(subjects), f"acc over subjects, {mmlu_shots} shots"
    return row, means


def _pick_metric(metrics: Mapping[str, Any], benchmark: str) -> tuple[str, float] | None:
    first = _PREFERRED.get(benchmark)
    for metric in ((first,) if first else ()) + _METRICS:
        for filtered in _FILTERS:
            key = f"{metric},{filtered}" if filtered else metric
            value = _finite(metrics.get(key))
            if value is not None:
                return key, value
    return None


def lm_eval_row(document: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A row of an lm-evaluation-harness result file: groups where they are given, else the tasks themselves."""
    config = document.get("config") or {}
    arguments = config.get("model_args", "")
    from_arguments = (
        arguments.get("pretrained", "") if isinstance(arguments, dict)
        else (re.search(r"pretrained=([^,]+)", str(arguments)) or ["", ""])[1]
    )  # fmt: skip
    row: dict[str, Any] = {
        "model": document.get("model_name") or from_arguments or document.get("model_source", ""),
        "revision": config.get("model_revision", ""),
        "hash": config.get("model_sha", ""),
        "precision": config.get("model_dtype", ""),
        "date": document.get("date") or run_date(name),
    }
    size = _finite(config.get("model_num_parameters"))
    if size:
        row["params_b"] = size / 1e9
    template = document.get("chat_template") or document.get("chat_template_sha")
    harness = str(document.get("lm_eval_version") or document.get("git_hash") or "")
    shots: Mapping[str, Any] = document.get("n-shot") or {}
    means: dict[str, str] = {}
    merged = {**document.get("results", {}), **(document.get("groups") or {})}
    for task, metrics in merged.items():
        facts = facts_of(task)
        # subtasks of a group (mmlu_abstract_algebra, leaderboard_bbh_…) are parts of a benchmark, not benchmarks
        if not isinstance(metrics, dict) or (facts is None and _is_subtask(task, merged)):
            continue
        picked = _pick_metric(metrics, facts.name if facts else task)
        if picked is None:
            continue
        benchmark = facts.name if facts else task
        row[benchmark] = picked[1]
        parts = [f"harness {harness}" if harness else "", picked[0], f"{shots[task]} shots" if task in shots else ""]
        means[benchmark] = ", ".join([p for p in parts if p] + (["chat template"] if template else []))
    return row, means


def _is_subtask(task: str, tasks: Mapping[str, Any]) -> bool:
    return any(task != other and task.startswith(f"{other}_") for other in tasks) or task.startswith(
        ("mmlu_", "hendrycksTest", "leaderboard_", "bbh_")
    )


def request_row(document: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a v2 request: what the submitter said, no scores."""
    return {
        "model": document.get("model", ""),
        "base_model": document.get("base_model", ""),
        "revision": document.get("revision", ""),
        "precision": document.get("precision", ""),
        "params_b": document.get("params"),
        "date": document.get("submitted_time", ""),
        "chat_template": document.get("use_chat_template"),
    }


def is_v1(document: Mapping[str, Any]) -> bool:
    results = document.get("results")
    return isinstance(results, dict) and any(k.count("|") == 2 for k in results)


def is_lm_eval(document: Mapping[str, Any]) -> bool:
    results = document.get("results")
    return isinstance(results, dict) and any(
        isinstance(v, dict) and any("," in k or k in _METRICS for k in v) for v in results.values()
    )


def is_request(document: Mapping[str, Any]) -> bool:
    return "model" in document and bool({"submitted_time", "weight_type", "status", "job_id"} & set(document))


def is_evalplus(document: Mapping[str, Any]) -> bool:
    values = list(document.values())
    return bool(values) and all(isinstance(v, dict) and "pass@1" in v for v in values)


def evalplus_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of EvalPlus' results.json; `pass@1` is a number or an object of benchmarks, None where not run."""
    rows = []
    for model, entry in document.items():
        scores = entry["pass@1"]
        names = {"humaneval": "HumanEval", "humaneval+": "HumanEval+", "mbpp": "MBPP", "mbpp+": "MBPP+"}
        values = scores if isinstance(scores, dict) else {"humaneval+": scores}
        rows.append(
            {
                "model": model,
                "params_b": entry.get("size"),
                "method": "prompted" if entry.get("prompted") else "completion",
            }
            | {names.get(k.lower(), k): v for k, v in values.items()}
        )
    return rows


def raw_from_rows(
    rows: list[tuple[dict[str, Any], dict[str, str]]], source: str, digest: str, form: str, **more: Any
) -> RawTable:
    """Rows and how each of their scores was got, as a RawTable."""
    columns = columns_of(row for row, _ in rows)
    benchmarks = {name for _, means in rows for name in means}
    means = {b: [m.get(b, "") for _, m in rows] for b in sorted(benchmarks)}
    return RawTable(columns, source, digest, form, means=means, **more)


def read_document(document: dict[str, Any], path: Path, digest: str) -> RawTable:
    """One JSON object as a table of entries.

    Raises:
        InputError: it is no known shape, or holds no scores.
    """
    if is_v1(document):
        return raw_from_rows([v1_row(document, path.name)], str(path), digest, "Open LLM Leaderboard v1 result")
    if is_lm_eval(document):
        return raw_from_rows([lm_eval_row(document, path.name)], str(path), digest, "lm-eval result")
    if is_evalplus(document):
        return RawTable(columns_of(evalplus_rows(document)), str(path), digest, "EvalPlus results")
    if is_request(document):
        row = request_row(document)
        return RawTable({k: [v] for k, v in row.items()}, str(path), digest, "Open LLM Leaderboard v2 request")
    if document and all(isinstance(v, dict) for v in document.values()):
        rows = [{"model": model} | v for model, v in document.items()]
        return RawTable(columns_of(rows), str(path), digest, "JSON keyed by model")
    raise InputError(
        f"{path}: a JSON object of no known shape (keys: {', '.join(map(repr, list(document)[:12]))}); known are "
        f"a table of "
        "rows, of columns, or keyed by model, Open LLM Leaderboard and lm-eval results, EvalPlus, MTEB"
    )
