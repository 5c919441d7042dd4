"""Learn from a part of the corpus which words and n-grams are everywhere in it, before any of it is judged."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from auditor.detectors.candidates import CandidatePass, Workspace
from auditor.errors import AuditorError
from auditor.index import Learnt, weigh
from auditor.kernels.seeds import COUNT
from auditor.scanner import frequencies_for, known_keys, leaf_bytes
from auditor.sources import open_source
from auditor.sources.blocks import Columns, JsonLines
from auditor.sources.raw import cannot_read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex
    from auditor.kernels.seeds import Frequencies
    from auditor.sources import ReadOptions, Source
    from auditor.sources.blocks import Block

PASSING = frozenset({"unreachable", "connection_lost"})
"""Reasons of skips for which a run does not begin."""
SAMPLED_SOURCES = 16
"""Sources that are looked into, spread evenly over all of them in order."""


def learn(
    index: BenchmarkIndex, sources: Sequence[Source], options: ReadOptions, config: ScanConfig, *, workers: int = 1
) -> Learnt:
    """Count words and n-grams in the first blocks of evenly spread sources, some `config.learn_bytes` in all.

    What is read depends on the sources and the options alone, never on the engine or its workers. A source that cannot
    be opened is passed over here; the scan will say so.

    Raises SourceError where one cannot be reached now, but may be on another day: then other weights would be learnt.
    """
    table = weigh(index, None, config).table
    counter = CandidatePass(known_keys(options))
    local = threading.local()
    counters: list[Frequencies] = []

    def count(block: Block) -> int:
        if not hasattr(local, "frequencies"):
            local.workspace, local.frequencies = Workspace(table), frequencies_for(index)
            counters.append(local.frequencies)
        return _count(block, counter, local.workspace, local.frequencies, options)

    with ThreadPoolExecutor(workers) as pool:
        try:
            records = sum(pool.map(count, _sample(sources, options, config.learn_bytes)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # an interrupt waits for one block and not for all
            raise
    none = frequencies_for(index)
    return Learnt(
        records,
        gram_df=sum((f.gram_df for f in counters), none.gram_df),
        word_df=sum((f.word_df for f in counters), none.word_df),
    )


def _sample(sources: Sequence[Source], options: ReadOptions, size: int) -> Iterator[Block]:
    """The first blocks of evenly spread sources, some `size` bytes in all."""
    # what comes through a pipe is there once, and is left for the scan
    again = [source for source in sources if source.is_remote or source.size is not None]
    for source in spread(again, SAMPLED_SOURCES):
        budget = size // min(len(again), SAMPLED_SOURCES)
        try:
            stream = open_source(source, options)
        except AuditorError as error:
            if getattr(error, "reason", "") in PASSING:
                raise
            continue
        try:
            for block in stream:
                for skip in block.skips:
                    if skip.reason in PASSING:
                        raise cannot_read(source.name, skip.reason, skip.detail)
                yield block
                budget -= _size(block)
                if budget <= 0:
                    break
        finally:
            stream.close()


def spread(sources: Sequence[Source], most: int) -> list[Source]:
    """At most `most` of the sources, at even distances."""
    if len(sources) <= most:
        return list(sources)
    return [sources[i] for i in sorted(set(np.linspace(0, len(sources) - 1, most).astype(int).tolist()))]


def _size(block: Block) -> int:
    payload = block.payload
    if isinstance(payload, JsonLines):
        return len(payload.data)
    if isinstance(payload, Columns):
        return int(payload.batch.nbytes)
    return sum(len(piece.text) for piece in payload.pieces)


def _count(
    block: Block,
    counter: CandidatePass,
    workspace: Workspace,
    frequencies: Frequencies,
    options: ReadOptions,
) -> int:
    """Count a block; returns its records."""
    payload = block.payload
    if isinstance(payload, JsonLines):
        proposals = counter.lines(payload.data, workspace, frequencies, mode=COUNT)
        return block.rows - proposals.blank - len(proposals.broken)
    if isinstance(payload, Columns):
        data, starts, ends, rows = leaf_bytes(payload, options)
        counter.texts(data, starts, ends, rows, workspace, frequencies, mode=COUNT)
        return block.rows
    texts = [piece.text.encode("utf-8", "replace") for piece in payload.pieces]
    bounds = np.concatenate([[0], np.cumsum([len(t) for t in texts])]).astype(np.int64)
    data = np.frombuffer(b"".join(texts), np.uint8)
    rows = np.arange(len(texts), dtype=np.int64)
    counter.texts(data, bounds[:-1], bounds[1:], rows, workspace, frequencies, mode=COUNT)
    return len(texts)
