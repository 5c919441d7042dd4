"""JSON entries: our own, Open LLM Leaderboard requests and results, lm-eval results."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any

from auditor.checking.entry import MAX_SCORES, Entry, ScoreClaim, whole, words
from auditor.checking.readers.own import names_of, own_entry
from auditor.checking.yaml_lines import read_json
from auditor.errors import InputError
from auditor.scores.known import facts_of
from auditor.scores.loaders import entries
from auditor.scores.sizes import parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from auditor.checking.yaml_lines import Document


def read_json_entry(data: bytes, path: Path, shown: str) -> Entry:
    """One JSON object as an entry. Raises InputError where it is none of the known shapes."""
    document = read_json(data, shown)
    raw = document.value
    digest = hashlib.sha256(data).hexdigest()
    if not isinstance(raw, dict):
        raise InputError(f"{shown}: a list; an entry is one object (`auditor scores` reads whole tables)")
    try:
        if entries.is_v1(raw):
            return _v1(document, path, shown, digest)
        if entries.is_lm_eval(raw):
            return _lm_eval(document, path, shown, digest)
        if entries.is_request(raw) and "scores" not in raw:
            return _request(document, shown, digest)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{shown}: a result file that is not as its harness writes it ({type(error).__name__}: {error}); "
            "give the file as it was written"
        ) from error
    return own_entry(document, shown, digest)


def _v1(document: Document, path: Path, shown: str, digest: str) -> Entry:
    raw = document.value
    row, means = entries.v1_row(raw, path.name)
    if not words(row.get("model")):
        raise InputError(f"{shown}: an Open LLM Leaderboard result without `config_general.model_name`")
    tasks = raw.get("summary_tasks") or raw.get("config_tasks")
    claims = []
    for name, how in means.items():
        task = next((k for k in raw["results"] if _v1_name(k) == name), "")
        details = tasks.get(task) if isinstance(tasks, dict) else None
        hashes = details.get("hashes") if isinstance(details, dict) else None
        digest_of = words(hashes.get("hash_examples")) if isinstance(hashes, dict) and name != "MMLU" else ""
        metric, _, shots = how.partition(", ")
        claims.append(
            ScoreClaim(name, float(row[name]), f"{row[name]:.6g}", f"results.{task}", shots=whole(shots.split(" ")[0]),
                       harness="Open LLM Leaderboard v1", method=metric, task_hash=digest_of)
        )  # fmt: skip
    return Entry(
        path=shown, form="Open LLM Leaderboard v1 result", sha256=digest, model=words(row["model"]),
        revision=words(row.get("revision")), precision=words(row.get("precision")), date=words(row.get("date")),
        scores=tuple(claims[:MAX_SCORES]), in_points=False, fields=_said(row, claims), lines=document.lines,
    )  # fmt: skip


def _v1_name(key: str) -> str:
    task = key.split("|")[1] if key.count("|") == 2 else ""
    if task.startswith("hendrycksTest-"):
        return "MMLU"
    facts = facts_of(task.replace(":", " "))
    return facts.name if facts else task


def _lm_eval(document: Document, path: Path, shown: str, digest: str) -> Entry:
    raw = document.value
    row, means = entries.lm_eval_row(raw, path.name)
    if not words(row.get("model")):
        raise InputError(
            f"{shown}: an lm-eval result that names no model (`model_name`, or `pretrained` in its config)"
        )
    task_of = {(f.name if (f := facts_of(t)) else t): t for t in {**raw["results"], **(raw.get("groups") or {})}}
    shots = raw.get("n-shot") or {}
    claims = []
    for name in means:
        task = task_of[name]
        items, original = _samples(raw.get("n-samples") or {}, task)
        claims.append(
            ScoreClaim(
                name, float(row[name]), f"{row[name]:.6g}", f"results.{task}",
                shots=whole(shots.get(task)), harness=words(raw.get("lm_eval_version") or raw.get("git_hash")),
                chat_template="True" if raw.get("chat_template") or raw.get("chat_template_sha") else "",
                items=items, items_of=original, task_hash=words((raw.get("task_hashes") or {}).get(task)),
            )
        )  # fmt: skip
    size = parse_size(row.get("params_b"))
    return Entry(
        path=shown, form="lm-eval result", sha256=digest, model=words(row["model"]),
        params_b=size.total_b if size else math.nan, revision=words(row.get("revision")),
        precision=words(row.get("precision")), date=words(row.get("date")), scores=tuple(claims[:MAX_SCORES]),
        in_points=False, fields=_said(row, claims), lines=document.lines,
    )  # fmt: skip


def _samples(told: Mapping[str, Any], task: str) -> tuple[int | None, int | None]:
    """Items scored and items there were, of a task or summed over the subtasks of a group."""
    chosen = [told[task]] if task in told else [v for k, v in told.items() if re.match(rf"{re.escape(task)}[_-]", k)]
    counts = [(whole(v.get("effective")), whole(v.get("original"))) for v in chosen if isinstance(v, dict)]
    if not counts or any(e is None or o is None for e, o in counts):
        return None, None
    return sum(e or 0 for e, _ in counts), sum(o or 0 for _, o in counts)


def _request(document: Document, shown: str, digest: str) -> Entry:
    raw = document.value
    row = entries.request_row(raw)
    size = parse_size(row.get("params_b"))
    fields = {
        "model": row["model"], "base_model": row["base_model"], "revision": row["revision"],
        "precision": row["precision"], "params_b": row["params_b"], "architecture": raw.get("architectures"),
        "license": raw.get("license"),
    }  # fmt: skip
    lines = document.lines
    return Entry(
        path=shown, form="Open LLM Leaderboard request", sha256=digest, model=words(row["model"]),
        params_b=size.total_b if size else math.nan, base_models=names_of(row["base_model"]),
        architecture=words(raw.get("architectures")), precision=words(row["precision"]),
        revision=words(row["revision"]), date=words(row["date"]),
        fields={k: v for k, v in fields.items() if v is not None},
        lines=lines | {"params_b": lines["params"]} if "params" in lines else lines,
    )  # fmt: skip


def _said(row: Mapping[str, Any], claims: list[ScoreClaim]) -> dict[str, Any]:
    """What a result file says, by our names."""
    fields = {k: v for k, v in row.items() if k in ("model", "revision", "precision", "date", "params_b") and v}
    return fields | {"scores": [c.benchmark for c in claims]}
