"""The candidate pass against its plain twins: which lines are records, and which groups they may hold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.detectors.candidates import REASONS, CandidatePass, Proposals, Workspace
from auditor.kernels import build, plain, seeds
from auditor.text import token_hash

from .hostile import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = ("text", "messages", "content", "prompt", "t\u00e9xt", "input")
WORDS = ("a", "b", "c", "1", "\u4e2d")
SIZE = 2


@dataclass(frozen=True)
class BothTables:
    """The same n-grams for the kernel and for its twin."""

    compiled: seeds.SeedTable
    plain: plain.PlainTable
    frequencies: seeds.Frequencies
    grams: list[plain.Gram]


def make_tables(
    postings: dict[plain.Gram, frozenset[int]], weights: Sequence[float], thresholds: Sequence[float]
) -> BothTables:
    grams = sorted(postings)
    hashes = np.array([token_hash(form) for gram in grams for form in gram], np.uint64)
    keys, owners = np.empty(len(hashes), np.uint64), np.empty(len(hashes), np.int64)
    starts = np.arange(0, len(hashes) + 1, SIZE)
    assert build.gram_keys(hashes, starts, SIZE, keys, owners) == len(grams)
    unique = keys[: len(grams)]
    slots, numbers, key_shift, bits, bit_shift = build.open_addressing(unique, 4)
    members = [sorted(postings[gram]) for gram in grams]
    words = np.unique(np.array([token_hash(word) for word in WORDS], np.uint64))
    word_keys, word_slots, word_shift, _, _ = build.open_addressing(words, 1)
    table = seeds.SeedTable(
        size=SIZE, filter_bits=bits, filter_shift=bit_shift, keys=slots, grams=numbers, key_shift=key_shift,
        posting_start=np.cumsum([0, *map(len, members)]).astype(np.int64),
        posting_item=np.array([group for groups in members for group in groups], np.int32),
        weight=np.array(weights, np.float32), threshold=np.array(thresholds, np.float32),
    )  # fmt: skip
    zeros = (np.zeros(len(words), np.int64), np.zeros(len(words), np.int64), np.zeros(len(grams), np.int64))
    return BothTables(
        compiled=seeds.SeedTable(*(_frozen(value) for value in table)),
        plain=plain.PlainTable(SIZE, postings, dict(zip(grams, weights, strict=True)), thresholds),
        frequencies=seeds.Frequencies(_frozen(word_keys), _frozen(word_slots), word_shift, *zeros),
        grams=grams,
    )


def _frozen(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    return value


@st.composite
def all_tables(draw: st.DrawFn) -> BothTables:
    """Tables of few words, so that random text is full of their n-grams; weights are eighths, which add up exactly."""
    groups = draw(st.integers(1, 4))
    gram = st.tuples(*[st.sampled_from(WORDS)] * SIZE)
    owners = st.frozensets(st.integers(0, groups - 1), min_size=1)
    postings = draw(st.dictionaries(gram, owners, min_size=1, max_size=8))
    eighths = st.integers(0, 8).map(lambda n: n / 8)
    weights = draw(st.lists(eighths, min_size=len(postings), max_size=len(postings)))
    thresholds = draw(st.lists(st.integers(1, 20).map(lambda n: n / 8), min_size=groups, max_size=groups))
    return make_tables(postings, weights, thresholds)


few_words = st.lists(st.sampled_from([*WORDS, "A", "&nbsp;", "\n", ",", "'", "\u200b"]), max_size=10).map(" ".join)
some_text = few_words | texts(longest=6)
scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.just(10**400) | some_text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["content", "role", "x"]), inner, max_size=2),
    max_leaves=6,
)  # fmt: skip
records = st.lists(st.tuples(st.sampled_from([*KEYS, "id", "texts", ""]), values), max_size=4)


def object_line(members: list[tuple[str, Any]], ascii_only: bool, spaces: str) -> bytes:
    """An object with its members as they are, repeated keys kept."""
    parts = [
        f"{json.dumps(k, ensure_ascii=ascii_only)}{spaces}:{json.dumps(v, ensure_ascii=ascii_only)}" for k, v in members
    ]
    return (spaces + "{" + f",{spaces}".join(parts) + "}" + spaces).encode("utf-8", "replace")


good_lines = st.builds(object_line, records, st.booleans(), st.sampled_from(["", " ", "\t\r "]))
TOKENS = [*b'{}[]:,"\\ \t\r/-+.019eEuNntf', 0, 1, 127, 0x80, 0xC3, 0xA9, 0xE4, 0xED, 0xA0, 0xF0, 0xFF]
odd_lines = st.sampled_from(
    [b"", b" \t\r", b"[]", b'["a b"]', b'"a b"', b"1", b"null", b"NaN", b"-Infinity", b"{", b"}", b'{"text":"a b"', b'{"text":"a b"}}',
     b'{"text":"a b",}', b"{,}", b'{"text"}', b'{"text":}', b'{"text":01}', b'{"text":1.}', b'{"text":-}', b'{"text":.5}', b'{"text":1e}',
     b'{"text":NaN,"messages":[Infinity,-Infinity,1e5,1.5E-3,-0.0,-0]}', b'{"text":-NaN}', b'{"text":nul}', b'{"text":"a\tb"}',
     b'{"te\\u0078t":"a b"}', b'{"te\\xt":"a"}', b'{"t\tx":1}', b'{"\xff":1}', b"\xef\xbb\xbf{}", b"{}{}", b"{} 1", b"{1:2}", b"{'a':1}",
     b'{"text":"\\ud83d"}', b'{"text":"\\ud83d\\u"}', b'{"t\\ud800":"a"}', b'{"text":"a b","text":null}', b'{"text":"a b","text":"c"}',
     b'{"text":' + b"9" * 5000 + b"}", b'{"text":1e999}', b'{"text":"\xc3"}', b'{"text":"a \xe4\xb8\xad b"}', b'{"text":"a',
     b'{"x":' + b"[" * 499 + b"]" * 499 + b"}", b'{"x":' + b"[" * 500 + b"]" * 500 + b"}", b"[" * 600 + b"]" * 600, b"[" * 5000,
     b'{"x":"' + b"[" * 600 + b'"}', b'{"a":1}\x0b', b'{"a":1\x00}', b'{"a":truefalse}', b'{"a":tru', b'{"a":"\\']
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A line with bytes deleted, inserted or replaced."""
    line = bytearray(draw(good_lines | odd_lines))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(line)))
        gone = draw(st.integers(0, 2))
        line[place : place + gone] = bytes(draw(st.lists(st.sampled_from(TOKENS) | st.integers(0, 255), max_size=2)))
    return bytes(line).replace(b"\n", b"")


