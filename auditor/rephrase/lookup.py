"""The cheap first look: which parts of records are worth what the model costs, by word vectors alone.

The items of which a text says most are found through lists of the items that have a word, and each word of the text
stands for the words near it too. They are compared with the text word by word, both ways, and as means of word vectors.
A logistic regression of that says which texts the model looks at: of texts that rephrase an item, all but one to six in
a hundred; of others, one in twenty. `benchmarks.rephrase_gate` fits it again, to about the weights below, which an
earlier script gave: 4.01, 2.93, 2.66, 1.27 and 1.97, and -2.94 where the text only tells.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from auditor.kernels.lookalikes import best_lead
from auditor.rephrase.bank import stemmed
from auditor.rephrase.signals import asks
from auditor.rephrase.views import word_count

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        self._bounds = np.array([0, *(bounds.stop for bounds in slices)], np.int64)
        sizes = [max(bounds.stop - bounds.start, 10) for bounds in slices]
        self._bars = np.array([floor + TENFOLD * math.log10(size / ORDINARY_VIEWS) for size in sizes])
        views = np.repeat(np.arange(len(bank.views)), np.diff(arrays.stem_start))
        says = self._nats[bank.benchmark_of[views], arrays.stem_ids]
        self._totals = np.bincount(views, says, len(bank.views)).astype(np.float32)
        order = np.argsort(arrays.stem_ids, kind="stable")
        order = order[says[order] >= FINDING]
        self._post_views = views[order].astype(np.int32)
        self._post_nats = says[order]
        questions = np.searchsorted(bank.unit_of, bank.unit_of)
        self._tells = np.array([not asks(bank.views[first].text) for first in questions.tolist()], np.int8)
        self.mostly_asks = bool(self._tells.size) and float(self._tells.mean()) <= 1 - MOSTLY
        words = len(arrays.near_start) - 1
        finds = arrays.near_likeness >= FINDS
        owners = np.repeat(np.arange(words), np.diff(arrays.near_start))[finds]
        self._find_start = np.searchsorted(owners, np.arange(words + 1)).astype(np.int64)
        self._find_ids, self._find_likeness = arrays.near_ids[finds], arrays.near_likeness[finds]
        self._post_start = np.searchsorted(arrays.stem_ids[order], np.arange(words + 1)).astype(np.int64)

    def lead(self, bags: Bags, texts: Sequence[str]) -> NDArray[np.float32]:
        """How far texts, of which `bags` are the words, are above the bar of some benchmark, in log odds: [texts];
        of an ordinary length they are worth it from 0 on."""
        arrays = self._bank.arrays
        lead = np.full((len(texts), 2), NONE - self._bars.min(initial=0.0), np.float32)
        start, ids = stemmed(bags, arrays.stem_of)
        best_lead(
            start, ids, self._bank.words.embed_bags(bags), self._find_start, self._find_ids, self._find_likeness,
            arrays.near_start, arrays.near_ids, arrays.near_likeness,
            self._post_start, self._post_views, self._post_nats, self._totals, arrays.stem_start, arrays.stem_ids,
            self._tells, arrays.coarse, self._bounds, self._nats, arrays.coarse_ordinary, self._bars, WEIGHTS,
            LOOKED_AT, lead,
        )  # fmt: skip
        for i in np.flatnonzero(lead[:, 0] >= 0).tolist():
            if not asks(texts[i]):
                lead[i, 0] += TELLS
        return np.asarray(lead.max(axis=1))

    def price(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What texts must lead by to be worth what the model costs: [texts], in log odds."""
        words = np.array([max(word_count(text), FEWEST_WORDS) for text in texts])
        return np.asarray(LENGTH * np.log(words / ORDINARY_WORDS), np.float32)
