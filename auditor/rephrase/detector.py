"""The `rephrase` detector: a cascade from word vectors over the model to the signals that an embedding misses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditor.rephrase.calibration import RephraseTally
from auditor.rephrase.lookup import Lookup
from auditor.rephrase.scoring import variant_log_odds
from auditor.rephrase.signals import asks, is_foreign
from auditor.rephrase.verifier import Looked, Pair, Verifier, body_of
from auditor.rephrase.views import MAX_VIEW, RecordView, record_views, texts_in, word_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.embedding import Embedder
    from auditor.rephrase.bank import Bank
    from auditor.rephrase.signals import RephraseSignals
    from auditor.sources import TextField

CHUNK: Final = 128
"""Views that are compared with all items at once: some 30 MB of cosines against the 50,000 views of 18,000 items."""
ENCODED_AT_ONCE: Final = 1024
"""Views that go through the model together, those of like length in one batch."""
QUESTION_WORDS: Final = (10, 120)
"""Of parts in another language, which all reach the model, those of about so many words, where they overlap: the
longest that is a question's."""
WORTH_A_CLOSE_LOOK: Final = -0.5
"""Rough log odds, from cosines that may be in half precision, from which on a pair is measured closely: of 1,581
rephrases that a bar of -1.5 passes one fails, and half of the near misses."""
AT_ONCE: Final = 256
"""Candidates that are measured closely together: the pieces of their texts take some 50 MB."""
PROGRAMS_APART: Final = 1.5
"""How many times further apart two items are that a program may rephrase than their odds say, which were fitted to
tell it from clean ones. Of the odd half of HumanEval's rephrases in three languages none of 151 is taken for another
item, where odds as they are expect 5.5 and this 3.4; of the even half two of 149, which hold that item besides (2.5 and
1.2)."""
NO_RIVAL: Final = -30.0
"""Log odds where there is no other item."""
VARIANT: Final = 3.5
"""Log odds, numbers left out, from which on a pair with other numbers is kept."""
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
    items: tuple[int, ...]
    """Numbers of the items in the index, all of which ask the same."""
    item_text: str
    """The view of the item that it is compared with."""
    signals: RephraseSignals
    log_odds: float
    rival_odds: float
    """Log of the summed odds of the other items that the same part may rephrase instead."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair that is worth a close look."""

    row: int
    view: RecordView
    looked: Looked
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
        self._lookup = Lookup(bank, self._slices, config.rephrase_prefilter)
        self._fine = _product(bank.arrays.vectors)
        # what another language says shows in no common word; only a model that knows it can tell
        self._typical = self._samples() if embedder.is_multilingual() else []
        self.verifier = Verifier(bank, embedder, self._slices, config)

    def _samples(self) -> list[str]:
        """Some items of each benchmark, as a text long enough for its language to show."""
        views = self._bank.views
        return [
            " ".join(view.text for view in views[bounds][:20]) for bounds in self._slices if bounds.start < bounds.stop
        ]

    def __call__(self, records: Sequence[tuple[int, Sequence[TextField]]]) -> tuple[list[Rephrase], RephraseTally]:
        """What (row, texts) of some records may rephrase, and the tally of all that was looked at."""
        tally = RephraseTally()
        views = [(row, view) for row, fields in records for view in record_views(fields)]
        tally.views = len(views)
        tally.texts = sum(texts_in(fields) for _, fields in records)
        tally.foreign_texts = sum(self._foreign_texts(fields) for _, fields in records)
        chosen = self.worth_encoding(views)
        tally.encoded = len(chosen)
        best: dict[tuple[int, int], Candidate] = {}
        for begin in range(0, len(chosen), ENCODED_AT_ONCE):
            part = [views[i] for i in chosen[begin : begin + ENCODED_AT_ONCE]]
            for candidate in self.candidates(part, WORTH_A_CLOSE_LOOK):
                key = (candidate.row, candidate.pair.unit)
                if key not in best or candidate.pair.odds > best[key].pair.odds:
                    best[key] = candidate
        together: dict[tuple[int, int], list[Candidate]] = {}
        for candidate in self.closely([best[key] for key in sorted(best)]):
            together.setdefault((candidate.row, candidate.benchmark), []).append(candidate)
        found = [rephrase for key in sorted(together) for rephrase in self._verified(together[key], tally)]
        found.sort(key=lambda rephrase: (rephrase.row, rephrase.items))
        return found, tally

    def _is_foreign(self, text: str) -> bool:
        """Whether a text is in another language than the items of some benchmark, and the model knows that."""
        return any(is_foreign(typical, text) for typical in self._typical)

    def _foreign_texts(self, fields: Sequence[TextField]) -> int:
        """Of the texts of ordinary length that a record is, those in another language."""
        found = [field for field in fields if self._is_foreign(field.text[:MAX_VIEW])]
        return texts_in(found) if found else 0

    def closely(self, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
        """Candidates measured piece by piece, in full precision."""
        for begin in range(0, len(candidates), AT_ONCE):
            part = candidates[begin : begin + AT_ONCE]
            pairs = self.verifier.closely([(c.looked, c.pair, c.benchmark) for c in part])
            for c, pair in zip(part, pairs, strict=True):
                yield replace(c, pair=pair)

    def worth_encoding(self, views: Sequence[tuple[int, RecordView]]) -> list[int]:
        """Numbers of the views that are worth what the model costs, by their words; of those that overlap, the best."""
        lead, worth = np.full(len(views), -np.inf, np.float32), np.zeros(len(views), bool)
        numbers = [i for i, (_, view) in enumerate(views) if self._may_ask(view)]
        for begin in range(0, len(numbers), CHUNK):
            some = numbers[begin : begin + CHUNK]
            part = [views[i][1] for i in some]
            programs = [view.program() for view in part]
            texts = [v.text if p is None else p.purpose for p, v in zip(programs, part, strict=True)]
            places = [
                (v.source, v.begin, v.begin + len(v.text)) if p is None else (p.purpose, 0, len(p.purpose))
                for p, v in zip(programs, part, strict=True)
            ]
            found, passes = self._lookup.worth(self._bank.words.bags_of_parts(places), texts)
            for i, (view, program) in enumerate(zip(part, programs, strict=True)):
                if program is not None and self._bank.programs:
                    # what a program does hardly shows in its words; a function of many that says nothing is not found
                    found[i] = max(found[i], 1.0)
                    passes[i] = program.says_something or not view.is_part
                if program is None and self._is_foreign(view.text):
                    found[i], passes[i] = max(found[i], _like_a_question(view.text)), True
            lead[some], worth[some] = found, passes
        return _best_apart(views, lead, np.flatnonzero(worth))

    def _may_ask(self, view: RecordView) -> bool:
        """Whether a view is looked at: a sentence or two that only tell are not, where the items ask. Of another
        language that is not known."""
        if not view.is_short or view.may_be_program or self._typical or not self._lookup.mostly_asks:
            return True
        return asks(view.text)

    def candidates(self, part: Sequence[tuple[int, RecordView]], bar: float) -> Iterator[Candidate]:
        """Encode views and measure the nearest items of each benchmark: the pairs whose rough odds reach `bar`."""
        programs = [view.program() for _, view in part]
        texts = [p.purpose if p else view.text for p, (_, view) in zip(programs, part, strict=True)]
        fine = self._embedder.encode(texts)
        coded = [i for i, program in enumerate(programs) if program]
        bodies = dict(zip(coded, self._embedder.encode([body_of(p) for p in programs if p]), strict=True))
        wholes = dict(zip(coded, self._embedder.encode([part[i][1].text for i in coded]), strict=True))
        for begin in range(0, len(part), CHUNK):
            chunk = range(begin, min(begin + CHUNK, len(part)))
            likeness = self._fine(fine[begin : begin + CHUNK]).float().numpy()
            if programmed := [i for i in chunk if i in wholes]:
                others = self._fine(np.stack([wholes[i] for i in programmed])).float().numpy()
                places = [i - begin for i in programmed]
                likeness[places] = np.maximum(likeness[places], others)
            for i, cosines in zip(chunk, likeness, strict=True):
                row, view = part[i]
                looked = Looked(view, texts[i], programs[i], fine[i], bodies.get(i), wholes.get(i))
                for number, bounds in enumerate(self._slices):
                    if bounds.start < bounds.stop:
                        for pair in self.verifier.nearest(looked, cosines[bounds], number, min(bar, VARIANT)):
                            if pair.odds >= bar or _may_be_variant(pair):
                                yield Candidate(row, view, looked, number, pair)

    def _verified(self, candidates: Sequence[Candidate], tally: RephraseTally) -> Iterator[Rephrase]:
        """The candidates of one record and benchmark counted; of those in the same place the best is given, and the
        others, which ask something else, are negatives."""
        exact = sorted(candidates, key=lambda c: (-c.pair.odds, c.pair.unit))
        kept: list[RecordView] = []
        for candidate in exact:
            view, pair = candidate.view, candidate.pair
            is_best = all(_apart(view, other) for other in kept)
            if not pair.signals.changed:
                name, foreign = self._names[candidate.benchmark], bool(self._typical) and pair.signals.foreign > 0
                tally.count(name, pair.odds, is_nearest=is_best, is_foreign=foreign)
            if not is_best:
                continue
            kept.append(view)
            if pair.odds >= EMITTED or _may_be_variant(pair):
                rivals = [
                    other.pair.odds for other in exact
                    if other is not candidate and not _apart(other.view, view) and not other.pair.signals.changed
                ]  # fmt: skip
                sharper = PROGRAMS_APART if pair.signals.is_program else 1.0
                yield Rephrase(
                    candidate.row, view.field, (view.begin, view.end), view.text, self._bank.units[pair.unit],
                    self._bank.views[pair.view].text, pair.signals, pair.odds,
                    rival_odds(pair.odds, rivals, sharper) if rivals else NO_RIVAL,
                )  # fmt: skip


def rival_odds(odds: float, rivals: Sequence[float], sharper: float) -> float:
    """Log of the summed odds of the items that a part may rephrase instead of the one with `odds`, their distances
    `sharper` times as large."""
    return odds + float(np.logaddexp.reduce([sharper * (rival - odds) for rival in rivals]))


def _like_a_question(text: str) -> float:
    """In (0, 1]: the nearer a text's length is to a question's, the more."""
    words = word_count(text) + 1
    least, most = QUESTION_WORDS
    return 1 / (1 + max(math.log(words / most), math.log(least / words), 0.0))


def _may_be_variant(pair: Pair) -> bool:
    """Whether a pair is the same in words and not in numbers."""
    return pair.signals.changed and variant_log_odds(pair.signals) >= VARIANT


def _best_apart(
    views: Sequence[tuple[int, RecordView]], lead: NDArray[np.float32], passed: NDArray[np.intp]
) -> list[int]:
    """Numbers of the views that passed, without those of which a better one holds more than half; a program and a part
    of it are different things to look for."""
    kept: dict[tuple[int, int], list[RecordView]] = {}
    numbers = []
    for i in passed[np.argsort(-lead[passed], kind="stable")].tolist():
        row, view = views[i]
        if view.is_program:
            numbers.append(i)
            continue
        better = kept.setdefault((row, view.field), [])
        if all(_apart(view, other) for other in better):
            better.append(view)
            numbers.append(i)
    return sorted(numbers)


def _apart(view: RecordView, other: RecordView) -> bool:
    """Whether less than half of `view` stands in `other`."""
    shared = min(view.end, other.end) - max(view.begin, other.begin)
    return view.field != other.field or shared <= (view.end - view.begin) / 2


def _product(matrix: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], Any]:
    """A function that multiplies rows with `matrix` transposed, to a torch tensor: in half precision where the CPU
    has that in hardware."""
    import torch

    from auditor.embedding.models import has_fast_bfloat16

    kind = torch.bfloat16 if has_fast_bfloat16() else torch.float32
    right = torch.from_numpy(np.require(matrix, requirements=["C", "W"])).to(kind).T

    def multiply(rows: NDArray[np.float32]) -> Any:
        return torch.from_numpy(np.ascontiguousarray(rows)).to(kind) @ right

    return multiply
