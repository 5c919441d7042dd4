"""A folder of results of one model: MTEB's, or lm-eval's with a file for each run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from auditor.checking.entry import MAX_SCORES, Entry, ScoreClaim, read_number, whole, words
from auditor.checking.readers.own import names_of, training_sets
from auditor.checking.yaml_lines import read_json
from auditor.errors import InputError
from auditor.scores.loaders.directories import read_directory
from auditor.scores.loaders.files import MAX_RESULT_BYTES, read_bytes
from auditor.scores.sizes import parse_size
from auditor.scores.values import is_empty

if TYPE_CHECKING:
    from pathlib import Path

NOT_SCORES = ("model", "revision", "precision", "date", "base_model", "params_b", "hash", "chat_template")


def read_folder(path: Path, shown: str) -> Entry:
    """A folder as one entry.

    Raises:
        InputError: it holds no results, those of several models, or of several revisions.
    """
    raw = read_directory(path)
    models = sorted({words(m) for m in raw.columns["model"]})
    revisions = sorted({words(r) for r in raw.columns.get("revision", []) if not is_empty(r)})
    if len(models) > 1 or len(revisions) > 1:
        many = models if len(models) > 1 else revisions
        raise InputError(
            f"{shown}: holds {len(many)} {'models' if len(models) > 1 else 'revisions'} ({', '.join(many[:5])}"
            f"{', …' if len(many) > 5 else ''}); an entry is of one: name its own folder"
        )
    row = {name: next((c for c in cells if not is_empty(c)), None) for name, cells in raw.columns.items()}
    meta_sets: Any = None
    fields: dict[str, Any] = {k: v for k, v in row.items() if k in NOT_SCORES and not is_empty(v)}
    metas = sorted(p for p in path.rglob("model_meta.json") if not p.is_symlink())
    if metas:
        meta = read_json(
            read_bytes(metas[0], MAX_RESULT_BYTES), f"{shown}/{metas[0].relative_to(path).as_posix()}"
        ).value
        told = meta.get("training_datasets") if isinstance(meta, dict) else None
        meta_sets = list(told) if isinstance(told, dict | list) else told
        fields["training_sets"] = meta_sets
    sets, left = training_sets(meta_sets, "training_datasets")
    size = parse_size(row.get("params_b"))
    claims = [
        _claim(name, cells, raw.means.get(name, []))
        for name, cells in raw.columns.items()
        if name in raw.means and name not in NOT_SCORES
    ]
    lost = tuple(f"{s.source}: {s.reason.replace('_', ' ')}" for s in raw.skips if s.reason != "not_a_result")
    return Entry(
        path=shown, form=raw.form, sha256=raw.sha256, model=models[0],
        params_b=size.total_b if size else math.nan, base_models=names_of(row.get("base_model")),
        revision=words(row.get("revision")), precision=words(row.get("precision")), date=words(row.get("date")),
        scores=tuple(claims[:MAX_SCORES]), in_points=False, training_sets=sets, more_training_sets=left,
        fields=fields | {"scores": [c.benchmark for c in claims]}, unread=lost[:20],
    )  # fmt: skip


def _claim(name: str, cells: list[Any], means: list[str]) -> ScoreClaim:
    at = next((k for k, c in enumerate(cells) if not is_empty(c)), 0)
    value, percent = read_number(cells[at])
    how = means[at] if at < len(means) else ""
    parts = [p.strip() for p in how.split(",")]
    shots = next((whole(p.split(" ")[0]) for p in parts if p.endswith(" shots")), None)
    harness = next((p.removeprefix("harness ") for p in parts if p.startswith("harness ")), "")
    template = "True" if "chat template" in parts else ""
    method = next(
        (p for p in parts if p and p != "chat template" and not p.startswith("harness ") and not p.endswith(" shots")),
        "",
    )
    return ScoreClaim(name, value, words(cells[at], 80), name, percent, shots, harness, template, method)