lines = good_lines | odd_lines | mutated()


def proposals_of(both: BothTables, data: bytes, room: int = 4096) -> Proposals:
    workspace = Workspace(both.compiled)
    workspace.found = seeds.new_candidates(both.compiled, room)
    return CandidatePass(KEYS).lines(np.frombuffer(data, np.uint8), workspace, both.frequencies, seeds.NGRAM)


def check(found: Proposals, expected: plain.PlainPass) -> None:
    assert dict(found.broken).keys() == expected.errors.keys()
    for row, reason in found.broken:
        assert reason in expected.errors[row]
    assert found.blank == expected.blank
    assert {row: set(groups) for row, groups in found.groups.items()} == expected.groups
    assert all(detectors == ["ngram"] for groups in found.groups.values() for detectors in groups.values())


@given(st.lists(lines, max_size=5), all_tables(), st.sampled_from([1, 2, 4096]))
@example([b'{"text":"a b a b","id":"a b"}'], make_tables({("a", "b"): frozenset({0})}, [1.0], [1.0]), 4096)
def test_lines_are_judged_as_python_judges_them(content: list[bytes], both: BothTables, room: int) -> None:
    data = b"".join(line + b"\n" for line in content)
    found, expected = proposals_of(both, data, room), plain.scan_lines(data, KEYS, both.plain)
    check(found, expected)
    bits = {
        frozenset(key for bit, key in enumerate(KEYS) if mask >> bit & 1): seen for mask, seen in found.keys.items()
    }
    assert bits == expected.keys
    for row, (begin, end) in found.places.items():
        assert data[begin:end] == content[row]


