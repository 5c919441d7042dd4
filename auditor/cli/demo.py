"""`auditor demo`: plant copies of HumanEval in a small training set, scan it, and set what was found beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from auditor.demo import Comparison


@click.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-out"),
    show_default=True,
    help="Where the training set and the report go.",
)
def demo(out: Path) -> int:
    """The whole of it on data that comes with the package: no network, a few seconds.

    Copies of the real HumanEval are planted in code and documentation of Python's standard library: verbatim, inside a
    document, restyled, in a chat, escaped for HTML, and the first half only. Exit code: 0 when every copy was found,
    else 1.

    Example: auditor demo -o demo-out
    """
    from auditor.demo import compare, humaneval_path, make_training_set
    from auditor.scanning import scan

    benchmark = humaneval_path()
    training = out / "training"
    planted, rows = make_training_set(training, benchmark)
    click.echo(f"Planted {len(planted)} copies of HumanEval items among {rows:,} rows in {training}")
    result = scan([training], [f"humaneval={benchmark}"])
    result.write(out)
    comparison = compare(planted, result.findings)
    click.echo("\n" + _table(comparison))
    others = comparison.unplanted_contaminated
    click.echo(
        f"\nRows with nothing planted: {others} called contaminated, {comparison.unplanted_review} left to review."
        f"\nReport: {out / 'report.md'}"
    )
    return 0 if comparison.everything_found else 1


def _table(comparison: Comparison) -> str:
    rows = [("kind of copy", "file", "planted", "found", "verdict")]
    for kind, file, planted, found, verdicts in comparison.by_kind():
        said = ", ".join(f"{number} {verdict.value}" for verdict, number in sorted(verdicts.items())) or "missed"
        rows.append((kind, file, str(planted), str(found), said))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
