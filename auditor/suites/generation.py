"""Row shapes of benchmarks that are answered in free text: GSM8K, MATH, BBH, IFEval, MT-Bench, SQuAD."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.suites.fields import EMPTY_QUESTION, FieldMap, NumberedRow, Outcome, id_of
from auditor.suites.shape import Shape
from auditor.suites.values import Row, answer_forms, lookup, text_of, texts_of
from auditor.types import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OPTION = re.compile(r"^\(([A-Z])\)[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_LETTER = re.compile(r"\(?([A-Z])\)?")


def written_option(question: str, target: str) -> str:
    """The text of the option that a target such as "(B)" stands for, where the question writes its options out.

    BBH does so, one `(A) text` on a line. Gives "" where the target is a letter that stands for nothing, and the target
    itself where it is no letter.
    """
    letter = _LETTER.fullmatch(target.strip())
    if not letter:
        return target
    options: dict[str, str] = dict(_OPTION.findall(question))
    if letter[1] in options:
        return options[letter[1]]
    return "" if target.strip().startswith("(") or options else target


def _read_input_target(rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
    """BBH, and inspect's samples without choices. The question keeps the options, since they are written in it."""
    for number, row in rows:
        question = text_of(row.get("input"))
        if not question.strip():
            yield number, EMPTY_QUESTION
            continue
        answers = [written_option(question, target) for target in texts_of(row.get("target"))]
        yield number, Item(id_of(row, "id"), question, answers=answer_forms(answers))


def _has_turns(row: Row) -> bool:
    return isinstance(row.get("turns"), list)


def _read_turns(rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
    """MT-Bench: the turns of one item joined by a blank line, and the reference answers where the file has them."""
    for number, row in rows:
        turns = texts_of(row["turns"]) if _has_turns(row) else []
        if not turns:
            yield number, EMPTY_QUESTION
            continue
        answers = answer_forms(texts_of(lookup(row, "reference")))
        subset = text_of(row.get("category"))
        yield number, Item(id_of(row, "question_id|id"), "\n\n".join(turns), answers=answers, subset=subset)


def _answer_is_text_dict(row: Row) -> bool:
    answers = lookup(row, "answers")
    return isinstance(answers, dict) and "text" in answers


def _is_worked(row: Row) -> bool:
    # a file may hold items with choices beside those of GSM8K, in rows with the same fields
    return isinstance(row["answer"], str) and "####" in row["answer"] and not {"choices", "options"} & set(row)


GENERATION_SHAPES = (
    Shape("mt-bench", "question_id, category, turns, reference", ("turns",), read=_read_turns, also=_has_turns),
    Shape(
        "ifeval",
        "key, prompt, instruction_id_list, kwargs",
        ("prompt", "instruction_id_list"),
        FieldMap(question=("prompt",), item_id="key|id"),
    ),
    Shape(
        "squad",
        "id, context, question, answers {text: []}",
        ("question", "context", "answers"),
        FieldMap(question=("question",), answers=("answers.text",), passage=("context",), item_id="id"),
        also=_answer_is_text_dict,
    ),
    Shape("bbh", "input, target (in a list, or under examples)", ("input", "target"), read=_read_input_target),
    Shape(
        "math",
        "problem, solution, answer?",
        ("problem", "solution"),
        FieldMap(
            question=("problem",),
            answers=("solution", "answer"),
            item_id="unique_id|problem_id|id",
            subset="subject|type",
        ),
    ),
    Shape(
        "gsm8k",
        "question, answer (a worked solution, then #### and the result)",
        ("question", "answer"),
        FieldMap(question=("question",), answers=("answer",), item_id="id"),
        also=_is_worked,
    ),
)
