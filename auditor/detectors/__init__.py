"""Detectors propose which records may hold which items, cheapest first; the verifier decides."""
