"""`auditor report`: one Markdown page for each flagged model of finished runs, and an index."""

from __future__ import annotations

from pathlib import Path

import click

from auditor.errors import InputError


@click.command()
@click.argument("directories", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("reports"), show_default=True,
              help="Directory for the pages.")  # fmt: skip
def report(directories: tuple[Path, ...], output: Path) -> int:
    """Write one Markdown page for each flagged model, and an index with the figure.

    DIR is a directory that `auditor scores -o DIR` wrote; nothing is computed again.

    \b
    Example:
      auditor scores leaderboard.csv -o audit
      auditor report audit -o reports
    """
    from auditor.report.pages import write_model_pages

    for directory in directories:
        if not directory.exists():
            raise InputError(f"{directory}: no such directory; give one that `auditor scores -o DIR` wrote")
    pages = write_model_pages(directories, output)
    click.echo(f"{pages} {'page' if pages == 1 else 'pages'} in {output}, index: {output / 'README.md'}")
    return 0
