"""`auditor report`: finished runs rendered again, in any format, without scanning."""

from __future__ import annotations

from pathlib import Path

import click

from auditor.errors import InputError


@click.command()
@click.argument("directories", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("reports"), show_default=True,
              help="Directory for the reports; may be that of the run.")  # fmt: skip
@click.option("--format", "formats", multiple=True,
              type=click.Choice(["markdown", "html", "sarif", "junit", "conda", "json"]),
              help="What to write. May be repeated.  [default: markdown, and html of a scan or a check]")  # fmt: skip
@click.option("--full-text", is_flag=True, help="Quote items in full. It leaks the benchmark again.")
def report(directories: tuple[Path, ...], output: Path, formats: tuple[str, ...], full_text: bool) -> int:
    """Write reports of finished runs: nothing is scanned or computed again.

    DIR is a directory that `auditor scan`, `scores` or `check` wrote. Markdown of a score audit is one page for each
    flagged model, and an index with the figure; of a scan or a check it is report.md. The other formats are
    report.html, findings.sarif (SARIF 2.1.0, for code scanning), junit.xml, contamination_report.csv (rows for the
    CONDA database, of scans only), and json (findings.json, summary.json, matches.jsonl).

    \b
    Example:
      auditor scores leaderboard.csv -o audit
      auditor report audit -o reports
      auditor report scan-out -o scan-out --format sarif --format junit
    """
    from auditor.report.formats import write_reports

    for directory in directories:
        if not directory.exists():
            raise InputError(f"{directory}: no such directory; give one that `auditor scan` or `scores -o DIR` wrote")
    written = write_reports(directories, output, formats=formats, full_text=full_text)
    index = output / "README.md"
    if index in written:
        pages = sum(path.suffix == ".md" and path.name != "README.md" for path in written)
        click.echo(f"{pages} {'page' if pages == 1 else 'pages'} in {output}, index: {index}")
    for path in written:
        if path.suffix != ".md" or path.name == "report.md":
            click.echo(f"Report: {path}")
    return 0
