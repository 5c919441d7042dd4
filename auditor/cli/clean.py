"""`auditor clean`: the training set without the contaminated records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@click.command(context_settings={"show_default": True})
@click.argument("train", nargs=-1, required=True)
@click.option("--matches", required=True, type=click.Path(path_type=Path), metavar="FILE",
              help="matches.jsonl of the scan of this training set, with summary.json beside it.")  # fmt: skip
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path, file_okay=False),
              help="Directory to make: the training set, removed.jsonl and summary.json.")  # fmt: skip
@click.option("--drop", "action", flag_value="drop", default="drop", help="Leave contaminated records out.  [default]")
@click.option("--mask", "action", flag_value="mask",
              help="Put a mask in the place of the span; for matches of ngram and minhash.")  # fmt: skip
@click.option("--drop-turn", "action", flag_value="drop-turn",
              help="Leave out the turn of a conversation and its answer; the record if nothing is left.")  # fmt: skip
@click.option(
    "--mask-text", metavar="TEXT", help="What stands where a span stood.  [default: [benchmark item removed]]"
)
@click.option("--include-review", is_flag=True, help="Also touch the records that a person should look at.")
@click.option("--benchmark-out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Directory to make: the clean and the contaminated items of each benchmark.")  # fmt: skip
@click.option("-b", "--benchmark", "benchmarks", multiple=True, metavar="BENCHMARK",
              help="For --benchmark-out: the benchmarks, named as for the scan. May be repeated.")  # fmt: skip
@click.option("--baseline", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Accepted findings, as for `auditor scan`: their records stay.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def clean(train: tuple[str, ...], **options: Any) -> int:
    """Write a training set without the records that `auditor scan` found contaminated, in its own format.

    TRAIN is what was scanned. Each file keeps its name, format and compression; what stays of it stays byte for byte.
    The output is complete or not there, and nothing is written over.

    Exit codes: 0 written; 2 the input or the call is wrong, and nothing was written.

    Example: auditor clean data/ --matches audit/matches.jsonl -o data-clean
    """
    from auditor.baseline import read_baseline
    from auditor.cleaning import Action, CleanOptions
    from auditor.cleaning import clean as run

    if options["benchmarks"] and options["benchmark_out"] is None:
        raise click.UsageError("-b names the benchmarks to write with --benchmark-out DIR; give that, too.")
    if options["mask_text"] is not None and options["action"] != "mask":
        raise click.UsageError("--mask-text is the text of --mask; give that, too.")
    mask = {} if options["mask_text"] is None else {"mask": options["mask_text"]}
    chosen = CleanOptions(action=Action(options["action"]), include_review=options["include_review"], **mask)
    result = run(
        train, options["matches"], options["out"], options=chosen, benchmarks=options["benchmarks"],
        benchmark_out=options["benchmark_out"],
        baseline=None if options["baseline"] is None else read_baseline(options["baseline"]),
        progress=_progress(options["quiet"]),
    )  # fmt: skip
    if not options["quiet"]:
        _print(result.summary, options["out"], options["benchmark_out"])
    return 0


def _progress(quiet: bool) -> Callable[[int, int, str], None] | None:
    if quiet or not sys.stderr.isatty():
        return None
    from auditor.report.escape import visible

    def say(done: int, total: int, name: str) -> None:
        click.echo(f"\r\x1b[Kcleaning {done + 1} of {total}: {visible(name)[-100:]}\r", err=True, nl=False)

    return say


def _print(summary: Mapping[str, Any], out: Path, subsets: Path | None) -> None:
    touched = [("dropped", "dropped"), ("masked", "masked"), ("turns_dropped", "with turns dropped")]
    said = ", ".join(f"{summary[key]:,} {words}" for key, words in touched if summary[key] or key == "dropped")
    click.echo(f"{summary['records']:,} records: {summary['kept']:,} kept, {said}")
    if summary["not_judged"]:
        click.echo(f"  {summary['not_judged']:,} records that the scan could not read were kept as they are", err=True)
    if "baseline" in summary:
        click.echo(f"  {summary['baseline']['accepted']:,} findings are accepted by {summary['baseline']['file']}")
    review = summary["matches"]["review"]
    if review and not summary["include_review"]:
        click.echo(f"  {review:,} matches to review were left alone; --include-review touches them, too")
    for name, facts in summary.get("benchmark_subsets", {}).items():
        click.echo(f"  {name}: {facts['clean']:,} clean items, {facts['contaminated']:,} contaminated, in {subsets}")
    click.echo(f"Training set: {out}, log: {out / summary['log']}")
