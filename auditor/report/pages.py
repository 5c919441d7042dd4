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


def write_model_pages(directories: Sequence[Path], output: Path) -> int:
    """Write the pages of finished score audits; returns how many.

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
    pages = 0
    for number, run in enumerate(runs):
        folder = place if number == 0 else make_directory(place / f"run{number + 1}")
        models: dict[str, list[Finding]] = flagged(run.findings)
        for model, findings in models.items():
            write_text(folder / page_name(model), render_model_page(model, findings, run.summary))
            pages += 1
        for path in run.summary.get("figures", {}):
            source = run.directory / "figures" / path.rsplit("/", 1)[-1]
            if source.is_file():
                make_directory(folder / "figures")
                write_text(folder / "figures" / source.name, source.read_text(encoding="utf-8"))
        prefixes.append("" if number == 0 else f"run{number + 1}/")
        shown.append((run.directory.name, run.summary, models))
        if number:
            write_text(folder / "README.md", render_index([shown[-1]], [""]))
    write_text(place / "README.md", render_index(shown, prefixes))
    return pages
