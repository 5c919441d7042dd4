"""Make a sketch of a training set in one pass, merge sketches, and hold a sketch against the data it claims."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.engines.local import LocalEngine, default_workers
from auditor.errors import InputError, NoRecordsError, SourceError
from auditor.results import BENIGN_SKIPS, NOT_OPENED, SourceTally, Tally
from auditor.scanning import Progress
from auditor.sketch.commitment import SourceNode, root_of
from auditor.sketch.files import Contents, Parameters, SketchFile, differences, write_sketch
from auditor.sketch.keys import SketchKey, public_key
from auditor.sketch.runs import BUFFERED, Runs, added_up
from auditor.sketch.sampling import Sampler
from auditor.sources import ReadOptions, discover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from auditor.sketch.commitment import BlockNode
    from auditor.sketch.runs import Counted
    from auditor.sketch.sampling import SampledBlock
    from auditor.sources import Source
    from auditor.types import Skip

NGRAM_SIZE = 6
"""Tokens in an n-gram. On the planted corpora 1.3 % of the 5-grams that only one item has stand in texts without that
item, and 0.4 % of the 6-grams; eight tokens would leave 5 % of the items without any, and lose most of an item that has
a word in twelve replaced."""
FRACTION = Fraction(1, 10)
"""Share of n-grams that is kept: finds 97 % of the items of 40 tokens (see docs/sketch.md)."""


@dataclass(frozen=True)
class Sketched:
    """What came of sketching: the file's contents and seal, and what was not read."""

    contents: Contents
    seal: bytes
    tally: Tally


def fraction_of(text: str) -> Fraction:
    """A fraction as people write it: 1/10 or 0.1. Raises InputError where it is none, or not in (0, 1]."""
    try:
        fraction = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"--fraction {text}: give a fraction such as 1/10") from None
    if not 0 < fraction <= 1:
        raise InputError(f"--fraction {text}: it must be above 0 and at most 1")
    if fraction.denominator > 1_000_000:
        raise InputError(f"--fraction {text}: give one with a smaller denominator, such as 1/1000")
    return fraction


def parameters_of(fraction: Fraction, size: int, key: SketchKey, reading: ReadOptions) -> Parameters:
    """The parameters of a sketch made so. Raises InputError where the size is out of range."""
    if not 2 <= size <= 32:
        raise InputError(f"the n-gram size must be from 2 to 32, not {size}")
    return Parameters(size, fraction, key.kind, key.key_id, tuple(sorted(dataclasses.asdict(reading).items())))


def make_sketch(
    train: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str], *, fraction: Fraction = FRACTION,
    size: int = NGRAM_SIZE, key: SketchKey | None = None, reading: ReadOptions | None = None,
    workers: int | None = None, progress: Callable[[Progress], None] | None = None, buffered: int = BUFFERED,
) -> Sketched:  # fmt: skip
    """Write the sketch of a training set, read once.

    Args:
        train: files, directories, globs or URLs.
        out: the file to write.
        fraction: share of the n-grams that is kept, in (0, 1].
        size: tokens in an n-gram, from 2 to 32.
        key: what the hashes are made with; the public key by default.
        reading: how the training set is read. workers: threads. progress: as for `auditor.scan`.
        buffered: sampled n-grams held in memory; more are sorted on disk, beside `out`.

    Raises:
        InputError: something given cannot be used; NoRecordsError if there was nothing to read in it.
        OutputError: the sketch cannot be written.
    """
    key, reading, out = key or public_key(), reading or ReadOptions(), Path(out)
    parameters = parameters_of(fraction, size, key, reading)
    runs = _runs(out.parent, parameters, buffered)
    try:
        contents, tally = _sketched(train, parameters, key, reading, runs, workers, progress, leave_out=out)
        seal = write_sketch(out, contents, runs.merged())
    finally:
        runs.close()
    return Sketched(contents, seal, tally)


def _runs(directory: Path, parameters: Parameters, buffered: int) -> Runs:
    if not directory.is_dir():
        raise InputError(f"there is no directory {directory}: make it, or give another file with -o")
    return Runs(directory, parameters.bound, buffered=buffered)


