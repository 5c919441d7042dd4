"""The `rephrase` detector: a cascade from word vectors over the model to the signals that an embedding misses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditor.rephrase.bank import SAME_QUESTION
from auditor.rephrase.calibration import RephraseTally
from auditor.rephrase.code import program_in
from auditor.rephrase.scoring import log_odds
from auditor.rephrase.signals import RephraseSignals, content_words, measure
from auditor.rephrase.views import BODY, PURPOSE, WHOLE, RecordView, record_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.embedding import Embedder
    from auditor.rephrase.bank import Bank
    from auditor.rephrase.code import Program
    from auditor.sources import TextField

CHUNK: Final = 1024
"""Views that are compared with all items at once: some 100 MB of cosines against 18,000 items."""
COARSE_ITEMS: Final = 8
"""Item views that a record's view is compared with word by word before the model is asked."""
WORDS_COUNT: Final = 0.6
"""What a common rare word counts beside the word vectors."""
HALF_PRECISION: Final = 0.3
"""Log odds that half precision may be wrong by."""
RIVALS: Final = 3
"""Items that are measured for each view: the nearest is the right one in 93 to 99 of 100 cases, one of three in 99."""
NEAR: Final = 24
"""Item views that are looked through for them."""
EMITTED: Final = -1.0
"""Log odds from which on a pair is kept for the end of the run: below, it is improbable in any corpus of which not
half is contaminated."""


@dataclass(frozen=True, slots=True)
class Rephrase:
    """A part of a record that may rephrase an item."""

    row: int
    field: int
    """Which of the record's texts."""
    span: tuple[int, int]
    """Character offsets of the part in that text."""
    text: str
    group: int
    """The group of items (see BenchmarkIndex)."""
    item_text: str
    """The view of the item that is nearest."""
    signals: RephraseSignals
    log_odds: float


Pair = tuple[int, str, RephraseSignals, float]
"""(group, text of its nearest view, signals, log odds) of a record's view and an item."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A pair before its cosines are made exact."""

    row: int
    view: RecordView
    text: str
    program: Program | None
    benchmark: int
    pair: Pair


