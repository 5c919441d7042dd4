"""Make the rephrase detector of a run, with its model: nothing of it is imported by runs without it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from auditor.detectors import REPHRASE

if TYPE_CHECKING:
    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex
    from auditor.rephrase.detector import Rephraser
    from auditor.sources import ReadOptions

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

    embedder = load_embedder(config.model)
    return Rephraser(bank_of(index, embedder), embedder, [b.name for b in index.benchmarks], config)


def sharing_cores(rephraser: Rephraser | None) -> AbstractContextManager[None]:
    """Within it, each worker's model computes on one core."""
    if rephraser is None:
        return nullcontext()
    from auditor.embedding.models import one_core_each

    return one_core_each()
