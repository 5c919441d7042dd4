"""`auditor.scan`: a training set and benchmarks in, a `ScanResult` out."""

from __future__ import annotations

import dataclasses
import os
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.config import ScanConfig
from auditor.engines.local import LocalEngine, default_workers
from auditor.errors import AuditorError, InputError, NoRecordsError, SourceError
from auditor.index import BenchmarkIndex, weigh
from auditor.index_cache import index_of
from auditor.journal import Journal, SourceEnd, identity
from auditor.learn import learn
from auditor.output import DirectoryLock
from auditor.rephrase.loading import reading_for, rephraser_of, sharing_cores
from auditor.rephrase.matches import settle
from auditor.results import ScanResult, SourceTally, Tally, summarise
from auditor.scanner import Scanner
from auditor.sources import ReadOptions, describe_fields, discover, no_text_field, open_source
from auditor.sources.discover import RealPaths
from auditor.sources.redaction import shown_argument
from auditor.types import Benchmark, Match, Skip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.engines.ray import RayEngine
    from auditor.scanner import BlockResult
    from auditor.sources import Source

ENGINES = ("local", "ray")


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is."""

    bytes_read: int
    bytes_total: int | None
    """None where the size of a source is not known."""
    records_read: int
    matches: int


def scan(
    train: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    benchmarks: Sequence[str | os.PathLike[str] | Benchmark] | str | Benchmark | BenchmarkIndex,
    *,
    config: ScanConfig | None = None,
    reading: ReadOptions | None = None,
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
    command: Sequence[str] = (),
) -> ScanResult:
    """Look for the items of benchmarks in a training set.

    Args:
        train: files, directories, globs or URLs.
        benchmarks: catalog names, paths, `name=path`, loaded benchmarks, or a built index.
        config: thresholds.
        reading: how the training set is read.
        workers: threads, or actors of a cluster; all cores by default.
        engine: what feeds the scanner: "local" or "ray". address: of the Ray cluster, "HOST:PORT" or "auto"; None for
        one of this machine alone.
        out: directory for a journal, so that an interrupted scan can go on; results are not written there
        (`ScanResult.write`). resume: go on with the journal in `out`. progress: called ten times a second, and at the
        end. command: what is recorded as the command that made this.

    Returns:
        The result. After KeyboardInterrupt it holds what was scanned until then, and says that it is not complete.

    Raises:
        InputError: something given cannot be used; NoRecordsError if there was nothing to read in it.
        OutputError: the journal cannot be written.
    """
    started = time.perf_counter()
    config, reading = config or ScanConfig(), reading or ReadOptions()
    _check_call(engine, address, workers, resume_without_out=resume and out is None)
    sources, skips = discover([train] if isinstance(train, str | os.PathLike) else train, reading)
    if out is not None:
        sources, skips = _without_output(sources, skips, Path(out))
    index = benchmarks if isinstance(benchmarks, BenchmarkIndex) else index_of(benchmarks, config)
    with ExitStack() as undo:
        lock = None if out is None else DirectoryLock(out)
        if lock is not None:
            undo.callback(lock.release)
        learnt = learn(index, sources, reading, config, workers=workers or default_workers())
        weights, reading = weigh(index, learnt, config), reading_for(config, reading)
        ray: Callable[..., RayEngine] | None = None
        if engine == "ray":
            from auditor.engines.ray import RayEngine

            ray = partial(RayEngine, index=index, weights=weights, config=config, address=address, workers=workers)
        # a ray worker has its own model
        rephraser = rephraser_of(index, config) if ray is None else None
        scanner = Scanner(index, weights, config, reading, rephraser)
        run = _Run(sources, skips, scanner, reading, progress)
        if lock is not None:
            header = {**_header(sources, index, config, reading), "learnt": learnt.digest()}
            run.keep_journal(Journal(lock, header, resume=resume))
            undo.callback(run.stop_writing)
        with sharing_cores(rephraser):
            interrupted = run.go(workers or default_workers(), ray)
        if not interrupted and not run.tally.records_read:
            raise run.nothing_read()
        undo.pop_all()
    matches, rephrases = _settled(run.tally, config)
    summary = summarise(
        run.tally, matches, index, weights, config, interrupted=interrupted, seconds=time.perf_counter() - started,
        command=reproducible(command), reading=dataclasses.asdict(reading), learnt_records=learnt.records,
        rephrases=rephrases,
    )  # fmt: skip
    return ScanResult(matches, summary, journal=run.journal)


def _check_call(engine: str, address: str | None, workers: int | None, *, resume_without_out: bool) -> None:
    if engine not in ENGINES:
        raise InputError(f"the engine {engine!r} is not in this version; there is: {', '.join(ENGINES)}")
    if address is not None and engine != "ray":
        raise InputError(f"an address is of a Ray cluster, and the engine is {engine!r}: add --engine ray")
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    if resume_without_out:
        raise InputError("to resume, name the output directory of the run to go on with")


def _settled(tally: Tally, config: ScanConfig) -> tuple[Sequence[Match], dict[str, Any] | None]:
    """The matches with their verdicts, those of rephrases given now that the whole run is known; and what the summary
    says of rephrases, where they were looked for."""
    if tally.rephrases is None:
        return tally.matches.kept(tally.unique_matches()), None
    settled, facts = settle(tally.unique_matches, tally.rephrases, config)
    return tally.matches.kept(settled), facts


def reproducible(command: Sequence[str]) -> list[str]:
    """A command without what has no part in its result (where that goes, how many work on it) and without
    credentials."""
    kept: list[str] = []
    words = iter(command)
    for word in words:
        name = word.split("=", 1)[0]
        if name in {"-o", "--out", "--workers", "--engine", "--address", "--write-baseline"}:
            if "=" not in word:
                next(words, None)
        elif name not in {"--resume", "--quiet"}:
            kept.append(shown_argument(word))
    return kept


def _without_output(sources: Sequence[Source], skips: Sequence[Skip], out: Path) -> tuple[list[Source], list[Skip]]:
    """The sources that are not what an earlier run wrote into `out`; and the skips, with one for each of the others."""
    inside = os.path.realpath(out) + os.sep
    paths = RealPaths()
    own = {s.name for s in sources if not s.is_remote and paths.of(s.location).startswith(inside)}
    if len(own) == len(sources) and own:
        raise InputError(f"the training set lies in the output directory {out}: name another one with -o")
    # report.md is there too, and is no format that is read
    own_skips = {s.source for s in skips if os.path.realpath(s.source).startswith(inside)}
    others = [s for s in skips if s.source not in own_skips]
    found = [Skip(name, "own_output", detail="lies in the output directory") for name in sorted(own | own_skips)]
    return [s for s in sources if s.name not in own], [*others, *found]


def _header(
    sources: Sequence[Source], index: BenchmarkIndex, config: ScanConfig, reading: ReadOptions
) -> dict[str, Any]:
    return {
        "sources": [[s.name, [s.size, s.version] if s.is_remote else identity(s.location)] for s in sources],
        "benchmarks": [[b.name, b.sha256, b.items] for b in index.benchmarks],
        "config": config.to_json(),
        "reading": {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(reading).items()},
    }


class _Run:
    """The state of one scan."""

    def __init__(
        self, sources: list[Source], skips: Sequence[Skip], scanner: Scanner, reading: ReadOptions,
        progress: Callable[[Progress], None] | None,
    ) -> None:  # fmt: skip
        self.sources = sources
        self.tally = Tally({s.name: SourceTally() for s in sources})
        for skip in skips:
            self.tally.skip(skip)
        self._scanner = scanner
        self._reading = reading
        self._progress = progress
        self.journal: Journal | None = None
        self._done: set[tuple[str, int]] = set()
        self._finished: set[str] = set()
        self._errors: list[Skip] = []
        sizes = [s.size for s in sources]
        self._bytes_total = None if None in sizes else sum(size for size in sizes if size is not None)

    def keep_journal(self, journal: Journal) -> None:
        """Write results to `journal` as they come; those it has are not made again."""
        self.journal = journal
        self.tally.matches.directory = journal.out
        for entry in journal.recall():
            if isinstance(entry, SourceEnd):
                self._finished.add(entry.source)
                self.tally.sources[entry.source].digest = entry.digest
            else:
                self._done.add((entry.source, entry.index))
                self.tally.add(entry)

    def go(self, workers: int, ray: Callable[..., RayEngine] | None = None) -> bool:
        """Scan, by the engine that `ray` makes if it is given; returns whether it was interrupted."""
        unread = [source for source in self.sources if source.name not in self._finished]
        engine: LocalEngine[BlockResult] | RayEngine
        if ray is None:
            engine = LocalEngine(
                unread, self._scanner, self._reading, workers=workers,
                is_done=lambda source, block: (source, block) in self._done, on_block=self._on_block,
                on_source=self._on_source,
            )  # fmt: skip
        else:
            engine = ray(
                unread, options=self._reading, done=frozenset(self._done), on_block=self._on_block,
                on_source=self._on_source,
            )  # fmt: skip
        try:
            engine.run(self._tick)
        except KeyboardInterrupt:
            return True
        self._tick()
        return False

    def stop_writing(self) -> None:
        """End with an error: keep the journal where there is something in it to go on with."""
        if self.journal and self.tally.records_read:
            self.journal.keep()
        elif self.journal:
            self.journal.remove()

    def _on_block(self, result: BlockResult) -> None:
        self.tally.add(result)
        # what was made when the source had failed is not what is made of it on a better day
        if self.journal and not result.cut:
            self.journal.add(result)

    def _on_source(self, source: Source, digest: str, skip: Skip | None) -> None:
        if skip:
            self.tally.skip(skip)
            self._errors.append(skip)
            return
        tally = self.tally.sources[source.name]
        tally.digest = digest
        if self.journal and tally.complete:
            self.journal.add(SourceEnd(source.name, digest))

    def _tick(self) -> None:
        if self._progress:
            self._progress(
                Progress(self.tally.bytes_read, self._bytes_total, self.tally.records_read, len(self.tally.matches))
            )

    def nothing_read(self) -> AuditorError:
        """The error of a run that read no record."""
        if self._errors and len(self._errors) == len(self.sources):
            return SourceError("\n".join(dict.fromkeys(skip.detail for skip in self._errors)))
        if self.tally.skipped["no_text_field"]:
            for source in self.sources:
                if source.size is None and not source.is_remote:
                    continue  # a pipe is empty by now, and would be waited for
                stream = open_source(source, self._reading)
                try:
                    fields = describe_fields(next(stream))
                except StopIteration:
                    continue
                finally:
                    stream.close()
                if fields:
                    return no_text_field(source.name, fields)
        reasons = ", ".join(f"{n} × {reason}" for reason, n in sorted(self.tally.skipped.items()))
        names = ", ".join(s.name for s in self.sources[:5]) + (" …" if len(self.sources) > 5 else "")
        return NoRecordsError(
            f"no records in {names}" + (f": all were skipped ({reasons})" if reasons else ": nothing was scanned")
            + ". An audit of nothing is not a clean audit"
        )  # fmt: skip
