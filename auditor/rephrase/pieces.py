"""How much of what a text says is said in another, piece by piece: the embedding of a whole text hides a word that is
missing or one too many.

Each piece of one text is compared with all pieces of the other as the model's middle layer sees them, and the best
cosine counts as much as the piece says among the items (BERTScore with importance weighting, Zhang et al. 2020,
arXiv 1904.09675).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditor.embedding.models import Pieces

MOST: Final = 8.0
"""Nats that a piece counts at the most: beyond, it is a misprint or a foreign word, and says no more."""
LEAST: Final = 1.0
"""Nats below which a piece counts for nothing: the special ones, articles, the question mark."""


def piece_nats(counts: NDArray[np.int32], texts: int) -> NDArray[np.float32]:
    """[vocabulary] of how much each piece says, from the number of `texts` that have it."""
    nats = np.minimum(np.log((texts + 1) / (counts + 0.5)), MOST)
    return np.where(nats < LEAST, 0.0, nats).astype(np.float32)


def coverage(item: Pieces, text: Pieces, nats: NDArray[np.float32]) -> tuple[float, float]:
    """(how much of the item the text says too, how much of the text the item says too): weighted mean cosines.

    Where a text has no pieces that count, the cosine of the whole texts stands for both.
    """
    whole = float(item.whole @ text.whole)
    if not len(item.ids) or not len(text.ids):
        return whole, whole
    cosines = item.vectors @ text.vectors.T
    return _mean(cosines.max(axis=1), nats[item.ids], whole), _mean(cosines.max(axis=0), nats[text.ids], whole)


def _mean(cosines: NDArray[np.float32], weights: NDArray[np.float32], otherwise: float) -> float:
    total = float(weights.sum())
    return float(cosines @ weights) / total if total > 0 else otherwise
