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
RIVALS: Final = 3
"""Items that are measured for each view: the nearest is the right one in 93 to 99 of 100 cases, one of three in 99."""
NEAR: Final = 24
"""Item views that are looked through for them."""
EMITTED: Final = -3.0
"""Log odds from which on a pair is kept for the end of the run."""


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


class Rephraser:
    """Finds rephrases of an index's items in texts. Safe to call from any number of threads."""

    def __init__(self, bank: Bank, embedder: Embedder, names: Sequence[str], config: ScanConfig) -> None:
        self._bank = bank
        self._embedder = embedder
        self._names = names
        self._config = config
        # views come benchmark after benchmark
        self._slices = [slice(*np.searchsorted(bank.benchmark_of, [b, b + 1])) for b in range(len(names))]
        self._coarse = _product(bank.coarse)
        self._fine = _product(bank.vectors)

    def __call__(self, records: Sequence[tuple[int, Sequence[TextField]]]) -> tuple[list[Rephrase], RephraseTally]:
        """What (row, texts) of some records may rephrase, and the tally of all that was looked at."""
        tally = RephraseTally()
        views = [(row, view) for row, fields in records for view in record_views(fields)]
        tally.views = len(views)
        chosen = self._worth_encoding([view for _, view in views])
        tally.encoded = len(chosen)
        found: dict[tuple[int, int], Rephrase] = {}
        for begin in range(0, len(chosen), CHUNK):
            part = [views[i] for i in chosen[begin : begin + CHUNK]]
            for rephrase in self._look(part, tally):
                key = (rephrase.row, rephrase.group)
                if key not in found or rephrase.log_odds > found[key].log_odds:
                    found[key] = rephrase
        return [found[key] for key in sorted(found)], tally

    def _worth_encoding(self, views: Sequence[RecordView]) -> list[int]:
        """Views that the word vectors and the words that are shared make likely enough, by their numbers."""
        bank = self._bank
        kept: list[int] = []
        for begin in range(0, len(views), CHUNK):
            part = views[begin : begin + CHUNK]
            texts = [_coarse_text(view) for view in part]
            likeness = self._coarse(bank.words.embed(texts))
            for number, bounds in enumerate(self._slices):
                if bounds.start == bounds.stop:
                    continue
                own = likeness[:, bounds]
                ordinary = float(bank.coarse_ordinary[number])
                best = own.max(axis=1)
                # the words that are shared can add no more than their count
                for i in np.flatnonzero(best + WORDS_COUNT >= self._bar(ordinary)):
                    if begin + int(i) in kept[-len(part) :]:
                        continue
                    if best[i] >= self._bar(ordinary) or self._by_words(
                        texts[i], own[i], number, bounds.start
                    ) >= self._bar(ordinary):
                        kept.append(begin + int(i))
        return sorted(set(kept))

    def _bar(self, ordinary: float) -> float:
        return ordinary + self._config.rephrase_prefilter * (1 - ordinary)

    def _by_words(self, text: str, likeness: NDArray[np.float32], benchmark: int, first: int) -> float:
        words = content_words(text)
        rarity = self._bank.rarities[benchmark]
        own = rarity.total(words)
        best = 0.0
        near = np.argpartition(-likeness, min(COARSE_ITEMS, len(likeness) - 1))[:COARSE_ITEMS]
        for view in near:
            of_item = content_words(self._bank.views[first + int(view)].text)
            shared = rarity.total(words & of_item)
            if shared:
                scale = (own * rarity.total(of_item)) ** 0.5
                best = max(best, float(likeness[view]) + WORDS_COUNT * shared / scale)
        return best

    def _look(self, part: Sequence[tuple[int, RecordView]], tally: RephraseTally) -> list[Rephrase]:
        """Encode views and measure the nearest items of each benchmark."""
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
                if pairs[best][3] > EMITTED - 1.0:
                    exact = self._exactly(texts[i], programs[i], view, number)
                    if exact is not None:
                        pairs = exact
                        best = max(range(len(pairs)), key=lambda k: pairs[k][3])
                group, item_text, signals, odds = pairs[best]
                for k, other in enumerate(pairs):
                    if k != best and not other[2].changed:
                        tally.count("others", self._names[number], other[3])
                if not signals.changed:
                    tally.count("nearest", self._names[number], odds)
                if odds >= EMITTED:
                    found.append(Rephrase(
                        row, view.field, (view.begin, view.end), view.text, group, item_text, signals, odds
                    ))  # fmt: skip
        return found

    def _pairs(
        self, likeness: NDArray[np.float32], benchmark: int, first: int, text: str, program: Program | None,
        vectors: Sequence[NDArray[np.float32] | None],
    ) -> list[tuple[int, str, RephraseSignals, float]]:  # fmt: skip
        """(group, text of the nearest view, signals, log odds) of the nearest items that ask different things."""
        bank = self._bank
        near = np.argpartition(-likeness, min(NEAR, len(likeness) - 1))[:NEAR]
        near = near[np.argsort(-likeness[near], kind="stable")]
        distinct: list[int] = []
        for place in near:
            view = first + int(place)
            if all(
                bank.group_of[view] != bank.group_of[other]
                and float(bank.vectors[view] @ bank.vectors[other]) < SAME_QUESTION
                for other in distinct
            ):
                distinct.append(view)
                if len(distinct) > RIVALS:
                    break
        ordinary = float(bank.ordinary[benchmark])
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
        ordinary = float(bank.ordinary[benchmark])
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
            kinds[bank.views[view].kind] = bank.vectors[view]
            view += 1
        return kinds

    def _exactly(
        self, text: str, program: Program | None, view: RecordView, benchmark: int
    ) -> list[tuple[int, str, RephraseSignals, float]] | None:
        """The same pairs in full precision, each text by itself."""
        bounds = self._slices[benchmark]
        own_vectors = self._bank.vectors[bounds]
        exact = self._embedder.encode_exactly([text, *((_body(program), view.text) if program is not None else ())])
        vectors = [*exact, None, None][:3]
        own = own_vectors @ exact[0]
        if program is not None:
            own = np.maximum(own, own_vectors @ exact[2])
        return self._pairs(np.asarray(own, np.float32), benchmark, bounds.start, text, program, vectors) or None


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
