"""Row shapes of multiple-choice benchmarks: MMLU, ARC, HellaSwag, TruthfulQA, and those like them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.suites.fields import (
    EMPTY_QUESTION,
    AnswerIs,
    FieldMap,
    NumberedRow,
    Outcome,
    choice_columns_map,
    id_of,
    read_mapped,
)
from auditor.suites.shape import Shape
from auditor.suites.values import MISSING, Row, lookup, text_of, texts_of
from auditor.types import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_COLUMN = re.compile(r"(?:(?:choice|option|op|answer|ending|sol|solution)[ _]?)?([A-Ja-j]|\d{1,2})", re.I)
_MMLU_TEXT = ("question", "answer|target|label")


def choice_columns(names: Iterable[str]) -> tuple[str, ...]:
    """The columns that hold one choice each, in order: A, B, …; choice0, …; option_1, …; opa, …. None: an empty tuple.

    Columns count where they are alike but for a last letter or number, and these run from the first on without a gap.
    """
    series: dict[str, dict[int, str]] = {}
    for name in names:
        found = _COLUMN.fullmatch(name.strip()) if isinstance(name, str) else None
        if not found:
            continue
        mark = found[1]
        position = int(mark) if mark.isdecimal() else ord(mark.upper()) - ord("A")
        prefix = name.strip()[: found.start(1)] + ("0" if mark.isdecimal() else "A")
        if prefix == "0":
            continue  # bare numbers as names are the columns of a table without a header
        series.setdefault(prefix, {})[position] = name
    for columns in series.values():
        start = min(columns)
        if start <= 1 and len(columns) > 1 and sorted(columns) == list(range(start, start + len(columns))):
            return tuple(columns[position] for position in sorted(columns))
    return ()


def _has_choice_columns(row: Row) -> bool:
    return bool(choice_columns(row))


def _read_columns(rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
    columns = next(filter(None, (choice_columns(row) for _, row in rows)), ())
    return read_mapped(rows, choice_columns_map(columns, answer=_MMLU_TEXT[1]))


def _read_truthfulqa(rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
    for number, row in rows:
        question = text_of(lookup(row, "Question|question")).strip()
        if not question:
            yield number, EMPTY_QUESTION
            continue
        best = text_of(lookup(row, "Best Answer|best_answer")).strip()
        correct = _listed(lookup(row, "Correct Answers|correct_answers"))
        wrong = _listed(lookup(row, "Incorrect Answers|incorrect_answers"))
        answers = tuple(dict.fromkeys(filter(None, [best, *correct])))
        choices = tuple(dict.fromkeys([*answers, *wrong]))
        yield number, Item("", question, choices, answers, subset=text_of(lookup(row, "Category|category")))


def _listed(value: object) -> list[str]:
    """TruthfulQA's answers: a list, or in its CSV one text with semicolons between them."""
    texts = value.split(";") if isinstance(value, str) else texts_of(None if value is MISSING else value)
    return [text.strip() for text in texts if text.strip()]


