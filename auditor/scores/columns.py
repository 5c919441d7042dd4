"""Which column is what: headers matched by meaning, `--map` for the rest, and a clear error where two would fit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.errors import InputError
from auditor.scores.known import benchmark_key, facts_of
from auditor.scores.values import is_empty, parse_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.scores.table import RawTable

ROLES: dict[str, tuple[str, ...]] = {
    "model": ("fullname", "full model name", "model name", "model id", "model", "name", "eval name"),
    "params_b": (
        "params",
        "model size",
        "size",
        "parameters",
        "n parameters",
        "num params",
        "parameter count",
        "nparams",
    ),
    "active_b": ("active params", "active parameters", "active"),
    "base_model": ("base model", "base", "parent", "adapted from"),
    "family": ("model family", "family"),
    "date": ("release date", "upload to hub date", "submission date", "date", "released"),
    "precision": ("precision", "dtype", "model dtype"),
    "revision": ("revision",),
    "hash": ("model sha", "sha", "weights sha", "model hash"),
    "harness": ("harness", "harness version", "git hash", "evaluator"),
    "shots": ("shots", "n shot", "num fewshot", "few shot", "nshot"),
    "chat_template": ("chat template", "use chat template"),
    "method": ("method", "generation method", "scoring", "metric type"),
    "tokens_t": ("tokens", "pretraining data size", "training tokens", "train tokens"),
    "flops": ("flops", "training flops", "compute"),
    "architecture": ("architecture", "architectures"),
    "flagged": ("flagged",),
}
"""Role to headers that mean it, best first, as `header_key` writes them."""

NOT_BENCHMARKS = {
    "average", "avg", "mean", "overall", "score", "total", "rank", "hub likes", "likes", "hub", "downloads", "merged",
    "moe", "flagged", "available on the hub", "type", "t", "architecture", "weight type", "hub license", "license",
    "co2 cost", "co cost", "generation", "maintainers highlight", "official providers", "not merged", "year", "id",
    "index", "votes", "layers", "context", "context length", "vocab size", "price", "speed", "seed", "model type",
    "open data", "link", "prompted", "stderr", "epoch",
}  # fmt: skip
"""Numeric columns of real leaderboards that are no benchmark's score."""


def header_key(header: str) -> str:
    """Header without case, unit marks, arrows and emoji.

    >>> header_key("#Params (B)"), header_key("Average ⬆️")
    ('params', 'average')
    """
    plain = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", " ", header.lower())
    plain = re.sub(r"_(?:b|t|1e21)$", " ", plain)
    return " ".join(re.findall(r"[a-z0-9+*]+", plain.replace("❤", " likes ")))


_UNITS = {"b": 1.0, "m": 1e-3, "t": 1e3, "k": 1e-6, "billion": 1.0, "million": 1e-3, "trillion": 1e3}


def header_unit(header: str) -> float | None:
    """Billions for each unit of a column, from a unit in its header; None where it names none."""
    match = re.search(r"[(\[]\s*(?:in\s+)?(b|m|t|k|billions?|millions?|trillions?)\s*[)\]]|_(b|m|t)$", header.lower())
    return _UNITS[(match[1] or match[2]).removesuffix("s")] if match else None


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """Headers by what they hold."""

    roles: Mapping[str, str]
    """Role to header."""
    dates: tuple[str, ...]
    benchmarks: Mapping[str, str]
    """Benchmark's name to header, in the table's order."""
    others: tuple[str, ...] = ()
    """Numeric columns that are neither."""
    notes: tuple[str, ...] = ()
    shots: Mapping[str, str] = field(default_factory=dict)


def parse_mapping(items: Sequence[str]) -> dict[str, str]:
    """`--map NAME=COLUMN` options as a dict. Raises InputError where an item has no `=`."""
    found: dict[str, str] = {}
    for item in items:
        name, sign, column = item.partition("=")
        if not sign or not name.strip() or not column.strip():
            raise InputError(
                f"--map {item!r} is not NAME=COLUMN: NAME is a benchmark or one of {', '.join(ROLES)}, "
                "COLUMN a header of the table"
            )
        found[name.strip()] = column.strip()
    return found


def _listed(headers: Sequence[str], limit: int = 20) -> str:
    shown = ", ".join(repr(h)[:60] for h in headers[:limit])
    return shown + (f", … and {len(headers) - limit:,} more" if len(headers) > limit else "")


