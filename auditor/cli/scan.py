"""`auditor scan`: look for benchmark items in a training set."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import drop_output
from auditor.cli.judge import judge_of, judge_options, judged, print_judged

if TYPE_CHECKING:
    from auditor.config import ScanConfig
    from auditor.results import ScanResult


@click.command(context_settings={"show_default": True})
@click.argument("train", nargs=-1)
@click.option("-b", "--benchmark", "benchmarks", multiple=True, metavar="BENCHMARK",
              help="Catalog name (see `auditor suites list`), path, or name=path. May be repeated.")  # fmt: skip
@click.option("-d", "--detector", "detectors", multiple=True, metavar="DETECTOR",
              help="ngram, minhash or rephrase. May be repeated.  [default: ngram and minhash]")  # fmt: skip
@click.option("--model", default="all-MiniLM-L6-v2", metavar="NAME",
              help="Model of rephrase: a sentence-transformers name or folder, or 'multilingual'.")  # fmt: skip
@click.option("--fdr", type=click.FloatRange(0, 1), default=0.01,
              help="False discovery rate of the rephrases that are called contaminated.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("auditor-out"),
              help="Directory for matches.jsonl, findings.json, summary.json, report.md and report.html.")  # fmt: skip
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", help="What runs the scan.")
@click.option("--address", metavar="HOST:PORT",
              help="Of a Ray cluster, or auto for one that runs here.  [default: this machine alone]")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), help="Threads, or actors of the cluster.  [default: all cores]")
@click.option("--text-field", "text_fields", multiple=True, metavar="FIELD",
              help="Read only this field, such as meta.body. May be repeated.  [default: known shapes]")  # fmt: skip
@click.option(
    "--schema",
    metavar="NAME",
    help="Read every record as this shape: text, messages, sharegpt, alpaca, prompt, instruction.",
)
@click.option(
    "--format",
    "file_format",
    metavar="NAME",
    help="Read every file as this format: json, jsonl, csv, tsv, txt, parquet, arrow.",
)
@click.option("--encoding", default="utf-8", help="Encoding of text files.")
@click.option("--max-record-bytes", type=click.IntRange(1024), default=16 << 20,
              help="Longer records are scanned in overlapping pieces.")  # fmt: skip
@click.option("--max-expansion", type=click.IntRange(1), default=200,
              help="Bytes out for a byte in at which a compressed file is taken for a bomb.")  # fmt: skip
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a threshold (see --thresholds). May be repeated.",
)
@click.option("--thresholds", is_flag=True, help="List every threshold with its default and its reason, and exit.")
@click.option("--fail-on", type=click.Choice(["contaminated", "review", "never"]), default="contaminated",
              help="Verdict from which on the exit code is 1.")  # fmt: skip
@click.option("--baseline", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Accepted findings, each with a reason (TOML or JSON): they do not fail the run.")  # fmt: skip
@click.option("--write-baseline", "baseline_out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write all findings as a first baseline, with reasons to fill in.")  # fmt: skip
@click.option("--max-skipped", type=click.FloatRange(0, 1), default=0.0,
              help="Share of records that may be unreadable before the exit code is 3 (incomplete).")  # fmt: skip
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False),
              help="The secret that a sketch was keyed with (see `auditor sketch`).")  # fmt: skip
@judge_options
@click.option("--report", "reports", multiple=True, type=click.Choice(["sarif", "junit", "conda"]),
              help="Also write the result in this form (see `auditor report`). May be repeated.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with the interrupted scan in the output directory.")
@click.option("--full-text", is_flag=True, help="Quote items in full in the report. It leaks the benchmark again.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def scan(train: tuple[str, ...], **options: Any) -> int:
    """Look for benchmark items in a training set: files, directories, globs, or URLs (hf://datasets/…, s3://…).

    TRAIN may also be the sketch of one (see `auditor sketch`): then it is estimated which items are in it.

    Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 the input or the call is wrong; 3 the audit is
    incomplete: something could not be read.

    Example: auditor scan data/*.jsonl.gz -b gsm8k=gsm8k/test.jsonl -b mmlu=mmlu/test -o audit
    """
    if options["thresholds"]:
        return _list_thresholds()
    if not train:
        raise click.UsageError("name at least one file, directory, glob or URL to scan. Try 'auditor scan --help'.")
    if not options["benchmarks"]:
        raise click.UsageError(
            "name at least one benchmark to look for: -b gsm8k, -b path/to/test.jsonl or -b name=path."
        )
    from auditor.baseline import read_baseline, refuse_existing, write_baseline
    from auditor.scanning import scan as run
    from auditor.sources import ReadOptions

    reading = ReadOptions(
        text_fields=options["text_fields"],
        schema=options["schema"],
        format=options["file_format"],
        encoding=options["encoding"],
        max_record_bytes=options["max_record_bytes"],
        max_expansion=options["max_expansion"],
    )
    config = _config(options["detectors"], options["settings"], model=options["model"], fdr=options["fdr"])
    judge = judge_of(options)
    from auditor.sketch.files import is_sketch

    if any(is_sketch(path) for path in train):
        from auditor.cli.sketch import scan_sketches

        if options["reports"]:
            raise click.UsageError("a sketch has no records to report: leave --report out.")
        if options["baseline"] is not None or options["baseline_out"] is not None:
            raise click.UsageError("a sketch has no records to accept findings of: leave --baseline out.")
        if judge is not None:
            raise click.UsageError("a sketch has no text to ask a judge about: leave --judge out.")
        return scan_sketches(train, options, config)
    baseline = None if options["baseline"] is None else read_baseline(options["baseline"])
    if options["baseline_out"] is not None:
        refuse_existing(options["baseline_out"])
    # what a cluster has to say on the way is no result: Ray writes it to standard output
    aside = redirect_stdout(sys.stderr) if options["engine"] == "ray" else nullcontext()
    with _ProgressBar(options["quiet"]) as progress, aside:
        result = run(
            train, list(options["benchmarks"]), config=config, reading=reading, workers=options["workers"],
            engine=options["engine"], address=options["address"], out=options["out"], resume=options["resume"],
            progress=progress, command=["auditor", *sys.argv[1:]],
        )  # fmt: skip
    if judge is not None:
        result = judged(result, judge, options, config)
    if baseline is not None:
        result = result.with_baseline(baseline)
    result.write(options["out"], full_text=options["full_text"])
    if options["reports"]:
        from auditor.report.formats import write_formats

        write_formats(options["out"], options["reports"])
    written = None if options["baseline_out"] is None else write_baseline(options["baseline_out"], result.findings)
    if not options["quiet"]:
        try:
            _print(result, options["out"])
            if written is not None:
                click.echo(f"{written:,} entries in {options['baseline_out']}: say at each why it is accepted")
            sys.stdout.flush()
        except BrokenPipeError:
            # nobody reads it, but the exit code still says what was found
            drop_output()
    return exit_code(result, options["fail_on"], options["max_skipped"])


def exit_code(result: ScanResult, fail_on: str, max_skipped: float) -> int:
    """0, 1 or 3. A finding is certain whatever was not read, so it goes before incompleteness; an interrupted scan is
    always incomplete."""
    from auditor.results import BENIGN_SKIPS

    if result.summary["interrupted"] or result.summary.get("judge", {}).get("interrupted"):
        return 3
    at_or_above = {"contaminated": {"contaminated"}, "review": {"contaminated", "review"}, "never": set()}[fail_on]
    if any(finding.verdict in at_or_above and finding.baseline is None for finding in result.findings):
        return 1
    lost = sum(n for reason, n in result.summary["records_skipped"].items() if reason not in BENIGN_SKIPS)
    sources_lost = any(
        skip["row"] is None for skip in result.summary["skip_examples"] if skip["reason"] not in BENIGN_SKIPS
    )
    if sources_lost or lost > max_skipped * (result.summary["records_read"] + lost):
        return 3
    return 0


def _config(detectors: tuple[str, ...], settings: tuple[str, ...], **given: Any) -> ScanConfig:
    from auditor.config import ScanConfig

    values: dict[str, Any] = {**given, **({"detectors": detectors} if detectors else {})}
    known = {t.name: t.default for t in ScanConfig.thresholds()}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name not in known:
            raise click.UsageError(
                f"--set {setting}: give NAME=VALUE with one of the names of 'auditor scan --thresholds'."
            )
        try:
            values[name] = type(known[name])(value)
        except ValueError:
            raise click.UsageError(f"--set {setting}: {value!r} is not a number such as {known[name]}.") from None
    return ScanConfig(**values)


def _list_thresholds() -> int:
    from auditor.config import ScanConfig

    for threshold in ScanConfig.thresholds():
        click.echo(f"{threshold.name} = {threshold.default}")
        click.echo(f"    {threshold.reason}")
    return 0


def _print(result: ScanResult, out: Path) -> None:
    from auditor.report.escape import truncate, visible
    from auditor.report.markdown import verdict_line

    click.echo(verdict_line(result.summary, result.findings).replace("**", ""))
    summary = result.summary
    for name, facts in summary["benchmarks"].items():
        click.echo(
            f"  {name}: {facts['contaminated_items']} of {facts['items']} items contaminated, "
            f"{facts['review_items']} to review"
        )
        for warning in facts["warnings"]:
            click.echo(f"  warning: {warning}", err=True)
    if "baseline" in summary:
        accepted = summary["baseline"]
        click.echo(
            f"  baseline: {accepted['hidden']} findings are accepted, {len(accepted['stale'])} entries are stale"
        )
        for entry in accepted["stale"]:
            said = truncate(visible(entry.get("about") or entry["reason"]), 100)
            click.echo(f"  stale: {entry['fingerprint']} ({said}): no such finding in this run", err=True)
    if "judge" in summary:
        print_judged(summary["judge"])
    for reason, count in summary["records_skipped"].items():
        click.echo(f"  skipped: {count} × {reason}", err=True)
    if summary["interrupted"]:
        click.echo("interrupted: the result is partial; go on with the same command and --resume", err=True)
    elif result.can_resume:
        click.echo("some sources could not be reached: read them, too, with the same command and --resume", err=True)
    click.echo(f"Report: {out / 'report.md'}")


class _ProgressBar:
    """A progress bar on stderr, if that is a terminal; a context manager that gives the callback for it."""

    def __init__(self, quiet: bool) -> None:
        self._live: Any = None
        if not quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
            from rich.progress import TransferSpeedColumn as Speed

            self._live = Progress(
                TextColumn("scanning"), BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn(),
                TextColumn("{task.fields[found]} matches"), console=Console(stderr=True), transient=True,
            )  # fmt: skip

    def __enter__(self) -> Any:
        if self._live is None:
            return None
        self._live.start()
        task = self._live.add_task("scan", total=None, found=0)

        def update(progress: Any) -> None:
            self._live.update(task, completed=progress.bytes_read, total=progress.bytes_total, found=progress.matches)

        return update

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
