"""YAML and JSON of a stranger: plain values, the line of every key, and limits that no bomb passes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from auditor.errors import InputError, MissingExtraError
from auditor.report.escape import truncate, visible

MAX_YAML = 1_000_000
"""Characters. The longest front matter of the hub's cards is a few hundred thousand (MTEB results)."""
MAX_DEPTH = 30
MAX_NODES = 200_000
"""Scalars, lists and mappings of a document; the cards above have 60,000."""
MAX_JSON_LINES = 400_000
"""Characters of a JSON file up to which the lines of its keys are looked for."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document and where its keys stand."""

    value: Any
    lines: dict[str, int] = field(default_factory=dict)
    """Dotted path, with list positions (`scores[2].shots`), to the 1-based line of its key or item."""


def read_yaml(text: str, place: str, *, first_line: int = 1) -> Document:
    """A YAML document as plain values.

    Args:
        text: the document.
        place: the file, for messages.
        first_line: line of the file that the text begins on.
    Raises:
        InputError: it is too long, too deep, uses anchors or aliases, names a key twice, asks for objects, or is not
            YAML; the message gives the line.
        MissingExtraError: pyyaml is not installed.
    """
    try:
        import yaml
    except ImportError as error:  # pragma: no cover - pyyaml comes with the test environment
        raise MissingExtraError("reading YAML", "yaml") from error
    if len(text) > MAX_YAML:
        raise InputError(f"{place}: {len(text):,} characters of YAML; at most {MAX_YAML:,} are read")
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_bombs(yaml, base, text, place, first_line)
        loader = base(text)
        try:
            node = loader.get_single_node()
            lines: dict[str, int] = {}
            if node is not None:
                _note_lines(yaml, node, "", lines, place, first_line)
            return Document(None if node is None else loader.construct_document(node), lines)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + first_line}" if mark else ""
        said = truncate(visible(error.problem or str(error)), 300)
        raise InputError(f"{place}{where}: not readable YAML: {said}") from error
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, TypeError) as error:
        raise InputError(f"{place}: not readable YAML: {truncate(visible(str(error)), 300)}") from error


def _refuse_bombs(yaml: Any, base: Any, text: str, place: str, first_line: int) -> None:
    """Walk the document's events, which costs no more than its length, before anything is built of it."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=base):
        line = event.start_mark.line + first_line
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InputError(
                f"{place}, line {line}: YAML anchors and aliases are not read, as they can grow without bound; write "
                "the value out"
            )
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise InputError(f"{place}, line {line}: YAML nested deeper than {MAX_DEPTH}")
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        if nodes > MAX_NODES:
            raise InputError(f"{place}, line {line}: more than {MAX_NODES:,} values; no entry has as many")


def _note_lines(yaml: Any, node: Any, path: str, lines: dict[str, int], place: str, first_line: int) -> None:
    """Fill `lines`, and refuse a mapping that has a key twice: readers differ in which of the two they take."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            line = key.start_mark.line + first_line
            if name in seen and isinstance(key, yaml.ScalarNode):
                raise InputError(
                    f"{place}, line {line}: the key {truncate(visible(name), 80)!r} stands here and on line "
                    f"{seen[name]}; keep one of them"
                )
            seen[name] = line
            below = f"{path}.{name}" if path else name
            lines[below] = line
            _note_lines(yaml, value, below, lines, place, first_line)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            below = f"{path}[{number}]"
            lines[below] = value.start_mark.line + first_line
            _note_lines(yaml, value, below, lines, place, first_line)


def read_json(data: bytes, place: str) -> Document:
    """A JSON document, with lines where it is small enough to look for them.

    Raises:
        InputError: it is not JSON, is nested too deep, or has a key twice.
    """
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, place))
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{place}, line {error.lineno}: not valid JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not readable JSON: {truncate(visible(str(error)), 300)}") from error
    lines: dict[str, int] = {}
    if len(text) <= MAX_JSON_LINES:
        try:
            # JSON is YAML but for tabs; without lines the findings still stand
            lines = read_yaml(text.replace("\t", " "), place).lines
        except (InputError, MissingExtraError):
            lines = {}
    return Document(value, lines)


def _once(pairs: list[tuple[str, Any]], place: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise InputError(f"{place}: the key {truncate(visible(twice), 80)!r} stands twice; keep one of them")
    return found