def _score_share(cells: Sequence[object]) -> float:
    """Share of the filled cells that are numbers; 0 for a column that is mostly empty of them or off any score's
    range."""
    step = max(1, len(cells) // 500)
    sample = [c for c in cells[::step] if not is_empty(c)]
    numbers = [n for c in sample if (n := parse_number(c)) is not None]
    return len(numbers) / len(sample) if sample else 0.0


def _in_score_range(cells: Sequence[object]) -> bool:
    step = max(1, len(cells) // 500)
    numbers = [n for c in cells[::step] if (n := parse_number(c)) is not None]
    return bool(numbers) and sum(-0.5 <= n <= 100.5 for n in numbers) >= 0.9 * len(numbers)


def _assign_roles(headers: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    keys: dict[str, list[str]] = {}
    for header in headers:
        keys.setdefault(header_key(header), []).append(header)
    roles: dict[str, str] = {}
    for role, names in ROLES.items():
        if role in mapping:
            roles[role] = mapping[role]
            continue
        for name in names:
            candidates = [h for h in keys.get(name, []) if h not in mapping.values()]
            if len(candidates) > 1 and role in ("model", "params_b"):
                raise InputError(
                    f"two columns could be {role}: {_listed(candidates)}; say which with --map {role}=COLUMN"
                )
            if candidates:
                roles[role] = candidates[0]
                break
    return roles


def _known_benchmarks(
    headers: Sequence[str], mapping: Mapping[str, str], taken: set[str]
) -> tuple[dict[str, str], list[str]]:
    """Columns whose header is a well-known benchmark's name."""
    candidates: dict[str, list[str]] = {}
    for header in headers:
        if header in taken:
            continue
        bare = re.sub(r"\braw\b", " ", header, flags=re.I)
        facts = facts_of(bare)
        if facts and facts.name not in mapping:
            candidates.setdefault(facts.name, []).append(header)
    found: dict[str, str] = {}
    notes: list[str] = []
    for name, columns in candidates.items():
        raw = [c for c in columns if re.search(r"\braw\b", c, re.I)]
        if len(columns) == 2 and len(raw) == 1:
            found[name] = raw[0]
            taken.update(columns)
            notes.append(f"{name}: the raw column {raw[0]!r} is used, not the rescaled one")
        elif len(columns) > 1:
            raise InputError(
                f"{len(columns)} columns could be {name}: {_listed(columns)}; say which with --map {name}=COLUMN"
            )
        else:
            found[name] = columns[0]
            taken.add(columns[0])
    return found, notes


def plan_columns(
    raw: RawTable, mapping: Mapping[str, str], wanted: Sequence[str] | None, max_benchmarks: int
) -> ColumnPlan:
    """Decide what every column is.

    Args:
        raw: the table.
        mapping: role or benchmark name to header, from `--map`.
        wanted: benchmarks that must be found, from `--benchmark`.
        max_benchmarks: more candidates than this are an error.
    Raises:
        InputError: no model column, no benchmark, an ambiguous or an unknown column.
    """
    headers = list(raw.columns)
    for name, column in mapping.items():
        if column not in raw.columns:
            raise InputError(
                f"--map {name}={column}: {raw.source} has no column {column!r}; its columns: {_listed(headers)}"
            )
    roles = _assign_roles(headers, mapping)
    if "model" not in roles:
        raise InputError(
            f"{raw.source}: no column that could be the model's name; say which with --map model=COLUMN. "
            f"Its columns: {_listed(headers)}"
        )
    taken = set(roles.values()) | set(mapping.values())
    dates = [h for name in ROLES["date"] for h in headers if header_key(h) == name]
    if "date" in mapping:
        dates = [mapping["date"]]
    taken.update(dates)
    benchmarks = {name: column for name, column in mapping.items() if name not in ROLES}
    known, notes = _known_benchmarks(headers, mapping, taken)
    benchmarks.update(known)
    left = [h for h in headers if h not in taken and header_key(h) not in NOT_BENCHMARKS]
    # a column that --map passed over for its benchmark is not a second benchmark of that name
    left = [h for h in left if not ((facts := facts_of(h)) and facts.name in benchmarks)]
    wanted_keys = {benchmark_key(w): w for w in wanted or ()}
    for header in list(left):
        if benchmark_key(header) in wanted_keys and header not in benchmarks.values():
            benchmarks[header] = header
            left.remove(header)
    all_roles = {name for names in ROLES.values() for name in names}
    left = [h for h in left if header_key(h) not in all_roles and not header_key(h).startswith("unnamed")]
    if len(left) + len(benchmarks) > max_benchmarks and not wanted:
        raise InputError(
            f"{raw.source} has {len(headers):,} columns, {len(left) + len(benchmarks):,} of which could be benchmarks; "
            f"name those to judge with --benchmark (at most {max_benchmarks} are taken unasked)"
        )
    numeric = [h for h in left[:2000] if _score_share(raw.columns[h]) >= 0.5]
    if not wanted or not benchmarks:
        unknown = [h for h in numeric if _in_score_range(raw.columns[h])]
        benchmarks.update({h: h for h in unknown})
        if known and unknown:
            notes.append(f"taken for benchmarks by their numbers only: {_listed(unknown)}")
    if not benchmarks:
        raise InputError(
            f"{raw.source}: no column that could be a benchmark's score; say which with --map NAME=COLUMN. "
            f"Its columns: {_listed(headers)}"
        )
    in_order = {h: i for i, h in enumerate(headers)}
    ordered = dict(sorted(benchmarks.items(), key=lambda item: in_order[item[1]]))
    others = tuple(h for h in numeric if h not in ordered.values())
    shots = {
        name: h
        for name, column in ordered.items()
        for h in headers
        if h.lower() in (f"{column} shots".lower(), f"{name} shots".lower())
    }
    return ColumnPlan(roles, tuple(dates), ordered, others, tuple(notes), shots)
