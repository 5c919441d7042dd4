"""Field maps: which fields of a row are the question, the choices, the right answer; and rows read by them."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.suites.values import MISSING, Row, answer_forms, lookup, text_of, texts_of, unwritten_list
from auditor.types import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Outcome = Item | str
"""What a row gives: an item (its id empty where the row has none of its own), or the reason why it gives none."""

NumberedRow = tuple[int, Row]
"""A row with its 0-based number in its file."""

EMPTY_QUESTION = "empty_question"
MISSING_QUESTION = "missing_question"

_LETTER = re.compile(r"[(\[]?([A-Za-z])[)\].:]?")
_NUMBER = re.compile(r"[-+]?\d+")
_LETTERED = re.compile(r"\(?([A-Za-z])[).:]\s*(?=\S)")
_STYLE_SAMPLE = 2000
"""Rows from which the style of the answers is taken; a file does not change it on the way."""


class AnswerIs(StrEnum):
    """How a row says which of its choices is the right one."""

    AUTO = "auto"
    """Decided from the file's rows together, since "1" alone may be a number, a text or a label."""
    INDEX = "index"
    """A number from 0."""
    ORDINAL = "ordinal"
    """A number from 1."""
    LETTER = "letter"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Where in a row each part of an item is. Values are paths as `values.lookup` takes them."""

    question: tuple[str, ...]
    """One path, or several whose texts are joined by line breaks."""
    choices: tuple[str, ...] = ()
    """One path to a list, or one path for each choice."""
    labels: str = ""
    """Path to the choices' labels, where they stand apart from the texts."""
    answer: str = ""
    """Path to what says which choice is right."""
    answer_is: AnswerIs = AnswerIs.AUTO
    answers: tuple[str, ...] = ()
    """Paths to the answer as text, fullest first."""
    passage: tuple[str, ...] = ()
    item_id: str = ""
    subset: str = ""
    split: str = ""

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], where: str) -> FieldMap:
        """A field map from a TOML table or a parsed flag: each value a path, or a list of them.

        Raises InputError, naming `where`, for an unknown part or a value of the wrong type, or without a question.
        """
        many = {"question", "choices", "answers", "passage"}
        known = {part.name for part in fields(cls)}
        arguments: dict[str, Any] = {}
        for part, value in given.items():
            if part not in known:
                raise InputError(
                    f"{where}: no part of an item is called {part!r}; the parts are {', '.join(sorted(known))}"
                )
            paths = [value] if isinstance(value, str) else value
            if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
                raise InputError(f"{where}: {part} must be a field's name or a list of them, not {value!r}")
            if part not in many and len(paths) != 1:
                raise InputError(f"{where}: {part} takes one field, not {len(paths)}")
            arguments[part] = tuple(paths) if part in many else paths[0]
        if not arguments.get("question"):
            raise InputError(f"{where}: says nothing of the question; write question=FIELD")
        if "answer_is" in arguments:
            try:
                arguments["answer_is"] = AnswerIs(arguments["answer_is"])
            except ValueError:
                raise InputError(f"{where}: answer_is must be one of {', '.join(AnswerIs)}") from None
        return cls(**arguments)


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of one row."""

    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def read_mapped(rows: Sequence[NumberedRow], mapping: FieldMap) -> Iterator[tuple[int, Outcome]]:
    """Each row's number and outcome, in the rows' order."""
    style = mapping.answer_is
    if mapping.answer and mapping.choices and style is AnswerIs.AUTO:
        sample = [(choices_of(row, mapping), lookup(row, mapping.answer)) for _, row in rows[:_STYLE_SAMPLE]]
        style = answer_style(sample)
    for number, row in rows:
        yield number, item_of(row, mapping, style)


def item_of(row: Row, mapping: FieldMap, style: AnswerIs) -> Outcome:
    """The item that a row holds, or the reason why it holds none."""
    parts = [lookup(row, path) for path in mapping.question]
    if all(part is MISSING for part in parts):
        return MISSING_QUESTION
    question = _joined(parts)
    if not question.strip():
        return EMPTY_QUESTION
    choices = choices_of(row, mapping) if mapping.choices else Choices()
    answers: list[str] = []
    for path in mapping.answers:
        answers += texts_of(lookup(row, path))
    if mapping.answer:
        value = lookup(row, mapping.answer)
        if choices.texts:
            answers = right_choices(choices, value, style) + answers
        else:
            answers += texts_of(value)
    return Item(
        item_id=id_of(row, mapping.item_id),
        question=question,
        choices=choices.texts,
        answers=answer_forms(answers),
        passage=_joined([lookup(row, path) for path in mapping.passage]) if mapping.passage else "",
        split=_plain(row, mapping.split),
        subset=_plain(row, mapping.subset),
    )


def _joined(parts: Sequence[Any]) -> str:
    texts = [text_of(part) for part in parts]
    return texts[0] if len(texts) == 1 else "\n".join(text for text in texts if text.strip())


def _plain(row: Row, path: str) -> str:
    return text_of(lookup(row, path)).strip() if path else ""


def id_of(row: Row, path: str) -> str:
    """The row's own id as text: a string or a number; "" where it has none."""
    value = lookup(row, path) if path else MISSING
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return text_of(value).strip()


