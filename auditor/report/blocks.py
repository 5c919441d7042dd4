"""Small pieces of Markdown that every report is built from: tables, lists, folds, numbers in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from auditor.report.escape import md_text, truncate

Alignment = Literal["left", "right"]
_RULES = {"left": ":---", "right": "---:"}

LONGEST_NAME = 120
"""Code points of a name, path or id; the whole of it is in the JSON files."""


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = (), limit: int | None = None,
    total: int | None = None,
) -> list[str]:  # fmt: skip
    """A table, and below it how many rows were left out.

    Args:
        head: the columns' names.
        rows: cells that are Markdown already, escaped.
        numbers: the columns that hold numbers, which stand on the right.
        limit: how many rows to show; all where None.
        total: how many rows there are, where these are only the first of them.
    """
    shown = rows[:limit]
    lines = [
        f"| {' | '.join(head)} |",
        f"|{'|'.join(_RULES['right' if column in numbers else 'left'] for column in range(len(head)))}|",
        *(f"| {' | '.join(row)} |" for row in shown),
    ]
    left = (len(rows) if total is None else total) - len(shown)
    more = [f"{left:,} more {'rows are' if left > 1 else 'row is'} left out here."] if left else []
    return ["\n".join(lines), *more]


def bullets(lines: Sequence[str], limit: int) -> list[str]:
    """A list, the lines being Markdown already, and how many of them were left out; nothing for no lines."""
    if not lines:
        return []
    left = len(lines) - limit
    more = [f"{left:,} more of these are in `summary.json`."] if left > 0 else []
    return ["\n".join(f"- {line}" for line in [*lines[:limit], *more])]


def folded(title: str, blocks: Sequence[str]) -> str:
    """Blocks that a reader opens with a click; `title` is our own text."""
    return "\n\n".join([f"<details>\n<summary>{title}</summary>", *blocks, "</details>"])


def short(name: object) -> str:
    """A name cut to a length that a table bears; not escaped."""
    return truncate(str(name), LONGEST_NAME)


def in_words(code: str) -> str:
    """A reason code such as "invalid_json" in words."""
    return code.replace("_", " ")


def count(number: int, noun: str) -> str:
    """`1 item`, `1,319 items`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(part: int, whole: int) -> str:
    """A share that never reads 0 % or 100 % where it is not exactly that."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if part in (0, whole):
        return f"{share:.0f} %"
    return "< 0.1 %" if share < 0.1 else "> 99.9 %" if share > 99.9 else f"{share:.1f} %"


def size(number: int) -> str:
    """Bytes in decimal units."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def names(values: Sequence[str], limit: int = 5) -> str:
    """Names from outside, escaped, in a sentence."""
    shown = [md_text(short(value)) for value in values[:limit]]
    return listed([*shown, f"{len(values) - limit:,} more"] if len(values) > limit else shown)


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested JSON as (dotted key, text) pairs."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list | tuple):
        yield prefix, ", ".join(str(inner) for inner in value)
    elif isinstance(value, bool) or value is None:
        yield prefix, {True: "yes", False: "no", None: "none"}[value]
    else:
        yield prefix, str(value)
