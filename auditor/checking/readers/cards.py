"""A model card: YAML front matter with `base_model`, `datasets` and a `model-index`."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from auditor.checking.entry import MAX_SCORES, Entry, ScoreClaim, read_number, whole, words
from auditor.checking.readers.own import MAX_BASES, names_of, training_sets
from auditor.checking.yaml_lines import read_yaml
from auditor.errors import InputError
from auditor.scores.known import facts_of
from auditor.scores.sizes import parse_size

if TYPE_CHECKING:
    from pathlib import Path


def front_matter(text: str, shown: str) -> tuple[str, int]:
    """The YAML of a card and the line of the file that it begins on. Raises InputError where it has no end."""
    lines = text.replace("\r\n", "\n").split("\n")
    start = next((n for n, line in enumerate(lines) if line.strip()), 0)
    if lines[start].rstrip() != "---":
        raise InputError(f"{shown}, line {start + 1}: the front matter must begin with a line of --- and nothing else")
    end = next((n for n in range(start + 1, len(lines)) if lines[n].rstrip() == "---"), None)
    if end is None:
        raise InputError(f"{shown}: the YAML front matter, begun on line {start + 1}, has no closing line of ---")
    return "\n".join(lines[start + 1 : end]), start + 2


def read_card(data: bytes, path: Path, shown: str) -> Entry:
    """A model card as an entry; the first model of its `model-index` is the one it is about. Raises InputError."""
    text = data.decode("utf-8-sig", errors="replace")
    body, first = front_matter(text, shown)
    document = read_yaml(body, shown, first_line=first)
    card = document.value
    if not isinstance(card, dict):
        raise InputError(f"{shown}: the front matter is not a mapping of keys to values")
    index = card.get("model-index")
    models = [m for m in index if isinstance(m, dict)] if isinstance(index, list) else []
    unread = []
    if index is not None and not models:
        unread.append("`model-index` is not a list of models")
    if len(models) > 1:
        unread.append(
            f"{len(models) - 1} more of the {len(models)} models of its model-index: only the first is checked"
        )
    model = models[0] if models else {}
    scores, lost = _claims(model)
    sets, left = training_sets(card.get("datasets"), "datasets")
    bases = names_of(card.get("base_model"))
    size = parse_size(card.get("params_b") or card.get("model_size"))
    name = words(model.get("name")) or words(card.get("model_name")) or path.resolve().parent.name
    names = {"training_sets": "datasets", "scores": "model-index", "license": "license", "base_model": "base_model"}
    fields = {ours: card[theirs] for ours, theirs in names.items() if theirs in card}
    if size:
        fields["params_b"] = size.total_b
    return Entry(
        path=shown,
        form="model card",
        sha256=hashlib.sha256(data).hexdigest(),
        model=name,
        params_b=size.total_b if size else math.nan,
        base_models=bases[:MAX_BASES],
        is_merge=len(bases) > 1 or card.get("base_model_relation") == "merge",
        scores=scores,
        training_sets=sets,
        more_training_sets=left,
        fields=fields,
        lines=document.lines | {o: document.lines[t] for o, t in names.items() if t in document.lines},
        unread=(*unread, *lost),
    )


def _claims(model: dict[str, Any]) -> tuple[tuple[ScoreClaim, ...], tuple[str, ...]]:
    """One claim for each result of a `model-index`; of several metrics the first with a number."""
    claims: list[ScoreClaim] = []
    unread = 0
    results = model.get("results")
    for number, result in enumerate(results if isinstance(results, list) else []):
        dataset = result.get("dataset") if isinstance(result, dict) else None
        metrics = result.get("metrics") if isinstance(result, dict) else None
        names = [words(dataset.get(k)) for k in ("name", "type", "config")] if isinstance(dataset, dict) else []
        benchmark = _benchmark([n for n in names if n])
        if not benchmark or not isinstance(metrics, list) or len(claims) >= MAX_SCORES:
            unread += 1
            continue
        usable = [(k, m) for k, m in enumerate(metrics) if isinstance(m, dict) and "value" in m]
        if not usable:
            unread += 1
            continue
        k, metric = next(((k, m) for k, m in usable if read_number(m["value"])[0] is not None), usable[0])
        value, percent = read_number(metric["value"])
        arguments = dataset.get("args") if isinstance(dataset, dict) else None
        shots = arguments.get("num_few_shot") if isinstance(arguments, dict) else None
        claims.append(
            ScoreClaim(benchmark, value, words(metric["value"], 80),
                       f"model-index[0].results[{number}].metrics[{k}].value", percent, shots=whole(shots),
                       method=words(metric.get("type")))
        )  # fmt: skip
    lost = (
        (f"{unread} results of the model-index, which name no benchmark or no metric with a value",) if unread else ()
    )
    return tuple(claims), lost


def _benchmark(names: list[str]) -> str:
    """The well-known benchmark among a data set's names, else its first name."""
    for name in names:
        for form in (name, name.split("(")[0], name.rsplit("/", 1)[-1]):
            if facts := facts_of(form):
                return facts.name
    return names[0] if names else ""
