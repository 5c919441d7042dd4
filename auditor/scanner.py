"""The scanner: one block in, its matches and skips out. Every engine runs this and nothing else."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from auditor.detectors import MINHASH, NGRAM
from auditor.detectors.candidates import CandidatePass, Proposals, Workspace
from auditor.detectors.minhash import sketch_table
from auditor.kernels import seeds
from auditor.sources import KNOWN_KEYS, ReadOptions, TextField, has_text, text_fields
from auditor.sources.blocks import Block, Columns, JsonLines, Piece, TextPieces
from auditor.types import Match, Skip, Verdict
from auditor.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex, Weights
    from auditor.rephrase.calibration import RephraseTally
    from auditor.rephrase.detector import Rephraser

EXAMPLES = 20
"""Skips of a block, and of a run for each reason, that are named with their row; the others are only counted."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
MAX_INT_DIGITS = 640
"""Digits that Python turns into an int under any setting of its limit."""


@dataclass(frozen=True, slots=True)
class BlockResult:
    """What a scan found in one block."""

    source: str
    index: int
    """The block's place in its source."""
    records_read: int
    """Records that were scanned; -1 where a long record, counted with its first piece, turns out to be broken."""
    records_skipped: Mapping[str, int]
    """By reason."""
    blank_lines: int
    bytes_read: int
    matches: tuple[Match, ...]
    skips: tuple[Skip, ...]
    """The first skips of each reason, by row."""
    decoys_found: Mapping[str, int]
    """Decoys of each benchmark that a record seems to hold."""
    cut: bool = False
    """Whether the block's source had failed when it was made (see `auditor.sources.blocks.Block`)."""
    rephrases: RephraseTally | None = None
    """What the rephrase detector saw, where it ran; its matches have no verdict before the whole run is known."""


_BITS = {NGRAM: seeds.NGRAM, MINHASH: seeds.MINHASH}

Found = tuple[Match, bool]
"""A match, and whether it is of a decoy."""


