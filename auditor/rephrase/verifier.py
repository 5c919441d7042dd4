"""Measure a part of a record against the items that are nearest to it: roughly for all, closely for what may matter."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from rapidfuzz import fuzz

from auditor.embedding.models import TOGETHER
from auditor.embedding.probes import Unlike, unlike
from auditor.kernels.lookalikes import largest
from auditor.rephrase.answers import answered, is_number
from auditor.rephrase.pieces import coverage
from auditor.rephrase.quantities import compare_quantities, quantities
from auditor.rephrase.scoring import log_odds, rough_at_most, rough_log_odds
from auditor.rephrase.signals import (
    NUMBER_NATS,
    RephraseSignals,
    alignment,
    content_words,
    information,
    is_foreign,
    measure,
)
from auditor.rephrase.views import ANSWERED, ASK, BODY, OPTIONS, PURPOSE, WHOLE, RecordView

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.embedding.models import Embedder, Pieces
    from auditor.rephrase.bank import Bank
    from auditor.rephrase.code import Program
    from auditor.rephrase.signals import Rarity

RIVALS: Final = 3
"""Items that are measured for each view: the nearest is the right one in 93 to 99 of 100 cases, one of three in 99."""
FOREIGN_RIVALS: Final = 6
"""The same of texts in another language than the items: of MMLU in Chinese, the nearest is the right one in 87 of 100
cases, one of six in 97."""
SAME: Final = 0.92
"""Likeness of two items, in units of the model, from which on the embedding takes them for one."""
FOREIGN_COMPARED: Final = 16
"""Items of which these are the most probable, as far as that shows before a close look."""
NEAR: Final = 24
FOREIGN_NEAR: Final = 64
"""Item views that are looked through for them, in the same language and in another."""
REMEMBERED: Final = 512
"""Texts whose pieces are kept: many records are near the same items."""
FEW_PIECES: Final = 4
"""Added to the pieces of two texts before they are compared: of few, one more says little."""
PASSAGE_IS_THERE: Final = 0.5
"""Share of what a question says from which on its passage stands in the record."""
DOUBT: Final = 6.0
"""Nats that are added to what a program's values say before shares are taken: one small number shared is not all."""
_OPTION: Final = re.compile(r"^[ \t]*[(（]?[A-J][.)）．、:：]", re.MULTILINE)
"""Where an option begins."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A part of a record and an item."""

    unit: int
    """Which items (see `Bank.units`)."""
    view: int
    """The view of the item that is nearest; after a close look at a translation, the one that fits best."""
    signals: RephraseSignals
    odds: float
    """Log odds, roughly or closely."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A part of a record as the model sees it."""

    view: RecordView
    text: str
    """What is compared: the part, or what its program is for."""
    program: Program | None
    whole: NDArray[np.float32]
    """Vectors: of `text`, and of the program's lines and the part as it stands."""
    body: NDArray[np.float32] | None = None
    as_is: NDArray[np.float32] | None = None


