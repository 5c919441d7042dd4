"""Row shapes of code benchmarks: HumanEval, MBPP, and those that followed them."""

from __future__ import annotations

from auditor.suites.fields import FieldMap
from auditor.suites.shape import Shape

CODE_SHAPES = (
    Shape(
        "bigcodebench",
        "task_id, complete_prompt, instruct_prompt, canonical_solution, test",
        ("complete_prompt", "canonical_solution"),
        FieldMap(question=("complete_prompt",), answers=("canonical_solution",), item_id="task_id"),
    ),
    Shape(
        "humaneval",
        "task_id, prompt, canonical_solution, test, entry_point",
        ("prompt", "canonical_solution"),
        FieldMap(question=("prompt",), answers=("canonical_solution",), item_id="task_id"),
    ),
    Shape(
        "mbpp",
        "task_id, text (or prompt), code, test_list",
        ("text|prompt", "code", "test_list"),
        FieldMap(question=("text|prompt",), answers=("code",), item_id="task_id"),
    ),
    Shape(
        "apps",
        "problem_id, question, solutions, input_output",
        ("question", "solutions", "input_output"),
        FieldMap(question=("question",), answers=("solutions",), item_id="problem_id|id", subset="difficulty"),
    ),
    Shape(
        "livecodebench",
        "question_id, question_title, question_content, starter_code",
        ("question_content", "starter_code"),
        FieldMap(question=("question_content",), item_id="question_id", subset="platform"),
    ),
    Shape(
        "cruxeval",
        "id, code, input, output",
        ("code", "input", "output"),
        FieldMap(question=("code", "input"), answers=("output",), item_id="id"),
    ),
)
