"""The `rephrase` detector: a cascade from word vectors over the model to the signals that an embedding misses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditor.kernels.overlap import best_overlaps
from auditor.rephrase.bank import SAME_QUESTION, stemmed
from auditor.rephrase.calibration import RephraseTally
from auditor.rephrase.code import program_in
from auditor.rephrase.scoring import log_odds
from auditor.rephrase.signals import RephraseSignals, measure
from auditor.rephrase.views import BODY, PURPOSE, WHOLE, RecordView, record_views, texts_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
"""What the words that are shared count beside the word vectors."""
WORDS_ADD: Final = 0.35
"""The most that they add in practice: where all rare words are shared, the word vectors are near too."""
PREFILTER_OFFSET: Final = 0.14
"""With the slope of `ScanConfig.rephrase_prefilter`: HumanEval's 164 items need 0.2 of the way from an ordinary sibling
to the same text, MMLU's 14,000 need 0.5."""
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
        self._coarse = [_product(bank.arrays.coarse[bounds]) for bounds in self._slices]
        self._bars = [self._bar(b, bounds.stop - bounds.start) for b, bounds in enumerate(self._slices)]
        self._nats = [bank.nats(b) for b in range(len(names))]
        self._fine = _product(bank.arrays.vectors)

    def _bar(self, benchmark: int, views: int) -> float:
        """What a text must reach to be encoded: the more views, the nearer the nearest of them is by chance."""
        ordinary = float(self._bank.arrays.coarse_ordinary[benchmark])
        share = self._config.rephrase_prefilter * math.log10(max(views, 10)) - PREFILTER_OFFSET
        return ordinary + share * (1 - ordinary)

    def __call__(self, records: Sequence[tuple[int, Sequence[TextField]]]) -> tuple[list[Rephrase], RephraseTally]:
        """What (row, texts) of some records may rephrase, and the tally of all that was looked at."""
        tally = RephraseTally()
        views = [(row, view) for row, fields in records for view in record_views(fields)]
        tally.views = len(views)
        tally.texts = sum(texts_in(fields) for _, fields in records)
        chosen = self._worth_encoding(views)
        tally.encoded = len(chosen)
        best: dict[tuple[int, int], _Candidate] = {}
        for begin in range(0, len(chosen), CHUNK):
            for candidate in self._look([views[i] for i in chosen[begin : begin + CHUNK]], tally):
                key = (candidate.row, candidate.pair[0])
                if key not in best or candidate.pair[3] > best[key].pair[3]:
                    best[key] = candidate
        found = [self._exact(best[key]) for key in sorted(best)]
        return [rephrase for rephrase in found if rephrase.log_odds >= EMITTED], tally

    def _worth_encoding(self, views: Sequence[tuple[int, RecordView]]) -> list[int]:
        """Numbers of the views that are worth what the model costs, by word vectors and by the words that are
        shared; of those that overlap, the best."""
        words = self._bank.words
        lead = np.full(len(views), -np.inf, np.float32)
        for begin in range(0, len(views), CHUNK):
            part = slice(begin, begin + CHUNK)
            bags = words.bags(_coarse_text(view) for _, view in views[part])
            vectors = words.embed_bags(bags)
            start, ids = stemmed(bags, self._bank.arrays.stem_of)
            for number, bounds in enumerate(self._slices):
                if bounds.start < bounds.stop:
                    lead[part] = np.maximum(lead[part], self._lead(vectors, start, ids, number))
        return _best_apart(views, lead)

    def _lead(
        self, vectors: NDArray[np.float32], start: NDArray[np.int64], ids: NDArray[np.int32], benchmark: int
    ) -> NDArray[np.float32]:
        """How far some texts are above the bar of a benchmark: [texts]; below 0 they are not worth it."""
        arrays, first = self._bank.arrays, self._slices[benchmark].start
        bar = self._bars[benchmark]
        lead = np.full(len(vectors), -np.inf, np.float32)
        likely, likeness, near = self._nearest(vectors, benchmark, bar - WORDS_ADD)
        if not len(likely):
            return lead
        sizes = np.diff(start)[likely]
        own_start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        own = np.concatenate([ids[start[t] : start[t + 1]] for t in likely]).astype(np.int32)
        best = np.zeros(len(likely), np.float32)
        best_overlaps(
            own_start, own, near + first, likeness, arrays.stem_start, arrays.stem_ids, self._nats[benchmark],
            WORDS_COUNT, best,
        )  # fmt: skip
        lead[likely] = best - bar
        return lead

    def _nearest(
        self, vectors: NDArray[np.float32], benchmark: int, floor: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
        """(numbers of the texts that come above `floor`; cosines and places of the items nearest to each)."""
        import torch

        found = self._coarse[benchmark](vectors)
        likely = torch.nonzero(found.amax(dim=1) >= floor).flatten()
        top = torch.topk(found[likely], min(COARSE_ITEMS, found.shape[1]), dim=1)
        return likely.numpy(), top.values.float().numpy(), top.indices.numpy()

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
        likeness = self._fine(fine).float().numpy()
        if with_code:
            others = self._fine(np.stack([wholes[i] for i in with_code])).float().numpy()
            likeness[with_code] = np.maximum(likeness[with_code], others)
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
            # of the nearest item, what the next falls short of it; of the others, what they fall short themselves
            rival = distinct[1 if k == 0 else 0] if len(distinct) > 1 else None
            gap = (cosine - float(likeness[rival - first])) / (1 - ordinary) if rival is not None else 0.0
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


def _best_apart(views: Sequence[tuple[int, RecordView]], lead: NDArray[np.float32]) -> list[int]:
    """Numbers of the views above the bar, without those of which a better one holds more than half."""
    kept: dict[tuple[int, int], list[RecordView]] = {}
    numbers = []
    passed = np.flatnonzero(lead >= 0)
    for i in passed[np.argsort(-lead[passed], kind="stable")].tolist():
        row, view = views[i]
        better = kept.setdefault((row, view.field), [])
        half = (view.end - view.begin) / 2
        if all(min(view.end, other.end) - max(view.begin, other.begin) <= half for other in better):
            better.append(view)
            numbers.append(i)
    return sorted(numbers)


def _product(matrix: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], Any]:
    """A function that multiplies rows with `matrix` transposed, to a torch tensor: in half precision where the CPU
    has that in hardware."""
    import torch

    from auditor.embedding.models import has_fast_bfloat16

    kind = torch.bfloat16 if has_fast_bfloat16() else torch.float32
    right = torch.from_numpy(np.array(matrix)).T.contiguous().to(kind)

    def multiply(rows: NDArray[np.float32]) -> Any:
        return torch.from_numpy(np.ascontiguousarray(rows)).to(kind) @ right

    return multiply
