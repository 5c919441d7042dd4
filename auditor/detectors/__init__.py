"""Detectors propose which records may hold which items, cheapest first; the verifier decides."""

from __future__ import annotations

NGRAM = "ngram"
"""Records that share n-grams with an item."""
MINHASH = "minhash"
"""Records with a window whose MinHash sketch resembles an item's."""
REPHRASE = "rephrase"
"""Texts that a sentence embedding and the signals beside it take for an item in other words."""
DETECTORS = (NGRAM, MINHASH)
"""Those that run unless others are named: they need no model."""
ALL_DETECTORS = (NGRAM, MINHASH, REPHRASE)
