"""Our own entry: `entry.yaml`, or the same keys as JSON. Its fields are documented in `docs/check.md`."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from auditor.checking.entry import (
    MAX_SCORES,
    Entry,
    ScoreClaim,
    TrainingSet,
    is_said,
    read_number,
    whole,
    words,
)
from auditor.checking.yaml_lines import Document, read_yaml
from auditor.errors import InputError
from auditor.scores.sizes import parse_size
from auditor.scores.values import clean_name, parse_number

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TRAINING_SETS = 1000
"""Training sets of one entry that are kept; how many the policy scans is another number. The rest are counted."""
MAX_BASES = 50

ALIASES = {
    "params_b": ("params_b", "parameters", "params", "n_parameters", "size"),
    "base_model": ("base_model", "base_models"),
    "merged_from": ("merged_from", "merge_of", "parents"),
    "revision": ("revision", "commit", "model_sha", "sha"),
    "training_sets": ("training_sets", "training_data", "datasets"),
    "architecture": ("architecture", "architectures"),
    "precision": ("precision", "dtype"),
    "date": ("date", "release_date"),
    "license": ("license", "licence"),
    "links": ("links", "link", "url"),
    "average": ("average",),
}
"""Our name of a field to the keys it may have, best first."""
PLAIN = ("model", "scores", "harness", "tokens_t", "flops", "notes", "contact", "version")
"""Fields with one name."""


def read_own_yaml(data: bytes, shown: str) -> Entry:
    """An `entry.yaml`. Raises InputError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{shown}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    return own_entry(read_yaml(text, shown), shown, hashlib.sha256(data).hexdigest())


def own_entry(document: Document, shown: str, digest: str) -> Entry:
    """An entry from its document. Raises InputError where it is none."""
    raw = document.value
    if not isinstance(raw, dict) or not words(raw.get("model")):
        raise InputError(f"{shown}: not an entry: it must be a mapping with a key `model` that names the model")
    keys: dict[str, str] = {}
    for name, known in ALIASES.items():
        present = [k for k in known if k in raw]
        if len(present) > 1:
            line = document.lines.get(present[1])
            where = f", line {line}" if line else ""
            raise InputError(f"{shown}{where}: `{present[0]}` and `{present[1]}` are two names of one field; keep one")
        if present:
            keys[name] = present[0]
    known_keys = {k for names in ALIASES.values() for k in names} | set(PLAIN)
    unread: list[str] = []

    def get(name: str) -> Any:
        return raw.get(keys.get(name, name))

    bases = names_of(get("base_model"))
    parents = names_of(get("merged_from"))
    scores, more = score_claims(raw.get("scores"), words(raw.get("harness")))
    sets, left = training_sets(get("training_sets"), keys.get("training_sets", "training_sets"))
    size = parse_size(get("params_b"))
    if is_said(get("params_b")) and size is None:
        unread.append(f"`{keys['params_b']}` is no number of parameters: {words(get('params_b'), 80)!r}")
    return Entry(
        path=shown,
        form="entry",
        sha256=digest,
        model=words(raw["model"]),
        params_b=size.total_b if size else math.nan,
        base_models=tuple(dict.fromkeys((*bases, *parents)))[:MAX_BASES],
        is_merge=len(parents) > 1 or len(bases) > 1,
        architecture=", ".join(names_of(get("architecture"))),
        precision=words(get("precision")),
        revision=words(get("revision")),
        date=str(get("date") or "")[:40],
        tokens_t=_number(raw.get("tokens_t"), 1e6, 1e12),
        flops=_number(raw.get("flops"), 1e15, 1e21),
        scores=scores,
        training_sets=sets,
        more_training_sets=left,
        fields={name: get(name) for name in (*ALIASES, *PLAIN) if keys.get(name, name) in raw},
        lines=document.lines | {name: document.lines[key] for name, key in keys.items() if key in document.lines},
        unknown_keys=tuple(str(k)[:80] for k in raw if k not in known_keys),
        unread=(*unread, *more),
    )


