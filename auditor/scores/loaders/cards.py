"""Model cards: YAML front matter with `base_model` and `model-index`; and our own entry.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.errors import InputError, MissingExtraError
from auditor.scores.known import facts_of
from auditor.scores.loaders.files import MAX_RESULT_BYTES, read_bytes, sha256_of
from auditor.scores.sizes import parse_size
from auditor.scores.values import clean_name, parse_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from auditor.scores.table import RawTable

MAX_FRONT_MATTER = 1_000_000
"""Characters. The longest front matter of the hub's cards is a few hundred thousand (MTEB results)."""
MAX_DEPTH = 30


def safe_yaml(text: str, place: str) -> Any:
    """YAML of a stranger: plain types only, no aliases, bounded size and depth.

    Raises:
        InputError: it is too long, too deep, uses aliases, or is not YAML.
        MissingExtraError: pyyaml is not installed.
    """
    try:
        import yaml
    except ImportError as error:  # pragma: no cover - pyyaml comes with the test environment
        raise MissingExtraError("reading YAML", "yaml") from error
    if len(text) > MAX_FRONT_MATTER:
        raise InputError(f"{place}: {len(text):,} characters of YAML; at most {MAX_FRONT_MATTER:,} are read")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                raise InputError(f"{place}: YAML aliases (*{event.anchor}) are not read: they can grow without bound")
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise InputError(f"{place}: YAML nested deeper than {MAX_DEPTH}")
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                depth -= 1
        return yaml.load(text, Loader=loader)  # noqa: S506 - both loaders are the safe ones
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{place}: not readable YAML: {' '.join(str(error).split())[:300]}") from error


def front_matter(data: bytes, place: str) -> dict[str, Any]:
    """Front matter of a model card. Raises InputError where there is none."""
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").lstrip("\n ")
    if not text.startswith("---"):
        raise InputError(f"{place}: a model card without YAML front matter (it must begin with a line of ---)")
    body, mark, _ = text[3:].partition("\n---")
    if not mark:
        raise InputError(f"{place}: the YAML front matter has no closing line of ---")
    found = safe_yaml(body, place)
    if not isinstance(found, dict):
        raise InputError(f"{place}: the front matter is not a mapping of keys to values")
    return found


def _index_scores(entry: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, str], int]:
    """Scores of one entry of a `model-index`, how each was got, and how many results were not read."""
    scores: dict[str, float] = {}
    means: dict[str, str] = {}
    unread = 0
    results = entry.get("results")
    for result in results if isinstance(results, list) else []:
        dataset = result.get("dataset") if isinstance(result, dict) else None
        metrics = result.get("metrics") if isinstance(result, dict) else None
        if not isinstance(dataset, dict) or not isinstance(metrics, list):
            unread += 1
            continue
        names = [str(dataset[k]) for k in ("name", "type", "config") if dataset.get(k)]
        facts = next((f for n in names for f in [facts_of(n.split("(")[0]), facts_of(n.split("/")[-1])] if f), None)
        benchmark = facts.name if facts else names[0] if names else ""
        metric = next((m for m in metrics if isinstance(m, dict) and parse_number(m.get("value")) is not None), None)
        if not benchmark or metric is None or benchmark in scores:
            unread += 1
            continue
        scores[benchmark] = parse_number(metric["value"]) or 0.0
        arguments = dataset.get("args")
        shots = arguments.get("num_few_shot") if isinstance(arguments, dict) else None
        means[benchmark] = ", ".join(
            p for p in (clean_name(metric.get("type", "")), "" if shots is None else f"{shots} shots") if p
        )
    return scores, means, unread


def card_rows(card: Mapping[str, Any], fallback_name: str) -> list[tuple[dict[str, Any], dict[str, str], int]]:
    """Rows of a card, one for each model of its `model-index`."""
    base = card.get("base_model") or []
    bases = [str(b) for b in (base if isinstance(base, list) else [base])]
    index = card.get("model-index")
    rows = []
    for entry in index if isinstance(index, list) else []:
        if not isinstance(entry, dict):
            continue
        scores, means, unread = _index_scores(entry)
        # cards give points, some give shares; one scale for the card, or a board of cards would mix them
        if scores and max(scores.values()) <= 1.0:
            scores = {k: 100.0 * v for k, v in scores.items()}
        row: dict[str, Any] = {"model": entry.get("name") or fallback_name, "base_model": bases}
        size = parse_size(card.get("params_b") or card.get("model_size"))
        rows.append((row | ({"params_b": size.total_b} if size else {}) | scores, means, unread))
    return rows


def read_card(path: Path) -> RawTable:
    """One model card as a table."""
    from auditor.scores.loaders.entries import raw_from_rows

    data = read_bytes(path, MAX_RESULT_BYTES)
    rows = card_rows(front_matter(data, str(path)), path.parent.name)
    if not any(means for _, means, _ in rows):
        raise InputError(f"{path}: the model card's front matter has no `model-index` with scores")
    unread = sum(u for _, _, u in rows)
    notes = (f"{unread} results of the model-index could not be read or repeat a benchmark",) if unread else ()
    return raw_from_rows([(r, m) for r, m, _ in rows], str(path), sha256_of(data), "model card", notes=notes)


def entry_row(entry: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A row of our own entry: model, params_b, base_model, and scores as a mapping or a list with shots and harness."""
    row = {
        k: entry.get(k)
        for k in ("model", "params_b", "base_model", "revision", "precision", "date", "tokens_t", "flops")
    }
    means: dict[str, str] = {}
    scores = entry.get("scores") or {}
    listed = [{"benchmark": k, "score": v} for k, v in scores.items()] if isinstance(scores, dict) else scores
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict) and item.get("benchmark"):
            name = str(item["benchmark"])
            row[name] = item.get("score", item.get("value"))
            told = (
                f"{k} {item[k]}" for k in ("harness", "shots", "chat_template", "method") if item.get(k) is not None
            )
            means[name] = "; ".join(told)
    return {k: v for k, v in row.items() if v is not None}, means


def read_yaml_entry(path: Path) -> RawTable:
    """Our own entry.yaml as a table of one row."""
    from auditor.scores.loaders.entries import raw_from_rows

    data = read_bytes(path, MAX_RESULT_BYTES)
    entry = safe_yaml(data.decode("utf-8", errors="replace"), str(path))
    if not isinstance(entry, dict) or "model" not in entry or not entry.get("scores"):
        raise InputError(f"{path}: not an entry: it needs `model` and `scores`")
    return raw_from_rows([entry_row(entry)], str(path), sha256_of(data), "entry")
