"""The cheap first look: which parts of records are worth what the model costs, by their words and letters alone.

The items of which a text says most are found through lists of the items that have a word, and each word of the text
stands for the words near it too. They are compared with the text word by word, both ways, and as means of word vectors;
a logistic regression of that says which are the likeliest. Those are compared by their letters and numbers, and another
one says which texts the model looks at: of texts that rephrase an item, all but one or two in a hundred; of others, one
in twenty-five. `benchmarks.rephrase_gate` fits both: the first to about the weights below, which an earlier script gave
(4.01, 2.93, 2.66, 1.27 and 1.97, and -2.94 where the text only tells), the second to those below but for one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from rapidfuzz import fuzz

from auditor.kernels.lookalikes import best_leads
from auditor.rephrase.bank import stemmed
from auditor.rephrase.quantities import compare_quantities
from auditor.rephrase.signals import asks, is_latin
from auditor.rephrase.views import word_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from auditor.embedding.words import Bags
    from auditor.rephrase.bank import Bank

FINDING: Final = 2.5
"""Nats from which on a word finds items: with commoner ones no more are found. All words are compared."""
FINDS: Final = 0.3
"""Likeness of two words, from 0 to 1, from which on one finds the items that have the other: lower ones cost half as
much again and find no more. All that are alike are compared."""
LOOKED_AT: Final = 10
"""Views of each benchmark that are compared: of rephrases of MMLU, 98 in 100 have their item among them."""
WEIGHTS: Final = np.array([3.85, 2.88, 2.61, 1.51, 0.05, 1.51])
"""Log odds for the cosine, in units of the word vectors; for the log share of the item that the text says, of the text
that the item says, and of the nats that both say; what is added to a share; the intercept."""
TELLS: Final = -3.54
"""Log odds where the item asks and the text only tells, as most of what answers hold."""
CHOSEN: Final = 4
"""Views that are compared by their letters too: of all benchmarks together the likeliest by word vectors; several may
be of one item."""
LETTERS: Final = {"lead": 0.69, "whole_alignment": 23.25, "missing": -3.20, "added": -3.21, "intercept": -12.94}
"""Log odds for those of `WEIGHTS`, above the bar; for rapidfuzz's token sort ratio; and, against it, for the share of
the item's numbers that the text lacks, and where it has others. Half of the words pass that would pass by word vectors
alone, with seven more rephrases of MMLU and four more of GSM8K. Since the 1800s are read as the 19th century
the fit gives -5.54 for numbers that are lacking, and about the same for the rest; it was not taken over, as a number
that we cannot read should not decide."""
LAST_IN_FAVOUR: Final = "whole_alignment"
"""What comes after it only counts against a text."""
UNSORTED: Final = -2.2
"""Added to the log odds by word vectors of a text that is not in Latin letters, of which they are all: where a script
has no blanks, words cannot be sorted. The same bar then asks as much as of all texts before letters were compared."""
HEAD_START: Final = -1.0
"""Log odds by word vectors, above `rephrase_prefilter`, from which on a text is compared by its letters."""
TENFOLD: Final = 0.8
"""Log odds that the bar rises by where a benchmark has ten times as many views: the nearest of them is nearer by
chance."""
ORDINARY_WORDS: Final = 40
"""Words of a text for which the bar is the one that is configured."""
FEWEST_WORDS: Final = 8
LENGTH: Final = 2.0
"""Log odds that the bar rises by where a text has e times as many words, and falls by where it has fewer: a long one
costs the model more, says more by chance, and what it holds of an item a shorter part of it holds too. It, and the bar
(`rephrase_prefilter`), were chosen with all rows of GSM8K, MMLU and GSM-Plus in sight: for about the same recall, two
thirds of the words are read."""
ORDINARY_VIEWS: Final = 1000
"""Views of a benchmark for which the bar is the one that is configured."""
MOSTLY: Final = 0.9
"""Share of items that ask, from which on a short window that only tells is not looked at: seven in ten do, and what
they hold stands in a longer part too."""
NONE: Final = -50.0
"""Log odds of a text that shares nothing with any item."""


class Lookup:
    """The items of a bank by their words. Safe to call from any number of threads."""

    def __init__(self, bank: Bank, slices: Sequence[slice], floor: float) -> None:
        arrays = bank.arrays
        self._bank = bank
        self._nats = np.stack([np.maximum(bank.nats(b), 0.0) for b in range(len(slices))]).astype(np.float32)
        sizes = [max(bounds.stop - bounds.start, 10) for bounds in slices]
        self._floor = floor
        self._bars = np.array([TENFOLD * math.log10(size / ORDINARY_VIEWS) for size in sizes])
        views = np.repeat(np.arange(len(bank.views)), np.diff(arrays.stem_start))
        says = self._nats[bank.benchmark_of[views], arrays.stem_ids]
        self._totals = np.bincount(views, says, len(bank.views)).astype(np.float32)
        order = np.argsort(arrays.stem_ids, kind="stable")
        order = order[says[order] >= FINDING]
        self._post_views = views[order].astype(np.int32)
        self._post_nats = says[order]
        self._asks = np.array([asks(bank.views[first].text) for first in bank.first_of.tolist()], bool)
        self.mostly_asks = bool(self._asks.size) and float(self._asks.mean()) >= MOSTLY
        words = len(arrays.near_start) - 1
        finds = arrays.near_likeness >= FINDS
        owners = np.repeat(np.arange(words), np.diff(arrays.near_start))[finds]
        self._find_start = np.searchsorted(owners, np.arange(words + 1)).astype(np.int64)
        self._find_ids, self._find_likeness = arrays.near_ids[finds], arrays.near_likeness[finds]
        self._post_start = np.searchsorted(arrays.stem_ids[order], np.arange(words + 1)).astype(np.int64)

    def worth(self, bags: Bags, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """How far texts, of which `bags` are the words, lead by word vectors, and which are worth what the model costs:
        [texts] each.

        Of parts of one text the one that leads is to be taken: by letters and numbers, it would be the one that leaves
        out what has changed.
        """
        price = self.price(texts)
        first_bar = price + self._floor + HEAD_START
        views, leads = self.likeliest(bags, texts, first_bar)
        lead = leads.max(axis=1)
        odds = np.full(len(texts), NONE, np.float32)
        for i in np.flatnonzero(lead >= first_bar).tolist():
            odds[i] = self._compared(texts[i], views[i], leads[i], float(price[i]) + self._floor)
        return lead, odds >= price + self._floor

    def likeliest(
        self, bags: Bags, texts: Sequence[str], bars: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The views that each text is likeliest to stand for, -1 where there are fewer, and their log odds by word
        vectors: [texts, CHOSEN]. They are chosen as if each text asked; what only tells is taken off afterwards, and
        not below the `bars` of the texts."""
        arrays = self._bank.arrays
        start, ids = stemmed(bags, arrays.stem_of)
        views = np.full((len(start) - 1, CHOSEN), -1, np.int64)
        leads = np.full(views.shape, NONE - self._bars.max(initial=0.0), np.float32)
        best_leads(
            start, ids, self._bank.words.embed_bags(bags), self._find_start, self._find_ids, self._find_likeness,
            arrays.near_start, arrays.near_ids, arrays.near_likeness,
            self._post_start, self._post_views, self._post_nats, self._totals, arrays.stem_start, arrays.stem_ids,
            arrays.coarse, self._bank.benchmark_of, self._nats, arrays.coarse_ordinary, self._bars, WEIGHTS, LOOKED_AT,
            views, leads,
        )  # fmt: skip
        for i in np.flatnonzero((leads[:, 0] >= bars) & (views[:, 0] >= 0)).tolist():
            if not asks(texts[i]):
                leads[i, self._asks[views[i]]] += TELLS
        return views, leads

    def _compared(self, text: str, views: NDArray[np.int64], leads: NDArray[np.float32], least: float) -> float:
        """Log odds of the likeliest of some views, by their letters and numbers too; those that stay below `least` are
        not measured to the end."""
        if not is_latin(text):
            return float(leads.max()) + UNSORTED
        best = NONE
        for view, lead in zip(views.tolist(), leads.tolist(), strict=True):
            if view < 0:
                break
            odds = LETTERS["intercept"]
            for name, value in self._signals(text, view, lead):
                odds += LETTERS[name] * value
                if name == LAST_IN_FAVOUR and (odds < least or odds <= best):
                    break
            best = max(best, odds)
        return best

    def letters(self, text: str, view: int, lead: float) -> dict[str, float]:
        """The signals of a text and a view that `LETTERS` weighs, in its order."""
        return dict(self._signals(text, view, lead))

    def _signals(self, text: str, view: int, lead: float) -> Iterator[tuple[str, float]]:
        item = self._bank.views[view].text
        yield "lead", lead
        yield "whole_alignment", fuzz.token_sort_ratio(item.lower(), text.lower()) / 100
        numbers = compare_quantities(item, text)
        yield "missing", numbers.missing / numbers.stated if numbers.stated else 0.0
        yield "added", float(numbers.added > 0)

    def price(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What texts must lead by to be worth what the model costs: [texts], in log odds."""
        words = np.array([max(word_count(text), FEWEST_WORDS) for text in texts])
        return np.asarray(LENGTH * np.log(words / ORDINARY_WORDS), np.float32)
