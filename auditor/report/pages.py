"""The `reports/` directory: a page for each flagged model, the figures, and the index; from finished runs only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import InputError
from auditor.report.files import make_directory, read_run, write_text
from auditor.report.models import flagged, page_name, render_index, render_model_page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditor.types import Finding


def write_model_pages(directories: Sequence[Path], output: Path) -> list[Path]:
    """Write the pages of finished score audits; returns the Markdown files, the index last.

    A model that several runs flag has one page for each run that is not the first, with the run's number in its name.

    Raises:
        InputError: a directory is not that of a score audit.
        OutputError: the output cannot be written.
    """
    runs = []
    for directory in directories:
        run = read_run(directory)
        if run.command != "scores":
            raise InputError(
                f"{directory} is a run of `auditor {run.command}`; pages are made of runs of `auditor scores`"
            )
        runs.append(run)
    place = make_directory(output)
    shown = []
    prefixes = []
    pages: list[Path] = []
    for number, run in enumerate(runs):
        folder = place if number == 0 else make_directory(place / f"run{number + 1}")
        models: dict[str, list[Finding]] = flagged(run.findings)
        for model, findings in models.items():
            pages.append(folder / page_name(model))
            write_text(pages[-1], render_model_page(model, findings, run.summary))
        for path in run.summary.get("figures", {}):
            source = run.directory / "figures" / path.rsplit("/", 1)[-1]
            if source.is_file():
                make_directory(folder / "figures")
                write_text(folder / "figures" / source.name, source.read_text(encoding="utf-8"))
        prefixes.append("" if number == 0 else f"run{number + 1}/")
        shown.append((run.directory.name, run.summary, models))
        if number:
            pages.append(folder / "README.md")
            write_text(pages[-1], render_index([shown[-1]], [""]))
    write_text(place / "README.md", render_index(shown, prefixes))
    return [*pages, place / "README.md"]
