"""Reports of finished runs in any form: Markdown, HTML, SARIF, JUnit, CONDA, JSON. Nothing is computed again."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from auditor.errors import InputError
from auditor.report.files import (
    FINDINGS,
    MATCHES,
    REPORT,
    SUMMARY,
    make_directory,
    read_matches,
    read_run,
    write_findings,
    write_matches,
    write_summary,
    write_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from auditor.report.files import Run

PAGE, SARIF, JUNIT, CONDA = "report.html", "findings.sarif", "junit.xml", "contamination_report.csv"
_NEEDED = {
    "scan": ("records_read", "benchmarks"),
    "scores": ("rows", "models", "benchmarks", "inputs"),
    "check": ("verdict", "entries"),
}
"""What the summary of a run must have for reports of it to be true."""
FORMATS = ("markdown", "html", "sarif", "junit", "conda", "json")


def write_reports(
    directories: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    output: str | os.PathLike[str] = "reports",
    *,
    formats: Sequence[str] = (),
    full_text: bool = False,
) -> list[Path]:
    """Write reports of finished runs; returns the files, in the order written.

    Of one run they are in `output`, of several in a directory of it for each. Markdown of score audits is a page for
    each flagged model with an index, of all of them together in `output`.

    Args:
        directories: directories that `auditor scan`, `scores` or `check` wrote.
        output: made where it is not there; may be the directory of a run.
        formats: some of `FORMATS`; by default Markdown, and HTML for all but score audits.
        full_text: quote items as far as the run holds them. It leaks the benchmark again.

    Raises:
        InputError: a format is unknown or does not fit a run, or a directory is not that of a finished run.
        OutputError: a file cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise InputError(f"the format {unknown[0]!r} is not known; there are: {', '.join(FORMATS)}")
    named = [directories] if isinstance(directories, str | os.PathLike) else directories
    runs = [_finished(directory) for directory in named]
    if not runs:
        raise InputError("name at least one directory of a finished run")
    _refuse_what_does_not_fit(runs, formats)
    place = make_directory(output)
    written: list[Path] = []
    pages = [run for run in runs if run.command == "scores" and "markdown" in (formats or ("markdown",))]
    if pages:
        from auditor.report.pages import write_model_pages

        written += write_model_pages([run.directory for run in pages], place)
    for run, folder in zip(runs, _folders(runs, place), strict=True):
        for name in formats or _usual(run):
            if name != "markdown" or run.command != "scores":
                written += _WRITERS[name](run, make_directory(folder), full_text)
    return written


def write_formats(directory: str | os.PathLike[str], formats: Sequence[str], *, full_text: bool = False) -> list[Path]:
    """Write more reports into the directory of a run that was just finished; returns the files.

    Raises:
        InputError: a format does not fit the run.
        OutputError: a file cannot be written.
    """
    run = _finished(directory)
    return [path for name in dict.fromkeys(formats) for path in _WRITERS[name](run, run.directory, full_text)]


def _finished(directory: str | os.PathLike[str]) -> Run:
    """A run of a command that there are reports of, with what they are made of."""
    run = read_run(directory)
    if run.command not in _NEEDED:
        raise InputError(
            f"{run.directory} is a run of `auditor {run.command}`; reports are made of runs of {', '.join(_NEEDED)}"
        )
    missing = [key for key in _NEEDED[run.command] if key not in run.summary]
    if missing:
        raise InputError(
            f"{run.directory / SUMMARY} is not that of a finished `auditor {run.command}`: it says nothing of "
            f"{', '.join(missing)}; run the audit again"
        )
    return run


def _usual(run: Run) -> tuple[str, ...]:
    """What is written when nothing is named; the pages of score audits are written apart from this."""
    if run.command == "scores":
        return ()
    return ("markdown",) if _is_sketch(run) else ("markdown", "html")


def _is_sketch(run: Run) -> bool:
    return "sketches" in run.summary


