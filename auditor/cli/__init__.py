"""The command line: thin click commands over the library; the only place that prints or exits."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module

import click

from auditor import __version__
from auditor.errors import AuditorError

COMMANDS = {
    "scan": ("auditor.cli.scan", "Look for benchmark items in a training set."),
    "scores": ("auditor.cli.scores", "Which scores of a leaderboard are too good for the model's size."),
    "check": ("auditor.cli.check", "May this entry be added to the leaderboard: pass, review or block."),
    "report": ("auditor.cli.report", "Reports of finished runs: Markdown, HTML, SARIF, JUnit, CONDA rows."),
    "clean": ("auditor.cli.clean", "Write a training set without the contaminated records."),
    "compare": ("auditor.cli.compare", "What is new, gone or changed between two runs."),
    "sketch": ("auditor.cli.sketch", "Sketch a training set, so that others can check it without seeing it."),
    "demo": ("auditor.cli.demo", "The whole of it on data that comes with the package."),
    "suites": ("auditor.cli.suites", "The catalog of benchmarks: list, fetch, show."),
}
"""Command name to (module, one line of help): a module is imported only when its command is called."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used, so that --help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="auditor")
def cli() -> None:
    """Can this benchmark score be believed? Audit training sets and leaderboards.

    Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 the input or the call is wrong;
    3 the audit is incomplete.
    """


def drop_output() -> None:
    """Let what is still printed go nowhere: its reader is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Entry point: run the command and turn every outcome into one of the four exit codes."""
    try:
        status = cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(3)
    except AuditorError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except SystemExit:
        # click raises it (1) only where the reader of our output went away: `auditor … | head` is no finding
        drop_output()
        sys.exit(0)
    except Exception as error:
        # a defect of ours must never look like findings (1) nor like a clean audit (0)
        if os.environ.get("AUDITOR_DEBUG"):
            traceback.print_exc()
        from auditor.sources.redaction import redacted

        click.echo(
            f"error: auditor failed in an unforeseen way ({type(error).__name__}: {redacted(str(error))}). "
            "The audit is incomplete. Set AUDITOR_DEBUG=1 for the traceback and report it.",
            err=True,
        )
        sys.exit(3)
    sys.exit(status if isinstance(status, int) else 0)