class Looks:
    """Texts as the model sees them in full precision, the last ones remembered. Safe to use from any number of
    threads."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Pieces] = {}

    def at(self, texts: Iterable[str]) -> dict[str, Pieces]:
        """Each text, all that are new looked at together."""
        wanted = dict.fromkeys(texts)
        known = self._known
        found = {text: known[text] for text in wanted if text in known}
        new = [text for text in wanted if text not in found]
        found.update(zip(new, self._embedder.look_at(new), strict=True))
        # what is asked for next is what was asked for last, for the most part
        self._known = {**known, **found} if len(known) + len(new) <= REMEMBERED else found
        return found


class Verifier:
    """Measures pairs. Safe to call from any number of threads."""

    def __init__(self, bank: Bank, embedder: Embedder, slices: Sequence[slice], config: ScanConfig) -> None:
        self._bank = bank
        self._slices = slices
        self._floor = config.rephrase_floor
        self._looks = Looks(embedder)
        self._embedder = embedder
        self._nats = [bank.piece_nats(b) for b in range(len(slices))]

    @cached_property
    def _unlike(self) -> Unlike:
        """The zero of cosines across languages; most runs need none."""
        return unlike(self._embedder)

    def nearest(
        self, looked: Looked, likeness: NDArray[np.float32], benchmark: int, bar: float = -math.inf
    ) -> list[Pair]:
        """The nearest items of a benchmark that ask different things, roughly measured.

        Args:
            looked: the part of a record.
            likeness: [views of the benchmark] of its cosines.
            benchmark: which of the index's.
            bar: log odds, with the numbers or without, that a pair may be left out below.
        """
        bank, first = self._bank, self._slices[benchmark].start
        near = _nearest(likeness, NEAR)
        ordinary = zero = float(bank.arrays.ordinary[benchmark])
        foreign = is_foreign(bank.views[self._question(first + int(near[0]))].text, looked.text)
        if foreign:
            near = _nearest(likeness, FOREIGN_NEAR)
            is_program = looked.program is not None and int(bank.unit_of[first + near[0]]) in bank.programs
            zero = ordinary if is_program else self._unlike.cosine
        if (float(likeness[near[0]]) - zero) / (1 - zero) < self._floor:
            return []
        same = ordinary + SAME * (1 - ordinary)
        compared = FOREIGN_COMPARED if foreign else RIVALS
        distinct = self._distinct([first + int(place) for place in near], looked.text, compared, same)
        says = self._bank.rarities[benchmark].total(content_words(looked.text))
        says += NUMBER_NATS * len(quantities(looked.text))
        pairs = []
        for k, view in enumerate(distinct[:compared]):
            cosine = float(likeness[view - first])
            # of the nearest item, what the next falls short of it; of the others, what they fall short themselves
            rival = distinct[1 if k == 0 else 0] if len(distinct) > 1 else None
            gap = (cosine - float(likeness[rival - first])) / (1 - zero) if rival is not None else 0.0
            readings = self._foreign_readings(view, looked.text, likeness, first) if foreign else self._readings(view)
            shown = ((v, (float(likeness[v - first]) - zero) / (1 - zero)) for v in readings)
            measured = [
                self._rough(v, benchmark, looked, similarity, gap) for v, similarity in shown
                if self._may_reach(bar, v, looked.text, similarity, gap, says)
            ]  # fmt: skip
            if measured:
                pairs.append(max(measured, key=lambda pair: pair.odds))
        return sorted(pairs, key=lambda pair: -pair.odds)[:FOREIGN_RIVALS] if foreign else pairs

    def _may_reach(self, bar: float, view: int, text: str, similarity: float, gap: float, says: float) -> bool:
        """Whether the rough log odds of a text can be `bar` and more, by what is quick to measure; `says`: the nats of
        the text, but for a number that stands for two of the item's. Most pairs cannot."""
        bank = self._bank
        if bar == -math.inf or int(bank.unit_of[view]) in bank.programs:
            return True
        item = bank.views[view].text
        if is_foreign(bank.views[self._question(view)].text, text):
            return True
        return rough_at_most(similarity, gap, alignment(item, text), information(says)) >= bar

    def _question(self, view: int) -> int:
        """The first view of the same items: what they ask."""
        return int(self._bank.first_of[view])

    def _rough(self, view: int, benchmark: int, looked: Looked, similarity: float, gap: float) -> Pair:
        signals = self._measure(view, benchmark, looked, similarity, gap)
        return Pair(int(self._bank.unit_of[view]), view, signals, rough_log_odds(signals))

    def _readings(self, view: int) -> tuple[int, ...]:
        """A view, and the question by itself where the view has options or the answer too: they make a question known,
        and a text that leaves them out would lack most of it."""
        bank = self._bank
        if bank.views[view].kind not in (OPTIONS, ANSWERED):
            return (view,)
        question = self._question(view)
        return (view, question + (bank.views[question + 1].kind == ASK))

    def _foreign_readings(self, view: int, text: str, likeness: NDArray[np.float32], first: int) -> tuple[int, ...]:
        """The view of an item that has what a text in another language has, of which no words tell that: its options,
        where the text lists some, or else the nearest of the question and the question with its answer.

        Args:
            view: any of the item's; those of a benchmark begin at `first`.
            likeness: [views of the benchmark] of the cosines of the text.
        """
        return (max(self._fitting(view, text), key=lambda number: float(likeness[number - first])),)

    def _fitting(self, view: int, text: str) -> list[int]:
        """The views of an item that may have what a text in another language has: its options where the text lists
        some, or else the question, and the question with its answer."""
        bank = self._bank
        place = range(*np.searchsorted(bank.unit_of, [bank.unit_of[view], bank.unit_of[view] + 1]))
        options = [number for number in place if bank.views[number].kind == OPTIONS]
        if options and len(_OPTION.findall(text)) > 1:
            return options
        return [number for number in place if number not in options] or list(place)

    def _distinct(self, near: Sequence[int], text: str, rivals: int, same: float) -> list[int]:
        """Of views from the nearest on, those that ask different things; of those that the embedding takes for
        the same (cosines from `same` on), as it does "a + b" and "a * b", the one that is written most alike."""
        bank = self._bank
        alike: list[list[int]] = []
        for view in near:
            for others in alike:
                if bank.unit_of[view] == bank.unit_of[others[0]]:
                    break
                if float(bank.arrays.vectors[view] @ bank.arrays.vectors[others[0]]) >= same:
                    others.append(view)
                    break
            else:
                if len(alike) > rivals:
                    break
                alike.append([view])
        return [
            views[0] if len(views) == 1 else max(views, key=lambda v: fuzz.ratio(text, bank.views[v].text))
            for views in alike
        ]

    def closely(self, measured: Sequence[tuple[Looked, Pair, int]]) -> list[Pair]:
        """Pairs, each with the number of its benchmark, piece by piece and in full precision, each text by itself: what
        else is scanned changes nothing."""
        texts: list[str] = []
        for looked, pair, _ in measured:
            texts += [looked.text, *(self._text_of(pair.unit, view) for view in self._views_of(pair, looked))]
            if looked.program is not None:
                texts += [looked.view.text, body_of(looked.program)]
        pieces = self._looks.at(texts)
        nearest: dict[tuple[int, int], list[Pair]] = {}
        for benchmark in sorted({benchmark for *_, benchmark in measured}):
            some = {id(looked): looked for looked, _, of in measured if of == benchmark}
            exact = self._exactly(list(some.values()), benchmark, pieces)
            nearest |= {(key, benchmark): pairs for key, pairs in zip(some, exact, strict=True)}
        return [
            self._closely(looked, pair, benchmark, nearest[id(looked), benchmark], pieces)
            for looked, pair, benchmark in measured
        ]

    def _exactly(self, parts: Sequence[Looked], benchmark: int, pieces: Mapping[str, Pieces]) -> Iterator[list[Pair]]:
        """`nearest` of each part in full precision."""
        exact = [self._exact(looked, pieces) for looked in parts]
        own = self._bank.arrays.vectors[self._slices[benchmark]]
        cosines = products([looked.whole for looked in exact], own)
        programs = {i: looked.as_is for i, looked in enumerate(exact) if looked.as_is is not None}
        as_they_stand = dict(zip(programs, products(list(programs.values()), own), strict=True))
        for i, looked in enumerate(exact):
            likeness = np.maximum(cosines[i], as_they_stand[i]) if i in programs else cosines[i]
            yield self.nearest(looked, likeness, benchmark)

    def _exact(self, looked: Looked, pieces: Mapping[str, Pieces]) -> Looked:
        """A part with its vectors in full precision."""
        if looked.program is None:
            return replace(looked, whole=pieces[looked.text].whole)
        return replace(
            looked, whole=pieces[looked.text].whole, body=pieces[body_of(looked.program)].whole,
            as_is=pieces[looked.view.text].whole,
        )  # fmt: skip

    def _closely(
        self, looked: Looked, pair: Pair, benchmark: int, nearest: Sequence[Pair], pieces: dict[str, Pieces]
    ) -> Pair:
        best = next((other for other in nearest if other.unit == pair.unit), pair)
        best = self._with_answer(best, looked.view, benchmark)
        measured = []
        for view in self._views_of(best, looked):
            text = self._text_of(best.unit, view)
            if text not in pieces:  # another view of the item is nearest now
                pieces |= self._looks.at([text])
            reading = best if view == best.view else self._read_as(best, view, benchmark, looked)
            measured.append(self._piecewise(reading, benchmark, pieces[looked.text], pieces[text]))
        return max(measured, key=lambda pair: pair.odds)

    def _views_of(self, pair: Pair, looked: Looked) -> list[int]:
        """The view of a pair, and of two languages the other views of the item that the text may be: which of them it
        is shows piece by piece."""
        if not pair.signals.foreign or pair.unit in self._bank.programs:
            return [pair.view]
        return [pair.view, *(view for view in self._fitting(pair.view, looked.text) if view != pair.view)]

    def _read_as(self, pair: Pair, view: int, benchmark: int, looked: Looked) -> Pair:
        """A pair with another view of the item."""
        signals = self._measure(view, benchmark, looked, pair.signals.similarity, pair.signals.gap)
        return Pair(pair.unit, view, replace(signals, answered=pair.signals.answered), pair.odds)

    def _with_answer(self, pair: Pair, view: RecordView, benchmark: int) -> Pair:
        """A pair with what the record's reply says of the item's answer."""
        bank = self._bank
        answers = bank.answers[pair.unit]
        if not answers or pair.unit in bank.programs or not (reply := view.reply()):
            return pair
        if pair.signals.foreign and not is_number(answers[0]):
            return pair
        found = answered(answers, reply, bank.rarities[benchmark], bank.near, has_options=self._has_options(pair.unit))
        return replace(pair, signals=replace(pair.signals, answered=found))

    def _has_options(self, unit: int) -> bool:
        bank = self._bank
        place = slice(*np.searchsorted(bank.unit_of, [unit, unit + 1]))
        return any(view.kind == OPTIONS for view in bank.views[place])

    def _piecewise(self, pair: Pair, benchmark: int, of_text: Pieces, of_item: Pieces) -> Pair:
        """A pair with what is missing and what is too much in it, from the pieces of both sides."""
        covered, warranted = coverage(of_item, of_text, self._nats[benchmark])
        is_apart = pair.signals.foreign and not pair.signals.is_program
        zero = self._unlike.covered if is_apart else float(self._bank.arrays.ordinary_covered[benchmark])
        more = math.log((len(of_text.ids) + FEW_PIECES) / (len(of_item.ids) + FEW_PIECES))
        similarity = pair.signals.similarity
        if is_apart:  # of the view that was chosen, not of the one that was nearest
            similarity = (float(of_text.whole @ of_item.whole) - self._unlike.cosine) / (1 - self._unlike.cosine)
        signals = replace(
            pair.signals, covered=(covered - zero) / (1 - zero), warranted=(warranted - zero) / (1 - zero),
            shorter=max(-more, 0.0), longer=max(more, 0.0), similarity=similarity,
        )  # fmt: skip
        return replace(pair, signals=signals, odds=log_odds(signals))

    def text_of(self, pair: Pair) -> str:
        """What of the item is compared: the view, or what its program is for."""
        return self._text_of(pair.unit, pair.view)

    def _text_of(self, unit: int, view: int) -> str:
        program = self._bank.programs.get(unit)
        return program.purpose if program is not None else self._bank.views[view].text

    def _measure(self, view: int, benchmark: int, looked: Looked, similarity: float, gap: float) -> RephraseSignals:
        bank = self._bank
        unit = int(bank.unit_of[view])
        first = self._question(view)
        rarity = bank.rarities[benchmark]
        of_item, program = bank.programs.get(unit), looked.program
        if of_item is None:
            question, shown = bank.views[first].text, bank.views[view]
            signals = measure(shown.text, question, looked.text, similarity, gap, rarity)
            return signals if shown.text.startswith(question) else with_passage(signals, question, looked.view, rarity)
        signals = measure(of_item.purpose, of_item.purpose, looked.text, similarity, gap, rarity)
        is_apart = signals.foreign and program is None
        zero = self._unlike.cosine if is_apart else float(bank.arrays.ordinary[benchmark])
        kinds = self._kinds(first, unit)

        def against(kind: int, vector: NDArray[np.float32] | None) -> float | None:
            if vector is None or kind not in kinds:
                return None
            return (float(vector @ kinds[kind]) - zero) / (1 - zero)

        purpose = against(PURPOSE, looked.whole) or 0.0
        if program is None:
            # a task in words: as any other text, against what the item's program is for
            return replace(signals, similarity=purpose, changed=False)
        body = against(BODY, looked.body)
        whole = against(WHOLE, looked.as_is)
        worth = bank.value_rarities[benchmark]
        shared = sum(worth[v] for v in of_item.values if v in program.values)
        total = sum(worth[v] for v in of_item.values)
        said, share = bank.shape_nats[benchmark].shared(of_item.examples, program.examples)
        differ = 1 - share if of_item.examples and program.examples else 0.0
        names, own = set(of_item.name.split()), set(program.name.split())
        return replace(
            signals, is_program=True, changed=False, purpose=purpose, body=purpose if body is None else body,
            whole=purpose if whole is None else whole, values=min(shared, 30.0) / 10,
            values_share=shared / (total + DOUBT), name_share=len(names & own) / len(names) if names else 0.0,
            structure=shared_signs(of_item, program, bank.sign_rarities[benchmark]),
            parameters=float(not of_item.parameters & program.parameters), has_examples=bool(program.examples),
            examples=min(said, 30.0) / 10,
            examples_share=share, examples_differ=differ,
        )  # fmt: skip

    def _kinds(self, first: int, unit: int) -> dict[int, NDArray[np.float32]]:
        bank = self._bank
        kinds: dict[int, NDArray[np.float32]] = {}
        view = first
        while view < len(bank.views) and bank.unit_of[view] == unit:
            kinds[bank.views[view].kind] = bank.arrays.vectors[view]
            view += 1
        return kinds


