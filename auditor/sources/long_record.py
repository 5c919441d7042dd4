"""A JSON record too long to be held: its texts in overlapping pieces, from a walk over its raw bytes in chunks.

Memory is bounded by the chunk, one piece and the nesting (at most 1,024 levels), whatever the record holds.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from auditor.sources import shapes
from auditor.sources.blocks import Draft, Piece, TextPieces
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.options import ReadOptions

MAX_NESTING = 1024
"""Levels of nesting of a record: orjson's own limit is the same."""
MAX_KEY_BYTES = 4096
"""A longer key names no field of ours; its end is dropped."""
MAX_LITERAL_BYTES = 4096
"""Longer than any number that a parser would take."""
MAX_PIECES = 10_000
"""Pieces that a block holds, for records of countless short texts."""

_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*+")
_LITERAL = re.compile(rb"[-+.0-9A-Za-z]+")
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS = (b"true", b"false", b"null", b"NaN", b"Infinity", b"-Infinity")
_CUT_ESCAPE = re.compile(rb"\\(?:u[0-9A-Fa-f]{0,3})?")
_HIGH_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9A-Fa-f]{2}")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# What may come next between tokens.
VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, COMMA_OR_END, DONE = range(7)


@dataclass(slots=True)
class _Level:
    """An object or an array that is open."""

    is_object: bool
    step: str | int
    """Key or position of the member that is being read."""
    role: str = ""


class _BrokenError(Exception):
    """The record is not JSON; the message says why."""


