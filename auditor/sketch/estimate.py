"""What a sample of n-grams says of an item, and of the items of a benchmark together.

An item has m n-grams, of which the sketch's bound takes s, and x of these are in the sketch. Its containment is the
share of its m n-grams that the training set holds. For the benchmark the distribution of containments is estimated by
maximum likelihood over a few values (a mixture of binomials: Laird 1978), each item weighted by the inverse of its
chance to be sampled at all (Horvitz and Thompson 1952).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUPPORT = np.array([0.005, 0.1, 0.25, 0.5, 0.75, 0.99])
"""Containments that the mixture is made of. An item that is absent still shares 0.4 % of its n-grams with unrelated
text, and one that is there has lost 1 % of them to a line break or a typing error."""
CONTAINED = np.array([0.0, 0.0, 0.0, 0.5, 1.0, 1.0])
"""How much of each counts as contaminated: one half is where a copy with a word in twelve replaced and half an item
meet, and the scan calls the first contaminated and the second not."""
ROUNDS = 150
"""Steps of the EM algorithm; more change the estimate by less than 0.1 points."""
RESAMPLES = 200
CONFIDENCE = 0.95
NEARLY_NONE = 1e-6
"""Items below which an estimate is none at all: EM only comes near to 0."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Share of a benchmark's items that is contaminated."""

    estimate: float
    low: float
    high: float
    judged: int
    """Items that it rests on."""
    mixture: tuple[float, ...]
    """Weight of each value of `SUPPORT`."""


def detection_probability(grams: int, fraction: float) -> float:
    """Chance that at least one of an item's n-grams is in a sketch: 1 - (1 - f)^m, with m = tokens - size + 1."""
    return float(1 - (1 - fraction) ** max(0, grams))


def containment_interval(
    m: NDArray[np.int64], s: NDArray[np.int64], x: NDArray[np.int64], confidence: float = CONFIDENCE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clopper and Pearson's interval for each containment, narrowed to what the sampled n-grams leave possible.

    Args:
        m, s, x: shape (items,), with 0 <= x <= s <= m. Where s is 0, the interval is [0, 1].
        confidence: in (0, 1).
    """
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = np.where(x > 0, beta.ppf(tail, np.maximum(x, 1), s - x + 1), 0.0)
    high = np.where(x < s, beta.ppf(1 - tail, x + 1, np.maximum(s - x, 1)), 1.0)
    whole = np.maximum(m, 1)
    low = np.maximum(low, x / whole)
    high = np.minimum(high, np.where(m > 0, (m - s + x) / whole, 1.0))
    return low, high


def mixture(s: NDArray[np.int64], x: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of each value of `SUPPORT`, by EM from equal weights. Shapes (n,); the result adds up to 1."""
    likelihood = _likelihood(s, x)
    share: NDArray[np.float64] = np.full(len(SUPPORT), 1 / len(SUPPORT), np.float64)
    total = weight.sum()
    for _ in range(ROUNDS):
        joint = likelihood * share
        share = (weight[:, None] * (joint / joint.sum(1, keepdims=True))).sum(0) / total
    return share


def _likelihood(s: NDArray[np.int64], x: NDArray[np.int64]) -> NDArray[np.float64]:
    log = x[:, None] * np.log(SUPPORT) + (s - x)[:, None] * np.log1p(-SUPPORT)
    likelihood: NDArray[np.float64] = np.exp(log - log.max(1, keepdims=True))
    return likelihood


def contaminated_rate(
    m: NDArray[np.int64], s: NDArray[np.int64], x: NDArray[np.int64], copies: NDArray[np.int64], fraction: float
) -> Rate | None:
    """The contaminated share of items of which at least one n-gram was sampled, standing for those without.

    The interval is that of a bootstrap over items, and at least as wide as Clopper and Pearson's for as many items as
    the weights are worth, which holds where nothing or everything was found.

    Args:
        m, s, x: shape (groups,), as for `containment_interval`.
        copies: items that each of them stands for (questions that a benchmark repeats).
        fraction: share of n-grams that is sampled.

    Returns:
        None where no item was sampled.
    """
    from scipy.stats import beta

    judged = s > 0
    if not judged.any():
        return None
    m, s, x, copies = m[judged], s[judged], x[judged], copies[judged]
    weight = copies / np.maximum(1 - (1 - fraction) ** m, 1e-12)
    # items with the same sample are the same to the mixture
    cells, cell = np.unique(np.stack([s, x]), axis=1, return_inverse=True)
    cell = cell.reshape(-1)

    def fitted(times: NDArray[np.float64]) -> NDArray[np.float64]:
        return mixture(cells[0], cells[1], np.bincount(cell, weight * times, cells.shape[1]).astype(np.float64))

    share = fitted(np.ones(len(s)))
    estimate = float(share @ CONTAINED)
    draw = np.random.default_rng(0)
    tail = (1 - CONFIDENCE) / 2
    resampled = [
        float(fitted(draw.multinomial(len(s), np.full(len(s), 1 / len(s))).astype(float)) @ CONTAINED)
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(resampled, [tail, 1 - tail])
    worth = float(weight.sum() ** 2 / (weight**2).sum())
    hits = estimate * worth
    exact_low = float(beta.ppf(tail, hits, worth - hits + 1)) if hits > NEARLY_NONE else 0.0
    exact_high = float(beta.ppf(1 - tail, hits + 1, worth - hits)) if worth - hits > NEARLY_NONE else 1.0
    return Rate(
        estimate, float(min(low, exact_low, estimate)), float(max(high, exact_high, estimate)), int(copies.sum()),
        tuple(share.tolist()),
    )  # fmt: skip


def contained_probability(
    s: NDArray[np.int64], x: NDArray[np.int64], share: NDArray[np.float64], items: int
) -> NDArray[np.float64]:
    """Probability that each item is there, given its sample and what the benchmark's other items show.

    Empirical Bayes with the mixture as the prior, to which one absent item is added: of a benchmark of few items, the
    prior must not rest on the very item that it judges.
    """
    prior = share * items
    prior[0] += 1
    joint = _likelihood(s, x) * prior
    probability: NDArray[np.float64] = (joint @ CONTAINED) / joint.sum(1)
    return np.where(s > 0, probability, 0.0)
