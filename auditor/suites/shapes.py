"""The row shapes of benchmark files, the most telling first; which of them a file has is seen from its fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.errors import BenchmarkFormatError, InputError
from auditor.suites import lmeval_samples, reference
from auditor.suites.code import CODE_SHAPES
from auditor.suites.fields import MISSING_QUESTION, FieldMap, read_mapped
from auditor.suites.files import field_names
from auditor.suites.generation import GENERATION_SHAPES
from auditor.suites.multiple_choice import CHOICE_SHAPES, choice_columns
from auditor.suites.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.suites.fields import NumberedRow, Outcome

_QUESTION = (
    "question query problem prompt instruction input question_text question_stem question_content goal sentence ctx "
    "stem text statement claim puzzle task_prompt user_prompt description task"
).split()
_CHOICES = "choices options endings candidates alternatives possible_answers".split()
_RIGHT = (
    "answer_index answer_idx answerkey answer_key gold_index correct_index correct_option correct_answer_index label "
    "gold cop correct answer target correct_answer"
).split()
_WORKED = "solution canonical_solution reference_solution worked_solution rationale code".split()
_ANSWERS = (
    "answer answers best_answer correct_answer reference_answer target targets output response completion "
    "final_answer expected expected_output expected_answer gold reference ideal label"
).split()
_PASSAGE = "passage context article story document support background premise".split()
_ID = "id item_id question_id qid task_id key doc_id example_id problem_id unique_id uid guid uuid idx index".split()
_SUBSET = "subject category subset subtask topic domain type".split()
_SPLIT = ["split"]

_SNIFFED_ROWS = 50
_MOST_COMBINATIONS = 30


@dataclass(frozen=True, slots=True)
class _Generic:
    """The shape of last resort: parts found by the names that people give them, in any case."""

    def map_for(self, rows: Sequence[NumberedRow]) -> FieldMap | None:
        names = dict.fromkeys(name for _, row in rows[:_SNIFFED_ROWS] for name in row if isinstance(name, str))
        by_lower = {name.lower().replace(" ", "_"): name for name in reversed(names)}

        def first(wanted: Sequence[str]) -> str:
            return next((by_lower[name] for name in wanted if name in by_lower), "")

        question = first(_QUESTION)
        if not question:
            return None
        asked: tuple[str, ...] = (question,)
        if question.lower() == "instruction" and "input" in by_lower:
            asked = (question, by_lower["input"])
        listed = first(_CHOICES)
        choices = (listed,) if listed else choice_columns(names)
        free = [part for part in (first(_WORKED), first(_ANSWERS)) if part and part not in asked]
        return FieldMap(
            question=asked,
            choices=choices,
            answer=first([name for name in _RIGHT if by_lower.get(name) not in asked]) if choices else "",
            answers=tuple(free[:1] if choices and free and free[0].lower() in _WORKED else [] if choices else free),
            passage=tuple(part for part in [first(_PASSAGE)] if part and part not in asked),
            item_id=first(_ID),
            subset=first(_SUBSET),
            split=first(_SPLIT),
        )


def _read_generic(rows: Sequence[NumberedRow]) -> Iterator[tuple[int, Outcome]]:
    mapping = _Generic().map_for(rows)
    if mapping is None:
        return ((number, MISSING_QUESTION) for number, _ in rows)
    return read_mapped(rows, mapping)


GENERIC = Shape(
    "generic", "id?, question (or query, problem, prompt, …), choices?, answer?, passage?", (), read=_read_generic
)

SHAPES: tuple[Shape, ...] = (
    reference.DECON,
    lmeval_samples.SAMPLES,
    *CODE_SHAPES,
    *CHOICE_SHAPES,
    *GENERATION_SHAPES,
)
"""Every shape that is seen from its fields; where several fit, the first. GENERIC is tried last."""


def shape_named(name: str) -> Shape | None:
    """The shape with this name, or None."""
    return next((shape for shape in (*SHAPES, GENERIC) if shape.name == name), None)


def parse_schema(schema: str) -> Shape:
    """The shape that `--schema` names: a shape's name, or a map such as `question=goal,choices=sol1+sol2,answer=label`.

    Raises InputError for anything else, with the names there are.
    """
    named = shape_named(schema)
    if named:
        return named
    if "=" not in schema:
        known = ", ".join(shape.name for shape in (*SHAPES, GENERIC))
        raise InputError(f"schema {schema!r}: not a known shape; write question=FIELD,answer=FIELD or one of {known}")
    parts: dict[str, list[str]] = {}
    for assignment in re.split(r",\s*", schema):
        part, equals, paths = assignment.partition("=")
        if not equals or not paths:
            raise InputError(f"schema {schema!r}: {assignment!r} is not PART=FIELD")
        parts[part.strip()] = [path.strip() for path in paths.split("+")]
    return mapped_shape(FieldMap.from_mapping(parts, f"schema {schema!r}"))


def mapped_shape(mapping: FieldMap) -> Shape:
    """A shape that reads by the map given, whatever else is in the rows."""
    return Shape("mapped", "as the field map says", (), mapping=mapping)


def sniff(rows: Sequence[NumberedRow]) -> Shape | None:
    """The shape that most of the first rows have; None where not even the generic one fits."""
    sample = [row for _, row in rows[:_SNIFFED_ROWS]]
    for shape in SHAPES:
        if 2 * sum(shape.fits(row) for row in sample) > len(sample):
            return shape
    return GENERIC if _Generic().map_for(rows) else None


def told_apart(rows: Sequence[NumberedRow]) -> list[tuple[Shape | None, list[NumberedRow]]]:
    """The rows of one file by shape, since a file may mix items of several benchmarks.

    Rows with the same fields are looked at together. Those that alone fit no shape are read as the file as a whole is,
    so that each of them is counted with its own reason; so are all rows of a file with fields in too many combinations.
    """
    by_fields: dict[frozenset[str], list[NumberedRow]] = {}
    for row in rows:
        by_fields.setdefault(frozenset(row[1]), []).append(row)
    whole = sniff(rows)
    if len(by_fields) == 1 or len(by_fields) > _MOST_COMBINATIONS or (whole is not None and whole.one_file):
        return [(whole, list(rows))]
    shapes = [(sniff(alike) or whole, alike) for alike in by_fields.values()]
    fallback = next((shape for shape, _ in shapes if shape is not None), None)
    return [(shape or fallback, alike) for shape, alike in shapes]


def unknown_shape(rows: Sequence[NumberedRow], where: str) -> BenchmarkFormatError:
    """The error for rows that fit nothing: what fields there are, what fields are known, what to do."""
    known = "\n".join(f"  {shape.name}: {shape.description}" for shape in (*SHAPES, GENERIC))
    return BenchmarkFormatError(
        f"{where}: its rows fit no known shape. The fields are: {', '.join(field_names(rows)) or '(none)'}.\n"
        f"Known shapes:\n{known}\n"
        "Say which field is what with a schema such as question=FIELD,choices=FIELD,answer=FIELD."
    )
