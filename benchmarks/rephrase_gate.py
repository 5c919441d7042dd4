"""Fit the first step of the rephrase detector: which parts of records are worth what the model costs, by their words.

    python -m benchmarks.rephrase_gate [words|letters]

`words`: the same items that the detector would compare with a text (`auditor.rephrase.lookup`) are compared with it
here, in plain Python; a logistic regression of five signals is fitted to the odd-numbered half of the rephrases of
GSM8K, MMLU and GSM-Plus against the odd-numbered clean rows, each kind of rephrase weighing the same. `letters`: the
likeliest of them are compared by their letters and numbers too, and a second regression is fitted. It prints the
weights as they stand in `auditor/rephrase/lookup.py`, and what the first comparison lets through of the even half, or
what different bars of the second let through of all rows.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

import auditor
from auditor.config import ScanConfig
from auditor.embedding import load_embedder
from auditor.index import BenchmarkIndex
from auditor.rephrase.bank import bank_of, stemmed
from auditor.rephrase.lookup import (
    FEWEST_WORDS,
    FINDING,
    FINDS,
    HEAD_START,
    LENGTH,
    LETTERS,
    LOOKED_AT,
    ORDINARY_VIEWS,
    ORDINARY_WORDS,
    TELLS,
    TENFOLD,
    WEIGHTS,
    Lookup,
)
from auditor.rephrase.signals import asks
from auditor.rephrase.views import record_views, word_count
from auditor.sources.options import ReadOptions
from auditor.sources.shapes import text_fields
from benchmarks.rephrase_sets import PLACES, Row, all_sets, clean_rows, is_right
from benchmarks.rephrase_speed import instruction_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditor.rephrase.bank import Bank

BENCHMARKS: Final = ("gsm8k", "mmlu", "humaneval")
SETS: Final = ("gsm8k", "mmlu", "gsm-plus")
CLEAN: Final = ("gsm8k", "alpaca", "dolly")
UNSEEN: Final = ("inside paragraph", "inside sentences", "distraction insertion")
"""Sets that no weight is fitted to; the bars were chosen with them in sight."""
ALL_SPLICED, SPLICED = 20_000, 2500
"""Rows of the speed benchmark, and how many of them say what a bar costs."""
ROUNDS: Final = 4
"""Which view of a record and which of its item belong together is decided with the weights of the round before."""


@dataclass(frozen=True)
class Compared:
    """A part of a record and a view of an item."""

    set: str
    row: int
    odd: bool
    right: bool
    words: int
    views: int
    """Of the item's benchmark."""
    signals: tuple[float, ...]
    """The five that weights are fitted for, and 1 where the text only tells."""