def _read_targets(rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
    """TruthfulQA's multiple-choice form, `mc1_targets: {choices, labels}`, where a label of 1 marks a right choice."""
    for number, row in rows:
        question = text_of(row.get("question")).strip()
        if not question:
            yield number, EMPTY_QUESTION
            continue
        every, right = [], []
        for name in ("mc1_targets", "mc2_targets"):
            target = row.get(name)
            target = target if isinstance(target, dict) else {}
            pairs = (
                zip(target["choices"], target["labels"], strict=False)
                if isinstance(target.get("choices"), list) and isinstance(target.get("labels"), list)
                else target.items()
            )
            for choice, label in pairs:
                every.append(text_of(choice).strip())
                if label == 1:
                    right.append(text_of(choice).strip())
        yield number, Item("", question, tuple(dict.fromkeys(every)), tuple(dict.fromkeys(right)))


def _read_one_right(rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
    """GPQA and SciQ, where the right answer and the wrong ones are columns of their own."""
    wrong = "Incorrect Answer 1|distractor1", "Incorrect Answer 2|distractor2", "Incorrect Answer 3|distractor3"
    for number, row in rows:
        question = text_of(lookup(row, "Question|question")).strip()
        if not question:
            yield number, EMPTY_QUESTION
            continue
        right = text_of(lookup(row, "Correct Answer|correct_answer")).strip()
        texts = [right, *(text_of(lookup(row, path)).strip() for path in wrong)]
        choices = tuple(filter(None, texts))
        answers = tuple(filter(None, [right]))
        subset = text_of(lookup(row, "Subdomain")).strip()
        yield number, Item(id_of(row, "Record ID"), question, choices, answers, subset=subset)


CHOICE_SHAPES = (
    Shape(
        "truthfulqa",
        "Type, Category, Question, Best Answer, Correct Answers, Incorrect Answers (or in lower case)",
        ("Question|question", "Best Answer|best_answer", "Correct Answers|correct_answers"),
        read=_read_truthfulqa,
    ),
    Shape("truthfulqa-mc", "question, mc1_targets, mc2_targets", ("question", "mc1_targets"), read=_read_targets),
    Shape(
        "gpqa",
        "Question, Correct Answer, Incorrect Answer 1, 2, 3, Record ID",
        ("Question", "Correct Answer", "Incorrect Answer 1"),
        read=_read_one_right,
    ),
    Shape(
        "sciq",
        "question, correct_answer, distractor1, distractor2, distractor3",
        ("question", "correct_answer", "distractor1"),
        read=_read_one_right,
    ),
    Shape(
        "arc",
        "id, question.stem (or question, question_stem), choices[{text, label}] or {text: [], label: []}, answerKey",
        ("question.stem|question|question_stem", "question.choices|choices", "answerKey"),
        FieldMap(
            question=("question.stem|question_stem|question",),
            choices=("question.choices|choices",),
            answer="answerKey",
            item_id="id",
            subset="question.question_concept",
        ),
    ),
    Shape(
        "hellaswag",
        "ctx, endings, label",
        ("ctx", "endings"),
        FieldMap(
            question=("ctx",), choices=("endings",), answer="label", answer_is=AnswerIs.INDEX, subset="activity_label"
        ),
    ),
    Shape(
        "winogrande",
        "sentence, option1, option2, answer",
        ("sentence", "option1", "option2"),
        FieldMap(
            question=("sentence",),
            choices=("option1", "option2"),
            answer="answer",
            answer_is=AnswerIs.ORDINAL,
            item_id="qID",
        ),
    ),
    Shape(
        "piqa",
        "goal, sol1, sol2, label",
        ("goal", "sol1", "sol2"),
        FieldMap(question=("goal",), choices=("sol1", "sol2"), answer="label", answer_is=AnswerIs.INDEX, item_id="id"),
    ),
    Shape(
        "social-iqa",
        "context, question, answerA, answerB, answerC, label",
        ("context", "question", "answerA", "answerB"),
        FieldMap(
            question=("question",), choices=("answerA", "answerB", "answerC"), answer="label", passage=("context",)
        ),
    ),
    Shape(
        "race",
        "example_id, article, question, options, answer",
        ("article", "question", "options"),
        FieldMap(question=("question",), choices=("options",), answer="answer", passage=("article",), item_id=""),
    ),
    Shape(
        "mmlu-pro",
        "question_id, question, options, answer, answer_index, category",
        ("question", "options", "answer_index"),
        FieldMap(
            question=("question",),
            choices=("options",),
            answer="answer_index",
            answer_is=AnswerIs.INDEX,
            item_id="question_id",
            subset="category",
        ),
    ),
    Shape(
        "mmlu",
        "question, A, B, C, D, answer as letter, index or text; with a header, or without one in this order",
        ("question",),
        read=_read_columns,
        also=_has_choice_columns,
    ),
    Shape(
        "lighteval",
        "query, choices, gold_index (or gold)",
        ("query", "choices", "gold_index|gold"),
        FieldMap(
            question=("query",),
            choices=("choices",),
            answer="gold_index|gold",
            answer_is=AnswerIs.INDEX,
            item_id="id",
            subset="subject",
        ),
    ),
    Shape(
        "inspect",
        "id, input, choices, target, metadata",
        ("input", "choices", "target"),
        FieldMap(question=("input",), choices=("choices",), answer="target", item_id="id"),
    ),
)
