"""From log odds to probabilities, with a stated false discovery rate: how many rephrases does this corpus hold?

The odds of a pair say how well its evidence fits a rephrase; whether it is one also depends on how many there are. That
share is estimated from the run itself by expectation maximisation (Saerens, Latinne and Decaestecker 2002): a corpus
without rephrases gets a share near 0, and then even odds of a thousand to one are a coincidence among many records.

The odds were learnt with other texts and perhaps another model, so they are first checked on negatives that every run
has: the second-nearest items of its own records, which ask something else. Where those score higher than such pairs did
when the odds were learnt, all odds are lowered until they do not.
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

REFERENCE_QUANTILE: Final = 0.99
"""Of the natural negatives: far enough out to be near the scores that matter, and still backed by some of them."""
REFERENCE_LOG_ODDS: Final = -2.0
"""What that quantile was on the development pairs."""
ENOUGH: Final = 300
"""Natural negatives at which a run's own quantile counts half; fewer say little of their hundredth."""


def bin_of(log_odds: float) -> int:
    """The histogram bin of a score."""
    return min(max(int((log_odds - LOWEST) / STEP), 0), BINS - 1)


@dataclass
class RephraseTally:
    """What a part of a run saw, to be added up in any order: histograms of log odds for each benchmark."""

    views: int = 0
    """Parts of records that were looked at, however coarsely."""
    encoded: int = 0
    """Those that went through the model."""
    nearest: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """Of each part's nearest item, numbers being the same."""
    others: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """Of the items after it: natural negatives."""

    def count(self, kind: str, benchmark: str, log_odds: float) -> None:
        """Count a pair; `kind` is "nearest" or "others"."""
        histogram: dict[str, NDArray[np.int64]] = getattr(self, kind)
        if benchmark not in histogram:
            histogram[benchmark] = np.zeros(BINS, np.int64)
        histogram[benchmark][bin_of(log_odds)] += 1

    def add(self, other: RephraseTally) -> None:
        """Add another part's counts."""
        self.views += other.views
        self.encoded += other.encoded
        for own, more in ((self.nearest, other.nearest), (self.others, other.others)):
            for benchmark, counts in more.items():
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

        return {"views": self.views, "encoded": self.encoded, "nearest": sparse(self.nearest),
                "others": sparse(self.others)}  # fmt: skip

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

        return cls(int(str(row["views"])), int(str(row["encoded"])), dense(row["nearest"]), dense(row["others"]))


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a run's log odds become probabilities, for one benchmark."""

    share: float
    """Estimated share of the parts of records that rephrase an item."""
    shift: float
    """What is taken from the log odds because the run's natural negatives score higher than they should."""
    negatives: int
    """Natural negatives that this rests on."""

    def probability(self, log_odds: float) -> float:
        """Of a pair being a rephrase, given its log odds."""
        if self.share <= 0:
            return 0.0
        odds = np.exp(min(log_odds - self.shift, 50.0)) * self.share / (1 - self.share)
        return float(odds / (1 + odds))


def calibrate(views: int, nearest: NDArray[np.int64], others: NDArray[np.int64]) -> Calibration:
    """Calibrate one benchmark's scores from a run's histograms (see the module).

    Args:
        views: parts of records that were looked at; those that no histogram counts are clean.
        nearest: [BINS] of the nearest items. others: [BINS] of the next ones.
    """
    shift = _shift(others)
    ratios = np.exp(np.minimum(CENTRES - shift, 50.0))
    share = 0.01
    total = max(views, int(nearest.sum()), 1)
    for _ in range(500):
        posterior = share * ratios / (1 - share + share * ratios)
        updated = float((nearest * posterior).sum() / total)
        if abs(updated - share) < 1e-9:
            break
        share = updated
    return Calibration(min(share, 0.999), shift, int(others.sum()))


def _shift(others: NDArray[np.int64]) -> float:
    count = int(others.sum())
    if not count:
        return 0.0
    place = int(np.searchsorted(np.cumsum(others), REFERENCE_QUANTILE * count))
    above = float(CENTRES[min(place, BINS - 1)]) - REFERENCE_LOG_ODDS
    return max(0.0, above) * count / (count + ENOUGH)


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
