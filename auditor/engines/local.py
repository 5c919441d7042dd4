"""The `local` engine: all cores of this machine, by threads over kernels that release the GIL.

A worker takes a stream, reads its next block (that is where files are read and decompressed), hands the stream back
and scans the block. One file is so read by one worker at a time and scanned by all of them, and a hundred are read
side by side; so are the row groups of a large Parquet file, which takes longer to read than others.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Generic, TypeVar

from auditor.engines.row_groups import open_parts
from auditor.errors import AuditorError
from auditor.sources import Source, skip_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.sources import BlockStream, ReadOptions
    from auditor.sources.blocks import Block
    from auditor.types import Skip

PATIENCE = 0.3
"""Seconds that workers get to finish their blocks when a run is interrupted; one takes a fifth of that."""

Result = TypeVar("Result")
"""What is made of a block."""


def default_workers() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LocalEngine(Generic[Result]):
    """Scans sources with threads.

    Args:
        sources: what to read, in order.
        scanner: what every block is given to.
        options: how to read.
        workers: threads.
        is_done: says of (source name, block number) whether its result is known from an interrupted run.
        on_block: called with each result, from any worker, one at a time.
        on_source: called when a source came to its end and all its blocks are done, with its digest; or with the skip
        that says why it could not be opened.
    """

    def __init__(
        self, sources: Sequence[Source], scanner: Callable[[Block], Result], options: ReadOptions, *, workers: int,
        is_done: Callable[[str, int], bool], on_block: Callable[[Result], None],
        on_source: Callable[[Source, str, Skip | None], None],
    ) -> None:  # fmt: skip
        self._scanner = scanner
        self._options = options
        self._is_done = is_done
        self._on_block = on_block
        self._on_source = on_source
        self._pending = deque(sources)
        self._free: deque[tuple[Source, BlockStream]] = deque()
        self._busy = 0
        self._reading: Counter[str] = Counter()
        self._scanning: Counter[str] = Counter()
        self._ends: dict[str, tuple[str, Skip | None]] = {}
        self._abandoned = False
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]

    def run(self, tick: Callable[[], None], interval: float = 0.1) -> None:
        """Scan everything; `tick` is called every `interval` seconds from this thread.

        Whatever ends it early (an error in a worker, KeyboardInterrupt) is raised once the workers have stopped. Each
        finishes the block that it has, if that takes no longer than `PATIENCE`: one that waits for a server is left
        alone, and what it still brings is dropped.
        """
        for thread in self._threads:
            thread.start()
        try:
            for thread in self._threads:
                while thread.is_alive():
                    thread.join(interval)
                    tick()
        except BaseException:
            self._halt()
            raise
        self._close()
        if self._failure is not None:
            raise self._failure

    def _halt(self) -> None:
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        until = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            self._abandoned = True
        self._close()

    def _close(self) -> None:
        for _, stream in self._free:
            stream.close()
        self._free.clear()

    def _work(self) -> None:
        try:
            while not self._stop.is_set() and (taken := self._take()) is not None:
                source, stream = taken
                block = self._read(source, stream)
                if block is not None:
                    self._scan(source, block)
        except BaseException as error:
            # a worker that died must end the run: a part that nobody scanned would look clean
            self._failure = self._failure or error
            self._stop.set()
            with self._changed:
                self._changed.notify_all()

    def _scan(self, source: Source, block: Block) -> None:
        known = self._is_done(block.source, block.index) and not block.says_why_it_ended
        result = None if known else self._scanner(block)
        with self._changed:
            if self._abandoned:
                return
            if result is not None:
                self._on_block(result)
            self._scanning[source.name] -= 1
            self._end(source)

    def _end(self, source: Source) -> None:
        """Say that a source is done once its end was read and no worker has a block of it."""
        if source.name in self._ends and not self._scanning[source.name]:
            del self._scanning[source.name]
            self._on_source(source, *self._ends.pop(source.name))

    def _take(self) -> tuple[Source, BlockStream] | None:
        """A stream that nobody reads from, opening the next source where there is none; None when all are done."""
        while (source := self._next()) is not None:
            if not isinstance(source, Source):
                return source
            try:
                return source, self._open(source)
            except AuditorError as error:
                with self._changed:
                    if not self._abandoned:
                        self._on_source(source, "", skip_of(source.name, error))
                self._hand_back(None)
        return None

    def _open(self, source: Source) -> BlockStream:
        """A source's stream, or the first of them; the others are free."""
        first, *others = open_parts(source, self._options, len(self._threads))
        with self._changed:
            self._reading[source.name] = 1 + len(others)
            self._free.extend((source, stream) for stream in others)
            self._changed.notify_all()
        return first

    def _next(self) -> Source | tuple[Source, BlockStream] | None:
        """A stream that nobody reads from, or a source to open, or None when all are done."""
        with self._changed:
            while not self._stop.is_set():
                if self._free:
                    self._busy += 1
                    return self._free.popleft()
                if self._pending:
                    self._busy += 1
                    return self._pending.popleft()
                if not self._busy:
                    return None
                self._changed.wait(1.0)
        return None

    def _read(self, source: Source, stream: BlockStream) -> Block | None:
        """The stream's next block; None at its end. The stream is free for others when this returns."""
        try:
            block = next(stream)
        except StopIteration:
            self._came_to_end(source, stream)
            self._hand_back(None)
            return None
        except BaseException:
            stream.close()
            self._hand_back(None)
            raise
        self._hand_back((source, stream), block.source)
        return block

    def _came_to_end(self, source: Source, stream: BlockStream) -> None:
        with self._changed:
            self._reading[source.name] -= 1
            is_last = not self._reading[source.name]
        if not is_last:
            stream.close()
            return
        end = _end_of(source, stream)
        with self._changed:
            del self._reading[source.name]
            if not self._abandoned:
                self._ends[source.name] = end
                self._end(source)

    def _hand_back(self, stream: tuple[Source, BlockStream] | None, scanning: str = "") -> None:
        with self._changed:
            self._busy -= 1
            if stream is not None and self._abandoned:
                stream[1].close()
            elif stream is not None:
                self._scanning[scanning] += 1
                # to the front: a file that was begun is finished before others are opened
                self._free.appendleft(stream)
            self._changed.notify_all()


def _end_of(source: Source, stream: BlockStream) -> tuple[str, Skip | None]:
    """The digest of a source that was read, and a skip where it can no longer be read to hash it."""
    try:
        return stream.digest(), None
    except AuditorError as error:
        return "", skip_of(source.name, error)
    finally:
        stream.close()