class LongRecord:
    """Walks one record. Feed it the bytes of the line in order, then finish.

    Args:
        row: 0-based number of the record.
        options: which fields are text, and how long pieces are.
        source: name of the source, for skips.
    """

    def __init__(self, row: int, options: ReadOptions, source: str) -> None:
        self._row = row
        self._options = options
        self._source = source
        self._carry = b""
        self._levels: list[_Level] = []
        self._expect = VALUE
        self._in_string = False
        self._is_key = False
        self._short = bytearray()
        self._text: PieceCutter | None = None
        self._pieces: list[Piece] = []
        self._chars = 0
        self._rows = 1
        self._broken = ""
        self._bad_utf8 = False
        self._top_keys: set[str] = set()
        self._offset = 0

    def feed(self, chunk: bytes | memoryview) -> Iterator[Draft]:
        """Walk the next bytes; blocks of pieces as they fill."""
        if self._broken:
            return
        data = self._carry + bytes(chunk)
        self._carry = b""
        position = 0
        try:
            while position < len(data):
                step = self._string if self._in_string else self._between
                moved = step(data, position)
                if moved == position:
                    break
                position = moved
                if self._chars >= self._options.piece_chars or len(self._pieces) >= MAX_PIECES:
                    yield self._flush()
        except _BrokenError as error:
            self._broken = f"{error} near byte {self._offset + position} of the record"
        self._carry = b"" if self._broken else data[position:]
        self._offset += position

    def finish(self) -> Draft:
        """The last block: what is left, and the skip where the record is broken or fits no shape."""
        if not self._broken and self._carry and not self._in_string:
            try:
                self._literal(self._carry)
            except _BrokenError as error:
                self._broken = str(error)
        if self._text is not None:
            self._pieces.extend(self._text.end())
        if not self._broken and self._expect != DONE:
            self._broken = "the record ends in the middle"
        skip = None
        if self._broken:
            skip = Skip(self._source, "invalid_json", self._row, self._broken)
        elif self._bad_utf8:
            skip = Skip(self._source, "invalid_utf8", self._row, "scanned with U+FFFD in the place of bad bytes")
        elif not shapes.has_text(frozenset(self._top_keys), self._options):
            skip = Skip(self._source, "no_text_field", self._row, ", ".join(sorted(self._top_keys)[:20]))
        return self._flush(() if skip is None else (skip,))

    def _flush(self, skips: tuple[Skip, ...] = ()) -> Draft:
        draft = Draft(TextPieces(tuple(self._pieces)), self._row + 1 - self._rows, self._rows, skips)
        self._pieces, self._chars, self._rows = [], 0, 0
        return draft

    def _between(self, data: bytes, position: int) -> int:
        """Take one token that is not a string; the position behind it, or the same one where it needs more bytes."""
        start = _SPACE.match(data, position).end()  # type: ignore[union-attr]  # it matches nothing, too
        if start > position:
            return start
        mark = data[position : position + 1]
        if mark == b'"' and self._expect in (VALUE, VALUE_OR_END, KEY, KEY_OR_END):
            self._open_string()
        elif mark in b"{[" and self._expect in (VALUE, VALUE_OR_END):
            self._open_level(mark == b"{")
        elif mark in b"}]" and self._may_close(mark == b"}"):
            self._levels.pop()
            self._after_value()
        elif mark == b":" and self._expect == COLON:
            self._expect = VALUE
        elif mark == b"," and self._expect == COMMA_OR_END:
            level = self._levels[-1]
            if isinstance(level.step, int):
                level.step += 1
            self._expect = KEY if level.is_object else VALUE
        else:
            return self._literal_token(data, position)
        return position + 1

    def _may_close(self, is_object: bool) -> bool:
        empty = KEY_OR_END if is_object else VALUE_OR_END
        return bool(self._levels) and self._levels[-1].is_object == is_object and self._expect in (COMMA_OR_END, empty)

    def _open_level(self, is_object: bool) -> None:
        if not self._levels and not is_object:
            raise _BrokenError("the record is a list and not an object")
        if len(self._levels) >= MAX_NESTING:
            raise _BrokenError(f"more than {MAX_NESTING} levels of nesting")
        self._note_value()
        role = self._levels[-1].role if self._levels else ""
        self._levels.append(_Level(is_object, "" if is_object else 0, role))
        self._expect = KEY_OR_END if is_object else VALUE_OR_END

    def _literal_token(self, data: bytes, position: int) -> int:
        found = _LITERAL.match(data, position)
        if found is None or self._expect not in (VALUE, VALUE_OR_END):
            raise _BrokenError(f"unexpected {data[position : position + 1]!r}")
        if found.end() - position > MAX_LITERAL_BYTES:
            raise _BrokenError("a number without end")
        if found.end() == len(data):
            return position
        self._literal(found.group())
        return found.end()

    def _literal(self, token: bytes) -> None:
        if token not in _WORDS and not _NUMBER.fullmatch(token):
            raise _BrokenError(f"unexpected {token[:20]!r}")
        if self._expect not in (VALUE, VALUE_OR_END) or not self._levels:
            raise _BrokenError("the record is no object")
        if token != b"null":
            self._note_value()
        if token not in _WORDS and shapes.is_text_path(self._path(), self._options):
            cutter = self._cutter()
            self._take([*cutter.add(token.decode()), *cutter.end()])
        self._after_value()

    def _note_value(self) -> None:
        if len(self._levels) == 1:
            self._top_keys.add(str(self._levels[0].step))

    def _after_value(self) -> None:
        self._expect = COMMA_OR_END if self._levels else DONE

    def _path(self) -> shapes.Path:
        return tuple(level.step for level in self._levels)

    def _cutter(self) -> PieceCutter:
        path = self._path()
        role = self._levels[-1].role or shapes.implied_role(path)
        return PieceCutter(self._row, shapes.path_name(path), role, self._options)

    def _open_string(self) -> None:
        if not self._levels:
            raise _BrokenError("the record is a string and not an object")
        self._in_string = True
        self._is_key = self._expect in (KEY, KEY_OR_END)
        self._short.clear()
        if not self._is_key:
            self._note_value()
            if shapes.is_text_path(self._path(), self._options):
                self._text = self._cutter()

    def _string(self, data: bytes, position: int) -> int:
        """Take what there is of a string; the position behind it."""
        end = _STRING.match(data, position).end()  # type: ignore[union-attr]  # it matches nothing, too
        closed = data[end : end + 1] == b'"'
        raw = data[position:end] if closed else data[position : safe_cut(data, position, end)]
        if len(self._short) < MAX_KEY_BYTES:
            self._short += raw[:MAX_KEY_BYTES]
        if self._text is not None:
            self._take(self._text.add(self._decode(raw)))
        if not closed:
            return position + len(raw)
        self._close_string()
        return end + 1

    def _close_string(self) -> None:
        self._in_string = False
        if self._text is not None:
            self._take(self._text.end())
            self._text = None
        level = self._levels[-1]
        if self._is_key:
            level.step = self._decode(bytes(self._short[: safe_cut(bytes(self._short), 0, len(self._short))]))
            self._expect = COLON
            return
        if level.is_object and level.step in shapes.ROLE_KEYS and 0 < len(self._short) < MAX_KEY_BYTES:
            level.role = shapes.normalise_role(self._decode(bytes(self._short)))
        self._after_value()

    def _decode(self, raw: bytes) -> str:
        """The text of the inside of a JSON string, with U+FFFD for what is no text."""
        quoted = b'"' + raw + b'"'
        try:
            return str(orjson.loads(quoted))
        except orjson.JSONDecodeError:
            pass
        text = quoted.decode("utf-8", "replace")
        try:
            quoted.decode("utf-8")
        except UnicodeDecodeError:
            self._bad_utf8 = True
        try:
            decoded = str(json.loads(text))
        except ValueError:
            raise _BrokenError("a string with a bad escape or a raw control character") from None
        return _LONE_SURROGATE.sub("�", decoded)

    def _take(self, pieces: list[Piece]) -> None:
        self._pieces += pieces
        self._chars += sum(len(piece.text) for piece in pieces)


