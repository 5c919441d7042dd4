"""The options of `auditor scan` for an optional judge, and what the command says of its answers."""

from __future__ import annotations

import sys
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.config import ScanConfig
    from auditor.judging import Judge
    from auditor.results import ScanResult

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_OPTIONS = (
    click.option("--judge", metavar="URL",
                 help="OpenAI-compatible chat endpoint to ask about pairs to review, such as http://localhost:8000/v1. "
                 "It is sent excerpts of your training data. It changes no verdict. The key is read from "
                 "$AUDITOR_JUDGE_API_KEY, else $OPENAI_API_KEY.  [default: none is asked]"),
    click.option("--judge-model", metavar="NAME", help="Model to ask for there."),
    click.option("--judge-prompt", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                 help="What it is told.  [default: auditor/judging/prompt.txt]"),
    click.option("--judge-budget", type=click.IntRange(0), metavar="N",
                 help="Most requests to send; a pair takes two, and answers are kept.  [default: no limit]"),
)  # fmt: skip


def judge_options(command: _Command) -> _Command:
    """Add the options to a command."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def judge_of(options: Mapping[str, Any]) -> Judge | None:
    """The judge that the options name, before anything is scanned; None where they name none.

    Raises click.UsageError or InputError where they cannot be used.
    """
    if options["judge"] is None:
        for name in ("judge_model", "judge_prompt", "judge_budget"):
            if options[name] is not None:
                raise click.UsageError(f"--{name.replace('_', '-')} is of no use without --judge URL.")
        return None
    if options["judge_model"] is None:
        raise click.UsageError("--judge needs --judge-model NAME, as the endpoint names it.")
    from auditor.judging import Judge, JudgeEndpoint, Prompt

    endpoint = JudgeEndpoint.from_environment(options["judge"], options["judge_model"])
    return Judge(endpoint, Prompt.read(options["judge_prompt"]), budget=options["judge_budget"])


def judged(result: ScanResult, judge: Judge, options: Mapping[str, Any], config: ScanConfig) -> ScanResult:
    """The result with the judge's answers; as it is where the scan was interrupted, and is to be gone on with."""
    if result.summary["interrupted"]:
        return result
    from auditor.index_cache import index_of
    from auditor.judging import with_judge, with_whole_items

    review = [match for match in result.matches if match.verdict == "review"]
    if not review:
        return with_judge(result, judge)
    # whatever happens while others are waited for, the scan is there
    result.write(options["out"], full_text=options["full_text"])
    # found in the cache: the scan has built it
    texts = with_whole_items(index_of(list(options["benchmarks"]), config), review)
    if options["quiet"] or not sys.stderr.isatty():
        return with_judge(result, judge, texts)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("judge", total=None)
        return with_judge(result, judge, texts, lambda done, total: bar.update(task, completed=done, total=total))


def print_judged(facts: Mapping[str, Any]) -> None:
    """Say what came of it: answers on stdout, what is missing on stderr."""
    answers = ", ".join(f"{number:,} {answer}" for answer, number in facts["answers"].items())
    click.echo(f"  judge: {answers} of {facts['pairs']:,} pairs to review ({facts['requests']:,} requests)")
    for reason, number in facts["failed"].items():
        click.echo(f"  judge: no answer for {number:,} × {reason}", err=True)
    if facts["unasked_budget"]:
        click.echo(f"  judge: pairs not asked about: {facts['unasked_budget']:,}, the budget is used up", err=True)
    if facts["unasked_stopped"]:
        why = "interrupted" if facts["interrupted"] else "given up"
        click.echo(f"  judge: pairs not asked about: {facts['unasked_stopped']:,}, {why}", err=True)
    if facts["stopped"]:
        click.echo(f"  judge: given up: {facts['stopped']}", err=True)
    if facts["answers_not_kept"]:
        click.echo(f"  judge: answers that could not be kept for the next run: {facts['answers_not_kept']:,}", err=True)
