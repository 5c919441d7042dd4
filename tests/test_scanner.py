"""One block in, its matches out: every shape and every format gives the same, with the right field, role, row and span."""

from __future__ import annotations

import csv
import gzip
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from made import NGRAM, documents, inside, make_benchmark, make_items, whole, write_lines
from pyarrow import feather

import auditor
from auditor.index import BenchmarkIndex, weigh
from auditor.scanner import EXAMPLES, Scanner, first_of_each
from auditor.sources import ReadOptions
from auditor.sources.blocks import Block, Columns, JsonLines, Piece, TextPieces
from auditor.types import Skip, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.results import ScanResult

ITEMS = make_items()
INDEX = BenchmarkIndex.build([make_benchmark(ITEMS)], NGRAM)
QUESTION, ANSWER = ITEMS[4].question, ITEMS[4].answers[0]
CLEAN = documents(8)


def scan(path: Path, **reading: Any) -> ScanResult:
    return auditor.scan(path, INDEX, config=NGRAM, reading=ReadOptions(**reading))


def scanner(**reading: Any) -> Scanner:
    return Scanner(INDEX, weigh(INDEX, None, NGRAM), NGRAM, ReadOptions(**reading))


def json_lines(*lines: bytes) -> JsonLines:
    return JsonLines(np.frombuffer(b"".join(line + b"\n" for line in lines), np.uint8))


# Blocks


def test_a_block_of_lines() -> None:
    text = json.dumps({"text": whole(ITEMS[4])}).encode()
    payload = json_lines(b'{"text":"x"}', b"", b"{", text, b'{"id":1}', b'{"text":"\xff"}', b"[1]", b'{"id":2}')
    earlier = (Skip("s", "changed_while_reading"), Skip("s", "invalid_row", 99))
    result = scanner()(Block("s", 3, 100, 8, payload, earlier, 777))
    assert (result.source, result.index, result.bytes_read, result.blank_lines) == ("s", 3, 777, 1)
    assert [(m.row, m.field, m.item_id) for m in result.matches] == [(103, "text", "item-4")]
    assert result.records_skipped == {
        "changed_while_reading": 1, "invalid_json": 1, "invalid_row": 1, "invalid_utf8": 1, "no_text_field": 2, "not_an_object": 1,
    }  # fmt: skip
    assert [(s.reason, s.row) for s in result.skips] == [
        ("changed_while_reading", None), ("invalid_json", 102), ("invalid_row", 99), ("invalid_utf8", 105), ("no_text_field", 104),
        ("not_an_object", 106),
    ]  # fmt: skip
    # of eight rows one is blank, five are broken or have no text, and one was lost before
    assert result.records_read == 1


def test_a_block_of_columns() -> None:
    batch = pa.record_batch({
        "id": [1, 2, 3, 4], "text": ["x", QUESTION, None, None],
        "messages": [None, None, [{"role": "user", "content": QUESTION}], None],
    })  # fmt: skip
    result = scanner()(Block("s", 0, 50, 4, Columns(batch)))
    assert [(m.row, m.field, m.role) for m in result.matches] == [(51, "text", ""), (52, "messages[0].content", "user")]
    assert result.records_skipped == {"no_text_field": 1}
    assert [(s.row, s.reason) for s in result.skips] == [(53, "no_text_field")]
    assert result.records_read == 3


def test_columns_that_are_no_utf8() -> None:
    bad = pa.array([b"\xff\xfe", QUESTION.encode()], pa.binary()).view(pa.string())
    result = scanner()(Block("s", 0, 0, 2, Columns(pa.record_batch({"text": bad}))))
    assert [m.row for m in result.matches] == [1]
    assert result.records_skipped == {"invalid_utf8": 1}
    assert result.records_read == 1


def test_columns_without_any_text() -> None:
    for batch in (pa.record_batch({"id": [1, 2]}), pa.record_batch({"text": pa.array([None, None], pa.string())})):
        result = scanner()(Block("s", 0, 0, 2, Columns(batch)))
        assert (result.records_skipped, result.records_read) == ({"no_text_field": 2}, 0)


def test_a_block_of_pieces() -> None:
    pieces = (Piece(7, "text", "", 0, CLEAN[0]), Piece(7, "text", "user", 1000, f"\u00e9\u00e9 {QUESTION}"))
    result = scanner()(Block("s", 2, 7, 1, TextPieces(pieces)))
    (match,) = result.matches
    assert (match.row, match.field, match.role) == (7, "text", "user")
    assert match.train_span == (1003, 1003 + len(QUESTION) - 1)


