"""A step of a datatrove pipeline that drops contaminated documents, or only says what is in them.

from auditor.adapters import BatchScanner
from auditor.adapters.datatrove import Decontaminate

LocalPipelineExecutor([
    JsonlReader("data/"),
    Decontaminate(BatchScanner("gsm8k", learn_from=["data/"]), exclusion_writer=JsonlWriter("removed/")),
    JsonlWriter("clean/"),
]).run()
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.typeshelper import StatHints

from auditor.adapters.batches import as_rows, verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from datatrove.data import Document
    from datatrove.pipeline.writers.disk_base import DiskWriter

    from auditor.adapters.batches import BatchScanner

MOST_DOCUMENTS, MOST_CHARS = 1000, 4 << 20
"""Of a batch: enough for the scanner to be at its speed, little to hold."""


class Decontaminate(PipelineStep):  # type: ignore[misc]  # datatrove has no types
    """Scans documents; each that holds an item gets `metadata["auditor"]`, a list of matches (see `as_rows`).

    Args:
        scanner: what looks for which items.
        drop: verdicts whose documents go; empty to let all through, with what was found in them.
        exclusion_writer: writes what goes.
    """

    name = "auditor"
    type = "🔻 - FILTER"

    def __init__(
        self,
        scanner: BatchScanner,
        *,
        drop: Sequence[str] = ("contaminated",),
        exclusion_writer: DiskWriter | None = None,
    ) -> None:
        super().__init__()
        self.scanner = scanner
        self.drop = frozenset(drop)
        self.exclusion_writer = exclusion_writer

    def run(self, data: Iterable[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:  # noqa: ARG002
        """Pass on the documents that stay, in order."""
        with self.exclusion_writer or contextlib.nullcontext() as writer:
            for documents in _batches(data):
                with self.track_time("batch"):
                    found = self.scanner.found(pa.record_batch({"text": [_sound(d.text) for d in documents]}))
                for row, document in enumerate(documents):
                    self.stat_update(StatHints.total)
                    verdict = verdict_of(found.get(row, ()))
                    if verdict:
                        document.metadata["auditor"] = as_rows(found[row])
                        self.stat_update(verdict)
                    if verdict in self.drop:
                        self.stat_update(StatHints.dropped)
                        if writer is not None:
                            writer.write(document, rank)
                        continue
                    self.stat_update(StatHints.forwarded)
                    yield document


def _batches(data: Iterable[Document]) -> Iterator[list[Any]]:
    batch: list[Document] = []
    chars = 0
    for document in data:
        batch.append(document)
        chars += len(document.text)
        if len(batch) >= MOST_DOCUMENTS or chars >= MOST_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _sound(text: str) -> str:
    """A text that Arrow takes: halves of surrogate pairs become "?"."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
