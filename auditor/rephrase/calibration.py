"""From log odds to probabilities, with a stated false discovery rate: how many rephrases does this corpus hold?

The odds of a pair say how well its evidence fits a rephrase; whether it is one also depends on how many there are. That
share is estimated from the run itself by expectation maximisation (Saerens, Latinne and Decaestecker 2002): a corpus
without rephrases gets a share near 0, and then even odds of a thousand to one are a coincidence among many records.

The odds were learnt with other texts, other benchmarks and perhaps another model: a corpus of school problems has more
near misses of a benchmark of school problems than a general one has. How many more is estimated too, together with the
share, from how many pairs have poor odds, and counts against all others. And where a text may rephrase either of two
items, they share its probability: the wrong one would be a false call, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

LOWEST, HIGHEST, STEP = -30.0, 30.0, 0.25
BINS: Final = int((HIGHEST - LOWEST) / STEP)
CENTRES: Final = LOWEST + STEP * (np.arange(BINS) + 0.5)


def bin_of(log_odds: float) -> int:
    """The histogram bin of a score."""
    return min(max(int((log_odds - LOWEST) / STEP), 0), BINS - 1)


@dataclass
class RephraseTally:
    """What a part of a run saw, to be added up in any order: histograms of log odds for each benchmark."""

    views: int = 0
    """Parts of records that were looked at, however coarsely."""
    texts: int = 0
    """The same in texts of ordinary length, each of which may be taken for an item by chance."""
    encoded: int = 0
    """Those that went through the model."""
    foreign_texts: int = 0
    """Of `texts`, those in another language than the items, where the model knows that."""
    nearest: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """Of each part's nearest item, numbers being the same."""
    others: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """Of the items after it: natural negatives."""
    foreign: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """As `nearest`, of parts in another language than the item: other signals tell there, and other odds are usual."""
    foreign_others: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def count(self, benchmark: str, log_odds: float, *, is_nearest: bool, is_foreign: bool) -> None:
        """Count a pair."""
        kinds = (self.others, self.nearest), (self.foreign_others, self.foreign)
        histogram = kinds[is_foreign][is_nearest]
        if benchmark not in histogram:
            histogram[benchmark] = np.zeros(BINS, np.int64)
        histogram[benchmark][bin_of(log_odds)] += 1

    def add(self, other: RephraseTally) -> None:
        """Add another part's counts."""
        self.views += other.views
        self.texts += other.texts
        self.encoded += other.encoded
        self.foreign_texts += other.foreign_texts
        for name in _HISTOGRAMS:
            own: dict[str, NDArray[np.int64]] = getattr(self, name)
            for benchmark, counts in getattr(other, name).items():
                own[benchmark] = own[benchmark] + counts if benchmark in own else counts.copy()

    def copy(self) -> RephraseTally:
        """A tally that can be added to without changing this one."""
        made = RephraseTally()
        made.add(self)
        return made

    def to_json(self) -> dict[str, object]:
        """JSON values; only the bins that are not empty."""

        def sparse(histograms: Mapping[str, NDArray[np.int64]]) -> dict[str, dict[str, int]]:
            return {b: {str(i): int(n) for i, n in enumerate(h) if n} for b, h in sorted(histograms.items())}

        return {name: getattr(self, name) for name in _NUMBERS} | {
            name: sparse(getattr(self, name)) for name in _HISTOGRAMS
        }

    @classmethod
    def from_json(cls, row: Mapping[str, object]) -> RephraseTally:
        """The inverse of `to_json`."""

        def dense(found: object) -> dict[str, NDArray[np.int64]]:
            histograms = {}
            assert isinstance(found, dict)  # noqa: S101
            for benchmark, counts in found.items():
                histograms[benchmark] = np.zeros(BINS, np.int64)
                for i, n in counts.items():
                    histograms[benchmark][int(i)] = n
            return histograms

        made = cls()
        for name in _NUMBERS:
            setattr(made, name, int(str(row[name])))
        for name in _HISTOGRAMS:
            setattr(made, name, dense(row[name]))
        return made


_NUMBERS: Final = ("views", "texts", "encoded", "foreign_texts")
_HISTOGRAMS: Final = ("nearest", "others", "foreign", "foreign_others")

CLEAN_RATE: Final = 0.008
"""Clean texts of ordinary length that come near enough an item of a benchmark to be measured closely, for each text: in
the rows that the odds were fitted to."""
FOREIGN_CLEAN_RATE: Final = 0.29
"""The same of clean texts in another language than the items: what is quick to measure tells less there, and more is
measured closely."""
PRIOR: Final = 5.0
"""Such pairs that a run is thought to have had before it began, so that a small one does not make much of few."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a run's log odds become probabilities, for one benchmark."""

    share: float
    """Estimated share of the texts that rephrase an item."""
    crowding: float = 1.0
    """How many times as many near misses there are as in the rows that the odds were fitted to; at least 1."""

    def probability(self, log_odds: float, rival_odds: float = -50.0) -> float:
        """Of a pair being a rephrase, given its log odds and the log of the summed odds of the other items that the
        same text may rephrase instead."""
        if self.share <= 0:
            return 0.0
        to_one = self.share / (1 - self.share) / self.crowding
        odds, rivals = (float(np.exp(min(value, 50.0))) * to_one for value in (log_odds, rival_odds))
        return odds / (1 + odds + rivals)


def calibrate(texts: int, nearest: NDArray[np.int64], clean_rate: float = CLEAN_RATE) -> Calibration:
    """Calibrate one benchmark's scores from a run's histogram (see the module).

    Args:
        texts: how many were looked at; those that the histogram does not count are clean.
        nearest: [BINS] of the log odds of the nearest items.
        clean_rate: pairs of clean texts in the histogram, for each text, where the odds were fitted.
    """
    ratios = np.exp(np.minimum(CENTRES, 50.0))
    share, crowding = 0.01, 1.0
    total = max(texts, int(nearest.sum()), 1)
    for _ in range(500):
        posterior = share * ratios / ((1 - share) * crowding + share * ratios)
        found = float((nearest * posterior).sum())
        misses = float(nearest.sum()) - found
        crowding = max(1.0, (misses + PRIOR) / (total * (1 - share) * clean_rate + PRIOR))
        if abs(found / total - share) < 1e-9:
            break
        share = found / total
    return Calibration(min(share, 0.999), crowding)


def threshold(probabilities: Sequence[float], rate: float) -> tuple[float, float]:
    """(least probability to call contaminated, estimated false discovery rate of what is).

    The most probable matches are taken for as long as their mean probability of being clean stays within `rate`; 1.01
    and 0.0 where not even the first is.
    """
    ordered = sorted(probabilities, reverse=True)
    lowest, stated, doubt = 1.01, 0.0, 0.0
    for n, probability in enumerate(ordered, 1):
        doubt += 1 - probability
        if doubt / n > rate:
            break
        lowest, stated = probability, doubt / n
    return lowest, stated