def test_pieces_by_line() -> None:
    text = f"tail of a line\nsecond\n{QUESTION}\nlast"
    result = scanner()(Block("s", 2, 7, 4, TextPieces((Piece(7, "text", "", 50, text),), by_line=True)))
    assert [(m.row, m.train_span) for m in result.matches] == [(9, (0, len(QUESTION) - 1))]
    first = scanner()(Block("s", 2, 7, 1, TextPieces((Piece(7, "text", "", 50, f"xy {QUESTION}"),), by_line=True)))
    assert [(m.row, m.train_span) for m in first.matches] == [(7, (53, 53 + len(QUESTION) - 1))]


def test_more_candidates_than_the_first_room_holds() -> None:
    """Every line holds every item: the pass has to be emptied and go on many times."""
    everything = json.dumps({"text": "\n".join(whole(item) for item in ITEMS)}).encode()
    result = scanner()(Block("s", 0, 0, 300, json_lines(*[everything] * 300)))
    assert len(result.matches) == 300 * len(ITEMS)
    assert {m.verdict for m in result.matches} == {Verdict.CONTAMINATED}


def test_the_first_skips_of_each_reason_are_named() -> None:
    result = scanner()(Block("s", 0, 0, 100, json_lines(*[b"{"] * 100)))
    assert result.records_skipped == {"invalid_json": 100}
    assert [s.row for s in result.skips] == list(range(EXAMPLES))
    assert [s.row for s in first_of_each([Skip("s", "r", 2), Skip("s", "r"), Skip("s", "r", 0)])] == [None, 0, 2]


# Record shapes