def _number(value: Any, above: float, by: float) -> float:
    number = parse_number(value) if isinstance(value, int | float | str) else None
    if number is None or not math.isfinite(number) or number <= 0:
        return math.nan
    return number / by if number > above else number


def names_of(value: Any) -> tuple[str, ...]:
    """Names in a field that holds one or a list of them; "none" and the like are no name."""
    values = value if isinstance(value, list) else [value]
    found = (clean_name(v) for v in values[:MAX_BASES] if isinstance(v, str))
    return tuple(n for n in found if is_said(n) and n.lower() not in ("none", "removed", "scratch"))


def score_claims(value: Any, harness: str) -> tuple[tuple[ScoreClaim, ...], tuple[str, ...]]:
    """Scores of an entry, as a mapping of benchmark to score or to details, or as a list; and what was not read."""
    listed: list[tuple[str, Any, str]] = []
    unread: list[str] = []
    if isinstance(value, dict):
        listed = [(words(k), v, f"scores.{k}") for k, v in value.items()]
    elif isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, dict) and words(item.get("benchmark")):
                listed.append((words(item["benchmark"]), item, f"scores[{number}]"))
            else:
                unread.append(f"scores[{number}] names no `benchmark`")
    elif value is not None:
        unread.append("`scores` is neither a mapping of benchmark to score nor a list")
    if len(listed) > MAX_SCORES:
        unread.append(f"{len(listed) - MAX_SCORES:,} of its {len(listed):,} scores: at most {MAX_SCORES:,} are read")
    return tuple(_claim(name, item, key, harness) for name, item, key in listed[:MAX_SCORES]), tuple(unread)


def _claim(name: str, item: Any, key: str, harness: str) -> ScoreClaim:
    details: Mapping[str, Any] = item if isinstance(item, dict) else {}
    value = next((details[k] for k in ("score", "value") if k in details), None) if details else item
    number, percent = read_number(value)
    return ScoreClaim(
        benchmark=name,
        value=number,
        text=words(value, 80),
        key=key,
        percent=percent,
        shots=whole(details.get("shots", details.get("n_shot"))),
        harness=words(details.get("harness")) or harness,
        chat_template=words(details.get("chat_template")),
        method=words(details.get("method", details.get("metric"))),
        items=whole(details.get("items", details.get("n_items"))),
        task_hash=words(details.get("task_hash")),
    )


def training_sets(value: Any, key: str) -> tuple[tuple[TrainingSet, ...], int]:
    """Training sets named in a list (or one alone): texts, or mappings with `path`, `url` or `name`; and how many
    more than `MAX_TRAINING_SETS` there are."""
    listed = value if isinstance(value, list) else [value]
    found: list[TrainingSet] = []
    left = 0
    for number, item in enumerate(listed):
        where = f"{key}[{number}]" if isinstance(value, list) else key
        text, kind = "", ""
        if isinstance(item, dict):
            kind = next((k for k in ("path", "url", "name", "id") if item.get(k)), "")
            text = item[kind] if kind and isinstance(item[kind], str) else ""
        elif isinstance(item, str):
            text = item
        if not is_said(text) or text.strip().lower() == "none":
            continue
        if len(found) >= MAX_TRAINING_SETS:
            left += 1
            continue
        found.append(TrainingSet(text, _kind_of(text, kind), where))
    return tuple(found), left


def _kind_of(text: str, said: str) -> str:
    """Where a set lies: what the entry says, else what its name looks like."""
    if "://" in text[:40]:
        return "url"
    if said == "path":
        return "path"
    if said in ("name", "id"):
        return "id"
    # org/name is how the hub writes a data set's id; a path of a file has an extension or starts with a dot or slash
    name = text.rstrip("/").rsplit("/", 1)[-1]
    is_path = text.startswith(("/", "./", "../", "~", "\\")) or text.endswith("/") or ".." in text or "." in name
    return "path" if is_path else "id"
