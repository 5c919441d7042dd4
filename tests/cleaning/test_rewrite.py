"""Whatever is left out of a text file: the other records are the same, and with nothing left out, so are the bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.cleaning.changes import Changes, JsonChanges, LineChanges
from auditor.cleaning.csv_row import RowFormat, cells_of
from auditor.cleaning.cutters import Cutter, ElementCutter, LineCutter, RowCutter, ValueCutter
from auditor.cleaning.options import Action, CleanOptions, Done, Touched
from auditor.cleaning.rewrite import Rewriter
from auditor.sources import ReadOptions
from auditor.types import Match, Verdict

if TYPE_CHECKING:
    from pathlib import Path

SPACE = st.text(alphabet=" \n\t", max_size=3)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
RECORD = st.dictionaries(st.text(max_size=4), VALUE, max_size=3)
SIZES = st.integers(1, 9)
GONE = st.sets(st.integers(0, 8))


class Bytes:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes | memoryview) -> None:
        self.data += bytes(data)


def match(row: int, span: tuple[int, int] = (0, 1), excerpt: str = "", field: str = "text") -> Match:
    return Match("s", row, field, "b", "", "1", "ngram", 1.0, Verdict.CONTAMINATED, True, span, (0, 1), excerpt, "", "")


def changes(rows: dict[int, list[Match]], action: Action, log: list[Touched] | None = None) -> Changes:
    return Changes("s", rows, CleanOptions(action), ReadOptions(), (log if log is not None else []).append)


def passed(data: bytes, cutter: Cutter, rows: set[int], size: int, limit: int = 1 << 20) -> tuple[bytes, Rewriter]:
    """The bytes without some records."""
    out = Bytes()
    rewriter = Rewriter(out, cutter, JsonChanges(changes({r: [match(r)] for r in rows}, Action.DROP)), limit)
    for start in range(0, len(data), size):
        rewriter.feed(data[start : start + size])
    rewriter.finish()
    return out.data, rewriter


@given(st.lists(st.tuples(RECORD, SPACE, SPACE), max_size=7), GONE, SIZES, st.sampled_from([4, 12, 99]), SPACE)
def test_arrays(parts: list[tuple[dict[str, Any], str, str]], gone: set[int], size: int, limit: int, end: str) -> None:
    said = [before + json.dumps(record) + after for record, before, after in parts]
    inside = (",".join(said) + "]" + end).encode() if said else b"]" + end.encode()
    assert passed(inside, ElementCutter(), set(), size)[0] == inside
    made, rewriter = passed(inside, ElementCutter(), gone, size, limit)
    assert json.loads(b"[" + made) == [record for row, (record, *_) in enumerate(parts) if row not in gone]
    assert rewriter.rows == len(parts)
    assert rewriter.passed == len(set(range(len(parts))) - gone)
    assert made.endswith(b"]" + end.encode())


@given(st.lists(st.tuples(RECORD, st.sampled_from(["\n", " \n", "\n\n", " ", ""])), max_size=7), GONE, SIZES)
def test_values(parts: list[tuple[dict[str, Any], str]], gone: set[int], size: int) -> None:
    data = "".join(json.dumps(record, indent=1) + after for record, after in parts).encode()
    assert passed(data, ValueCutter(), set(), size)[0] == data
    made, rewriter = passed(data, ValueCutter(), gone, size)
    kept, rest = [], made.decode().strip()
    while rest:
        record, place = json.JSONDecoder().raw_decode(rest)
        kept.append(record)
        rest = rest[place:].strip()
    assert kept == [record for row, (record, _) in enumerate(parts) if row not in gone]
    assert rewriter.rows == len(parts)


@given(st.lists(st.text(alphabet="ab \r", max_size=5), max_size=8), st.booleans(), GONE, SIZES, st.integers(0, 5))
def test_lines(lines: list[str], last: bool, gone: set[int], size: int, limit: int) -> None:
    data = "\n".join(lines).encode() + (b"\n" if last and lines else b"")
    assert passed(data, LineCutter(blank_counts=False), set(), size)[0] == data
    made, rewriter = passed(data, LineCutter(blank_counts=True), gone, size, limit)
    whole = data.split(b"\n")
    ends = [line + b"\n" for line in whole[:-1]] + ([whole[-1]] if whole[-1] else [])
    assert made == b"".join(line for row, line in enumerate(ends) if row not in gone)
    assert rewriter.rows == len(ends)


CELL = st.text(alphabet='ab ,;"\n\r', max_size=5)


@given(st.lists(st.tuples(CELL, CELL), max_size=6), st.sampled_from(["\n", "\r\n", "\r"]), GONE, SIZES)
def test_rows_of_csv(rows: list[tuple[str, str]], end: str, gone: set[int], size: int) -> None:
    said = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) + end for row in rows]
    data = "".join(said).encode()
    assert passed(data, RowCutter(","), set(), size)[0] == data
    made, rewriter = passed(data, RowCutter(","), gone, size)
    assert made == "".join(line for row, line in enumerate(said) if row not in gone).encode()
    assert rewriter.rows == len(rows)
    for line, row in zip(said, rows, strict=True):
        assert [cell.value.decode() for cell in cells_of(line.encode(), b",")] == list(row)


def test_a_masked_cell_is_quoted_where_it_was_or_has_to_be() -> None:
    form = RowFormat(("a", "b", "c"), ";")
    raw = b'one;"two ""x""";three "3"\r\n'
    assert form.read(raw) == {"a": "one", "b": 'two "x"', "c": 'three "3"'}
    assert form.write(raw, {"a": "o;e", "b": "2", "c": '3 "3"'}) == b'"o;e";"2";3 "3"\r\n'
    assert form.write(raw, form.read(raw)) == raw
    assert cells_of(b'"ab"c,', b",")[0].value == b"abc"
    assert [cell.value for cell in cells_of(b'"open\n', b",")] == [b"open\n"]