@given(
    st.lists(st.tuples(st.integers(0, 1), some_text, st.binary(max_size=2)), max_size=6),
    all_tables(),
    st.sampled_from([1, 4096]),
)
def test_texts_of_one_row_add_up(parts: list[tuple[int, str, bytes]], both: BothTables, room: int) -> None:
    rows = np.cumsum([step for step, _, _ in parts]).astype(np.int64)
    content = [text.encode() + junk for _, text, junk in parts]
    bounds = np.cumsum([0, *map(len, content)]).astype(np.int64)
    workspace = Workspace(both.compiled)
    workspace.found = seeds.new_candidates(both.compiled, room)
    found = CandidatePass(KEYS).texts(
        np.frombuffer(b"".join(content), np.uint8), bounds[:-1], bounds[1:], rows, workspace, both.frequencies,
        seeds.NGRAM,
    )  # fmt: skip
    check(found, plain.scan_texts(content, rows.tolist(), both.plain))


@given(st.lists(st.lists(some_text, max_size=3), max_size=4), all_tables())
def test_frequencies_count_each_record_once(content: list[list[str]], both: BothTables) -> None:
    data = b"".join(json.dumps({"text": record, "id": "a b c 1"}).encode() + b"\n" for record in content)
    workspace = Workspace(both.compiled)
    found = CandidatePass(KEYS).lines(np.frombuffer(data, np.uint8), workspace, both.frequencies, seeds.COUNT)
    assert not found.groups
    words, grams = plain.count(content, WORDS, both.plain)
    by_hash = dict(zip(sorted(WORDS, key=token_hash), both.frequencies.word_df.tolist(), strict=True))
    assert by_hash == words
    assert dict(zip(both.grams, both.frequencies.gram_df.tolist(), strict=True)) == grams


@given(st.lists(st.lists(some_text, max_size=3), max_size=4), all_tables())
def test_frequencies_of_columns(content: list[list[str]], both: BothTables) -> None:
    flat = [(row, text.encode()) for row, record in enumerate(content) for text in record]
    bounds = np.cumsum([0, *(len(text) for _, text in flat)]).astype(np.int64)
    rows = np.array([row for row, _ in flat], np.int64)
    data = np.frombuffer(b"".join(text for _, text in flat), np.uint8)
    CandidatePass(KEYS).texts(
        data, bounds[:-1], bounds[1:], rows, Workspace(both.compiled), both.frequencies, seeds.COUNT
    )
    _, grams = plain.count(content, WORDS, both.plain)
    assert dict(zip(both.grams, both.frequencies.gram_df.tolist(), strict=True)) == grams


def test_one_line_of_a_million_is_named_by_its_row() -> None:
    both = make_tables({("a", "b"): frozenset({0})}, [1.0], [1.0])
    data = b'{"text":"c"}\n' * 70_000 + b'{"text":"a b"\n' + b'{"text":"x"}\n' * 70_000 + b'{"text":"a b"}\n'
    found = proposals_of(both, data, room=2)
    assert found.broken == [(70_000, "invalid_json")]
    assert found.groups == {140_001: {0: ["ngram"]}}
    assert found.keys == {1: (140_001, 0)}


def test_more_sets_of_keys_than_there_is_room_for() -> None:
    names = tuple(f"k{n}" for n in range(12))
    both = make_tables({("a", "b"): frozenset({0})}, [1.0], [1.0])
    content = [{name: "x" for bit, name in enumerate(names) if number >> bit & 1} for number in range(1 << 12)]
    data = b"".join(json.dumps(record).encode() + b"\n" for record in content)
    found = CandidatePass(names).lines(
        np.frombuffer(data, np.uint8), Workspace(both.compiled), both.frequencies, seeds.NGRAM
    )
    assert found.keys == {number: (1, number) for number in range(1 << 12)}


@pytest.mark.parametrize("reason", sorted(REASONS.values()))
def test_every_reason_can_be_reached(reason: str) -> None:
    line = {
        "invalid_utf8": b'{"text":"\xff"}', "invalid_json": b'{"text":', "not_an_object": b"[1]",
        "too_deeply_nested": b'{"a":' + b"[" * seeds.MAX_DEPTH + b"]" * seeds.MAX_DEPTH + b"}",
    }[reason]  # fmt: skip
    both = make_tables({("a", "b"): frozenset({0})}, [1.0], [1.0])
    assert proposals_of(both, line + b"\n").broken == [(0, reason)]
    assert plain.read_line(line, KEYS).errors == {reason}
