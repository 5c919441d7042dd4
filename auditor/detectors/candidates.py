"""The candidate pass over blocks: which records each detector proposes for which items."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.detectors import MINHASH, NGRAM
from auditor.index import text_classes
from auditor.kernels import seeds
from auditor.kernels.arrays import frozen
from auditor.kernels.sketch_table import SketchTable, new_sketch_state, no_sketches
from auditor.kernels.tokens import BAD_DEPTH, BAD_JSON, BAD_UTF8, byte_classes
from auditor.text import name_table, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

REASONS: Mapping[int, str] = {
    BAD_UTF8: "invalid_utf8",
    BAD_JSON: "invalid_json",
    BAD_DEPTH: "too_deeply_nested",
    seeds.NOT_AN_OBJECT: "not_an_object",
}
"""Reason code of each error of the candidate pass."""


_NAMES = {seeds.NGRAM: NGRAM, seeds.MINHASH: MINHASH}


@dataclass(slots=True)
class Proposals:
    """What the candidate pass says of a block."""

    groups: dict[int, dict[int, list[str]]] = field(default_factory=dict)
    """Local row to the item groups that it may hold, each with the detectors that say so."""
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Local row to the bytes [begin, end) of its line."""
    broken: list[tuple[int, str]] = field(default_factory=list)
    """Local rows that could not be read, with the reason."""
    keys: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Set of known top-level keys, as bits, to the number of records that have it and the first one's local row."""
    blank: int = 0
    """Blank lines."""


class Workspace:
    """The memory that one thread scans with; not to be shared."""

    def __init__(self, table: seeds.SeedTable, sketches: SketchTable | None = None) -> None:
        self.table = table
        self.sketches = sketches if sketches is not None else no_sketches()
        self.state = seeds.new_state(table, 1 << 16)
        self.sketch_state = new_sketch_state(self.sketches)
        self.found = seeds.new_candidates(table)
        self.stack = np.zeros(seeds.MAX_DEPTH + 1, np.uint8)

    def ready(self, longest_text: int) -> None:
        """Make room for texts of that many bytes, and forget what was found."""
        if len(self.state.hashes) <= longest_text:
            room = max(longest_text + 1, 2 * len(self.state.hashes))
            self.state = self.state._replace(hashes=np.empty(room, np.uint64))
        self.found.used[:] = 0


class CandidatePass:
    """Runs the compiled pass over blocks. Immutable; each thread brings its own workspace."""

    def __init__(self, known_keys: tuple[str, ...]) -> None:
        self._key_hashes, self._key_bits = name_table({key: 1 << bit for bit, key in enumerate(known_keys)})
        self._json_classes = byte_classes(True)

    def lines(
        self, data: NDArray[np.uint8], workspace: Workspace, frequencies: seeds.Frequencies, mode: int
    ) -> Proposals:
        """Candidates in whole JSON lines. `mode` adds up `seeds.NGRAM`, `seeds.MINHASH` and `seeds.COUNT`, which fills
        `frequencies`."""
        workspace.ready(len(data))
        data = frozen(data)
        result = Proposals()
        done = False
        while not done:
            done = seeds.scan_lines(
                data, int(workspace.found.used[seeds.NEXT]), len(data), self._json_classes, tables(),
                self._key_hashes, self._key_bits, workspace.table, workspace.state, workspace.stack, workspace.found,
                frequencies, workspace.sketches, workspace.sketch_state, mode,
            )  # fmt: skip
            self._collect(workspace.found, result)
        return result

    def texts(
        self, data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], rows: NDArray[np.int64],
        workspace: Workspace, frequencies: seeds.Frequencies, mode: int,
    ) -> Proposals:  # fmt: skip
        """Candidates in the UTF-8 texts data[starts[t]:ends[t]] of the local rows `rows`, ascending."""
        workspace.ready(int((ends - starts).max(initial=0)))
        data, starts, ends, rows = frozen(data), frozen(starts), frozen(ends), frozen(rows)
        result = Proposals()
        done = False
        while not done:
            done = seeds.scan_texts(
                data, starts, ends, rows, text_classes(), tables(), workspace.table, workspace.state, workspace.found,
                frequencies, workspace.sketches, workspace.sketch_state, mode,
            )  # fmt: skip
            self._collect(workspace.found, result)
        return result

    @staticmethod
    def _collect(found: seeds.Candidates, result: Proposals) -> None:
        candidates, bad, masks, _, blank, _ = (int(n) for n in found.used)
        columns = (found.line, found.begin, found.end, found.item, found.detector)
        for row, begin, end, group, detector in _rows(candidates, *columns):
            result.groups.setdefault(row, {}).setdefault(group, []).append(_NAMES[detector])
            result.places[row] = (begin, end)
        result.broken += [(row, REASONS[code]) for row, code in _rows(bad, found.bad_line, found.bad_code)]
        for mask, count, row in _rows(masks, found.mask, found.mask_count, found.mask_line):
            before, first = result.keys.get(mask, (0, row))
            result.keys[mask] = (before + count, min(first, row))
        result.blank += blank
        seeds.empty(found)


def _rows(count: int, *columns: NDArray[Any]) -> Iterator[tuple[int, ...]]:
    return zip(*(column[:count].tolist() for column in columns), strict=True)