def _refuse_what_does_not_fit(runs: Sequence[Run], formats: Sequence[str]) -> None:
    """Before anything is written."""
    from auditor.report.conda import render_conda

    for run in runs:
        if _is_sketch(run) and "html" in formats:
            raise InputError(f"{run.directory} is the scan of a sketch, which has no texts to show: leave html out")
        if "conda" in formats:
            render_conda(run.command, run.summary, ())


def _folders(runs: Sequence[Run], place: Path) -> list[Path]:
    """Where each run's reports go: the output itself for one run, else directories named as the runs' are."""
    if len(runs) == 1:
        return [place]
    taken: dict[str, int] = {}
    folders = []
    for run in runs:
        name = re.sub(r"[^\w.-]+", "-", run.directory.resolve().name).strip(".-") or "run"
        taken[name] = taken.get(name, 0) + 1
        folders.append(place / (name if taken[name] == 1 else f"{name}-{taken[name]}"))
    return folders


def _write(path: Path, text: str) -> list[Path]:
    write_text(path, text)
    return [path]


def _markdown(run: Run, folder: Path, full_text: bool) -> list[Path]:
    if _is_sketch(run):
        from auditor.sketch.report import render_sketch_report

        return _write(folder / REPORT, render_sketch_report(run.summary, run.findings))
    if run.command == "scan":
        from auditor.report.markdown import render_scan_report

        return _write(folder / REPORT, render_scan_report(run.summary, run.findings, full_text=full_text))
    # the pages of a check are its own, with excerpts only, whatever text is asked for
    pages = [REPORT, *(str(entry.get("page", "")) for entry in run.summary.get("entries", ()))]
    return [path for name in dict.fromkeys(pages) for path in _copy(run, folder, name)]


def _copy(run: Run, folder: Path, name: str) -> list[Path]:
    """A Markdown file of the run's directory, if it is one of those that a command writes there."""
    source = run.directory / name
    if not re.fullmatch(r"(?:entries/)?[\w-][\w.-]*\.md", name) or not source.is_file():
        return []
    target = folder / name
    if target.resolve() == source.resolve():
        return [target]
    make_directory(target.parent)
    return _write(target, source.read_text(encoding="utf-8"))


def _html(run: Run, folder: Path, full_text: bool) -> list[Path]:
    from auditor.report.page import render_page
    from auditor.report.page_figure import read_points

    outliers = run.directory / "outliers.csv"
    points = read_points(outliers) if run.command == "scores" and outliers.is_file() else None
    text = render_page(run.command, run.summary, run.findings, points=points, full_text=full_text)
    return _write(folder / PAGE, text)


def _sarif(run: Run, folder: Path, full_text: bool) -> list[Path]:  # noqa: ARG001 - it quotes nothing
    from auditor.report.sarif import render_sarif

    return _write(folder / SARIF, render_sarif(run.command, run.summary, run.findings))


def _junit(run: Run, folder: Path, full_text: bool) -> list[Path]:  # noqa: ARG001 - it quotes nothing
    from auditor.report.junit import render_junit

    return _write(folder / JUNIT, render_junit(run.command, run.summary, run.findings))


def _conda(run: Run, folder: Path, full_text: bool) -> list[Path]:  # noqa: ARG001 - it quotes nothing
    from auditor.report.conda import render_conda

    return _write(folder / CONDA, render_conda(run.command, run.summary, run.findings))


def _json(run: Run, folder: Path, full_text: bool) -> list[Path]:  # noqa: ARG001 - the run's own excerpts
    if folder.resolve() == run.directory.resolve():
        kept = [folder / FINDINGS, folder / SUMMARY]
        return kept if run.matches_path is None else [folder / MATCHES, *kept]
    written = []
    if run.matches_path is not None:
        write_matches(folder / MATCHES, read_matches(run.matches_path))
        written.append(folder / MATCHES)
    write_findings(folder / FINDINGS, run.findings, command=run.command)
    write_summary(folder / SUMMARY, run.summary)
    return [*written, folder / FINDINGS, folder / SUMMARY]


_WRITERS: Mapping[str, Callable[[Run, Path, bool], list[Path]]] = {
    "markdown": _markdown,
    "html": _html,
    "sarif": _sarif,
    "junit": _junit,
    "conda": _conda,
    "json": _json,
}
