"""`auditor check`: may this entry be added to the leaderboard?"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import drop_output

if TYPE_CHECKING:
    from auditor.checking.check import CheckResult


@click.command()
@click.argument("entries", nargs=-1, metavar="ENTRY...")
@click.option("--board", type=click.Path(path_type=Path), metavar="TABLE",
              help="The leaderboard that scores are judged against; what `auditor scores` reads.")  # fmt: skip
@click.option("--map", "mapping", multiple=True, metavar="NAME=COLUMN",
              help="Say which column of the board is what: model, params_b, a benchmark.")  # fmt: skip
@click.option("--policy", type=click.Path(path_type=Path), metavar="FILE",
              help="What is asked for, judged, scanned and blocked (see --print-policy).")  # fmt: skip
@click.option("--print-policy", is_flag=True, help="Print the default policy, every setting explained, and exit.")
@click.option("--flagged", type=click.Path(path_type=Path), metavar="FILE",
              help="List of flagged models, as in `auditor scores`.")  # fmt: skip
@click.option("-b", "--benchmark", "benchmarks", multiple=True, metavar="NAME=PATH",
              help="Benchmark to look for in training sets, beside the policy's. May be repeated.")  # fmt: skip
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE",
              help="Accepted findings, each with a reason: they count for nothing.")  # fmt: skip
@click.option("--root", type=click.Path(path_type=Path), default=Path(), show_default="current directory",
              help="Training sets that an entry names must lie in it.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("check-out"),
              show_default=True, help="Directory for report.md, entries/, findings.json and summary.json.")  # fmt: skip
@click.option("--fail-on", type=click.Choice(["block", "review", "never"]), default="block", show_default=True,
              help="Exit with 1 from this verdict on.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def check(entries: tuple[str, ...], **options: Any) -> int:
    """Check new entries of a leaderboard: scores, training sets, lineage, what is not said, what contradicts.

    ENTRY is an entry.yaml, a model card, an Open LLM Leaderboard request or result, an lm-eval result, or a folder of
    MTEB or lm-eval results. The verdict is pass, review or block.

    Exit codes: 0 below --fail-on; 1 at or above it; 2 the input or the call is wrong; 3 something could not be checked.

    \b
    Example:
      auditor check entry.yaml --board board.csv --policy policy.toml -o out
    """
    if options["print_policy"]:
        from auditor.checking.policy import default_text

        click.echo(default_text(), nl=False)
        return 0
    if not entries:
        raise click.UsageError("name at least one entry: a file or a folder of results. Try 'auditor check --help'.")
    # before numpy is loaded: matrices of thirty columns gain nothing from more threads, which only spin
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from auditor.checking.check import check_entries

    mapping = None
    if options["mapping"]:
        from auditor.scores.columns import parse_mapping

        mapping = parse_mapping(options["mapping"])
    result = check_entries(
        entries, board=options["board"], mapping=mapping, policy=options["policy"], flagged=options["flagged"],
        benchmarks=options["benchmarks"], baseline=options["baseline"], root=options["root"],
    )  # fmt: skip
    result.write(options["out"])
    if not options["quiet"]:
        try:
            _print(result, options["out"])
            sys.stdout.flush()
        except BrokenPipeError:
            # nobody reads it, but the exit code still says what was found
            drop_output()
    return exit_code(result, options["fail_on"])


def exit_code(result: CheckResult, fail_on: str) -> int:
    """0, 1 or 3: a verdict at or above `fail_on` is certain whatever could not be checked, so it goes first."""
    if result.verdict in {"block": {"block"}, "review": {"block", "review"}, "never": set()}[fail_on]:
        return 1
    return 0 if result.complete else 3


def _print(result: CheckResult, out: Path) -> None:
    from auditor.report.escape import truncate, visible

    for entry in result.entries:
        more = "" if entry.complete else f", {len(entry.missing)} not checked"
        click.echo(f"{entry.verdict}: {visible(entry.entry.path)} ({truncate(visible(entry.entry.model), 100)}{more})")
        for found in [f for f in entry.findings if f.evidence["effect"] != "pass"][:5]:
            click.echo(f"  {found.evidence['effect']}: {truncate(visible(found.title), 160)}")
        for missing in entry.missing[:5]:
            click.echo(f"  not checked: {truncate(visible(missing), 160)}", err=True)
    accepted = result.summary.get("baseline")
    if accepted:
        click.echo(f"baseline: {accepted['hidden']} findings are accepted, {len(accepted['stale'])} entries are stale")
        for entry in accepted["stale"]:
            said = truncate(visible(entry.get("about") or entry["reason"]), 100)
            click.echo(f"stale: {entry['fingerprint']} ({said}): no such finding in this run", err=True)
    for note in result.summary["notes"]:
        click.echo(f"note: {truncate(visible(note), 300)}", err=True)
    click.echo(f"Report: {out / 'report.md'}")