def _sketched(
    train: Sequence[str | os.PathLike[str]], parameters: Parameters, key: SketchKey, reading: ReadOptions, runs: Runs,
    workers: int | None, progress: Callable[[Progress], None] | None, leave_out: Path | None = None,
) -> tuple[Contents, Tally]:  # fmt: skip
    """Sample everything into `runs`; returns the contents without counts of n-grams, and what was read."""
    sources, skips = discover(train, reading)
    if leave_out is not None:
        sources = [s for s in sources if s.is_remote or os.path.realpath(s.location) != os.path.realpath(leave_out)]
    tally = Tally({s.name: SourceTally() for s in sources})
    for skip in skips:
        tally.skip(skip)
    blocks: dict[str, list[BlockNode]] = {s.name: [] for s in sources}
    sizes = [s.size for s in sources]
    total = None if None in sizes else sum(size for size in sizes if size is not None)

    def on_block(sampled: SampledBlock) -> None:
        tally.add(sampled.result)
        runs.add(sampled.hashes, sampled.counts)
        if sampled.node is not None:
            blocks[sampled.result.source].append(sampled.node)

    def on_source(source: Source, digest: str, skip: Skip | None) -> None:
        tally.sources[source.name].digest = digest
        if skip is not None:
            tally.skip(skip)

    def tick() -> None:
        if progress is not None:
            progress(Progress(tally.bytes_read, total, tally.records_read, 0))

    engine = LocalEngine(
        sources, Sampler(parameters.size, parameters.bound, key, reading), reading,
        workers=workers or default_workers(), is_done=lambda _source, _block: False, on_block=on_block,
        on_source=on_source,
    )  # fmt: skip
    engine.run(tick)
    tick()
    if not tally.records_read:
        raise _nothing(tally, sources)
    names = relative_names([s.name for s in sources])
    nodes = [
        SourceNode(
            names[name], t.records_read, t.bytes_read, t.digest, tuple(sorted(blocks[name], key=lambda b: b.index))
        )
        for name, t in tally.sources.items()
        if t.digest
    ]
    nodes.sort(key=lambda node: node.order)
    contents = Contents(
        parameters, tuple(nodes), tally.records_read, dict(tally.skipped), set(tally.skipped) <= BENIGN_SKIPS,
        root_of(nodes),
    )  # fmt: skip
    return contents, tally


def _nothing(tally: Tally, sources: Sequence[Source]) -> InputError:
    unreadable = [skip.detail for skip in tally.skips if skip.reason in NOT_OPENED]
    if unreadable and len(unreadable) == len(sources):
        return SourceError("\n".join(dict.fromkeys(unreadable)))
    reasons = ", ".join(f"{n} × {reason}" for reason, n in sorted(tally.skipped.items()))
    return NoRecordsError(
        f"no records to sketch ({reasons or 'the sources are empty'}); use --text-field where the text is in a field "
        "of another name"
    )


def relative_names(names: Sequence[str]) -> dict[str, str]:
    """The names of sources without the folders that all of them lie in: a sketch tells nothing of its machine."""
    parts = {name: name.replace("\\", "/").split("/") for name in names}
    shared = 0
    while len({tuple(p[: shared + 1]) for p in parts.values()}) == 1 and all(
        len(p) > shared + 1 for p in parts.values()
    ):
        shared += 1
    return {name: "/".join(p[shared:]) for name, p in parts.items()}


def merge_sketches(paths: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]) -> Sketched:
    """Write the sketch of several training sets from theirs; in whatever order and grouping, the bytes are the same.

    Raises:
        InputError: they differ in parameters, or two are of the same data.
        OutputError: the sketch cannot be written.
    """
    files, out = [SketchFile(path) for path in paths], Path(out)
    first = files[0]
    for other in files[1:]:
        if different := differences(first.contents.parameters, other.contents.parameters):
            raise InputError(
                f"{first.path} and {other.path} cannot be merged: they differ in {', '.join(different)}; "
                "sketch one of them again with the parameters of the other"
            )
    sources = sorted((s for f in files for s in f.contents.sources), key=lambda s: s.order)
    for one, next_one in pairwise(sources):
        if one.order == next_one.order:
            raise InputError(
                f"{one.name} is in two of the sketches: its records would count twice; leave one of them out"
            )
    skipped: dict[str, int] = {}
    for file in files:
        for reason, count in file.contents.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
    contents = Contents(
        first.contents.parameters, tuple(sources), sum(f.contents.records for f in files), skipped,
        all(f.contents.complete for f in files), root_of(sources),
    )  # fmt: skip
    seal = write_sketch(out, contents, _merged([file.grams() for file in files]))
    return Sketched(contents, seal, Tally())


