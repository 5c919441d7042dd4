"""Learn from a part of the corpus which words and n-grams are everywhere in it, before any of it is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditor.detectors import ngram
from auditor.errors import AuditorError
from auditor.index import Learnt, weigh
from auditor.scanner import frequencies_for, known_keys, leaf_bytes
from auditor.sources import open_source
from auditor.sources.blocks import Columns, JsonLines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.config import ScanConfig
    from auditor.index import BenchmarkIndex
    from auditor.sources import ReadOptions, Source
    from auditor.sources.blocks import Block

SAMPLED_SOURCES = 16
"""Sources that are looked into, spread evenly over all of them in order."""


def learn(index: BenchmarkIndex, sources: Sequence[Source], options: ReadOptions, config: ScanConfig) -> Learnt:
    """Count words and n-grams in the first blocks of evenly spread sources, some `config.learn_bytes` in all.

    What is read depends on the sources and the options alone, never on the engine or its workers. A source that
    cannot be opened is passed over here; the scan will say so.
    """
    frequencies = frequencies_for(index)
    workspace = ngram.Workspace(weigh(index, None, config).table)
    counter = ngram.CandidatePass(known_keys(options))
    records = 0
    for source in spread(sources, SAMPLED_SOURCES):
        budget = config.learn_bytes // min(len(sources), SAMPLED_SOURCES)
        try:
            stream = open_source(source, options)
        except AuditorError:
            continue
        try:
            for block in stream:
                records += _count(block, counter, workspace, frequencies, options)
                budget -= _size(block)
                if budget <= 0:
                    break
        finally:
            stream.close()
    return Learnt(records, frequencies.gram_df, frequencies.word_df)


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


def _count(block, counter, workspace, frequencies, options) -> int:  # type: ignore[no-untyped-def]
    """Count a block; returns its records."""
    payload = block.payload
    if isinstance(payload, JsonLines):
        proposals = counter.lines(payload.data, workspace, frequencies, counting=True)
        return block.rows - proposals.blank - len(proposals.broken)  # type: ignore[no-any-return]
    if isinstance(payload, Columns):
        data, starts, ends, rows = leaf_bytes(payload, options)
        counter.texts(data, starts, ends, rows, workspace, frequencies, counting=True)
        return block.rows  # type: ignore[no-any-return]
    texts = [piece.text.encode("utf-8", "replace") for piece in payload.pieces]
    bounds = np.concatenate([[0], np.cumsum([len(t) for t in texts])]).astype(np.int64)
    data = np.frombuffer(b"".join(texts), np.uint8)
    rows = np.arange(len(texts), dtype=np.int64)
    counter.texts(data, bounds[:-1], bounds[1:], rows, workspace, frequencies, counting=True)
    return len(texts)
