"""Shapes of training records: which values of a record are text to be scanned, under which name, in whose role.

One rule says whether the value at a path is text (`is_text_path`), whatever holds the record: a parsed JSON object, the
schema of an Arrow table, or the stream of a record too long to be parsed. A record is judged by its own keys, so that
files of mixed shapes need no schema; a record that fits several shapes has the text fields of all of them.

Top-level keys are of three kinds. A key of a shape makes a record one of text; a companion (`system`, `tools`, …) is
read beside such a key but is no reason to read a record; any other key (`id`, `metadata`, …) is not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.options import ReadOptions

Path = tuple[str | int, ...]
"""Keys and list positions that lead from a record to a value."""

USER, ASSISTANT, SYSTEM, TOOL = "user", "assistant", "system", "tool"

SHAPE_KEYS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "text": dict.fromkeys(("text", "content", "code", "raw_content"), ""),
        "messages": {"messages": ""},
        "sharegpt": {"conversations": "", "conversation": ""},
        "alpaca": {"instruction": USER, "input": USER, "output": ASSISTANT},
        "prompt": {
            "prompt": USER,
            "completion": ASSISTANT,
            "completions": ASSISTANT,
            "chosen": ASSISTANT,
            "rejected": ASSISTANT,
        },
        "instruction": {
            "question": USER,
            "answer": ASSISTANT,
            "answers": ASSISTANT,
            "query": USER,
            "response": ASSISTANT,
            "responses": ASSISTANT,
            "problem": USER,
            "solution": ASSISTANT,
            "solutions": ASSISTANT,
            "input": USER,
            "output": ASSISTANT,
            "inputs": USER,
            "targets": ASSISTANT,
        },
    }
)
"""Shape to its keys, each with the role of a text that names none."""

COMPANION_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "system": SYSTEM,
        "system_prompt": SYSTEM,
        "tools": TOOL,
        "history": "",
        "context": USER,
        "passage": USER,
        "choices": USER,
        "options": USER,
        "canonical_solution": ASSISTANT,
        "rationale": ASSISTANT,
        "explanation": ASSISTANT,
    }
)
"""Keys that are read beside a shape's, each with its role."""

LEAF_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "content": "",
        "value": "",
        "text": "",
        "reasoning_content": "",
        "thinking": "",
        "arguments": "",
        "human": USER,
        "user": USER,
        "assistant": ASSISTANT,
        "system": SYSTEM,
        "input": USER,
        "output": ASSISTANT,
    }
)
"""Keys of objects inside a field (a message, a part of a message, a turn) that hold text, each with its role."""

NESTING_KEYS = frozenset({*LEAF_KEYS, "tool_calls", "function_call", "function"})
"""Keys of objects inside a field that lead to text; what is below `arguments` is text under any name."""

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "human": USER,
        "user": USER,
        "prompter": USER,
        "gpt": ASSISTANT,
        "chatgpt": ASSISTANT,
        "bing": ASSISTANT,
        "bard": ASSISTANT,
        "model": ASSISTANT,
        "bot": ASSISTANT,
        "ai": ASSISTANT,
        "assistant": ASSISTANT,
        "function_call": ASSISTANT,
        "system": SYSTEM,
        "developer": SYSTEM,
        "observation": TOOL,
        "function": TOOL,
        "function_response": TOOL,
        "tool": TOOL,
        "ipython": TOOL,
    }
)
"""Names of roles in the wild to ours; another name is kept as it is."""

ROLE_KEYS = ("role", "from")
MAX_DEPTH = 64
"""Levels of nesting inside a field that are followed: a shape has at most 6, hostile input any number."""
MAX_ROLE_CHARS = 64
MAX_NUMBER_BITS = 1024
"""Larger whole numbers are no text: Python refuses to write numbers of more than 4,300 digits."""

_PRIMARY: Mapping[str, str] = MappingProxyType({k: r for keys in SHAPE_KEYS.values() for k, r in keys.items()})
KNOWN_KEYS: tuple[str, ...] = (*_PRIMARY, *COMPANION_KEYS)
"""Top-level keys that any shape reads."""


@dataclass(frozen=True, slots=True)
class TextField:
    """One text of a record."""

    name: str
    """Path to it, with list positions: `messages[1].content`."""
    role: str
    """`user`, `assistant`, `system`, `tool`, another name that the record gives, or empty."""
    text: str