def _merged(streams: Sequence[Iterator[Counted]]) -> Iterator[Counted]:
    """Streams of ascending hashes as one, equal hashes added up."""
    held: list[Counted | None] = [_next(stream) for stream in streams]
    while waiting := [part for part in held if part is not None]:
        # everything up to the least of the last hashes is complete
        edge = min(int(part[0][-1]) for part in waiting)
        ready: list[Counted] = []
        for i, part in enumerate(held):
            if part is None:
                continue
            cut = int(np.searchsorted(part[0], np.uint64(edge), side="right"))
            ready.append((part[0][:cut], part[1][:cut]))
            rest = (part[0][cut:], part[1][cut:])
            held[i] = rest if len(rest[0]) else _next(streams[i])
        yield added_up(ready)


def _next(stream: Iterator[Counted]) -> Counted | None:
    return next((part for part in stream if len(part[0])), None)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found when a sketch was held against data."""

    problems: tuple[str, ...]
    """What does not fit; empty where everything does."""
    facts: dict[str, Any]


def verify_sketch(
    path: str | os.PathLike[str], train: Sequence[str | os.PathLike[str]], key: SketchKey, *,
    workers: int | None = None, directory: Path | None = None, progress: Callable[[Progress], None] | None = None,
) -> Verified:  # fmt: skip
    """Sketch the data again and compare everything: sources, blocks, root, n-grams and counts.

    Raises InputError where the key is another, or the data or the sketch cannot be read.
    """
    file = SketchFile(path)
    claimed = file.contents
    check_key(file, key)
    reading = ReadOptions(**dict(claimed.parameters.reading))
    runs = _runs(directory or Path(path).parent, claimed.parameters, BUFFERED)
    try:
        found, _ = _sketched(train, claimed.parameters, key, reading, runs, workers, progress, leave_out=Path(path))
        problems = _different_sources(claimed, found)
        missing, forged, wrong = _different_grams(file.grams(), runs.merged())
    finally:
        runs.close()
    if missing:
        problems.append(f"{missing} n-grams of the data are not in the sketch")
    if forged:
        problems.append(f"{forged} n-grams of the sketch are not in the data")
    if wrong:
        problems.append(f"{wrong} n-grams have another count in the data")
    return Verified(tuple(problems), {"records": found.records, "sources": len(found.sources)})


def check_key(file: SketchFile, key: SketchKey) -> None:
    """Raises InputError where a sketch was made with another key."""
    parameters = file.contents.parameters
    if (parameters.key_kind, parameters.key_id) == (key.kind, key.key_id):
        return
    how = {
        "public": "it has no key: leave -b and --key out",
        "benchmark": "it is keyed with benchmarks: name the same ones, all of them and no other, with -b",
        "secret": "it is keyed with a secret: name the file that its author gave you with --key",
    }.get(parameters.key_kind, "it was made with a key of another kind")
    raise InputError(f"the sketch {file.path} was made with another key (id {parameters.key_id or 'none'}); {how}")


def _different_sources(claimed: Contents, found: Contents) -> list[str]:
    """How two lists of sources differ, in words."""
    ours = {s.name: s for s in found.sources}
    theirs = {s.name: s for s in claimed.sources}
    problems = [f"{name} is in the sketch and not in the data" for name in sorted(theirs.keys() - ours.keys())]
    problems += [f"{name} is in the data and not in the sketch" for name in sorted(ours.keys() - theirs.keys())]
    for name in sorted(ours.keys() & theirs.keys()):
        a, b = theirs[name], ours[name]
        if a == b:
            continue
        changed = [i for i, (x, y) in enumerate(zip(a.blocks, b.blocks, strict=False)) if x != y]
        where = f"first in its block {changed[0]}" if changed else "in its length or its digest"
        problems.append(f"{name} holds other records than the sketch says ({where})")
    return problems


def _different_grams(claimed: Iterator[Counted], found: Iterator[Counted]) -> tuple[int, int, int]:
    """How many n-grams of the data are missing in the sketch, of the sketch in the data, and have another count."""
    missing = forged = wrong = 0
    # the counts of the two are told apart by their high half
    shifted = ((hashes, counts << np.uint64(32)) for hashes, counts in claimed)
    low = np.uint64((1 << 32) - 1)
    for _, both in _merged([shifted, found]):
        in_sketch, in_data = both >> np.uint64(32), both & low
        missing += int((in_sketch == 0).sum())
        forged += int((in_data == 0).sum())
        wrong += int(((in_sketch != in_data) & (in_sketch > 0) & (in_data > 0)).sum())
    return missing, forged, wrong
