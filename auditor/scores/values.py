"""Cells as people fill them: numbers in text, HTML links, dates, yes and no."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from datetime import UTC, date, datetime

_TAG = re.compile(r"<[^<>]{0,2000}>")
_MARKDOWN_LINK = re.compile(r"^\[([^\[\]]{1,500})\]\([^()\s]{0,2000}\)$")
_PERCENT = re.compile(r"^([+-]?\d+(?:[.,]\d+)?)\s*%$")
_PLUS_MINUS = re.compile(r"^([+-]?\d+(?:\.\d+)?)\s*(?:±|\+/-)\s*\d+(?:\.\d+)?\s*%?$")
_PLAIN_NAME = re.compile(r"[\w./+-]+", re.ASCII)
"""Names as nearly all are: nothing to undo."""
MAX_NAME = 300
"""Characters of a model's name that are kept."""
_EMPTY = {"", "-", "—", "na", "n/a", "nan", "none", "null", "?", "unknown", "tbd"}


def clean_name(value: object) -> str:
    """A model's name as text: HTML and Markdown links undone, direction marks and control characters out.

    >>> clean_name('<a target="_blank" href="https://huggingface.co/a/b">a/b</a>')
    'a/b'
    """
    text = "" if value is None else str(value)
    if len(text) <= MAX_NAME and _PLAIN_NAME.fullmatch(text):
        return text
    if "<" in text:
        text = _TAG.sub("", text)
    text = html.unescape(text).strip()
    if match := _MARKDOWN_LINK.match(text):
        text = match[1]
    if not text.isascii() or not text.isprintable():
        # a right-to-left mark makes a name read as another; a line break in one breaks every table it stands in
        text = "".join(" " if c in "\n\r\t" else c for c in text if c in "\n\r\t" or unicodedata.category(c)[0] != "C")
    return re.sub(r"\s+", " ", text).strip()[:MAX_NAME]


def is_empty(value: object) -> bool:
    """Whether a cell says nothing."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value).strip().lower() in _EMPTY


def parse_number(value: object) -> float | None:
    """Number in a cell; None where there is text. A percent sign is dropped, not divided out: the column decides."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    if match := _PERCENT.match(text) or _PLUS_MINUS.match(text):
        text = match[1]
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        text = text.replace(",", ".")
    try:
        number = float(text.replace("_", "x"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def parse_date(value: object) -> float:
    """Days since 1970-01-01; NaN where a cell holds no date."""
    if is_empty(value):
        return math.nan
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).timestamp() / 86400.0
    if isinstance(value, date):
        return float((value - date(1970, 1, 1)).days)
    if isinstance(value, int | float):
        # seconds since 1970, as lm-eval writes them
        return float(value) / 86400.0 if 5e8 < value < 5e9 else math.nan
    text = str(value).strip()
    if re.fullmatch(r"\d{4}(-\d{2})?", text):
        text = f"{text}-01-01" if len(text) == 4 else f"{text}-01"
    try:
        found = datetime.fromisoformat(re.sub(r"Z$", "+00:00", text))
    except ValueError:
        number = parse_number(text)
        return parse_date(number) if number is not None else math.nan
    return found.replace(tzinfo=found.tzinfo or UTC).timestamp() / 86400.0


def parse_bool(value: object) -> bool | None:
    """Yes or no; None where a cell says neither."""
    if isinstance(value, bool):
        return value
    return {
        "true": True,
        "yes": True,
        "1": True,
        "1.0": True,
        "false": False,
        "no": False,
        "0": False,
        "0.0": False,
    }.get(str(value).strip().lower())