def text_lines(
    data: bytes, rows: dict[int, list[Match]], action: Action, limit: int = 1 << 20
) -> tuple[bytes, list[Touched]]:
    out, log = Bytes(), list[Touched]()
    rewriter = Rewriter(out, LineCutter(blank_counts=True), LineChanges(changes(rows, action, log)), limit)
    for start in range(0, len(data), 3):
        rewriter.feed(data[start : start + 3])
    rewriter.finish()
    return out.data, log


def test_a_match_over_several_lines_takes_all_of_them() -> None:
    data = "erste Zeile\nÜber zwei\nLinien läuft es\nlast\n".encode()
    rows = {1: [match(1, (5, 16), "zwei\nLinien")]}
    made, log = text_lines(data, rows, Action.DROP)
    assert made == b"erste Zeile\nlast\n"
    assert [(t.row, t.done) for t in log] == [(1, Done.DROPPED), (2, Done.DROPPED)]
    made, _ = text_lines(data, rows, Action.MASK)
    mask = CleanOptions().mask
    assert made.decode() == f"erste Zeile\nÜber {mask}\n{mask} läuft es\nlast\n"
    made, log = text_lines(data, rows, Action.MASK, limit=12)
    assert made.decode() == f"erste Zeile\nÜber {mask}\nlast\n", "a line too long to be held goes"
    assert [t.note[:22] for t in log] == ["", "the record is longer t"]
    made, log = text_lines(data, rows, Action.DROP, limit=4)
    assert made == b"erste Zeile\nlast\n"
    made, log = text_lines(data, rows, Action.DROP_TURN)
    assert made == b"erste Zeile\nlast\n"
    assert log[0].note == "plain text has no turns"


def test_lines_that_are_no_utf8_go_whole() -> None:
    made, log = text_lines(b"a\nb \xff c\nd\n", {1: [match(1, (0, 1), "b")]}, Action.MASK)
    assert made == b"a\nd\n"
    assert "not UTF-8" in log[0].note


def test_two_matches_of_a_line_and_an_empty_line_in_a_match() -> None:
    data = b"one two three\n\nfour\n"
    rows = {0: [match(0, (0, 3), "one"), match(0, (8, 19), "three\n\nfour")]}
    made, _ = text_lines(data, rows, Action.DROP)
    assert made == b""
    made, _ = text_lines(data, rows, Action.MASK)
    mask = CleanOptions().mask.encode()
    assert made == mask + b" two " + mask + b"\n\n" + mask + b"\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(RECORD, max_size=5), st.booleans())
def test_json_is_written_like_it_was(tmp_path: Path, records: list[dict[str, Any]], ascii_only: bool) -> None:
    from auditor.cleaning.json_text import encode_like, parse

    for style in ({}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}):
        for record in records:
            raw = b" " + json.dumps(record, ensure_ascii=ascii_only, **style).encode("utf-8", "surrogatepass") + b"\r\n"
            made = encode_like(parse(raw), raw)
            assert json.loads(made) == record
            if record and ascii_only:
                assert made == raw
