"""Detectors propose which records may hold which items, cheapest first; the verifier decides."""

from __future__ import annotations

NGRAM = "ngram"
"""Records that share n-grams with an item."""
MINHASH = "minhash"
"""Records with a window whose MinHash sketch resembles an item's."""
DETECTORS = (NGRAM, MINHASH)
