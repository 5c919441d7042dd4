"""A training set without its contaminated records, in its own format; and benchmarks without the items found in it."""

from __future__ import annotations

from auditor.cleaning.options import Action, CleanOptions, Done
from auditor.cleaning.run import CleanResult, clean

__all__ = ["Action", "CleanOptions", "CleanResult", "Done", "clean"]
