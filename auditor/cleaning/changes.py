"""What happens to the records of one source: which rows are touched, and what stands in their place."""

from __future__ import annotations

import codecs
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from auditor.cleaning.edits import edit_record, holds, masked
from auditor.cleaning.json_text import encode_like, parse
from auditor.cleaning.options import Action, Done, Touched
from auditor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from auditor.cleaning.csv_row import RowFormat
    from auditor.cleaning.options import CleanOptions
    from auditor.sources import ReadOptions
    from auditor.types import Match

NEVER = 1 << 62
"""A row that no source has."""
TOO_LONG = "the record is longer than --max-record-bytes of the scan, so it went whole"


class Changes:
    """The touched rows of one source, in order; counts what is done, and tells the log.

    Args:
        source: name of the source.
        matches: touched row to its matches.
        options: what is done.
        reading: how the source was scanned.
        log: takes each touched record, in row order.
    """

    def __init__(
        self, source: str, matches: Mapping[int, Sequence[Match]], options: CleanOptions, reading: ReadOptions,
        log: Callable[[Touched], None],
    ) -> None:  # fmt: skip
        self.source = source
        self.options = options
        self.reading = reading
        self.counts: Counter[Done] = Counter()
        self._matches = matches
        self._rows = sorted(matches)
        self._log = log

    @property
    def last_row(self) -> int:
        """The last touched row; -1 where there is none."""
        return self._rows[-1] if self._rows else -1

    def next_row(self, row: int) -> int:
        """The first touched row that is not before `row`."""
        place = bisect_left(self._rows, row)
        return self._rows[place] if place < len(self._rows) else NEVER

    def matches_of(self, row: int) -> tuple[Match, ...]:
        """The matches of a touched row."""
        return tuple(self._matches[row])

    def note(self, row: int, done: Done, matches: Sequence[Match], note: str = "") -> None:
        """Count and log what was done to a row."""
        self.counts[done] += 1
        self._log(Touched(self.source, row, done, tuple(matches), note))


class RecordChanges(Protocol):
    """What a text format does to a touched record."""

    reads_text: bool
    """Whether `change` wants the record's bytes; without, the record goes."""

    def next_row(self, row: int) -> int:
        """The first touched row that is not before `row`."""
        ...

    def skim(self, part: bytes) -> None:
        """Take a part of a touched record that is too long to be held."""
        ...

    def change(self, row: int, raw: bytes | None) -> bytes | None:
        """What stands in the place of a record (None: nothing), of its bytes, or None where it was too long."""
        ...


class JsonChanges:
    """Records that are JSON objects."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self.reads_text = changes.options.action is not Action.DROP
        self.next_row = changes.next_row

    def skim(self, part: bytes) -> None:
        """See `RecordChanges`."""

    def change(self, row: int, raw: bytes | None) -> bytes | None:
        """See `RecordChanges`."""
        changes, options = self._changes, self._changes.options
        matches = changes.matches_of(row)
        if raw is None:
            changes.note(row, Done.DROPPED, matches, TOO_LONG if self.reads_text else "")
            return None
        try:
            record = parse(raw)
        except ValueError:
            changes.note(row, Done.DROPPED, matches, "the record is JSON that cannot be written again as it was")
            return None
        edited = edit_record(record, matches, options.action, options.mask, changes.reading)
        changes.note(row, edited.done, matches, edited.note)
        return None if edited.record is None else encode_like(edited.record, raw)


class RowChanges:
    """Rows of CSV, whose texts are cells."""

    def __init__(self, changes: Changes, row_format: RowFormat) -> None:
        self._changes = changes
        self._format = row_format
        self.reads_text = changes.options.action is not Action.DROP
        self.next_row = changes.next_row

    def skim(self, part: bytes) -> None:
        """See `RecordChanges`."""

    def change(self, row: int, raw: bytes | None) -> bytes | None:
        """See `RecordChanges`."""
        changes, options = self._changes, self._changes.options
        matches = changes.matches_of(row)
        if raw is None:
            changes.note(row, Done.DROPPED, matches, TOO_LONG if self.reads_text else "")
            return None
        edited = edit_record(self._format.read(raw), matches, options.action, options.mask, changes.reading)
        changes.note(row, edited.done, matches, edited.note)
        return None if edited.record is None else self._format.write(raw, edited.record)


class LineChanges:
    """Lines of plain text. A match may begin in one line and end in another: all that it touches are touched."""

    reads_text = True

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._masks = changes.options.action is Action.MASK
        self._open: list[tuple[int, int, Match]] = []
        """Begin and end, in characters from the start of the next line, of the matches that go on in it."""
        self._next = NEVER
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._skimmed = 0

    def next_row(self, row: int) -> int:
        """See `RecordChanges`."""
        return min(self._next, self._changes.next_row(row)) if self._next >= row else self._changes.next_row(row)

    def skim(self, part: bytes) -> None:
        """See `RecordChanges`."""
        self._skimmed += len(self._decoder.decode(part))

    def change(self, row: int, raw: bytes | None) -> bytes | None:
        """See `RecordChanges`."""
        spans = list(self._open) if self._next == row else []
        own = self._changes.matches_of(row) if self._changes.next_row(row) == row else ()
        spans += [(*match.train_span, match) for match in own]
        text = "" if raw is None else raw.decode("utf-8", "replace")
        length = self._skimmed + len(self._decoder.decode(b"", final=True)) if raw is None else len(text)
        self._decoder.reset()
        self._skimmed = 0
        if raw is not None:
            self._check(row, text, own)
        self._open = [(0, end - length, match) for _, end, match in spans if end > length]
        self._next = row + 1 if self._open else NEVER
        matches = [match for _, _, match in spans]
        if raw is None or not self._masks or "\ufffd" in text:
            self._changes.note(row, Done.DROPPED, matches, self._why_dropped(raw))
            return None
        self._changes.note(row, Done.MASKED, matches)
        line = text.rstrip("\r\n")
        places = [(begin, min(end, len(line))) for begin, end, _ in spans if begin < len(line)]
        return (masked(line, places, self._changes.options.mask) + text[len(line) :]).encode("utf-8")

    def _why_dropped(self, raw: bytes | None) -> str:
        if self._changes.options.action is Action.DROP_TURN:
            return "plain text has no turns"
        if not self._masks:
            return ""
        return TOO_LONG if raw is None else "the line is not UTF-8, so it went whole"

    def _check(self, row: int, text: str, own: Sequence[Match]) -> None:
        for match in own:
            begin, end = match.train_span
            if begin >= len(text) or (end <= len(text) and not holds(text, match)):
                raise InputError(
                    f"line {row} of {match.source} does not hold what matches.jsonl says (characters {begin} to "
                    f"{end}): the matches are of another run or were edited; scan again"
                )