class Scanner:
    """Finds the items of an index in blocks of records. Immutable; safe to call from any number of threads."""

    def __init__(
        self, index: BenchmarkIndex, weights: Weights, config: ScanConfig, options: ReadOptions,
        rephraser: Rephraser | None = None,
    ) -> None:  # fmt: skip
        self._weights = weights
        self._index = index
        self._config = config
        self._rephraser = rephraser
        self._options = options
        self._verifier = Verifier(index, weights, config)
        self._pass = CandidatePass(known_keys(options))
        self._frequencies = frequencies_for(index)
        self._mode = sum(bit for name, bit in _BITS.items() if name in config.detectors)
        self._sketches = sketch_table(index, weights, config) if MINHASH in config.detectors else None
        self._local = threading.local()

    def __call__(self, block: Block) -> BlockResult:
        """Scan one block."""
        skipped: Counter[str] = Counter()
        skips = list(block.skips)
        for skip in block.skips:
            skipped[skip.reason] += 1
        payload = block.payload
        blank = 0
        if isinstance(payload, JsonLines):
            proposals = self._pass.lines(payload.data, self._workspace(), self._frequencies, self._mode)
            found = self._lines(block, payload, proposals)
            blank = proposals.blank
            for keys, (count, row) in sorted(proposals.keys.items()):
                if not has_text(key_names(keys, self._options), self._options):
                    skipped["no_text_field"] += count
                    skips.append(Skip(block.source, "no_text_field", block.first_row + row))
            for row, reason in proposals.broken:
                skipped[reason] += 1
                skips.append(Skip(block.source, reason, block.first_row + row))
        elif isinstance(payload, Columns):
            found = self._columns(block, payload, skipped, skips)
        else:
            found = self._pieces(block, payload)
        matches: list[Match] = []
        decoys: set[tuple[str, int, str]] = set()
        for match, is_decoy in found:
            if not is_decoy:
                matches.append(match)
            elif match.verdict is Verdict.CONTAMINATED:
                decoys.add((match.benchmark, match.row, match.item_id))
        tally = None
        if self._rephraser is not None:
            rephrases, tally = self._rephrases(block, self._rephraser, {s.row for s in skips})
            matches += rephrases
        lost = sum(skipped.values()) - sum(skip.row is None for skip in block.skips)
        return BlockResult(
            source=block.source,
            index=block.index,
            records_read=block.rows - blank - lost,
            records_skipped=dict(sorted(skipped.items())),
            blank_lines=blank,
            bytes_read=block.bytes_read,
            matches=tuple(matches),
            skips=first_of_each(skips),
            decoys_found=dict(sorted(Counter(benchmark for benchmark, _, _ in decoys).items())),
            rephrases=tally,
            cut=block.cut,
        )

    def _rephrases(
        self, block: Block, rephraser: Rephraser, lost: set[int | None]
    ) -> tuple[list[Match], RephraseTally]:
        """The rephrases in a block, before any verdict."""
        from auditor.rephrase.matches import matches_of

        records = [(row, piece, fields) for row, piece, fields in self._records(block) if row not in lost]
        found, tally = rephraser([(number, fields) for number, (_, _, fields) in enumerate(records)])
        matches: list[Match] = []
        for rephrase in found:
            row, piece, fields = records[rephrase.row]
            for match in matches_of(rephrase, fields, block.source, row, self._index, self._config):
                by_line = isinstance(block.payload, TextPieces) and block.payload.by_line
                matches.append(match if piece is None else in_whole_text(match, piece, by_line=by_line))
        return matches, tally

    def _records(self, block: Block) -> Iterator[tuple[int, Piece | None, list[TextField]]]:
        """(row, the piece that it is, texts) of every record that has text."""
        payload = block.payload
        if isinstance(payload, JsonLines):
            for row, line in enumerate(payload.data.tobytes().split(b"\n"), block.first_row):
                if line.strip():
                    yield from self._with_text(row, partial(parse, line))
        elif isinstance(payload, Columns):
            from auditor.sources.columns import record_at

            for row in range(block.rows):
                yield from self._with_text(block.first_row + row, partial(record_at, payload.batch, row))
        else:
            for piece in payload.pieces:
                yield piece.row, piece, [writable(TextField(piece.field, piece.role, piece.text))]

    def _with_text(
        self, row: int, record: Callable[[], Mapping[str, Any]]
    ) -> Iterator[tuple[int, Piece | None, list[TextField]]]:
        try:
            fields = text_fields(record(), self._options)
        except ValueError:
            return  # a broken line: the candidate pass has counted it
        if fields:
            yield row, None, [writable(field) for field in fields]

    def _workspace(self) -> Workspace:
        if not hasattr(self._local, "workspace"):
            self._local.workspace = Workspace(self._weights.table, self._sketches)
        workspace: Workspace = self._local.workspace
        return workspace

    def _lines(self, block: Block, payload: JsonLines, proposals: Proposals) -> Iterator[Found]:
        for row, groups in sorted(proposals.groups.items()):
            begin, end = proposals.places[row]
            record = parse(payload.data[begin:end].tobytes())
            yield from self._matches(block.source, block.first_row + row, text_fields(record, self._options), groups)

    def _columns(self, block: Block, payload: Columns, skipped: Counter[str], skips: list[Skip]) -> Iterator[Found]:
        from auditor.sources.columns import record_at

        data, starts, ends, rows = leaf_bytes(payload, self._options)
        lost = {skip.row for skip in block.skips}
        silent = np.setdiff1d(np.arange(block.rows), rows) + block.first_row
        empty = [int(row) for row in silent if int(row) not in lost]
        if empty:
            skipped["no_text_field"] += len(empty)
            skips += [Skip(block.source, "no_text_field", row) for row in empty[:EXAMPLES]]
        proposals = self._pass.texts(data, starts, ends, rows, self._workspace(), self._frequencies, self._mode)
        for row, reason in proposals.broken:
            skipped[reason] += 1
            skips.append(Skip(block.source, reason, block.first_row + row))
        broken = {row for row, _ in proposals.broken}
        return (
            match
            for row, groups in sorted(proposals.groups.items())
            if row not in broken
            for match in self._matches(
                block.source, block.first_row + row, text_fields(record_at(payload.batch, row), self._options), groups
            )
        )

    def _pieces(self, block: Block, payload: TextPieces) -> Iterator[Found]:
        texts = [piece.text.encode("utf-8", "replace") for piece in payload.pieces]
        bounds = np.concatenate([[0], np.cumsum([len(t) for t in texts])]).astype(np.int64)
        data = np.frombuffer(b"".join(texts), np.uint8)
        order = np.arange(len(texts), dtype=np.int64)
        proposals = self._pass.texts(
            data, bounds[:-1], bounds[1:], order, self._workspace(), self._frequencies, self._mode
        )
        for number, groups in sorted(proposals.groups.items()):
            piece = payload.pieces[number]
            fields = [TextField(piece.field, piece.role, piece.text)]
            found = self._matches(block.source, piece.row, fields, groups, every=payload.by_line)
            for match, is_decoy in found:
                yield in_whole_text(match, piece, by_line=payload.by_line), is_decoy

    def _matches(
        self,
        source: str,
        row: int,
        fields: Sequence[TextField],
        groups: Mapping[int, Sequence[str]],
        *,
        every: bool = False,
    ) -> Iterator[Found]:
        for judgement in self._verifier.judge([writable(field) for field in fields], sorted(groups), every=every):
            for detector in sorted(groups[judgement.group]):
                yield self._verifier.match(judgement, detector, source, row), judgement.is_decoy