def choices_of(row: Row, mapping: FieldMap) -> Choices:
    """A row's options, without letters: a list, a list of {text, label}, {text: [], label: []}, {A: …}, or columns."""
    if len(mapping.choices) > 1:
        # only trailing columns may be blank: a blank one in the middle still counts for the answer's number
        texts = [text_of(lookup(row, path)).strip() for path in mapping.choices]
        while texts and not texts[-1]:
            texts.pop()
        return Choices(tuple(texts))
    value = unwritten_list(lookup(row, mapping.choices[0]))
    labels: Any = lookup(row, mapping.labels) if mapping.labels else None
    if isinstance(value, dict):
        if isinstance(value.get("text"), list):
            value, labels = value["text"], value.get("label")
        else:
            labels, value = list(value), list(value.values())
    if not isinstance(value, list):
        return Choices()
    if labels is None and value and all(isinstance(member, dict) and "label" in member for member in value):
        labels = [member["label"] for member in value]
    named = tuple(map(text_of, labels)) if isinstance(labels, list) and len(labels) == len(value) else ()
    return Choices(without_letters(tuple(text_of(member).strip() for member in value)), named)


def without_letters(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Options such as "(A) red", "(B) blue" without their letters, where each begins with its own."""
    if len(texts) < 2:
        return texts
    bare: list[str] = []
    for position, text in enumerate(texts):
        marked = _LETTERED.match(text)
        if not marked or marked[1].upper() != chr(ord("A") + position):
            return texts
        bare.append(text[marked.end() :])
    return tuple(bare)


def answer_style(sample: Sequence[tuple[Choices, Any]]) -> AnswerIs:
    """How the rows of one file say which choice is right.

    One row does not tell: with the choices 0, 4, 2 and 6, an answer "2" may be the text or the index. All rows do.
    """
    known = [
        (choices, value if isinstance(value, int) and not isinstance(value, bool) else text_of(value).strip())
        for choices, value in sample
        if choices.texts and not isinstance(value, list) and text_of(value).strip()
    ]
    if not known:
        return AnswerIs.AUTO
    if all(isinstance(value, str) and _text_index(choices, value) is not None for choices, value in known):
        return AnswerIs.TEXT
    if all(isinstance(value, str) and _letter_index(value) in range(len(choices.texts)) for choices, value in known):
        return AnswerIs.LETTER
    numbers = [(len(choices.texts), _whole(value)) for choices, value in known]
    if all(number is not None and number < count for count, number in numbers):
        return AnswerIs.INDEX
    if all(number is not None and 1 <= number <= count for count, number in numbers):
        return AnswerIs.ORDINAL
    return AnswerIs.AUTO


def right_choices(choices: Choices, value: Any, style: AnswerIs) -> list[str]:
    """The text of the right choice, or of several; none where the row does not say, or says what cannot be."""
    if isinstance(value, str) and _text_index(choices, value.strip()) is None:
        # an option may itself be a list, as that of a program's output is
        value = unwritten_list(value)
    if isinstance(value, list):
        found = [text for member in value for text in right_choices(choices, member, style)]
        return list(dict.fromkeys(found))
    text = text_of(value).strip()
    if not text:
        return []
    position = _position(choices, value, text, style)
    if position is not None and 0 <= position < len(choices.texts):
        return [choices.texts[position]]
    # an answer that is none of the choices is kept where it is a text, never where it is a mark
    bare = len(text) == 1 or _LETTER.fullmatch(text) or _NUMBER.fullmatch(text)
    return [] if bare else [text]


def _position(choices: Choices, value: Any, text: str, style: AnswerIs) -> int | None:
    if text in choices.labels:
        return choices.labels.index(text)
    if style is AnswerIs.TEXT or (style is AnswerIs.AUTO and isinstance(value, str)):
        index = _text_index(choices, text)
        if index is not None:
            return index
        if style is AnswerIs.TEXT:
            return None
    if style in {AnswerIs.LETTER, AnswerIs.AUTO}:
        letter = _letter_index(text)
        if letter is not None or style is AnswerIs.LETTER:
            return letter
    number = _whole(text)
    if number is None:
        return _letter_index(text)
    return number - 1 if style is AnswerIs.ORDINAL else number


def _text_index(choices: Choices, text: str) -> int | None:
    if text in choices.texts:
        return choices.texts.index(text)
    marked = _LETTERED.match(text)
    bare = text[marked.end() :] if marked else text
    return choices.texts.index(bare) if bare in choices.texts else None


def _letter_index(text: Any) -> int | None:
    found = _LETTER.fullmatch(text) if isinstance(text, str) else None
    return ord(found[1].upper()) - ord("A") if found else None


def _whole(value: Any) -> int | None:
    if isinstance(value, int):
        return value if value >= 0 else None
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 4 else None


def choice_columns_map(columns: tuple[str, ...], answer: str) -> FieldMap:
    """The map of a table such as MMLU's, whose choices are columns."""
    return FieldMap(
        question=("question",),
        choices=columns,
        answer=answer,
        passage=("passage|context|article",),
        item_id="id|question_id",
        subset="subject|category",
    )
