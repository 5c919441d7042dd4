"""Edits of one parsed record: spans masked, turns of a conversation taken out."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.cleaning.options import Action, Done
from auditor.errors import InputError
from auditor.sources import shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.sources import ReadOptions
    from auditor.types import Match

Spans = dict[shapes.Path, list[tuple[int, int]]]
"""Path of a text in a record to character offsets in it."""

TURNS = ("messages", "conversations", "conversation", "history")
"""Keys of lists of turns that may lose one. Preference pairs (`chosen`, `rejected`) are of use only as they are."""
COPY_WORDS = 5
"""Words of a span from which on the same words elsewhere in the record are a second copy, and not a common phrase."""
COPY_CHARS = 20
LONGEST_COPY = 4_000
"""Words of a span above which no second copy is looked for: the pattern would be larger than the record."""
_WORDS = re.compile(r"[^\W_]+")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Edited:
    """What became of a record."""

    record: dict[str, Any] | None
    """None where it has to go."""
    done: Done
    note: str = ""


def edit_record(
    record: dict[str, Any], matches: Sequence[Match], action: Action, mask: str, options: ReadOptions
) -> Edited:
    """Mask the spans of matches in a record, or take out the turns that hold them; the record given stays as it is.

    A match stands for one place; the same words in other texts of the record are taken for further copies.

    Raises InputError where the record does not hold what the matches say.
    """
    texts = dict(_texts(record, (), options))
    spans = _with_copies(locate(texts, matches), texts)
    if action is Action.DROP_TURN:
        return _without_turns(record, sorted(spans, key=repr), texts)
    changed: Any = record
    for path, places in spans.items():
        if not isinstance(_at(record, path), str):
            return Edited(None, Done.DROPPED, "the matched text is a number and cannot be masked")
        changed = _replaced(changed, path, masked(texts[path], places, mask))
    return Edited(changed, Done.MASKED)


def _texts(value: Any, path: shapes.Path, options: ReadOptions) -> Iterator[tuple[shapes.Path, str]]:
    """The texts of a record by path: those that `shapes.text_fields` gives."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, str | int | float):
        endless = isinstance(value, int) and value.bit_length() > shapes.MAX_NUMBER_BITS
        if not endless and shapes.is_text_path(path, options):
            yield path, str(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str) and shapes.is_text_path((*path, key), options, prefix=True):
                yield from _texts(inner, (*path, key), options)
    elif isinstance(value, list) and len(path) < shapes.MAX_DEPTH:
        for position, inner in enumerate(value):
            yield from _texts(inner, (*path, position), options)


def locate(texts: dict[shapes.Path, str], matches: Sequence[Match]) -> Spans:
    """Where the matches are. Raises InputError where they are not."""
    paths = {shapes.path_name(path): path for path in texts}
    spans: Spans = defaultdict(list)
    for match in matches:
        path = paths.get(match.field)
        if path is None or not holds(texts[path], match):
            raise InputError(
                f"row {match.row} of {match.source} does not hold what matches.jsonl says (field {match.field!r}, "
                f"characters {match.train_span[0]} to {match.train_span[1]}): the matches are of another run or were "
                "edited; scan again"
            )
        spans[path].append(match.train_span)
    return spans


def holds(text: str, match: Match) -> bool:
    """Whether the match's excerpt stands at its span."""
    begin, end = match.train_span
    if not 0 <= begin < end <= len(text):
        return False
    excerpt = match.train_excerpt
    cut = excerpt[:-1] if excerpt.endswith("…") and len(excerpt) < end - begin else excerpt
    return _LONE_SURROGATE.sub("\ufffd", text[begin:end]).startswith(_LONE_SURROGATE.sub("\ufffd", cut))


def _with_copies(spans: Spans, texts: dict[shapes.Path, str]) -> Spans:
    """The spans, and the places where the same words stand again, whatever is between them."""
    found: Spans = defaultdict(list, {path: list(places) for path, places in spans.items()})
    for path, places in spans.items():
        for begin, end in places:
            pattern = copy_pattern(texts[path][begin:end])
            if pattern is not None:
                for other, text in texts.items():
                    again = [match.span() for match in pattern.finditer(text)]
                    if again:
                        found[other] += again
    return dict(found)


def copy_pattern(text: str) -> re.Pattern[str] | None:
    """What finds the same words again; None for a text too short to be told from chance, or too long to look for."""
    words = _WORDS.findall(text)
    if not COPY_WORDS <= len(words) <= LONGEST_COPY or len(text) < COPY_CHARS:
        return None
    return re.compile(r"(?<![^\W_])" + r"[\W_]+".join(map(re.escape, words)) + r"(?![^\W_])", re.IGNORECASE)


def masked(text: str, places: Sequence[tuple[int, int]], mask: str) -> str:
    """The text with the mask in the place of spans; those that touch or overlap become one."""
    parts: list[str] = []
    position = 0
    for begin, end in sorted(places):
        if end <= position:
            continue
        if begin > position or not parts:
            parts += [text[position:begin], mask]
        position = end
    return "".join([*parts, text[position:]])


def _at(value: Any, path: shapes.Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _replaced(value: Any, path: shapes.Path, text: str) -> Any:
    """A value with another text at a path; what is not on the path is shared with the old one."""
    if not path:
        return text
    if isinstance(value, dict):
        return {**value, path[0]: _replaced(value[path[0]], path[1:], text)}
    step = path[0]
    assert isinstance(step, int)  # noqa: S101 - paths were made from this record
    return [*value[:step], _replaced(value[step], path[1:], text), *value[step + 1 :]]


def _without_turns(record: dict[str, Any], paths: Sequence[shapes.Path], texts: dict[shapes.Path, str]) -> Edited:
    """The record without the turns that the paths lead into."""
    gone: dict[str, set[int]] = defaultdict(set)
    for path in paths:
        turns = record.get(str(path[0]))
        if path[0] not in TURNS or len(path) < 2 or not isinstance(path[1], int) or not isinstance(turns, list):
            name = shapes.path_name(path)
            return Edited(None, Done.DROPPED, f"the match is in {name}, which is no turn of a conversation")
        gone[str(path[0])] |= set(_exchange(turns, path[1]))
    changed = dict(record)
    for key, positions in gone.items():
        changed[key] = [turn for position, turn in enumerate(record[key]) if position not in positions]
        said = any(
            path[0] == key
            and path[1] not in positions
            and (key == "history" or _role(record[key][path[1]]) != shapes.SYSTEM)
            for path in texts
            if len(path) > 1
        )
        if not said and key != "history":
            return Edited(None, Done.DROPPED, "no turn was left")
    return Edited(changed, Done.TURNS_DROPPED)


def _exchange(turns: Sequence[Any], position: int) -> Iterator[int]:
    """A turn, and where it asks, the turns that answer it: up to the next one of a user or a system."""
    yield position
    turn = turns[position]
    role = _role(turn)
    if not isinstance(turn, str | dict) or role in (shapes.ASSISTANT, shapes.TOOL, shapes.SYSTEM):
        return
    if isinstance(turn, dict) and not role:
        if "assistant" in turn or "output" in turn:
            return  # question and answer in one turn
        role = shapes.USER
    if isinstance(turn, str):
        if position % 2 == 0 and position + 1 < len(turns):
            yield position + 1
        return
    for following in range(position + 1, len(turns)):
        if _role(turns[following]) not in (shapes.ASSISTANT, shapes.TOOL):
            return
        yield following


def _role(turn: Any) -> str:
    return shapes.message_role(turn) if isinstance(turn, dict) else ""