class PieceCutter:
    """Cuts the text of one field into overlapping pieces while it comes in."""

    def __init__(self, row: int, field: str, role: str, options: ReadOptions) -> None:
        self._row = row
        self._field = field
        self._role = role
        self._size = options.piece_chars
        self._overlap = options.piece_overlap
        self._parts: list[str] = []
        self._length = 0
        self._start = 0

    def add(self, text: str) -> list[Piece]:
        """The pieces that this text fills."""
        self._parts.append(text)
        self._length += len(text)
        if self._length < self._size:
            return []
        whole = "".join(self._parts)
        pieces = []
        while len(whole) >= self._size:
            pieces.append(self._piece(whole[: self._size]))
            self._start += self._size - self._overlap
            whole = whole[self._size - self._overlap :]
        self._parts, self._length = [whole], len(whole)
        return pieces

    def end(self) -> list[Piece]:
        """The last piece, where there is text that no piece holds yet."""
        if self._length > (self._overlap if self._start else 0):
            return [self._piece("".join(self._parts))]
        return []

    def _piece(self, text: str) -> Piece:
        return Piece(self._row, self._field, self._role, self._start, text)


def safe_cut(data: bytes, start: int, end: int) -> int:
    """Where the inside of a JSON string may be cut: before an escape, a pair of surrogates or a character that is cut.

    `start` is at the beginning of the string or at an earlier cut, `end` behind it.
    """
    while True:
        slash = data.rfind(b"\\", start, end)
        if slash < end - 12 or slash < start:
            break
        first = slash
        while first > start and data[first - 1] == ord("\\"):
            first -= 1
        if (slash - first) % 2:
            break  # a backslash that is itself escaped
        tail = data[slash:end]
        if not (_CUT_ESCAPE.fullmatch(tail) or _HIGH_SURROGATE.fullmatch(tail)):
            break
        end = slash
    for back in range(1, min(3, end - start) + 1):
        byte = data[end - back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return end - back if back < length else end
        if byte < 0x80:
            break
    return end
