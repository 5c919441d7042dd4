"""The compiled tokenizer against the plain one, over UTF-8 and over the inside of JSON strings, with offsets."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor import text as plain
from auditor.kernels import tokens as compiled

from .hostile import LONE, PARTS, texts

Found = list[tuple[int, int, int]]
"""Hash, start and end of each token."""

CLASSES = {json_mode: compiled.byte_classes(json_mode) for json_mode in (False, True)}
SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", '"': '\\"', "\\": "\\\\", "/": "\\/"}


def run(data: bytes, start: int, end: int, json_mode: bool) -> tuple[int, Found, int]:
    """What the kernel says of data[start:end]: where the text ends, tokens, error."""
    buffer = np.frombuffer(data, np.uint8)
    room = end - start + 1
    hashes = np.empty(room, np.uint64)
    starts, ends = np.zeros(room, np.int64), np.zeros(room, np.int64)
    stop, count, error = compiled.tokenize(buffer, start, end, CLASSES[json_mode], plain.tables(), hashes, starts, ends)
    columns = (array[:count].tolist() for array in (hashes, starts, ends))
    return stop, list(zip(*columns, strict=True)), error


def expected(text: str, places: list[int]) -> Found:
    """What the plain tokenizer says, its offsets translated by `places`: where each character begins, and the end."""
    return [(token.hash, places[token.start], places[token.end]) for token in plain.tokenize(text)]


def places_of(units: list[bytes], base: int = 0) -> list[int]:
    places = [base]
    for unit in units:
        places.append(places[-1] + len(unit))
    return places


@given(texts(), st.binary(max_size=3), st.binary(max_size=3))
@example("1,000", b"", b"")
@example("3.", b"", b"5")
@example("&amp", b"", b";")
@example("\\quad", b"\\", b"s")
def test_utf8_gives_the_tokens_of_the_text(text: str, before: bytes, after: bytes) -> None:
    units = [char.encode() for char in text]
    body = b"".join(units)
    data = before + body + after
    stop, found, error = run(data, len(before), len(before) + len(body), False)
    assert error == compiled.OK
    assert stop == len(before) + len(body)
    assert found == expected(text, places_of(units, len(before)))


@given(texts(lone_surrogates=True), st.booleans())
def test_json_as_python_writes_it(text: str, ascii_only: bool) -> None:
    if not ascii_only:
        text = text.encode("utf-8", "ignore").decode()
    written = json.dumps(text, ensure_ascii=ascii_only).encode()
    read = json.loads(written)
    stop, found, error = run(b'{"text": ' + written + b"}\n", 10, 9 + len(written) + 2, True)
    assert error == compiled.OK
    assert stop == 9 + len(written) - 1
    assert [hash_ for hash_, _, _ in found] == [token.hash for token in plain.tokenize(read)]


@st.composite
def spelled(draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """The characters of a text, each spelled in one of the ways that JSON has for it."""
    chosen = []
    rng = random.Random(draw(st.integers(0, 1 << 30)))
    plainly = draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    for char in draw(texts()):
        utf16 = char.encode("utf-16-be")
        units = [utf16[i : i + 2].hex() for i in range(0, len(utf16), 2)]
        escaped = "".join("\\u" + (unit.upper() if rng.random() < 0.5 else unit) for unit in units)
        must_escape = char in '"\\' or char < " "
        short = SHORT_ESCAPES.get(char)
        raw = short or escaped if must_escape else char
        spelling = raw if rng.random() < plainly else short if short and rng.random() < 0.5 else escaped
        chosen.append((char, spelling.encode()))
    return chosen


@given(spelled())
def test_json_however_it_is_spelled(chars: list[tuple[str, bytes]]) -> None:
    text = "".join(char for char, _ in chars)
    units = [unit for _, unit in chars]
    data = b'"' + b"".join(units) + b'"\n'
    assert json.loads(data) == text
    stop, found, error = run(data, 1, len(data), True)
    assert (stop, error) == (len(data) - 2, compiled.OK)
    assert found == expected(text, places_of(units, 1))


@given(texts(), st.binary(max_size=4), st.integers(0, 1 << 16), st.integers(0, 4))
def test_bytes_that_are_no_utf8_are_an_error(text: str, junk: bytes, place: int, gone: int) -> None:
    data = text.encode()
    place %= len(data) + 1
    data = data[:place] + junk + data[place + gone :]
    try:
        decoded = data.decode()
    except UnicodeDecodeError:
        assert run(data, 0, len(data), False)[2] == compiled.BAD_UTF8
    else:
        _, found, error = run(data, 0, len(data), False)
        assert error == compiled.OK
        assert [h for h, _, _ in found] == [token.hash for token in plain.tokenize(decoded)]


@given(texts())
def test_without_offsets_the_tokens_are_the_same(text: str) -> None:
    data = text.encode()
    hashes = np.empty(len(data) + 1, np.uint64)
    nothing = np.zeros(1, np.int64)
    buffer = np.frombuffer(data, np.uint8)
    _, count, _ = compiled.tokenize(buffer, 0, len(data), CLASSES[False], plain.tables(), hashes, nothing, nothing)
    assert hashes[:count].tolist() == [t.hash for t in plain.tokenize(text)]


@pytest.mark.parametrize("half", LONE)
def test_half_a_surrogate_pair_separates(half: str) -> None:
    data = json.dumps(f"a{half}b").encode()
    assert [h for h, _, _ in run(data, 1, len(data), True)[1]] == [plain.token_hash("a"), plain.token_hash("b")]


def test_every_part_of_the_hostile_alphabet_beside_every_other() -> None:
    """Pairs are where the kernel's look at neighbouring bytes can go wrong."""
    for first in PARTS:
        for text in (f"1{first}2", f"a{first}b", f"{first}{first}"):
            for data, json_mode in ((text.encode(), False), (json.dumps(text).encode(), True)):
                _, found, error = run(data, int(json_mode), len(data), json_mode)
                assert error == compiled.OK
                assert [h for h, _, _ in found] == [token.hash for token in plain.tokenize(text)], (text, json_mode)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b'abc"', compiled.OK),
        (b"abc\n", compiled.BAD_JSON),
        (b"a\x01", compiled.BAD_JSON),
        (b"a\\x", compiled.BAD_JSON),
        (b"a\\u12G4", compiled.BAD_JSON),
        (b"a\\u12", compiled.BAD_JSON),
        (b"a\\", compiled.BAD_JSON),
        (b"\xff", compiled.BAD_UTF8),
        (b"\xc3", compiled.BAD_UTF8),
        (b"\xed\xa0\x80", compiled.BAD_UTF8),
        (b"\xf4\x90\x80\x80", compiled.BAD_UTF8),
        (b"\xc0\x80", compiled.BAD_UTF8),
    ],
)
def test_what_ends_a_json_string_early(data: bytes, error: int) -> None:
    assert run(data, 0, len(data), True)[2] == error
