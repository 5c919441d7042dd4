"""Plain text: pieces begin at lines, overlap, and hold every character."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.sources import Piece, ReadOptions
from auditor.sources.plain_text import read_text

from .reading import SMALL, read
from .test_lines import Trickle

if TYPE_CHECKING:
    from pathlib import Path


@settings(max_examples=200)
@given(
    st.text(st.sampled_from("ab é😀\r\n\n"), max_size=300),
    st.integers(8, 40),
    st.integers(0, 7),
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
)
def test_pieces_are_where_they_say(text: str, size: int, overlap: int, cuts: list[int]) -> None:
    options = ReadOptions(piece_chars=size, piece_overlap=overlap)
    drafts = list(read_text(Trickle(text.encode(), cuts), options, "s"))
    starts = [0]
    for position, char in enumerate(text):
        if char == "\n":
            starts.append(position + 1)
    covered = 0
    row = 0
    for draft in drafts:
        (piece,) = draft.payload.pieces
        place = starts[piece.row] + piece.char_start
        assert text[place : place + len(piece.text)] == piece.text
        assert place <= covered - min(overlap, covered)
        assert len(piece.text) <= size
        covered = place + len(piece.text)
        assert draft.first_row == row
        row += draft.rows
    assert covered == len(text)
    assert row == text.count("\n") + (not text.endswith("\n") if text else 0)


def test_a_piece_begins_at_a_line_where_it_can(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"line {n}\n" for n in range(100)))
    reading = read(tmp_path / "a.txt", SMALL)
    assert {piece.char_start for piece in reading.pieces} == {0}
    assert all(piece.text.startswith(f"line {piece.row}\n") for piece in reading.pieces)
    assert {(piece.field, piece.role) for piece in reading.pieces} == {("text", "")}


def test_bad_bytes_cost_their_line_a_note(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(
        b"\xef\xbb\xbffine\nbad \xff\xfe here\n" + "fine é\n".encode() * 50_000 + b"end \xc3"
    )
    reading = read(tmp_path / "a.txt")
    assert reading.reasons == [("invalid_utf8", 1), ("invalid_utf8", 50_002)]
    assert reading.pieces[0].text.startswith("fine\nbad \ufffd\ufffd here\nfine é")
    assert reading.pieces[-1].text.endswith("end \ufffd")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
def test_other_encodings_when_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes("café\nnoir\n".encode(encoding))
    (tmp_path / "a.jsonl").write_bytes('{"text": "café"}\n'.encode(encoding))
    options = ReadOptions(encoding=encoding)
    assert read(tmp_path / "a.txt", options).pieces == [Piece(0, "text", "", 0, "café\nnoir\n")]
    assert read(tmp_path / "a.jsonl", options).records == [{"text": "café"}]


def test_what_is_not_the_named_encoding_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\x81 \x90" + b"noir " * 10)
    reading = read(tmp_path / "a.txt", ReadOptions(encoding="cp1252"))
    assert reading.reasons == [("invalid_encoding", None)]
    assert reading.skips[0].detail.startswith("2 places are not cp1252")
