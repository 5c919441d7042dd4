"""A changed record as JSON again, in the manner of the bytes that it was read from."""

from __future__ import annotations

import json
import re
from typing import Any

_FRAME = re.compile(rb"([ \t\r\n]*)(.*?)([ \t\r\n]*)", re.DOTALL)
_FIRST_KEY = re.compile(r'\{([ \t\r\n]*)"(?:[^"\\]|\\.)*"([ \t\r\n]*:[ \t\r\n]*)')


def parse(raw: bytes) -> dict[str, Any]:
    """A JSON object. Raises ValueError for anything else; bytes that are no UTF-8 are one of them."""
    record = json.loads(raw.decode("utf-8"))
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return record


def encode_like(record: dict[str, Any], raw: bytes) -> bytes:
    """A record as JSON: white space around it as it was, and inside it the escapes, the spaces and the indentation that
    the bytes it was read from begin with."""
    frame = _FRAME.fullmatch(raw)
    assert frame is not None  # noqa: S101 - it matches anything
    before, body, after = frame.groups()
    text = body.decode("utf-8")
    first = _FIRST_KEY.match(text)
    lead, colon = (first[1], first[2].lstrip() or ":") if first else ("", ":")
    base = before.decode().rpartition("\n")[2] if b"\n" in before else ""
    if "\n" in lead:
        inner = lead.rpartition("\n")[2].removeprefix(base)
        made = _dumps(record, text, (",", colon), indent=inner).replace("\n", _line_end(lead) + base)
    else:
        made = _dumps(record, text, (", " if colon != ":" else ",", colon), indent=None)
    return before + made.encode("utf-8") + after


def _line_end(lead: str) -> str:
    return "\r\n" if "\r\n" in lead else "\n"


def _dumps(record: dict[str, Any], like: str, separators: tuple[str, str], indent: str | None) -> str:
    made = json.dumps(record, ensure_ascii=like.isascii(), separators=separators, indent=indent)
    try:
        made.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can stand for
        return json.dumps(record, ensure_ascii=True, separators=separators, indent=indent)
    return made