class Rephraser:
    """Finds rephrases of an index's items in texts. Safe to call from any number of threads."""

    def __init__(self, bank: Bank, embedder: Embedder, names: Sequence[str], config: ScanConfig) -> None:
        self._bank = bank
        self._embedder = embedder
        self._names = names
        self._config = config
        # views come benchmark after benchmark
        self._slices = [slice(*np.searchsorted(bank.benchmark_of, [b, b + 1])) for b in range(len(names))]
        self._coarse = _product(bank.arrays.coarse)
        self._nats = [bank.nats(b) for b in range(len(names))]
        self._fine = _product(bank.arrays.vectors)

    def __call__(self, records: Sequence[tuple[int, Sequence[TextField]]]) -> tuple[list[Rephrase], RephraseTally]:
        """What (row, texts) of some records may rephrase, and the tally of all that was looked at."""
        tally = RephraseTally()
        views = [(row, view) for row, fields in records for view in record_views(fields)]
        tally.views = len(views)
        chosen = self._worth_encoding([view for _, view in views])
        tally.encoded = len(chosen)
        best: dict[tuple[int, int], _Candidate] = {}
        for begin in range(0, len(chosen), CHUNK):
            for candidate in self._look([views[i] for i in chosen[begin : begin + CHUNK]], tally):
                key = (candidate.row, candidate.pair[0])
                if key not in best or candidate.pair[3] > best[key].pair[3]:
                    best[key] = candidate
        found = [self._exact(best[key]) for key in sorted(best)]
        return [rephrase for rephrase in found if rephrase.log_odds >= EMITTED], tally

    def _worth_encoding(self, views: Sequence[RecordView]) -> list[int]:
        """Numbers of the views that are worth what the model costs, by word vectors and by the words that are
        shared."""
        kept: list[int] = []
        for begin in range(0, len(views), CHUNK):
            texts = [_coarse_text(view) for view in views[begin : begin + CHUNK]]
            likeness = self._coarse(self._bank.words.embed(texts))
            stems = [[n for s in content_words(t) if (n := self._bank.stems.get(s)) is not None] for t in texts]
            passed = np.zeros(len(texts), bool)
            for number, bounds in enumerate(self._slices):
                if bounds.start < bounds.stop:
                    passed |= self._near(likeness[:, bounds], stems, number, ~passed)
            kept += (begin + np.flatnonzero(passed)).tolist()
        return kept

    def _near(
        self, likeness: NDArray[np.float32], stems: Sequence[Sequence[int]], benchmark: int, asked: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Which of some texts come near an item of a benchmark: [texts], of those that are `asked` about."""
        arrays, first = self._bank.arrays, self._slices[benchmark].start
        ordinary = float(arrays.coarse_ordinary[benchmark])
        bar = ordinary + self._config.rephrase_prefilter * (1 - ordinary)
        nats = self._nats[benchmark]
        near = np.zeros(len(likeness), bool)
        # common words add no more than their count
        for i in np.flatnonzero(asked & (likeness.max(axis=1) + WORDS_COUNT >= bar)).tolist():
            row = likeness[i]
            own = set(stems[i])
            size = float(nats[stems[i]].sum()) if own else 0.0
            for view in np.argpartition(-row, min(COARSE_ITEMS, len(row) - 1))[:COARSE_ITEMS]:
                place = first + int(view)
                of_item = arrays.stem_ids[arrays.stem_start[place] : arrays.stem_start[place + 1]]
                shared = sum(float(nats[stem]) for stem in of_item.tolist() if stem in own)
                scale = (size * float(nats[of_item].sum())) ** 0.5
                if row[view] + (WORDS_COUNT * shared / scale if scale else 0.0) >= bar:
                    near[i] = True
                    break
        return near

    def _look(self, part: Sequence[tuple[int, RecordView]], tally: RephraseTally) -> list[_Candidate]:
        """Encode views, measure the nearest items of each benchmark and count them; the pairs that may matter."""
        found = []
        texts, programs = [], []
        for _, view in part:
            program = program_in(view.text)
            programs.append(program)
            texts.append(program.purpose if program else view.text)
        fine = self._embedder.encode(texts)
        with_code = [i for i, program in enumerate(programs) if program]
        bodies = dict(zip(with_code, self._embedder.encode([_body(programs[i]) for i in with_code]), strict=True))
        wholes = dict(zip(with_code, self._embedder.encode([part[i][1].text for i in with_code]), strict=True))
        likeness = self._fine(fine)
        if with_code:
            likeness[with_code] = np.maximum(likeness[with_code], self._fine(np.stack([wholes[i] for i in with_code])))
        for i, (row, view) in enumerate(part):
            for number, bounds in enumerate(self._slices):
                if bounds.start == bounds.stop:
                    continue
                vectors = (fine[i], bodies.get(i), wholes.get(i))
                pairs = self._pairs(likeness[i, bounds], number, bounds.start, texts[i], programs[i], vectors)
                if not pairs:
                    continue
                best = max(range(len(pairs)), key=lambda k: pairs[k][3])
                for k, pair in enumerate(pairs):
                    if not pair[2].changed:
                        kind = "nearest" if k == best else "others"
                        tally.count(kind, self._names[number], pair[3])
                if pairs[best][3] >= EMITTED - HALF_PRECISION:
                    found.append(_Candidate(row, view, texts[i], programs[i], number, pairs[best]))
        return found

    def _pairs(
        self, likeness: NDArray[np.float32], benchmark: int, first: int, text: str, program: Program | None,
        vectors: Sequence[NDArray[np.float32] | None],
    ) -> list[Pair]:  # fmt: skip
        """(group, text of the nearest view, signals, log odds) of the nearest items that ask different things."""
        bank = self._bank
        near = np.argpartition(-likeness, min(NEAR, len(likeness) - 1))[:NEAR]
        near = near[np.argsort(-likeness[near], kind="stable")]
        distinct: list[int] = []
        for place in near:
            view = first + int(place)
            if all(
                bank.group_of[view] != bank.group_of[other]
                and float(bank.arrays.vectors[view] @ bank.arrays.vectors[other]) < SAME_QUESTION
                for other in distinct
            ):
                distinct.append(view)
                if len(distinct) > RIVALS:
                    break
        ordinary = float(bank.arrays.ordinary[benchmark])
        pairs = []
        for k, view in enumerate(distinct[:RIVALS]):
            cosine = float(likeness[view - first])
            following = distinct[k + 1] if k + 1 < len(distinct) else None
            gap = (cosine - float(likeness[following - first])) / (1 - ordinary) if following is not None else 0.0
            similarity = (cosine - ordinary) / (1 - ordinary)
            if k == 0 and similarity < self._config.rephrase_floor:
                return []
            group = int(bank.group_of[view])
            signals = self._measure(view, benchmark, text, program, similarity, gap, vectors)
            pairs.append((group, bank.views[view].text, signals, log_odds(signals)))
        return pairs

    def _measure(
        self, view: int, benchmark: int, text: str, program: Program | None, similarity: float, gap: float,
        vectors: Sequence[NDArray[np.float32] | None],
    ) -> RephraseSignals:  # fmt: skip
        bank = self._bank
        group = int(bank.group_of[view])
        first = int(np.searchsorted(bank.group_of, group))
        rarity = bank.rarities[benchmark]
        of_item = bank.programs.get(group)
        if of_item is None:
            return measure(bank.views[view].text, bank.views[first].text, text, similarity, gap, rarity)
        signals = measure(of_item.purpose, of_item.purpose, text, similarity, gap, rarity)
        ordinary = float(bank.arrays.ordinary[benchmark])
        kinds = self._kinds(first, group)
        purpose_vector, body_vector, whole_vector = vectors

        def against(kind: int, vector: NDArray[np.float32] | None) -> float | None:
            if vector is None or kind not in kinds:
                return None
            return (float(vector @ kinds[kind]) - ordinary) / (1 - ordinary)

        purpose = against(PURPOSE, purpose_vector) or 0.0
        body = against(BODY, body_vector)
        whole = against(WHOLE, whole_vector)
        worth = bank.value_rarities[benchmark]
        shared = sum(worth[v] for v in of_item.values if program is not None and v in program.values)
        total = sum(worth[v] for v in of_item.values)
        names = set(of_item.name.split())
        own = set(program.name.split()) if program is not None else set()
        return replace(
            signals, is_program=True, changed=False, purpose=purpose, body=purpose if body is None else body,
            whole=purpose if whole is None else whole, values=min(shared, 30.0) / 10,
            values_share=shared / total if total else 0.0, name_share=len(names & own) / len(names) if names else 0.0,
        )  # fmt: skip

    def _kinds(self, first: int, group: int) -> dict[int, NDArray[np.float32]]:
        bank = self._bank
        kinds: dict[int, NDArray[np.float32]] = {}
        view = first
        while view < len(bank.views) and bank.group_of[view] == group:
            kinds[bank.views[view].kind] = bank.arrays.vectors[view]
            view += 1
        return kinds

    def _exact(self, candidate: _Candidate) -> Rephrase:
        """A candidate in full precision, its text by itself: what else is scanned changes nothing in it."""
        bounds = self._slices[candidate.benchmark]
        own_vectors = self._bank.arrays.vectors[bounds]
        program, view = candidate.program, candidate.view
        exact = self._embedder.encode_exactly(
            [candidate.text, *((_body(program), view.text) if program is not None else ())]
        )
        vectors = [*exact, None, None][:3]
        own = own_vectors @ exact[0]
        if program is not None:
            own = np.maximum(own, own_vectors @ exact[2])
        pairs = self._pairs(
            np.asarray(own, np.float32), candidate.benchmark, bounds.start, candidate.text, program, vectors
        )
        same = [pair for pair in pairs if pair[0] == candidate.pair[0]]
        group, item_text, signals, odds = same[0] if same else candidate.pair
        return Rephrase(candidate.row, view.field, (view.begin, view.end), view.text, group, item_text, signals, odds)


def _coarse_text(view: RecordView) -> str:
    program = program_in(view.text)
    return program.purpose if program else view.text


def _body(program: Program | None) -> str:
    return (program.body.strip() if program else "") or "-"


def _product(matrix: NDArray[np.float32]) -> Any:
    """A function that multiplies rows with `matrix` transposed, on torch: half precision where that is in hardware."""
    import torch

    from auditor.embedding.models import has_fast_bfloat16

    half = has_fast_bfloat16()
    right = torch.from_numpy(matrix).T.contiguous()
    right = right.to(torch.bfloat16) if half else right

    def multiply(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        left = torch.from_numpy(np.ascontiguousarray(rows))
        found: NDArray[np.float32] = ((left.to(torch.bfloat16) if half else left) @ right).float().numpy()
        return found

    return multiply