class Gate:
    """The first step in plain Python."""

    def __init__(self, bank: Bank) -> None:
        arrays = bank.arrays
        self.bank = bank
        self.nats = [np.maximum(bank.nats(b), 0.0) for b in range(len(bank.rarities))]
        self.items = [arrays.stem_ids[arrays.stem_start[v] : arrays.stem_start[v + 1]] for v in range(len(bank.views))]
        self.sizes = np.bincount(bank.benchmark_of, minlength=len(bank.rarities))
        self.having: dict[int, list[int]] = {}
        for view, stems in enumerate(self.items):
            for stem in stems.tolist():
                if self.nats[bank.benchmark_of[view]][stem] >= FINDING:
                    self.having.setdefault(stem, []).append(view)
        firsts = np.searchsorted(bank.unit_of, bank.unit_of)
        self.asks = [asks(bank.views[first].text) for first in firsts.tolist()]
        self.totals = [float(self.nats[b][stems].sum()) for b, stems in zip(bank.benchmark_of, self.items, strict=True)]

    def near(self, stems: Sequence[int]) -> dict[int, dict[int, float]]:
        """For each stem of items, the stems of a text that are like it."""
        arrays = self.bank.arrays
        found: dict[int, dict[int, float]] = {}
        for stem in stems:
            place = slice(arrays.near_start[stem], arrays.near_start[stem + 1])
            for other, like in zip(arrays.near_ids[place].tolist(), arrays.near_likeness[place].tolist(), strict=True):
                found.setdefault(other, {})[stem] = like
        return found

    def compared(self, text: str) -> list[tuple[int, tuple[float, ...]]]:
        """(view, signals) of the views of which a text says most."""
        bank = self.bank
        bags = bank.words.bags([text])
        _, ids = stemmed(bags, bank.arrays.stem_of)
        vector = bank.words.embed_bags(bags)[0]
        near = self.near(ids.tolist())
        best = {stem: max(likes.values()) for stem, likes in near.items()}
        said: dict[int, float] = {}
        for stem, like in best.items():
            if like >= FINDS:
                for view in self.having.get(stem, ()):
                    said[view] = said.get(view, 0.0) + like * float(self.nats[bank.benchmark_of[view]][stem])
        ranked = sorted(said, key=lambda view: (-(said[view] ** 2) / self.totals[view], view))
        taken = [0] * len(self.sizes)
        found = []
        tells = not asks(text)
        for view in ranked:
            b = int(bank.benchmark_of[view])
            if taken[b] < LOOKED_AT:
                taken[b] += 1
                found.append((view, self._signals(view, b, ids, near, best, vector, tells=tells and self.asks[view])))
        return found

    def _signals(
        self, view: int, b: int, ids: NDArray[np.int32], near: dict[int, dict[int, float]], best: dict[int, float],
        vector: NDArray[np.float32], *, tells: bool,
    ) -> tuple[float, ...]:  # fmt: skip
        nats, stems = self.nats[b], self.items[view].tolist()
        covered = sum(best.get(stem, 0.0) * float(nats[stem]) for stem in stems)
        own: dict[int, float] = {}
        for stem in stems:
            for other, like in near.get(stem, {}).items():
                own[other] = max(own.get(other, 0.0), like)
        warranted = sum(like * float(nats[stem]) for stem, like in own.items())
        ordinary = float(self.bank.arrays.coarse_ordinary[b])
        cosine = (float(vector @ self.bank.arrays.coarse[view]) - ordinary) / (1 - ordinary)
        share = float(WEIGHTS[4])
        return (
            cosine,
            math.log(covered / max(self.totals[view], 1e-3) + share),
            math.log(warranted / max(float(nats[ids].sum()), 1e-3) + share),
            math.log(max(covered, 1.0)),
            float(tells),
        )


def measured() -> list[Compared]:
    """All pairs of all sets."""
    config = ScanConfig(detectors=("rephrase",))
    index = BenchmarkIndex.build([auditor.load_benchmark(f"{b}={PLACES[b]}") for b in BENCHMARKS], config)
    bank = bank_of(index, load_embedder(config.model))
    gate, options = Gate(bank), ReadOptions()
    ids = [[index.item(number).item_id for number in unit] for unit in bank.units]
    sets: dict[str, list[Row]] = {name: list(all_sets(None)[name]().rows) for name in SETS}
    given = {name: [row for row in rows if row.truth] for name, rows in sets.items()}
    given |= {f"clean {kind}": [row for row in clean_rows(kind) if not row.overlap] for kind in CLEAN}
    found = []
    for name, rows in given.items():
        for number, row in enumerate(rows):
            odd = bool((row.number if row.number >= 0 else number) % 2)
            for view in record_views(text_fields(row.record, options)):
                if view.is_short and not asks(view.text):
                    continue
                for item, signals in gate.compared(view.text):
                    b = int(bank.benchmark_of[item])
                    right = any(is_right(row, BENCHMARKS[b], item_id) for item_id in ids[int(bank.unit_of[item])])
                    if right or row.truth is None:
                        size = int(gate.sizes[b])
                        found.append(Compared(name, number, odd, right, word_count(view.text), size, signals))
        print(name, len(rows), "rows", sum(pair.set == name for pair in found), "pairs", flush=True)
    return found


