"""Make the rephrase detector of a run, with its model: nothing of it is imported by runs without it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from auditor.detectors import REPHRASE

if TYPE_CHECKING:
    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex
    from auditor.rephrase.detector import Rephraser
    from auditor.sources import ReadOptions

LARGE_BLOCK: Final = 4 << 20
"""Bytes from which on freed memory goes back to the system at once: cosines and batches, of which no two are as large,
leave holes otherwise. A sixth of what a scan takes, for no time."""
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
"""Of `mallopt`, in glibc's malloc.h."""
BLOCK_BYTES: Final = 1 << 20
"""Bytes of a block at the most where the model is asked: some seconds of work, so that workers end close together."""


def reading_for(config: ScanConfig, reading: ReadOptions) -> ReadOptions:
    """How a training set is read for a run's detectors: in smaller blocks where a block is much work."""
    if REPHRASE not in config.detectors:
        return reading
    return replace(reading, block_bytes=min(reading.block_bytes, BLOCK_BYTES))


def rephraser_of(index: BenchmarkIndex, config: ScanConfig) -> Rephraser | None:
    """The rephrase detector with its model, where the run asks for it.

    Raises MissingExtraError or InputError where there is no such model.
    """
    if REPHRASE not in config.detectors:
        return None
    from auditor.embedding import load_embedder
    from auditor.rephrase.bank import bank_of
    from auditor.rephrase.detector import Rephraser

    _give_large_blocks_back()
    embedder = load_embedder(config.model)
    return Rephraser(bank_of(index, embedder), embedder, [b.name for b in index.benchmarks], config)


def sharing_cores(rephraser: Rephraser | None) -> AbstractContextManager[None]:
    """Within it, each worker's model computes on one core."""
    if rephraser is None:
        return nullcontext()
    from auditor.embedding.models import one_core_each

    return one_core_each()


def _give_large_blocks_back() -> None:
    """Where the C library is glibc, which raises the limit by itself as the program frees larger ones."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)
        mallopt(_M_TRIM_THRESHOLD, LARGE_BLOCK)
