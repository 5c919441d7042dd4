"""The documentation is true: its commands parse, its links lead somewhere, its baseline is one."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from auditor.cli import cli

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "examples" / "leaderboard" / "README.md"]


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if re.match(r" *auditor ", line)]


@pytest.mark.parametrize(
    ("page", "line"), [(p, c) for p in PAGES for c in commands(p)], ids=lambda v: v if isinstance(v, str) else v.stem
)
def test_every_command_parses(page: Path, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(re.split(r" [>|] ", line)[0], comments=True)[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="auditor", resilient_parsing=False)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]}"
        command = found
        words = words[1:]
    parser = command.make_parser(click.Context(command))
    _, rest, _ = parser.parse_args(list(words))
    assert not [word for word in rest if word.startswith("-")]


def test_there_are_commands_to_test() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 25


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_baseline_that_is_shown_is_one(tmp_path: Path) -> None:
    from auditor.baseline import read_baseline

    text = (ROOT / "docs" / "moderator.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    lines = "\n".join(line.strip() for line in block.splitlines())
    assert tomllib.loads(lines)["version"] == 1
    (tmp_path / "accepted.toml").write_text(lines)
    assert len(read_baseline(tmp_path / "accepted.toml").entries) == 1
