"""JSONL in blocks: whole lines, flat memory, boundaries that depend on bytes and options alone."""

from __future__ import annotations

import json
import os
import threading
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from auditor.sources import JsonLines, ReadOptions, TextPieces, discover, open_source
from auditor.sources.lines import SMALL_FILE, read_lines

from .reading import SMALL, gather, read

if TYPE_CHECKING:
    from pathlib import Path


def test_every_line_comes_out_once_and_in_order(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"row {n} " + "x" * (n % 300)}).encode() for n in range(500)]
    content = b"\n".join(lines) + b"\n"
    (tmp_path / "a.jsonl").write_bytes(content)

    reading = read(tmp_path / "a.jsonl", SMALL)

    assert list(reading.lines.values()) == lines
    assert list(reading.lines) == list(range(500))
    assert reading.skips == []
    assert len(reading.blocks) > 100
    assert reading.digest == xxhash.xxh3_128(content).hexdigest()
    assert sum(block.bytes_read for block in reading.blocks) == len(content)
    assert {block.source for block in reading.blocks} == {str(tmp_path / "a.jsonl")}


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b'{"text":"a"}', [b'{"text":"a"}']),
        (b'{"text":"a"}\n{"text":"b"}', [b'{"text":"a"}', b'{"text":"b"}']),
        (b'{"text":"a"}\r\n{"text":"b"}\r\n', [b'{"text":"a"}\r', b'{"text":"b"}\r']),
        (b'\n\n{"text":"a"}\n\n', [b"", b"", b'{"text":"a"}', b""]),
        (b'\xef\xbb\xbf{"text":"a"}\n', [b'{"text":"a"}']),
        (b'{"text":"\xff\xfe"}\n{"text":"a"}\n', [b'{"text":"\xff\xfe"}', b'{"text":"a"}']),
        (b'{"text":"a"}\n  \t', [b'{"text":"a"}']),
    ],
    ids=["one", "no-final-newline", "crlf", "blank-lines", "bom", "invalid-utf8", "blank-end"],
)
def test_line_ends_and_marks(tmp_path: Path, content: bytes, lines: list[bytes]) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    reading = read(tmp_path / "a.jsonl")
    assert list(reading.lines.values()) == lines
    assert reading.skips == []


def test_an_empty_file_is_a_skip(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    reading = read(tmp_path / "a.jsonl")
    assert reading.reasons == [("empty_file", None)]
    assert reading.lines == {}


class Trickle:
    """A stream that gives its bytes in cuts of given sizes, as pipes and networks do."""

    failure = None

    def __init__(self, content: bytes, cuts: list[int]) -> None:
        self.content = content
        self.cuts = cuts
        self.reads = 0

    def readinto(self, view: memoryview) -> int:
        size = min(self.cuts[self.reads % len(self.cuts)], len(view), len(self.content))
        view[:size] = self.content[:size]
        self.content = self.content[size:]
        self.reads += 1
        return size


@given(
    st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b" ")), max_size=30),
    st.booleans(),
    st.lists(st.integers(1, 50), min_size=1, max_size=5),
    st.integers(1, 64),
)
def test_blocks_do_not_depend_on_how_reads_are_cut(
    lines: list[bytes], final_newline: bool, cuts: list[int], block_bytes: int
) -> None:
    content = b"\n".join(lines) + (b"\n" if final_newline and lines else b"")
    options = ReadOptions(block_bytes=block_bytes, max_record_bytes=64)
    whole = list(read_lines(Trickle(content, [1 << 20]), options, "s"))
    cut = list(read_lines(Trickle(content, cuts), options, "s"))
    assert [bytes(draft.payload.data) for draft in whole] == [bytes(draft.payload.data) for draft in cut]
    joined = b"".join(bytes(draft.payload.data) for draft in whole)
    tail = content[content.rfind(b"\n") + 1 :]
    expected = content[: len(content) - len(tail)] + (tail + b"\n" if tail.strip(b" \t\r\n") else b"")
    assert joined == expected
    assert sum(draft.rows for draft in whole) == expected.count(b"\n")


def test_a_line_is_long_exactly_above_the_cap(tmp_path: Path) -> None:
    def line(size: int) -> bytes:
        return b'{"text":"' + b"x" * (size - 12) + b'"}\n'

    (tmp_path / "a.jsonl").write_bytes(line(1024) + line(1025) + line(100) + line(1024)[:-1])
    reading = read(tmp_path / "a.jsonl", SMALL)
    assert {row: len(text) for row, text in reading.lines.items()} == {0: 1023, 2: 99, 3: 1023}
    assert reading.texts() == {(1, "text"): "x" * 1013}
    assert reading.skips == []