def parse(line: bytes) -> dict[str, Any]:
    """A JSON object that the candidate pass found to be one; NaN, lone surrogates and endless numbers are let
    through."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        record = json.loads(line, parse_int=_number)
    return record if isinstance(record, dict) else {}


def _number(digits: str) -> int | float:
    # Python makes no int of more than 4,300 digits; a float of as many is infinite, and no text either
    return int(digits) if len(digits) <= MAX_INT_DIGITS else float(digits)


def writable(text: TextField) -> TextField:
    """A text as it can be written: U+FFFD, one for one, for halves of surrogate pairs, which JSON can spell."""
    try:
        (text.name + text.role + text.text).encode("utf-8")
    except UnicodeEncodeError:
        return TextField(*(LONE_SURROGATE.sub("\ufffd", part) for part in (text.name, text.role, text.text)))
    return text


def known_keys(options: ReadOptions) -> tuple[str, ...]:
    """Top-level keys that can hold text, at most 64: a set of them is a 64-bit mask."""
    if options.text_fields:
        return tuple(dict.fromkeys(name.split(".")[0] for name in options.text_fields))[:64]
    return KNOWN_KEYS


def key_names(mask: int, options: ReadOptions) -> frozenset[str]:
    """The keys whose bits are set."""
    return frozenset(key for bit, key in enumerate(known_keys(options)) if mask >> bit & 1)


def frequencies_for(index: BenchmarkIndex) -> seeds.Frequencies:
    """Counters, all 0, for the words and n-grams of an index."""
    keys = index.arrays["word_keys"]
    words, grams = len(index.arrays["word_df"]), len(index.arrays["gram_df"])
    return seeds.Frequencies(
        word_keys=keys,
        word_slots=index.arrays["word_slots"],
        word_shift=64 - (len(keys) - 1).bit_length(),
        word_seen=np.zeros(words, np.int64),
        word_df=np.zeros(words, np.int64),
        gram_df=np.zeros(grams, np.int64),
    )


Texts = tuple["NDArray[np.uint8]", "NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int64]"]


def leaf_bytes(payload: Columns, options: ReadOptions) -> Texts:
    """All text of a batch in one buffer: (bytes, start and end of each text, row of each, ascending)."""
    import pyarrow as pa

    from auditor.sources.columns import column_fields

    buffers: list[NDArray[np.uint8]] = []
    spans: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
    base = 0
    for leaf in column_fields(payload.batch, options):
        array = leaf.data.cast(pa.large_binary())
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        _, offset_buffer, data_buffer = array.buffers()
        if not len(array) or data_buffer is None:
            spans.append((np.zeros(len(array), np.int64),) * 2 + (leaf.row,))
            continue
        offsets = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
        data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
        buffers.append(data)
        spans.append((offsets[:-1] - offsets[0] + base, offsets[1:] - offsets[0] + base, leaf.row))
        base += len(data)
    if not spans:
        nothing = np.zeros(0, np.int64)
        return np.zeros(0, np.uint8), nothing, nothing, nothing
    starts, ends, rows = (np.concatenate([span[i] for span in spans]).astype(np.int64) for i in range(3))
    order = np.argsort(rows, kind="stable")
    whole = np.concatenate(buffers) if buffers else np.zeros(0, np.uint8)
    return whole, starts[order], ends[order], rows[order]


def in_whole_text(match: Match, piece: Piece, *, by_line: bool) -> Match:
    """A match in a piece as a match in the text that the piece is of; in plain text, in the line that it begins in."""
    from dataclasses import replace

    begin, end = match.train_span
    if not by_line:
        return replace(match, train_span=(begin + piece.char_start, end + piece.char_start))
    line_start = piece.text.rfind("\n", 0, begin) + 1
    lines = piece.text.count("\n", 0, begin)
    shift = -line_start if lines else piece.char_start
    return replace(match, row=match.row + lines, train_span=(begin + shift, end + shift))


def first_of_each(skips: Iterable[Skip]) -> tuple[Skip, ...]:
    """The first `EXAMPLES` skips of each reason, by reason and row."""
    kept: list[Skip] = []
    counts: Counter[str] = Counter()
    for skip in sorted(skips, key=lambda s: (s.reason, -1 if s.row is None else s.row, s.detail)):
        counts[skip.reason] += 1
        if counts[skip.reason] <= EXAMPLES:
            kept.append(skip)
    return tuple(kept)
