"""Records too long to be held: the same texts as a parser gives, in pieces, whatever the cuts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.sources import ReadOptions, TextPieces, text_fields
from auditor.sources.long_record import MAX_NESTING, MAX_PIECES, LongRecord
from auditor.sources.shapes import KNOWN_KEYS, LEAF_KEYS, NESTING_KEYS

from .reading import Reading, gather

if TYPE_CHECKING:
    from auditor.types import Skip

OPTIONS = ReadOptions(piece_chars=8, piece_overlap=3)


def walk(line: bytes, cut: int, options: ReadOptions = OPTIONS, row: int = 7) -> tuple[Reading, list[Skip]]:
    record = LongRecord(row, options, "s")
    drafts = []
    for start in range(0, len(line), cut):
        drafts += record.feed(line[start : start + cut])
    drafts.append(record.finish())
    assert [draft.rows for draft in drafts] == [1] + [0] * (len(drafts) - 1)
    assert {draft.first_row for draft in drafts[:1]} == {row}
    reading = Reading([], "")
    for draft in drafts:
        assert isinstance(draft.payload, TextPieces)
        reading.pieces += draft.payload.pieces
    return reading, [skip for draft in drafts for skip in draft.skips]


keys = st.sampled_from([*KNOWN_KEYS, *LEAF_KEYS, *NESTING_KEYS, "role", "from", "type", "id", "näme"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
leaves = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | texts | st.sampled_from(["user", "gpt"])
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@settings(max_examples=200)
@given(st.dictionaries(keys, values, max_size=5), st.integers(1, 40), st.booleans())
def test_the_walk_gives_what_a_parser_gives(record: dict[str, Any], cut: int, ascii_only: bool) -> None:
    line = json.dumps(record, ensure_ascii=ascii_only).encode()
    reading, skips = walk(line, cut)
    expected = {(7, field.name): field.text for field in text_fields(record, ReadOptions()) if field.text}
    found = reading.texts()
    if expected:
        assert found == expected
        assert skips == []
    elif not any(record.get(key) is not None for key in KNOWN_KEYS):
        assert [skip.reason for skip in skips] == ["no_text_field"]


@given(st.binary(max_size=60), st.integers(1, 20))
def test_any_bytes_are_walked_without_an_error(line: bytes, cut: int) -> None:
    walk(b'{"text": "' + line, cut)
    walk(line, cut)


def test_roles_and_places(tmp_path: Any) -> None:
    record = {
        "messages": [
            {"role": "human", "content": "0123456789abcdef"},
            {"content": [{"type": "text", "text": "hi"}], "role": "gpt"},
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1}'}}]},
        ]
    }
    reading, skips = walk(json.dumps(record).encode(), 5)
    assert skips == []
    assert [(p.field, p.role, p.char_start, p.text) for p in reading.pieces] == [
        ("messages[0].content", "user", 0, "01234567"),
        ("messages[0].content", "user", 5, "56789abc"),
        ("messages[0].content", "user", 10, "abcdef"),
        ("messages[1].content[0].text", "", 0, "hi"),
        ("messages[2].tool_calls[0].function.arguments", "assistant", 0, '{"a": 1}'),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "abc', "the record ends in the middle"),
        (b'{"text": "abc"', "the record ends in the middle"),
        (b'{"text": "abc"} x', "unexpected b'x'"),
        (b'{"text" "abc"}', "unexpected b'\"'"),
        (b'{"text": "a\\qc"}', "a string with a bad escape"),
        (b'{"text": "a\nc"}', "a string with a bad escape"),
        (b'{"text": truth}', "unexpected b'truth'"),
        (b'{"text": 012}', "unexpected b'012'"),
        (b'{"text": 1' + b"1" * 5000 + b"}", "a number without end"),
        (b'["text"]', "the record is a list"),
        (b'"text"', "the record is a string"),
        (b"12", "the record is no object"),
        (b'{"text": [1}', "unexpected b'}'"),
        (b'{"text": {"a":' + b"[" * 2 * MAX_NESTING, "levels of nesting"),
    ],
)
def test_a_broken_record_is_a_skip_after_its_pieces(line: bytes, reason: str) -> None:
    for cut in (1, 7, 10_000):
        _, (skip,) = walk(line, cut)
        assert (skip.reason, skip.row) == ("invalid_json", 7)
        assert reason in skip.detail


def test_text_before_the_break_is_kept() -> None:
    reading, (skip,) = walk(b'{"text": "0123456789", "broken', 4)
    assert reading.texts() == {(7, "text"): "0123456789"}
    assert skip.reason == "invalid_json"


@pytest.mark.parametrize("cut", [1, 2, 3, 50])
def test_broken_utf8_and_lone_surrogates_become_replacement_characters(cut: int) -> None:
    reading, (skip,) = walk(b'{"text": "ab\xffcd \xc3\xa9"}', cut)
    assert reading.texts() == {(7, "text"): "ab\ufffdcd é"}
    assert (skip.reason, skip.row) == ("invalid_utf8", 7)
    reading, skips = walk(rb'{"text": "a\ud83d\ude00 b\ud83d c\udc00 \\ud800 \\\ud83d\ude00"}', cut)
    assert reading.texts() == {(7, "text"): "a😀 b\ufffd c\ufffd \\ud800 \\😀"}
    assert skips == []


def test_many_short_texts_come_in_bounded_blocks() -> None:
    line = json.dumps({"messages": ["x"] * (3 * MAX_PIECES)}).encode()
    record = LongRecord(0, ReadOptions(), "s")
    sizes = [len(draft.payload.pieces) for draft in (*record.feed(line), record.finish())]  # type: ignore[union-attr]
    assert max(sizes) == MAX_PIECES
    assert sum(sizes) == 3 * MAX_PIECES


def test_chosen_fields_only() -> None:
    reading, skips = walk(b'{"a": {"b": "yes", "c": "no"}, "text": "no"}', 9, ReadOptions(text_fields=("a.b",)))
    assert reading.texts() == {(7, "a.b"): "yes"}
    assert skips == []


def test_a_long_key_is_no_field_and_costs_no_memory() -> None:
    reading, skips = walk(b'{"' + b"k" * 100_000 + b'": "no", "text": "yes"}', 1000)
    assert reading.texts() == {(7, "text"): "yes"}
    assert skips == []


def test_gather_accepts_no_blocks() -> None:
    assert gather([]).texts() == {}
