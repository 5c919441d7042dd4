"""Look values up in a benchmark's row and turn them into text: the smallest steps every reader shares."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Row = dict[str, Any]
"""One row of a benchmark file, as its container gives it: field name to value."""

MISSING: Any = object()
"""What `lookup` gives where the row has no such field; None is a value that files do hold."""

LARGEST_LIST_TEXT = 100_000
"""Characters of a string that is tried as a written-out list; longer ones are text."""

_FINAL = re.compile(r"\s*^####[ \t]*(?P<final>\S.*?)\s*\Z", re.MULTILINE | re.DOTALL)


def lookup(row: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as `question.stem`, `answers.text.0`, or `text|prompt` for the first that is there.

    `[]` at the end of a path reads a string that is a written-out list as that list. A field whose own name holds dots
    or spaces is found by that name. Gives MISSING where nothing is there; of several alternatives, one that is empty
    gives way to the next.
    """
    found = MISSING
    for alternative in path.split("|"):
        value = _walk(row, alternative.removesuffix("[]"))
        if alternative.endswith("[]"):
            value = unwritten_list(value)
        if value is not MISSING and found is MISSING:
            found = value
        if value is not MISSING and value not in (None, "", []):
            return value
    return found


def _walk(row: Mapping[str, Any], path: str) -> Any:
    if path in row:
        return row[path]
    value: Any = row
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


def text_of(value: Any) -> str:
    """A value as the text a person would read; "" for nothing.

    Whole floats lose their ".0" (tables turn integers into floats). A list of chat messages gives what the user and the
    system say in it, since what an assistant says in a prompt is not asked. Other lists give one line for each member.
    """
    if value is None or value is MISSING:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict):
        for key in ("text", "content", "value"):
            if key in value:
                return text_of(value[key])
        return json.dumps(value, ensure_ascii=False, default=str) if value else ""
    if isinstance(value, list):
        asked = [member for member in value if not _from_assistant(member)]
        return "\n".join(filter(None, map(text_of, asked)))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)


def _from_assistant(member: Any) -> bool:
    if not isinstance(member, dict):
        return False
    return str(member.get("role", member.get("from", ""))) in {
        "assistant",
        "gpt",
        "tool",
        "function_call",
        "observation",
    }


def texts_of(value: Any) -> list[str]:
    """A value that may be a list as texts, without the empty ones."""
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    members = value if isinstance(value, list) else [value]
    return [text for text in map(text_of, members) if text.strip()]


def unwritten_list(value: Any) -> Any:
    """The list that a string such as "['a', 'b']" or '["a", "b"]' writes out; any other value as it is.

    Only literals are read, nothing is evaluated.
    """
    if not isinstance(value, str) or len(value) > LARGEST_LIST_TEXT:
        return value
    stripped = value.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        return value
    for parse in (json.loads, ast.literal_eval):
        try:
            parsed = parse(stripped)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(parsed, list):
            return parsed
    return value


def answer_forms(texts: Iterable[str]) -> tuple[str, ...]:
    r"""Forms of an answer, fullest first and each once: a worked solution is followed by its final result.

    The final result is what GSM8K writes after `####` and MATH in its last `\boxed{}`.
    """
    forms: list[str] = []
    for text in texts:
        marked = _FINAL.search(text) if "####" in text else None
        if marked:
            forms += [text[: marked.start()], marked["final"]]
        else:
            forms += [text, last_boxed(text)]
    return tuple(dict.fromkeys(form for form in forms if form.strip()))


def last_boxed(text: str) -> str:
    r"""What stands in the last `\boxed{…}` of a LaTeX text, its braces balanced; "" where there is none."""
    for marker in (r"\boxed{", r"\fbox{"):
        start = text.rfind(marker)
        if start < 0:
            continue
        depth = 1
        begin = start + len(marker)
        for position in range(begin, len(text)):
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            if depth == 0:
                return text[begin:position]
    return ""
