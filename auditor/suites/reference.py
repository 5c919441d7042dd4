"""decon's reference files: one row for each option of an item, grouped back into items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.suites.fields import EMPTY_QUESTION, NumberedRow, Outcome
from auditor.suites.shape import Shape
from auditor.suites.values import answer_forms, text_of
from auditor.types import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.suites.values import Row


def _read(rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
    groups: dict[tuple[str, ...], list[NumberedRow]] = {}
    for number, row in rows:
        key = tuple(text_of(row.get(name)) for name in ("eval_key", "config", "split", "eval_instance_index"))
        groups.setdefault(key, []).append((number, row))
    several = len({key[:2] for key in groups}) > 1
    for (evaluation, config, split, instance), members in groups.items():
        number, first = members[0]
        question = text_of(first.get("question"))
        if not question.strip():
            # each row of the group is counted, as each row of another shape is
            for empty, _ in members:
                yield empty, EMPTY_QUESTION
            continue
        subset = config if config not in {"", "default"} else evaluation
        where = "/".join(part for part in (evaluation, config) if part not in {"", "default"})
        texts = list(dict.fromkeys(text_of(row.get("answer")) for _, row in members))
        yield (
            number,
            Item(
                item_id=f"{where}/{instance}" if several and where else instance,
                question=question,
                choices=tuple(text for text in texts if text.strip()) if len(texts) > 1 else (),
                answers=answer_forms(text_of(row.get("answer")) for _, row in members if _right(row, len(members))),
                passage=text_of(first.get("passage")),
                split=split,
                subset=subset,
            ),
        )


def _right(row: Row, rows_in_group: int) -> bool:
    """A row without `is_correct` holds the answer where it is the only one, and says nothing among several."""
    correct = row.get("is_correct")
    return rows_in_group == 1 if correct is None else correct in (True, "true", "True", 1)


DECON = Shape(
    "decon",
    "eval_key, config, split, eval_instance_index, question, answer, passage, is_correct",
    ("eval_key", "eval_instance_index", "question"),
    read=_read,
)
