"""`auditor compare`: what is new, gone or changed between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.comparing import Comparison

SHOWN = 20
"""Findings of each kind that are printed; all are in compare.json."""


@click.command(context_settings={"show_default": True})
@click.argument("before", metavar="A", type=click.Path(path_type=Path))
@click.argument("after", metavar="B", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False),
              help="Directory for compare.json and compare.md.")  # fmt: skip
@click.option("--fail-on", type=click.Choice(["contaminated", "review", "never"]), default="contaminated",
              help="Verdict from which on something new makes the exit code 1.")  # fmt: skip
@click.option("--write-baseline", "baseline_out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write what is new as a baseline (TOML or JSON), with reasons to fill in.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def compare(before: Path, after: Path, out: Path | None, fail_on: str, baseline_out: Path | None, quiet: bool) -> int:
    """Compare two runs: before and after cleaning, two versions of a training set, two thresholds.

    A and B are directories that a command such as `auditor scan -o DIR` wrote. Findings are known again by their
    fingerprints, so that rows may shift; a file that was renamed has other fingerprints.

    Exit codes: 0 nothing new at or above --fail-on; 1 something new, or a verdict that rose to it; 2 the input or the
    call is wrong.

    Example: auditor compare audit-before audit-after -o changes
    """
    from auditor.baseline import refuse_existing, write_baseline
    from auditor.comparing import compare as hold_against
    from auditor.comparing import render_comparison
    from auditor.errors import InputError
    from auditor.report.files import make_directory, read_run, write_summary, write_text

    if baseline_out is not None:
        refuse_existing(baseline_out)
    first, second = read_run(before), read_run(after)
    if first.command != second.command:
        raise InputError(
            f"{before} is of `auditor {first.command}` and {after} of `auditor {second.command}`; give two runs "
            "of one command"
        )
    comparison = hold_against(first, second)
    if out is not None:
        directory = make_directory(out)
        write_text(directory / "compare.md", render_comparison(comparison, str(before), str(after)))
        write_summary(directory / "compare.json", comparison.to_json())
    written = None if baseline_out is None else write_baseline(baseline_out, comparison.new)
    if not quiet:
        _print(comparison)
        if written is not None:
            click.echo(f"{written:,} entries in {baseline_out}: say at each why it is accepted")
    return 1 if comparison.worse(fail_on) else 0


def _print(comparison: Comparison) -> None:
    from auditor.comparing import KINDS, describe
    from auditor.report.escape import truncate, visible

    counts = comparison.by_benchmark()
    rows: list[Sequence[str]] = [("benchmark", *KINDS)]
    rows += [(name or "-", *(f"{of[kind]:,}" for kind in KINDS)) for name, of in counts.items()]
    rows.append(("all", *(f"{len(getattr(comparison, kind)):,}" for kind in KINDS)))
    width = max(len(visible(row[0])[:60]) for row in rows)
    for row in rows:
        click.echo(visible(row[0])[:60].ljust(width) + "".join(cell.rjust(10) for cell in row[1:]))
    for sign, kind in (("+", "new"), ("-", "gone")):
        findings = getattr(comparison, kind)
        for finding in findings[:SHOWN]:
            click.echo(f"{sign} " + "  ".join(truncate(visible(cell), 100) for cell in describe(finding)))
        if len(findings) > SHOWN:
            click.echo(f"{sign} {len(findings) - SHOWN:,} more")
    for change in comparison.changed[:SHOWN]:
        item, place, after = (truncate(visible(cell), 100) for cell in describe(change.after))
        click.echo(f"~ {item}  {place}  {visible(describe(change.before)[2])} -> {after} ({', '.join(change.what)})")
    if len(comparison.changed) > SHOWN:
        click.echo(f"~ {len(comparison.changed) - SHOWN:,} more")
    for difference in comparison.differences[:SHOWN]:
        said = (truncate(visible(text), 60) for text in (difference.key, difference.before, difference.after))
        click.echo("  not the same: {}: {} -> {}".format(*said))
