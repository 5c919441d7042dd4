"""`auditor sketch`: let others check data that they may not see; and `auditor scan` of what it writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from auditor.sketch.keys import SketchKey
    from auditor.sketch.making import Sketched

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(context_settings={"show_default": True})
@click.argument("train", nargs=-1)
@click.option("-o", "--out", type=FILE, help="The sketch to write; with --prove, the proof.")
@click.option("--fraction", metavar="SHARE", default="1/10", help="Share of the n-grams that is kept.")
@click.option("--ngram-size", type=click.IntRange(2, 32), default=6, help="Tokens in an n-gram.")
@click.option("-b", "--benchmark", "benchmarks", multiple=True, metavar="BENCHMARK",
              help="Key the hashes with these benchmarks: only who holds them can use the sketch. "
                   "May be repeated.")  # fmt: skip
@click.option("--key", "key_file", type=FILE, help="Key the hashes with the bytes of this file, a secret.")
@click.option("--verify", type=FILE, metavar="SKETCH", help="Hold this sketch against TRAIN, all of it.")
@click.option("--challenge", metavar="WORD",
              help="Draw the records that the author of the sketch TRAIN has to prove, by your word.")  # fmt: skip
@click.option("--rows", type=click.IntRange(1, 100_000), default=50, help="Records that --challenge draws.")
@click.option("--prove", type=FILE, metavar="SKETCH", help="Prove that records of TRAIN are what SKETCH commits to.")
@click.option("--record", "records", multiple=True, type=click.IntRange(0), metavar="NUMBER",
              help="A record to prove, by its number in --challenge. May be repeated.")  # fmt: skip
@click.option("--check", type=FILE, metavar="PROOF", help="Check a proof against the sketch TRAIN.")
@click.option("--workers", type=click.IntRange(1), help="Threads.  [default: all cores]")
@click.option("--text-field", "text_fields", multiple=True, metavar="FIELD",
              help="Read only this field. May be repeated.  [default: known shapes]")  # fmt: skip
@click.option("--schema", metavar="NAME", help="Read every record as this shape (see `auditor scan --help`).")
@click.option("--format", "file_format", metavar="NAME", help="Read every file as this format.")
@click.option("--encoding", default="utf-8", help="Encoding of text files.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def sketch(train: tuple[str, ...], **options: Any) -> int:
    """Sketch a training set, so that others can look for benchmark items in it without seeing it.

    A sketch holds hashes of a share of the n-grams of TRAIN, and no text; docs/sketch.md says what it reveals. Where
    TRAIN are sketches, they are merged into one. `auditor scan FILE.sketch -b BENCHMARK` reads it.

    Exit codes: 0 done, and what was checked fits; 1 the sketch or the proof does not fit the data; 2 the input or the
    call is wrong; 3 something could not be read, and is not in the sketch.

    \b
    Example: auditor sketch data/ -o data.sketch
             auditor sketch data/ --verify data.sketch
             auditor sketch data.sketch --challenge "any words"
    """
    if not train:
        raise click.UsageError("name what to sketch. Try 'auditor sketch --help'.")
    modes = [name for name in ("verify", "challenge", "prove", "check") if options[name] is not None]
    if len(modes) > 1:
        raise click.UsageError(f"--{modes[0]} and --{modes[1]} do not go together.")
    if options["benchmarks"] and options["key_file"]:
        raise click.UsageError("-b and --key do not go together: a sketch has one key.")
    if modes:
        return {"verify": _verify, "challenge": _challenge, "prove": _prove, "check": _check}[modes[0]](train, options)
    return _make(train, options)


def key_of(benchmarks: tuple[str, ...], key_file: Path | None) -> SketchKey:
    """The key that the options name."""
    from auditor.sketch.keys import benchmark_key, public_key, secret_key

    if key_file is not None:
        return secret_key(key_file)
    if benchmarks:
        from auditor.config import ScanConfig
        from auditor.index_cache import index_of

        return benchmark_key(index_of(list(benchmarks), ScanConfig()))
    return public_key()


def _make(train: tuple[str, ...], options: dict[str, Any]) -> int:
    from auditor.cli.scan import _ProgressBar
    from auditor.errors import InputError
    from auditor.sketch.files import is_sketch
    from auditor.sketch.making import fraction_of, make_sketch, merge_sketches
    from auditor.sources import ReadOptions

    out = options["out"]
    if out is None:
        raise click.UsageError("name the file to write: -o FILE.sketch.")
    sketches = [is_sketch(path) for path in train]
    if any(sketches):
        if not all(sketches):
            raise InputError("TRAIN mixes sketches with data: sketch the data first, then merge the sketches")
        made = merge_sketches(train, out)
    else:
        reading = ReadOptions(
            text_fields=options["text_fields"], schema=options["schema"], format=options["file_format"],
            encoding=options["encoding"],
        )  # fmt: skip
        with _ProgressBar(options["quiet"]) as progress:
            made = make_sketch(
                train, out, fraction=fraction_of(options["fraction"]), size=options["ngram_size"],
                key=key_of(options["benchmarks"], options["key_file"]), reading=reading, workers=options["workers"],
                progress=progress,
            )  # fmt: skip
    if not options["quiet"]:
        _print(made, out)
    return 0 if made.contents.complete else 3


def _print(made: Sketched, out: Path) -> None:
    contents = made.contents
    read = sum(source.bytes for source in contents.sources)
    size = out.stat().st_size
    click.echo(
        f"{out}: {contents.records:,} records of {len(contents.sources):,} sources, {size:,} bytes"
        + (f" (1/{read / size:.0f} of what was read)" if read else "")
    )
    for reason, count in sorted(contents.skipped.items()):
        click.echo(f"  skipped: {count} × {reason}", err=True)
    key = contents.parameters.key_kind
    said = "whoever has the file can test texts against it" if key == "public" else f"keyed ({key})"
    click.echo(f"  {said}; see docs/sketch.md for what it reveals")
    click.echo(f"  root {contents.root.hex()}")
    click.echo(f"  seal {made.seal.hex()}")


def _one_sketch(train: tuple[str, ...], what: str) -> str:
    if len(train) != 1:
        raise click.UsageError(f"{what} takes one sketch.")
    return train[0]


def _verify(train: tuple[str, ...], options: dict[str, Any]) -> int:
    from auditor.cli.scan import _ProgressBar
    from auditor.sketch.making import verify_sketch

    with _ProgressBar(options["quiet"]) as progress:
        verified = verify_sketch(
            options["verify"], train, key_of(options["benchmarks"], options["key_file"]), workers=options["workers"],
            progress=progress,
        )  # fmt: skip
    for problem in verified.problems:
        click.echo(f"{options['verify']}: {_printable(problem)}")
    if verified.problems:
        return 1
    if not options["quiet"]:
        click.echo(f"{options['verify']} is the sketch of this data: {verified.facts['records']:,} records")
    return 0


def _challenge(train: tuple[str, ...], options: dict[str, Any]) -> int:
    from auditor.sketch.commitment import challenge, place_of
    from auditor.sketch.files import SketchFile

    file = SketchFile(_one_sketch(train, "--challenge"))
    sources = file.contents.sources
    drawn = challenge(file.seal, options["challenge"], sum(s.leaves for s in sources), options["rows"])
    if not options["quiet"]:
        for number in drawn:
            source, block, position = place_of(sources, number)
            click.echo(f"{number}\t{_printable(source.name)}, block {block.index}, record {position} in it", err=True)
    click.echo(" ".join(f"--record {number}" for number in drawn))
    return 0


def _prove(train: tuple[str, ...], options: dict[str, Any]) -> int:
    from auditor.report.files import write_json
    from auditor.sketch.proofs import prove

    if not options["records"] or options["out"] is None:
        raise click.UsageError("--prove needs the records to prove (--record NUMBER) and the file to write (-o).")
    key = key_of(options["benchmarks"], options["key_file"])
    proof = prove(options["prove"], train, options["records"], key)
    write_json(options["out"], proof)
    if not options["quiet"]:
        click.echo(f"{options['out']}: proof of {len(proof['proofs'])} records; it shows these records as they are")
    return 0


def _check(train: tuple[str, ...], options: dict[str, Any]) -> int:
    from auditor.sketch.proofs import check_proof, read_proof

    path = _one_sketch(train, "--check")
    proof = read_proof(options["check"])
    key = key_of(options["benchmarks"], options["key_file"])
    problems = check_proof(path, proof, key, options["records"] or None)
    for problem in problems:
        click.echo(f"{options['check']}: {problem}")
    if not problems and not options["quiet"]:
        click.echo(f"{len(proof['proofs'])} records are in the data, and all their n-grams in the sketch")
    return 1 if problems else 0


def _printable(text: str) -> str:
    # names come from the sketch of a stranger: control characters in them must not reach a terminal
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def scan_sketches(train: tuple[str, ...], options: dict[str, Any], config: Any) -> int:
    """`auditor scan` of sketches: the same files and exit codes as of data."""
    from auditor.errors import InputError
    from auditor.results import BENIGN_SKIPS
    from auditor.sketch.files import is_sketch
    from auditor.sketch.judging import scan_sketch
    from auditor.sketch.keys import secret_key
    from auditor.sketch.report import headline

    data = [path for path in train if not is_sketch(path)]
    if data:
        raise InputError(f"{data[0]} is no sketch, and others that were named are: scan data and sketches one by one")
    key = secret_key(options["key"]) if options["key"] is not None else None
    result = scan_sketch(train, list(options["benchmarks"]), config=config, key=key, command=["auditor", *sys.argv[1:]])
    result.write(options["out"])
    if not options["quiet"]:
        click.echo(headline(result.summary).replace("**", ""))
        for name, facts in result.summary["benchmarks"].items():
            click.echo(f"  {name}: {facts['items_judgeable']} of {facts['items']} items can be judged by this sketch")
        click.echo(f"Report: {options['out'] / 'report.md'}")
    bad = {"contaminated": {"contaminated"}, "review": {"contaminated", "review"}, "never": set()}[options["fail_on"]]
    if any(finding.verdict in bad for finding in result.findings):
        return 1
    lost = sum(n for reason, n in result.summary["records_skipped"].items() if reason not in BENIGN_SKIPS)
    return 3 if lost > options["max_skipped"] * (result.summary["records_read"] + lost) else 0