def fit(pairs: Sequence[Compared]) -> None:
    """Fit, print the weights, and what they let through and lose."""
    from sklearn.linear_model import LogisticRegression

    x = np.array([pair.signals for pair in pairs])
    right, odd = np.array([pair.right for pair in pairs]), np.array([pair.odd for pair in pairs])
    names, rows = np.array([pair.set for pair in pairs]), np.array([pair.row for pair in pairs])
    bars = np.array([TENFOLD * math.log10(max(pair.views, 10) / ORDINARY_VIEWS) for pair in pairs])
    price = np.array([LENGTH * math.log(max(pair.words, FEWEST_WORDS) / ORDINARY_WORDS) for pair in pairs])
    kept = np.array([*WEIGHTS[:4], TELLS])
    scores, intercept = x @ kept, float(WEIGHTS[5])
    for _ in range(ROUNDS):
        use = np.flatnonzero(~right & odd)
        for name in SETS:
            of = np.flatnonzero(right & odd & (names == name))
            of = of[np.lexsort((-scores[of], rows[of]))]
            use = np.concatenate([use, of[np.r_[True, rows[of][1:] != rows[of][:-1]]]])
        y = right[use]
        weight = np.ones(len(use))
        for name in SETS:
            own = y & (names[use] == name)
            weight[own] = (~y).sum() / len(SETS) / own.sum()
        model = LogisticRegression(C=1.0, max_iter=2000).fit(x[use], y, sample_weight=weight)
        scores, intercept = model.decision_function(x), float(model.intercept_[0])
    shown = ", ".join(f"{w:.2f}" for w in model.coef_[0][:4])
    print(f"WEIGHTS [{shown}, {WEIGHTS[4]:.2f}, {intercept:.2f}] TELLS {model.coef_[0][4]:.2f}")
    for label, odds in (("fitted", scores), ("as it ships", x @ kept + float(WEIGHTS[5]))):
        passes = odds - bars - price >= ScanConfig().rephrase_prefilter + HEAD_START
        for name in dict.fromkeys(names.tolist()):
            of = (names == name) & ~odd
            there, through = len(set(rows[of].tolist())), len(set(rows[of & passes].tolist()))
            print(f"  {label}, even half of {name}: {through} of {there} rows pass")


@dataclass(frozen=True)
class Lettered:
    """A part of a record and one of the views that it is likeliest to stand for."""

    set: str
    row: int
    part: int
    odd: bool
    right: bool
    is_clean: bool
    words: int
    signals: tuple[float, ...]
    """In the order of `LETTERS`."""


def lettered() -> list[Lettered]:
    """The pairs that are compared by letters."""
    config = ScanConfig(detectors=("rephrase",))
    index = BenchmarkIndex.build([auditor.load_benchmark(f"{b}={PLACES[b]}") for b in BENCHMARKS], config)
    bank, options = bank_of(index, load_embedder(config.model)), ReadOptions()
    slices = [slice(*np.searchsorted(bank.benchmark_of, [b, b + 1])) for b in range(len(BENCHMARKS))]
    lookup = Lookup(bank, slices, config.rephrase_prefilter)
    ids = [[index.item(number).item_id for number in unit] for unit in bank.units]
    given = {name: [row for row in all_sets(None)[name]().rows if row.truth] for name in (*SETS, *UNSEEN[:-1])}
    given[UNSEEN[-1]] = [row for row in given["gsm-plus"] if row.part == UNSEEN[-1]]
    given["gsm-plus"] = [row for row in given["gsm-plus"] if row.part != UNSEEN[-1]]
    given |= {f"clean {kind}": [row for row in clean_rows(kind) if not row.overlap] for kind in CLEAN}
    given["clean spliced"] = [Row(row, None, -1) for row in instruction_rows(ALL_SPLICED)[:SPLICED]]
    found = []
    for name, rows in given.items():
        views = [(n, view) for n, row in enumerate(rows) for view in record_views(text_fields(row.record, options))]
        views = [(n, view) for n, view in views if not (view.is_short and not asks(view.text)) and not view.program()]
        for begin in range(0, len(views), 512):
            some = views[begin : begin + 512]
            texts = [view.text for _, view in some]
            bars = lookup.price(texts) + (config.rephrase_prefilter + HEAD_START)
            likely, leads = lookup.likeliest(bank.words.bags(texts), texts, bars)
            for part, (number, view) in enumerate(some):
                row = rows[number]
                if leads[part].max() < bars[part]:
                    continue
                for item, lead in zip(likely[part].tolist(), leads[part].tolist(), strict=True):
                    if item < 0:
                        break
                    benchmark = BENCHMARKS[int(bank.benchmark_of[item])]
                    right = any(is_right(row, benchmark, item_id) for item_id in ids[int(bank.unit_of[item])])
                    odd = bool((row.number if row.number >= 0 else number) % 2)
                    signals = tuple(lookup.letters(view.text, item, lead).values())
                    found.append(Lettered(name, number, begin + part, odd, right, row.truth is None,
                                          word_count(view.text), signals))  # fmt: skip
        print(name, len(rows), "rows", sum(pair.set == name for pair in found), "pairs", flush=True)
    return found