@pytest.mark.parametrize("end", [b"", b"\n", b'\n{"text": "after"}\n'])
def test_a_long_last_line(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(json.dumps({"text": "y" * 5000}).encode() + end)
    reading = read(tmp_path / "a.jsonl", SMALL)
    assert reading.texts() == {(0, "text"): "y" * 5000}
    assert len(reading.lines) == (1 if len(end) > 1 else 0)


def test_memory_stays_flat_over_a_huge_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"id": 1, "text": "')
        for _ in range(60):
            file.write(b"many words, \\n and escapes \\u00e9 " * (1 << 15))
        file.write(b'"}\n{"text": "next"}\n')
    options = ReadOptions(block_bytes=1 << 18, max_record_bytes=1 << 20, piece_chars=1 << 18)
    (source,), _ = discover([path], options)
    stream = open_source(source, options)
    tracemalloc.start()
    chars = rows = 0
    for block in stream:
        rows += block.rows
        if isinstance(block.payload, TextPieces):
            chars += sum(len(piece.text) for piece in block.payload.pieces)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    stream.close()
    assert rows == 2
    assert chars > 60 * (1 << 15) * 30
    assert path.stat().st_size > 60 << 20
    assert peak < 24 << 20


def test_a_file_that_shrinks_or_grows_or_changes(tmp_path: Path) -> None:
    line = b'{"text": "abc"}\n'
    results = {}
    for name in ("shrinks", "grows", "changes"):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(line * 20_000)
        options = ReadOptions(block_bytes=64 << 10, max_record_bytes=1 << 20)
        (source,), _ = discover([path], options)
        stream = open_source(source, options)
        blocks = [next(stream)]
        if name == "shrinks":
            os.truncate(path, 200_000)
        elif name == "grows":
            with path.open("ab") as file:
                file.write(line)
        else:
            os.utime(path, ns=(1, 1))
        blocks += stream
        reading = gather(blocks)
        results[name] = (len(reading.lines), reading.reasons)
        assert "read up to record" in reading.skips[0].detail
        stream.close()
    assert results == {
        "shrinks": (200_000 // len(line), [("changed_while_reading", None)]),
        "grows": (20_000, [("changed_while_reading", None)]),
        "changes": (20_000, [("changed_while_reading", None)]),
    }


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    fifo = tmp_path / "a.jsonl"
    os.mkfifo(fifo)
    content = b'{"text": "abc"}\n' * 10_000
    writer = threading.Thread(target=fifo.write_bytes, args=(content,))
    writer.start()
    reading = read(fifo, SMALL)
    writer.join()
    assert len(reading.lines) == 10_000
    assert reading.skips == []
    assert reading.digest == xxhash.xxh3_128(content).hexdigest()


def test_closing_ends_a_stream(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "abc"}\n' * 1000)
    (source,), _ = discover([tmp_path / "a.jsonl"], SMALL)
    stream = open_source(source, SMALL)
    assert iter(stream) is stream
    assert isinstance(next(stream).payload, JsonLines)
    stream.close()
    stream.close()
    assert list(stream) == []


@pytest.mark.parametrize("size", [SMALL_FILE - 1, SMALL_FILE, SMALL_FILE + 1, 2 * SMALL_FILE + 7])
@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("block_bytes", [1000, SMALL_FILE, 4 << 20])
def test_files_about_as_long_as_the_first_read(tmp_path: Path, size: int, end: bytes, block_bytes: int) -> None:
    """What is read at first has no part in what the blocks are: whole lines, as many as fit, all but the last."""
    lines = [b'{"text": "%06d"}' % number for number in range(size // 19 + 1)]
    data = b"\n".join(lines)[: size - len(end)] + end
    (tmp_path / "a.jsonl").write_bytes(data)
    reading = read(tmp_path / "a.jsonl", ReadOptions(block_bytes=block_bytes))
    assert b"".join(bytes(block.payload.data) for block in reading.blocks) == data.removesuffix(b"\n") + b"\n"
    longest = len(lines[0]) + 1
    assert all(block_bytes - longest <= len(block.payload.data) <= block_bytes + 1 for block in reading.blocks[:-1])