def text_fields(record: Mapping[str, Any], options: ReadOptions) -> list[TextField]:
    """The texts of a parsed record, in its own order; empty where it fits no shape. Never raises for odd values."""
    if not has_text(frozenset(k for k, value in record.items() if value is not None), options):
        return []
    found: list[TextField] = []
    for key, value in record.items():
        if isinstance(key, str) and is_text_path((key,), options, prefix=True):
            found.extend(_texts(value, (key,), "", options))
    return found


def has_text(keys: frozenset[str], options: ReadOptions) -> bool:
    """Whether a record with these top-level keys fits a shape (or has one of the text fields that were asked for)."""
    if options.text_fields:
        return any(name in keys or name.split(".")[0] in keys for name in options.text_fields)
    return not keys.isdisjoint(primary_keys(options))


def primary_keys(options: ReadOptions) -> Mapping[str, str]:
    """The keys any of which makes a record one of text, each with its role."""
    return _PRIMARY if options.schema is None else SHAPE_KEYS[options.schema]


def is_text_path(path: Path, options: ReadOptions, *, prefix: bool = False) -> bool:
    """Whether a string at this path is text to be scanned; with `prefix`, whether such a path may begin like this."""
    keys = [step for step in path if isinstance(step, str)]
    if not keys or len(path) > MAX_DEPTH:
        return False
    if options.text_fields:
        return any(_asked_for(keys, name, prefix) for name in options.text_fields)
    if keys[0] not in primary_keys(options) and keys[0] not in COMPANION_KEYS:
        return False
    if keys[0] == "tools":
        return prefix or len(keys) == 1 or keys[-1] == "description"
    below = keys[1:]
    if "arguments" in below:
        below = below[: below.index("arguments") + 1]
    if any(key not in NESTING_KEYS for key in below):
        return False
    return prefix or not below or below[-1] in LEAF_KEYS


def _asked_for(keys: list[str], name: str, prefix: bool) -> bool:
    # a flat column may have dots in its own name
    wanted = [name] if keys[0] == name else name.split(".")
    shared = min(len(keys), len(wanted))
    if keys[:shared] != wanted[:shared]:
        return False
    if len(keys) < len(wanted):
        return prefix
    below = keys[len(wanted) :]
    return not below or below[-1] not in (*ROLE_KEYS, "type")


def _texts(value: Any, path: Path, role: str, options: ReadOptions) -> Iterator[TextField]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, str | int | float):
        endless = isinstance(value, int) and value.bit_length() > MAX_NUMBER_BITS
        if not endless and is_text_path(path, options):
            yield TextField(path_name(path), role or implied_role(path), str(value))
    elif isinstance(value, Mapping):
        role = message_role(value) or role
        for key, inner in value.items():
            if isinstance(key, str) and is_text_path((*path, key), options, prefix=True):
                yield from _texts(inner, (*path, key), role, options)
    elif isinstance(value, Sequence) and not isinstance(value, bytes) and len(path) < MAX_DEPTH:
        for position, inner in enumerate(value):
            yield from _texts(inner, (*path, position), role, options)


def message_role(message: Mapping[str, Any]) -> str:
    """The normalised role that a message names, empty where it names none."""
    for key in ROLE_KEYS:
        role = message.get(key)
        if isinstance(role, str) and role:
            return normalise_role(role)
    return ""


def normalise_role(role: str) -> str:
    """Our name of a role; a name that we do not know stays as it is, cut to 64 characters."""
    return ROLES.get(role.lower(), role)[:MAX_ROLE_CHARS]


def implied_role(path: Path) -> str:
    """The role of a text whose message names none, from the keys that lead to it."""
    if path[0] == "history" and len(path) > 2 and path[2] in (0, 1):
        return ASSISTANT if path[2] else USER
    for key in reversed(path[1:]):
        if isinstance(key, str) and LEAF_KEYS.get(key):
            return LEAF_KEYS[key]
    top = str(path[0])
    return _PRIMARY.get(top) or COMPANION_KEYS.get(top, "")


def path_name(path: Path) -> str:
    """A path as text: `messages[1].content`."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".")