def fit_letters(pairs: Sequence[Lettered]) -> None:
    """Fit, print the weights, and what different bars let through."""
    from sklearn.linear_model import LogisticRegression

    names = tuple(name for name in LETTERS if name != "intercept")
    x = np.array([pair.signals for pair in pairs])
    scores = x @ np.array([LETTERS[name] for name in names]) + LETTERS["intercept"]
    right, odd = np.array([pair.right for pair in pairs]), np.array([pair.odd for pair in pairs])
    clean, sets = np.array([pair.is_clean for pair in pairs]), np.array([pair.set for pair in pairs])
    price = np.array([LENGTH * math.log(max(pair.words, FEWEST_WORDS) / ORDINARY_WORDS) for pair in pairs])

    def best(of: NDArray[np.bool_], scores: NDArray[np.float64], *, of_row: bool) -> NDArray[np.intp]:
        """The likeliest pair of each part, or of each row."""
        kept: dict[tuple[str, int, int], int] = {}
        for i in np.flatnonzero(of).tolist():
            key = (pairs[i].set, pairs[i].row, 0 if of_row else pairs[i].part)
            if key not in kept or scores[i] > scores[kept[key]]:
                kept[key] = i
        return np.array(sorted(kept.values()), np.intp)

    def passed(label: str, scores: NDArray[np.float64], bars: Sequence[float]) -> None:
        counts = {name: len({p.row for p in pairs if p.set == name and p.right}) for name in (*SETS, *UNSEEN)}
        print(f"  {label}: of {counts}")
        spliced = best(sets == "clean spliced", scores - price, of_row=False)
        for bar in bars:
            over = scores - price >= bar
            through = {name: len({pairs[i].row for i in np.flatnonzero(over & (sets == name))}) for name in counts}
            parts = spliced[over[spliced]]
            print(f"    {bar:5.1f}: {through}; of spliced rows {len(parts)} parts, "
                  f"{sum(pairs[i].words for i in parts)} words")  # fmt: skip

    for _ in range(ROUNDS):
        positive = best(right & odd & np.isin(sets, SETS), scores, of_row=True)
        negative = best(clean & odd & (sets != "clean spliced"), scores, of_row=False)
        use = np.concatenate([positive, negative])
        weight = np.ones(len(use))
        for name in SETS:
            own = np.flatnonzero(sets[positive] == name)
            weight[own] = len(negative) / len(SETS) / len(own)
        model = LogisticRegression(C=1000.0, max_iter=5000).fit(x[use], right[use], sample_weight=weight)
        scores, intercept = model.decision_function(x), float(model.intercept_[0])
    shown = ", ".join(f'"{name}": {w:.2f}' for name, w in zip(names, model.coef_[0], strict=True))
    print(f'LETTERS {{{shown}, "intercept": {intercept:.2f}}}')
    passed("fitted", scores, np.arange(-6.0, 0.0, 0.5).tolist())
    passed("by word vectors alone", x[:, 0], [-2.3, -1.3, -0.8, -0.3, 0.2])


def main() -> None:
    """Measure and fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", nargs="?", choices=["words", "letters"], default="words")
    if parser.parse_args().step == "words":
        fit(measured())
    else:
        fit_letters(lettered())


if __name__ == "__main__":
    main()
