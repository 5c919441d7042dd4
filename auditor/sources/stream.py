"""The stream of blocks of one source: numbers what a format's reader makes, and says at the end why it ended early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from auditor.sources.blocks import Block, Draft, JsonLines
from auditor.types import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.raw import ByteStream


class Stored(Protocol):
    """Where the bytes come from: knows how many were consumed and their hash."""

    @property
    def consumed(self) -> int:
        """Bytes as stored that were read so far."""
        ...

    def digest(self) -> str:
        """Hexadecimal xxh3_128 of all bytes as stored."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class SourceStream:
    """`auditor.sources.blocks.BlockStream` over the drafts of any format's reader.

    Args:
        source: name of the source in results.
        stored: the file, for its count and hash.
        drafts: the blocks, without their number.
        ending: the stream whose failure ends the source; None where the reader reports its own.
        counted: bytes of what was consumed that belong to no block of this stream.
    """

    def __init__(
        self, source: str, stored: Stored, drafts: Iterator[Draft], ending: ByteStream | None, *, counted: int = 0
    ) -> None:
        self._source = source
        self._stored = stored
        self._drafts = drafts
        self._ending = ending
        self._index = 0
        self._row = 0
        self._reported = counted
        self._ended = False

    def __iter__(self) -> Iterator[Block]:
        return self

    def __next__(self) -> Block:
        if self._ended:
            raise StopIteration
        draft = next(self._drafts, None)
        if draft is None:
            self._ended = True
            draft = self._last_words()
            if draft is None:
                raise StopIteration
        consumed = self._stored.consumed
        block = Block(
            source=self._source,
            index=self._index if draft.index is None else draft.index,
            first_row=draft.first_row,
            rows=draft.rows,
            payload=draft.payload,
            skips=draft.skips,
            bytes_read=consumed - self._reported,
            cut=self._has_failed() or any(skip.row is None for skip in draft.skips),
        )
        self._index += 1
        self._row = draft.first_row + draft.rows
        self._reported = consumed
        return block

    def _has_failed(self) -> bool:
        return self._ending is not None and self._ending.failure is not None

    def _last_words(self) -> Draft | None:
        """The failure that ended the source, as a block without records; None where it ended well."""
        failure = self._ending.failure if self._ending is not None else None
        if failure is not None:
            skip = Skip(self._source, failure.reason, detail=f"{failure.detail}; read up to record {self._row}")
        elif not self._stored.consumed:
            skip = Skip(self._source, "empty_file", detail="the file holds no bytes")
        else:
            return None
        return Draft(no_lines(), self._row, 0, (skip,))

    def close(self) -> None:
        """Close the file; may be called more than once."""
        self._ended = True
        self._stored.close()

    def digest(self) -> str:
        """Hexadecimal xxh3_128 of the source's bytes as stored, to be asked for after the last block."""
        return self._stored.digest()


def no_lines() -> JsonLines:
    """A payload without records."""
    return JsonLines(np.empty(0, np.uint8))