SHAPES: list[tuple[str, dict[str, Any], str, str]] = [
    ("text", {"id": 1, "text": QUESTION}, "text", ""),
    ("content", {"content": QUESTION}, "content", ""),
    ("code", {"code": QUESTION}, "code", ""),
    ("Dolma", {"id": "a", "source": "s", "added": "2024", "created": "2024", "metadata": {"text": "x"}, "text": QUESTION}, "text", ""),
    ("messages", {"messages": [{"role": "system", "content": "Help."}, {"role": "user", "content": QUESTION}]}, "messages[1].content", "user"),
    ("message parts", {"messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]}, "messages[0].content[0].text", "user"),
    ("message values", {"messages": [{"role": "assistant", "content": [{"type": "text", "value": QUESTION}]}]}, "messages[0].content[0].value", "assistant"),
    ("tool calls", {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": QUESTION}}]}]}, "messages[0].tool_calls[0].function.arguments", "assistant"),
    ("tools", {"messages": [{"role": "user", "content": "x"}], "tools": QUESTION}, "tools", "tool"),
    ("ShareGPT", {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]}, "conversations[0].value", "user"),
    ("ShareGPT gpt", {"conversations": [{"from": "gpt", "value": QUESTION}]}, "conversations[0].value", "assistant"),
    ("ShareGPT call", {"conversations": [{"from": "function_call", "value": QUESTION}]}, "conversations[0].value", "assistant"),
    ("ShareGPT observation", {"conversations": [{"from": "observation", "value": QUESTION}]}, "conversations[0].value", "tool"),
    ("ShareGPT system", {"conversations": [{"from": "human", "value": "x"}], "system": QUESTION}, "system", "system"),
    ("Alpaca", {"instruction": QUESTION, "input": "", "output": ANSWER}, "instruction", "user"),
    ("Alpaca input", {"instruction": "Solve this.", "input": QUESTION, "output": ANSWER}, "input", "user"),
    ("Alpaca output", {"instruction": "Write a riddle.", "input": "", "output": QUESTION}, "output", "assistant"),
    ("Alpaca history", {"instruction": "And now?", "output": "x", "history": [[QUESTION, ANSWER]]}, "history[0][0]", "user"),
    ("Alpaca history answer", {"instruction": "And now?", "output": "x", "history": [["Tell me.", QUESTION]]}, "history[0][1]", "assistant"),
    ("prompt", {"prompt": QUESTION, "completion": ANSWER}, "prompt", "user"),
    ("completion", {"prompt": "x", "completion": QUESTION}, "completion", "assistant"),
    ("preference", {"prompt": QUESTION, "chosen": "a", "rejected": "b"}, "prompt", "user"),
    ("rejected", {"prompt": "x", "chosen": "a", "rejected": QUESTION}, "rejected", "assistant"),
    ("chosen messages", {"prompt": [{"role": "user", "content": "x"}], "chosen": [{"role": "assistant", "content": QUESTION}], "rejected": []}, "chosen[0].content", "assistant"),
    ("label", {"prompt": QUESTION, "completion": ANSWER, "label": True}, "prompt", "user"),
    ("completions", {"prompt": "x", "completions": ["a", QUESTION], "labels": [True, False]}, "completions[1]", "assistant"),
    ("question/answer", {"question": QUESTION, "answer": ANSWER}, "question", "user"),
    ("query/response", {"query": QUESTION, "response": ANSWER}, "query", "user"),
    ("problem/solution", {"problem": QUESTION, "solution": ANSWER}, "problem", "user"),
    ("input/output", {"input": QUESTION, "output": ANSWER}, "input", "user"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("record", "field", "role"), [shape[1:] for shape in SHAPES], ids=[shape[0] for shape in SHAPES]
)
def test_the_field_and_the_role_of_every_shape(tmp_path: Path, record: dict[str, Any], field: str, role: str) -> None:
    lines = [{"text": CLEAN[0]}, record, {"text": CLEAN[1]}]
    (match,) = scan(write_lines(tmp_path / "t.jsonl", lines)).matches
    assert (match.row, match.field, match.role, match.item_id) == (1, field, role, "item-4")
    assert match.train_span == (0, len(QUESTION) - 1)
    (long,) = scan(write_lines(tmp_path / "long.jsonl", lines), max_record_bytes=100).matches
    assert (long.row, long.field, long.role, long.train_span) == (1, field, role, match.train_span)
    pq.write_table(pa.Table.from_pylist([record]), tmp_path / "t.parquet")
    (column,) = scan(tmp_path / "t.parquet").matches
    assert (column.row, column.field, column.role, column.train_span) == (0, field, role, match.train_span)


def test_only_the_field_that_was_asked_for(tmp_path: Path) -> None:
    rows = [{"text": QUESTION, "meta": {"body": CLEAN[0]}}, {"text": CLEAN[1], "meta": {"body": QUESTION}}]
    path = write_lines(tmp_path / "t.jsonl", rows)
    assert [(m.row, m.field) for m in scan(path, text_fields=("meta.body",)).matches] == [(1, "meta.body")]
    assert [(m.row, m.field) for m in scan(path).matches] == [(0, "text")]


def test_only_the_shape_that_was_asked_for(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "t.jsonl", [{"text": "x", "prompt": QUESTION}, {"text": QUESTION, "prompt": "x"}])
    assert [(m.row, m.field) for m in scan(path, schema="text").matches] == [(1, "text")]
    assert [(m.row, m.field) for m in scan(path, schema="prompt").matches] == [(0, "prompt")]


# Formats


def rows_of_text() -> list[dict[str, Any]]:
    rows = [{"id": n, "text": text.replace("\n", " ")} for n, text in enumerate(documents(30, seed=5))]
    for number in range(0, 30, 4):
        text = whole(ITEMS[number]) if number % 8 else inside(ITEMS[number].question, rows[number]["text"])
        rows[number]["text"] = text.replace("\n", " ") + " \u4e2d\u6587 \U0001f600"
    return rows


def write_all(folder: Path) -> dict[str, Path]:
    rows = rows_of_text()
    lines = write_lines(folder / "lines.jsonl", rows).read_bytes()
    files = {"jsonl": folder / "lines.jsonl", "escaped": write_lines(folder / "escaped.jsonl", rows, ascii_only=True)}
    array = json.dumps(rows, indent=2).encode()
    contents = {
        "array.json": array, "lines.json": lines, "lines.jsonl.gz": gzip.compress(lines), "lines.jsonl.zst": zstandard.compress(lines),
        "array.json.gz": gzip.compress(array), "plain.txt": "".join(row["text"] + "\n" for row in rows).encode(),
    }  # fmt: skip
    for name, content in contents.items():
        files[name] = folder / name
        files[name].write_bytes(content)
    for name, delimiter in (("rows.csv", ","), ("rows.tsv", "\t")):
        files[name] = folder / name
        with files[name].open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, ["id", "text"], delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
    files["rows.csv.gz"] = folder / "rows.csv.gz"
    files["rows.csv.gz"].write_bytes(gzip.compress(files["rows.csv"].read_bytes()))
    table = pa.Table.from_pylist(rows)
    for name in ("rows.parquet", "rows.arrow", "stream.arrow"):
        files[name] = folder / name
    pq.write_table(table, files["rows.parquet"], row_group_size=7)
    feather.write_feather(table, files["rows.arrow"], chunksize=7)
    with pa.ipc.new_stream(files["stream.arrow"], table.schema) as out:
        out.write_table(table, max_chunksize=7)
    return files


def test_every_format_gives_the_same_matches(tmp_path: Path) -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, path in write_all(tmp_path).items():
        result = scan(path)
        assert result.complete, (name, result.summary["records_skipped"])
        assert result.summary["records_read"] == 30
        found[name] = [{**match.to_json(), "source": ""} for match in result.matches]
    assert [row["row"] for row in found["jsonl"]] == list(range(0, 30, 4))
    # how rare a word is is learnt from records, and plain text has none that could be counted
    places = ("row", "field", "item_id", "verdict", "train_span", "item_span", "train_excerpt", "score")
    assert [{k: row[k] for k in places} for row in found.pop("plain.txt")] == [
        {k: row[k] for k in places} for row in found["jsonl"]
    ]
    for name, rows in found.items():
        assert rows == found["jsonl"], name


def test_small_blocks_give_the_same_matches(tmp_path: Path) -> None:
    for name, path in write_all(tmp_path).items():
        small = scan(path, block_bytes=500)
        assert small.matches == scan(path).matches, name


def test_a_match_that_runs_over_lines(tmp_path: Path) -> None:
    words = QUESTION.split()
    broken = "\n".join(" ".join(words[n : n + 5]) for n in range(0, len(words), 5))
    (tmp_path / "t.txt").write_text(f"first line\n{CLEAN[0]} and then: {broken}\n{CLEAN[1]}\n", encoding="utf-8")
    (match,) = scan(tmp_path / "t.txt").matches
    begin = len(CLEAN[0]) + len(" and then: ")
    assert (match.row, match.field) == (1, "text")
    assert match.train_span == (begin, begin + len(broken) - 1)
    assert match.train_excerpt == broken[:-1]


@pytest.mark.parametrize("limit", [2000, 5000])
def test_a_record_longer_than_the_limit(tmp_path: Path, limit: int) -> None:
    filler = " ".join(documents(40, seed=3)) + " na\u00efve \u4e2d\u6587 \U0001f600 "
    before, record = filler, filler + QUESTION + " " + filler
    rows = [{"text": "x"}, {"id": 1, "text": record}, {"text": whole(ITEMS[9])}]
    for ascii_only in (True, False):
        path = write_lines(tmp_path / f"{ascii_only}.jsonl", rows, ascii_only=ascii_only)
        result = scan(path, max_record_bytes=limit, piece_chars=3000, piece_overlap=600)
        assert [(m.row, m.item_id, m.field) for m in result.matches] == [(1, "item-4", "text"), (2, "item-9", "text")]
        assert result.matches[0].train_span == (len(before), len(before) + len(QUESTION) - 1)
        assert (result.summary["records_read"], result.complete) == (3, True)


def test_a_copy_on_the_edge_of_two_pieces_is_one_match(tmp_path: Path) -> None:
    for start in range(2300, 3100, 97):
        record = (CLEAN[0] * 20)[:start] + " " + QUESTION + " " + CLEAN[1] * 10
        path = write_lines(tmp_path / "t.jsonl", [{"text": record}])
        (match,) = scan(path, max_record_bytes=1024, piece_chars=3000, piece_overlap=600).matches
        assert match.train_span == (start + 1, start + len(QUESTION))


def test_what_json_can_spell_and_utf8_cannot(tmp_path: Path) -> None:
    words = QUESTION.split()
    text = " ".join(words[:5]) + " \ud83d " + " ".join(words[5:])
    path = write_lines(
        tmp_path / "t.jsonl", [{"conversations": [{"from": "\ud800", "value": text}]}, {"text": "x"}], ascii_only=True
    )
    for limit in (16 << 20, 100):
        result = scan(path, max_record_bytes=limit)
        (match,) = result.matches
        assert (match.role, match.train_span) == ("\ufffd", (0, len(text) - 1))
        assert match.train_excerpt == text.replace("\ud83d", "\ufffd")[:-1]
        result.write(tmp_path / "out")


@pytest.mark.parametrize(
    "value", ["9" * 5000, "-" + "9" * 5000, "1e999", "NaN", "-Infinity", "1" * 700, "[" * 400 + "NaN" + "]" * 400]
)
def test_odd_values_beside_a_match(tmp_path: Path, value: str) -> None:
    line = '{"n": ' + value + ', "text": ' + json.dumps(whole(ITEMS[4])) + "}\n"
    (tmp_path / "t.jsonl").write_text(line)
    assert [m.item_id for m in scan(tmp_path / "t.jsonl").matches] == ["item-4"]


def test_of_repeated_keys_the_last_counts(tmp_path: Path) -> None:
    twice = b'{"text": ' + json.dumps(QUESTION).encode() + b', "text": "x"}\n'
    (tmp_path / "t.jsonl").write_bytes(twice)
    result = scan(tmp_path / "t.jsonl")
    assert (result.matches, result.summary["records_read"]) == ((), 1)