def products(rows: Sequence[NDArray[np.float32]], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """[rows, len(matrix)] of the products of rows with those of a matrix, as many at a time as a batch of `look_at` has
    texts: each is the same to the bit whatever the others are."""
    import torch

    found = np.zeros((len(rows), len(matrix)), np.float32)
    right = torch.from_numpy(np.require(matrix, requirements=["C", "W"])).T
    for begin in range(0, len(rows), TOGETHER):
        some = rows[begin : begin + TOGETHER]
        batch = np.zeros((TOGETHER, matrix.shape[1]), np.float32)
        batch[: len(some)] = some
        found[begin : begin + len(some)] = (torch.from_numpy(batch) @ right).numpy()[: len(some)]
    return found


def _nearest(likeness: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The places of the largest, the largest first."""
    places = np.zeros(count, np.int64)
    return places[: largest(likeness, places)]


def with_passage(signals: RephraseSignals, question: str, view: RecordView, rarity: Rarity) -> RephraseSignals:
    """The signals of an item's last sentence, where the record has what stands before it too, with other numbers: it is
    another problem then, though the sentence is the same."""
    around = view.around(len(question))
    words = content_words(question)
    if signals.foreign or rarity.total(words & content_words(around)) < PASSAGE_IS_THERE * rarity.total(words):
        return signals
    numbers = compare_quantities(question, around)
    if not (numbers.missing and numbers.added):
        return signals
    return replace(signals, changed=True, missing=numbers.missing / numbers.stated, added=1.0)


def shared_signs(one: Program, other: Program, nats: Mapping[str, float]) -> float:
    """How much of the operators, keywords and calls of two programs both have, in [0, 1]: what they say, over the
    geometric mean of what all of each say; signs of no item say nothing."""
    own, others = dict(one.signs), dict(other.signs)
    shared = sum(nats.get(sign, 0.0) * min(n, others[sign]) for sign, n in own.items() if sign in others)
    totals = [sum(nats.get(sign, 0.0) * n for sign, n in signs.items()) for signs in (own, others)]
    return shared / math.sqrt(totals[0] * totals[1]) if min(totals) > 0 else 0.0


def body_of(program: Program) -> str:
    """A program's lines, or a dash where it has none."""
    return program.body.strip() or "-"
