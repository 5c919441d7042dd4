"""Plain text files: overlapping pieces that begin at a line where they can."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from auditor.sources.blocks import Draft, Piece, TextPieces
from auditor.sources.raw import Failure, read_full
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.options import ReadOptions
    from auditor.sources.raw import ByteStream

FIELD = "text"
"""Name of the field that the text of a plain text file is reported under."""
CHUNK = 256 << 10


def read_text(stream: ByteStream, options: ReadOptions, source: str) -> Iterator[Draft]:
    """Blocks of one piece each. A record is a line; a piece's row is the line that it begins in.

    A piece begins at the start of a line, or at `char_start` of a line longer than the overlap. Bytes that are no UTF-8
    become U+FFFD, and their line is a skip ("invalid_utf8"), though it is scanned.
    """
    cutter = _LineCutter(options)
    decoder = _LineDecoder(source)
    buffer = bytearray(CHUNK)
    ended = False
    while not ended:
        count = read_full(stream, memoryview(buffer))
        ended = count < CHUNK
        cutter.add(decoder.decode(bytes(buffer[:count]), ended))
        while (draft := cutter.next_piece(ended)) is not None:
            yield Draft(draft.payload, draft.first_row, draft.rows, decoder.take_skips())


class _LineDecoder:
    """Decodes UTF-8 in chunks, and notes the lines in which it is broken."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._carry = b""
        self._row = 0
        self._skips: list[Skip] = []
        self._last_bad = -1

    def decode(self, chunk: bytes, final: bool) -> str:
        data = self._carry + chunk
        try:
            text, used = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError:
            text, used = codecs.utf_8_decode(data, "replace", final)
            self._note(data[:used])
        self._carry = data[used:]
        self._row += data.count(b"\n", 0, used)
        return text

    def _note(self, data: bytes) -> None:
        for number, line in enumerate(data.split(b"\n"), self._row):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                if number > self._last_bad:
                    self._last_bad = number
                    self._skips.append(Skip(self._source, "invalid_utf8", number, "scanned with U+FFFD for bad bytes"))

    def take_skips(self) -> tuple[Skip, ...]:
        skips = tuple(self._skips)
        self._skips.clear()
        return skips


class _LineCutter:
    """Cuts text into pieces while it comes in."""

    def __init__(self, options: ReadOptions) -> None:
        self._size = options.piece_chars
        self._overlap = options.piece_overlap
        self._parts: list[str] = []
        self._length = 0
        self._row = 0
        self._char_start = 0
        self._seen = 0
        """Characters at the front that an earlier piece holds, too."""
        self._counted = 0
        """Lines that earlier blocks counted."""

    def add(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def next_piece(self, ended: bool) -> Draft | None:
        if self._length < self._size and not (ended and self._length > self._seen):
            return None
        whole = "".join(self._parts)
        text = whole[: self._size]
        piece = Piece(self._row, FIELD, "", self._char_start, text)
        begun = self._row + text.count("\n") + (not text.endswith("\n"))
        draft = Draft(TextPieces((piece,), by_line=True), self._counted, begun - self._counted)
        self._counted = begun
        rest = self._restart(text) if len(whole) >= self._size else len(whole)
        self._seen = len(text) - rest
        self._parts, self._length = [whole[rest:]], len(whole) - rest
        return draft

    def _restart(self, text: str) -> int:
        """Where the next piece begins: at the last line start that leaves the overlap, unless that is far back."""
        latest = self._size - self._overlap
        line = text.rfind("\n", 0, latest) + 1
        restart = line if line > latest - max(self._overlap, 1) and line > 0 else latest
        breaks = text.count("\n", 0, restart)
        self._row += breaks
        self._char_start = restart - (text.rfind("\n", 0, restart) + 1) + (0 if breaks else self._char_start)
        return restart


class Transcoded:
    """Text in another encoding as a byte stream of UTF-8."""

    def __init__(self, stream: ByteStream, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._buffer = bytearray(CHUNK)
        self._output = memoryview(b"")
        self._ended = False
        self._replaced = 0

    @property
    def failure(self) -> Failure | None:
        """See `ByteStream`; characters that could not be decoded are reported at the end, and scanned as U+FFFD."""
        if self._stream.failure is None and self._ended and self._replaced:
            return Failure("invalid_encoding", f"{self._replaced} places are not {self._encoding}, scanned as U+FFFD")
        return self._stream.failure

    def readinto(self, view: memoryview) -> int:
        """See `ByteStream`."""
        while not self._output and not self._ended:
            count = self._stream.readinto(memoryview(self._buffer))
            self._ended = not count
            text = self._decoder.decode(bytes(self._buffer[:count]), final=self._ended)
            self._replaced += text.count("\ufffd")
            self._output = memoryview(text.encode("utf-8", "replace"))
        count = min(len(view), len(self._output))
        view[:count] = self._output[:count]
        self._output = self._output[count:]
        return count
