"""Record shapes of formats.md: names, roles, and what is not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.sources import KNOWN_KEYS, ReadOptions, has_text, text_fields

from .reading import read

ALL = ReadOptions()
TRAINING = Path(__file__).parents[2].parent / "shared" / "data" / "training"


def fields(record: dict[str, Any], options: ReadOptions = ALL) -> list[tuple[str, str, str]]:
    return [(field.name, field.role, field.text) for field in text_fields(record, options)]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"text": "a"}, [("text", "", "a")]),
        ({"content": "a", "id": "x"}, [("content", "", "a")]),
        ({"code": "a"}, [("code", "", "a")]),
        (
            {"id": "1", "text": "a", "source": "web", "added": "d", "created": "d", "metadata": {"text": "no"}},
            [("text", "", "a")],
        ),
        (
            {
                "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": None}],
                "tools": [{"type": "function", "function": {"name": "f", "description": "does"}}],
            },
            [("messages[0].content", "user", "q"), ("tools[0].function.description", "tool", "does")],
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "value": "b"}]}
                ]
            },
            [("messages[0].content[0].text", "user", "a"), ("messages[0].content[1].value", "user", "b")],
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "i", "function": {"name": "f", "arguments": "{}"}}]}
                ]
            },
            [("messages[0].tool_calls[0].function.arguments", "assistant", "{}")],
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": {"code": "x", "n": 3}}}]}]},
            [
                ("messages[0].tool_calls[0].function.arguments.code", "assistant", "x"),
                ("messages[0].tool_calls[0].function.arguments.n", "assistant", "3"),
            ],
        ),
        (
            {
                "conversations": [
                    {"from": "human", "value": "a"},
                    {"from": "gpt", "value": "b"},
                    {"from": "function_call", "value": "c"},
                    {"from": "observation", "value": "d"},
                    {"from": "Narrator", "value": "e"},
                ],
                "system": "s",
                "tools": "t",
            },
            [
                ("conversations[0].value", "user", "a"),
                ("conversations[1].value", "assistant", "b"),
                ("conversations[2].value", "assistant", "c"),
                ("conversations[3].value", "tool", "d"),
                ("conversations[4].value", "Narrator", "e"),
                ("system", "system", "s"),
                ("tools", "tool", "t"),
            ],
        ),
        (
            {"instruction": "i", "input": "", "output": "o", "system": "s", "history": [["u", "v"], ["w", "x"]]},
            [
                ("instruction", "user", "i"),
                ("input", "user", ""),
                ("output", "assistant", "o"),
                ("system", "system", "s"),
                ("history[0][0]", "user", "u"),
                ("history[0][1]", "assistant", "v"),
                ("history[1][0]", "user", "w"),
                ("history[1][1]", "assistant", "x"),
            ],
        ),
        ({"prompt": "p", "completion": "c"}, [("prompt", "user", "p"), ("completion", "assistant", "c")]),
        (
            {
                "prompt": [{"role": "user", "content": "p"}],
                "chosen": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "c"}],
                "rejected": {"from": "gpt", "value": "r"},
                "label": True,
            },
            [
                ("prompt[0].content", "user", "p"),
                ("chosen[0].content", "user", "p"),
                ("chosen[1].content", "assistant", "c"),
                ("rejected.value", "assistant", "r"),
            ],
        ),
        (
            {"prompt": "p", "completions": ["a", "b"], "labels": [True, False]},
            [("prompt", "user", "p"), ("completions[0]", "assistant", "a"), ("completions[1]", "assistant", "b")],
        ),
        ({"question": "q", "answer": 42}, [("question", "user", "q"), ("answer", "assistant", "42")]),
        ({"query": "q", "response": "r"}, [("query", "user", "q"), ("response", "assistant", "r")]),
        ({"problem": "q", "solution": "r"}, [("problem", "user", "q"), ("solution", "assistant", "r")]),
        ({"input": "q", "output": 1.5}, [("input", "user", "q"), ("output", "assistant", "1.5")]),
        (
            {"conversation": [{"human": "a", "assistant": "b"}]},
            [
                ("conversation[0].human", "user", "a"),
                ("conversation[0].assistant", "assistant", "b"),
            ],
        ),
        ({"system": "only", "tools": "t", "metadata": {}}, []),
        ({"text": None, "id": 3}, []),
        ({"text": {"nested": "junk"}, "messages": 3}, [("messages", "", "3")]),
        ({"text": True}, []),
        (
            {"messages": [None, 1, "s", [], {"role": 5, "content": {"text": "deep"}}]},
            [
                ("messages[1]", "", "1"),
                ("messages[2]", "", "s"),
                ("messages[4].content.text", "", "deep"),
            ],
        ),
        ({}, []),
    ],
)
def test_shapes(record: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert fields(record) == expected


def test_chosen_fields_and_schemas() -> None:
    record = {"a": {"b": ["x", {"c": "y", "type": "t"}]}, "d.e": "z", "text": "no", "messages": [{"content": "m"}]}
    assert fields(record, ReadOptions(text_fields=("a.b", "d.e"))) == [
        ("a.b[0]", "", "x"),
        ("a.b[1].c", "", "y"),
        ("d.e", "", "z"),
    ]
    assert fields(record, ReadOptions(schema="messages")) == [("messages[0].content", "", "m")]
    assert fields(record, ReadOptions(schema="alpaca")) == []
    assert fields({"a": 1}, ReadOptions(text_fields=("missing",))) == []


def test_has_text_goes_by_the_keys() -> None:
    assert len(KNOWN_KEYS) <= 60
    assert has_text(frozenset({"id", "text"}), ALL)
    assert not has_text(frozenset({"id", "system"}), ALL)
    assert not has_text(frozenset({"text"}), ReadOptions(schema="alpaca"))
    assert has_text(frozenset({"a"}), ReadOptions(text_fields=("a.b",)))
    assert not has_text(frozenset({"text"}), ReadOptions(text_fields=("a.b",)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["content", "role", "text"]), inner, max_size=3)
    ),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(KNOWN_KEYS) | st.text(max_size=4), json_values, max_size=6))
def test_odd_types_never_fail(record: dict[str, Any]) -> None:
    found = text_fields(record, ALL)
    assert all(field.name.split("[")[0].split(".")[0] in KNOWN_KEYS for field in found)
    if found:
        assert has_text(frozenset(key for key, value in record.items() if value is not None), ALL)


def test_depth_and_size_are_bounded() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    assert fields({"text": deep}) == []
    assert fields({"text": 10**6000, "code": "c"}) == [("code", "", "c")]


@pytest.mark.parametrize(
    "values",
    [
        {"schema": "nope"},
        {"format": "xml"},
        {"block_bytes": 0},
        {"piece_chars": 10, "piece_overlap": 10},
        {"encoding": "latin-99"},
        {"text_fields": ("a..b",)},
    ],
)
def test_options_out_of_range(values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ReadOptions(**values)


@pytest.mark.skipif(not TRAINING.is_dir(), reason="no shared/ folder beside the repository")
@pytest.mark.parametrize(
    ("name", "rows", "first"),
    [
        ("gsm8k/train.jsonl", 7473, ["question", "answer"]),
        ("dolly/dolly_train.json", 2000, ["instruction", "input", "output"]),
        ("llamafactory/dpo_en_demo.json", 300, ["conversations[0].value", "chosen.value", "rejected.value"]),
        ("llamafactory/v1_sft_demo.jsonl", 500, ["messages[0].content[0].value", "messages[1].content[0].value"]),
        ("llamafactory/alpaca_zh_demo.json", 1000, ["instruction", "input", "output"]),
        ("llamafactory/c4_demo.jsonl", 300, ["text"]),
    ],
)
def test_real_files(name: str, rows: int, first: list[str]) -> None:
    records = [orjson.loads(line) for line in read(TRAINING / name).lines.values()]
    assert len(records) == rows
    assert [field.name for field in text_fields(records[0], ALL)][: len(first)] == first
    assert all(text_fields(record, ALL) for record in records)
