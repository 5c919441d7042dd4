"""Per-sample logs of lm-evaluation-harness: the items are rebuilt from the documents that it was run on."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.suites.fields import EMPTY_QUESTION, AnswerIs, Choices, NumberedRow, Outcome, right_choices
from auditor.suites.shape import Shape
from auditor.suites.values import answer_forms, text_of, texts_of
from auditor.types import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.suites.values import Row

REPEATED = "same_document_another_filter"
"""lm-eval writes a document once for each of its answer filters; the later ones are the same item."""

_FILE_NAME = re.compile(r"samples_(?P<task>.+?)(?:_\d{4}-\d\d-\d\dT[\d:.-]+)?$")
_LABEL = re.compile(r"[A-Za-z ]{1,20}:")


def task_of(stem: str) -> str:
    """The task in a name such as `samples_gsm8k_2024-06-01T12-00-00.123456`; "" where it is not such a name."""
    found = _FILE_NAME.fullmatch(stem)
    return found["task"] if found else ""


def _read(rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
    from auditor.suites.shapes import sniff

    documents: dict[str, NumberedRow] = {}
    repeated: list[int] = []
    for number, row in rows:
        key = text_of(row.get("doc_id")) or f"row {number}"
        if key in documents:
            repeated.append(number)
        else:
            documents[key] = (number, row)
    kept = list(documents.values())
    inner = [(number, row["doc"]) for number, row in kept if isinstance(row.get("doc"), dict)]
    shape = sniff(inner) if inner else None
    known = dict(shape.outcomes(inner)) if shape else {}
    for number, row in kept:
        yield number, _item(row, known.get(number))
    for number in repeated:
        yield number, REPEATED


def _item(row: Row, document: Outcome | None) -> Outcome:
    prompt, continuations = arguments_of(row.get("arguments"))
    if not isinstance(document, Item):
        question = last_example(prompt) or text_of(row.get("doc"))
        if not question.strip():
            return EMPTY_QUESTION
        document = Item("", question, choices=continuations)
    answers = document.answers
    if not answers:
        options = Choices(document.choices or continuations)
        target = row.get("target")
        found = right_choices(options, target, AnswerIs.AUTO) if options.texts else texts_of(target)
        answers = answer_forms(found)
    return replace(document, item_id=text_of(row.get("doc_id")).strip(), answers=answers)


def arguments_of(arguments: Any) -> tuple[str, tuple[str, ...]]:
    """The prompt and the continuations that were scored after it, from either way in which lm-eval has written them.

    `[[prompt, continuation], …]`, `[[prompt, {generation settings}]]`, and `{"gen_args_0": {"arg_0": prompt, …}, …}`.
    """
    if isinstance(arguments, dict):
        calls = [list(call.values()) if isinstance(call, dict) else call for call in arguments.values()]
    else:
        calls = arguments if isinstance(arguments, list) else []
    prompt = ""
    continuations: list[str] = []
    for call in calls:
        if not isinstance(call, list) or not call:
            continue
        prompt = prompt or text_of(call[0])
        if len(call) > 1 and isinstance(call[1], str):
            continuations.append(call[1].strip())
    # a single continuation is the reference that was scored, not an option
    return prompt, tuple(dict.fromkeys(continuations)) if len(continuations) > 1 else ()


def last_example(prompt: str) -> str:
    """The prompt without the worked examples before it, where they are told by the same label at their start."""
    blocks = prompt.split("\n\n")
    label = next((found[0] for block in reversed(blocks) if (found := _LABEL.match(block))), None)
    if label is None:
        return prompt
    start = max(position for position, block in enumerate(blocks) if block.startswith(label))
    return "\n\n".join(blocks[start:])


SAMPLES = Shape(
    "lm-eval-samples",
    "doc_id, doc, target, arguments, resps, filtered_resps (samples_<task>_<date>.jsonl)",
    ("doc", "target", "arguments|resps|doc_id"),
    read=_read,
    one_file=True,
)
