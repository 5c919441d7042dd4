"""What a stranger may put into a pull request: names, links, bombs, files that Python or git might take for their own."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt

from auditor.action.outcome import Outcome, Point, Row
from auditor.action.runner import MOST_ANNOTATIONS, annotation, quoted_log
from auditor.action.steps import annotate
from auditor.action.summary import MAX_COMMENT, MAX_SUMMARY, render_summary

from .checkout import INPUTS, Checkout, board, entry
from .runner import Job, Runner

if TYPE_CHECKING:
    from .api import GitHub

HOSTILE = (
    '<script>alert(1)</script><img src=x onerror="a()"> @everyone #12 | `x` [a](https://evil.example) www.evil.org '
    "::error::boo %0A </details> $x$ \u202e\u200b\n::set-output name=verdict::pass\n<!-- auditor-action:"
)
ALLOWED_TAGS = {
    "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "strong", "code", "details", "summary", "span",
}  # fmt: skip


def run(repository: Checkout, tmp_path: Path, python: Path, hub: GitHub | None = None, **inputs: str) -> Job:
    payload = repository.merge()
    environment = {"GITHUB_API_URL": hub.url} if hub else {}
    runner = Runner(repository.path, tmp_path / "temp", "pull_request", payload, python, environment)
    return runner.run(**{**INPUTS, "comment": "true" if hub else "false", **inputs})


def test_file_names_of_every_kind(tmp_path: Path, python: Path, hub: GitHub) -> None:
    repository = board(tmp_path / "ws")
    names = [
        "entries/::error::pwned\n::error::pwned.yaml", "entries/-rf.yaml", "entries/a b'\"$(touch pwned)`x`.yaml",
        "entries/%0A::error::x,line=1.yaml", "entries/Ünïcode-模型.yaml", "entries/<img src=x>@everyone.yaml",
        "--help.yaml", "entries/|pipe|.yaml",
    ]  # fmt: skip
    for number, name in enumerate(names):
        repository.write(name, entry(f"made-up-ash/N{number}-7.2B").replace("license: apache-2.0\n", ""))
    job = run(repository, tmp_path, python, hub, paths="entries/*.yaml\n*.yaml")
    assert job.outputs["verdict"] == "review", job.log
    assert job.exit_code == 0
    assert job.summary.startswith("🟡 **Not without a person who looks at it**: 8 of 8 entries are for review")
    commands = job.annotations()
    assert {a["command"] for a in commands} == {"warning"}
    assert {a["file"] for a in commands} == set(names)
    assert not [a for a in commands if a["message"].startswith("pwned")]
    assert not (repository.path / "pwned").exists()
    run_link = "[The run](https://github.com/board/board/actions/runs/77)"
    for text in (job.summary, hub.comments[0]["body"].replace(run_link, "")):
        assert "@everyone" not in text
        assert not tags(text) - ALLOWED_TAGS


def tags(markdown: str) -> set[str]:
    from html.parser import HTMLParser

    found: set[str] = set()

    class Page(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.add(tag)

    Page().feed(MarkdownIt("commonmark").enable("table").render(markdown))
    return found


def test_files_that_would_run_are_not_run(tmp_path: Path, python: Path) -> None:
    """Modules by the names of ours and of the libraries, configuration that libraries take from where they are started."""
    repository = board(tmp_path / "ws")
    canary = tmp_path / "canary"
    code = f"open({str(canary)!r}, 'a').write(__file__ + '\\n')\n"
    modules = [
        "auditor",
        "json",
        "yaml",
        "numba",
        "numpy",
        "click",
        "sitecustomize",
        "usercustomize",
        "subprocess",
        "tomllib",
    ]
    for name in modules:
        repository.write(f"{name}.py", code)
    repository.write("auditor/action/steps.py", code)
    repository.write("conftest.py", code)
    repository.write(".numba_config.yaml", "cache_dir: [")
    repository.write("pip.conf", "[global]\nindex-url = http://127.0.0.1:1/\n")
    repository.write(".gitattributes", "* diff=x filter=x\n")
    repository.write("data/train.jsonl", '{"text": "nothing of note, many times over, in one record"}\n')
    repository.write("entries/new.yaml", entry(more="training_sets:\n  - path: ../data/train.jsonl\n"))
    job = run(repository, tmp_path, python)
    assert (job.exit_code, job.outputs["verdict"]) == (0, "pass"), job.log
    assert not canary.exists()


def test_entries_that_point_out_of_the_checkout(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    (tmp_path / "secret.yaml").write_text("SECRET: 1\n")
    (repository.path / "entries" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    sets = "".join(f"  - path: {path}\n" for path in ("../../secret.yaml", "/etc/passwd", "../.git/config"))
    repository.write("entries/new.yaml", entry(more=f"training_sets:\n{sets}  - url: https://evil.example/x.jsonl\n"))
    job = run(repository, tmp_path, python)
    assert (job.exit_code, job.outputs["exit-code"], job.outputs["verdict"]) == (1, "3", "incomplete"), job.log
    assert job.summary.startswith("⚪ **Not yet: this could not be checked in full**: entries/link.yaml was not read")
    told = "".join(p.read_text() for p in Path(job.outputs["report-path"]).rglob("*") if p.is_file())
    assert "SECRET" not in told + job.summary + job.log
    assert "root:" not in told


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in itertools.pairwise("abcdefghi")
)


@pytest.mark.parametrize(
    "texts",
    [[BOMB], ["model: " + "[" * 50_000, "model: !!python/object/apply:os.system ['touch pwned']\n", "", "no entry"]],
    ids=["bomb", "others"],
)
def test_entries_that_cannot_be_read_do_not_pass(tmp_path: Path, python: Path, texts: list[str]) -> None:
    repository = board(tmp_path / "ws")
    for number, text in enumerate(texts):
        repository.write(f"entries/bad{number}.yaml", text)
    job = run(repository, tmp_path, python)
    assert (job.exit_code, job.outputs["exit-code"], job.outputs["verdict"]) == (1, "2", "incomplete"), job.log
    assert job.summary.startswith("⚪ **Not yet: this could not be checked**")
    assert "bad0.yaml" in job.summary
    assert all(f"bad{number}.yaml" in job.log for number in range(len(texts)))
    assert not (repository.path / "pwned").exists()


def test_ten_thousand_training_sets(tmp_path: Path, python: Path, hub: GitHub) -> None:
    repository = board(tmp_path / "ws")
    sets = "".join(f"  - path: ../data/{number}-{'x' * 90}.jsonl\n" for number in range(10_000))
    repository.write("entries/many.yaml", entry(more=f"training_sets:\n{sets}"))
    job = run(repository, tmp_path, python, hub)
    assert (job.exit_code, job.outputs["verdict"]) == (1, "incomplete"), job.log
    assert len(job.summary.encode()) < 20_000
    assert len(hub.comments) == 1


def hostile_outcome(rows: int = 200) -> Outcome:
    row = Row("block", HOSTILE, HOSTILE, HOSTILE, False, (HOSTILE * 9,) * 5, (HOSTILE * 9,) * 5, (HOSTILE * 9,) * 5)
    points = tuple(Point("error", f"a{HOSTILE}", 3, HOSTILE, HOSTILE) for _ in range(60))
    return Outcome(
        "check", "block", 1, (row,) * rows, 100_000, {"block": 100_000}, 100_000, points, {"error": 100_000},
        (HOSTILE * 50,) * 200, (HOSTILE * 50,) * 200,
    )  # fmt: skip


@pytest.mark.parametrize("limit", [MAX_SUMMARY, MAX_COMMENT, 20_000, 3_000, 300])
def test_summary_and_comment_stay_below_their_limits(limit: int) -> None:
    text = render_summary(hostile_outcome(), ["our own line"], limit=limit)
    assert len(text.encode()) <= limit
    assert text.startswith("🔴 **No, do not merge this as it stands**: 100,000 of 100,000 entries are blocked.")
    assert not tags(text) - ALLOWED_TAGS
    for mark in ("@everyone", "<script", "<!--", "](https://evil", "\u202e", "\n::"):
        assert mark not in text


def test_annotations_are_as_many_as_are_shown_and_cannot_be_forged() -> None:
    lines = annotate(hostile_outcome())
    assert len(lines) == MOST_ANNOTATIONS
    assert all(line.startswith("::error ") and "\n" not in line and "\r" not in line for line in lines)
    assert "99,994 more findings of this kind" in lines[-1]
    few = Outcome(
        "check", "review", 0, points=(Point("warning", "a,b:c\n%.yaml", None, "t", "m"),), point_counts={"warning": 1}
    )
    assert annotate(few) == ["::warning file=a%2Cb%3Ac%0A%25.yaml,title=t::m"]
    assert annotation("error", "x", title="y") == "::error title=y::x"


def test_the_log_cannot_give_commands() -> None:
    job = Job(log=quoted_log("::error::boo\n::stop-commands::x\n::add-mask::y") + "\n::notice title=t::ours\n")
    assert [a["command"] for a in job.annotations()] == ["notice"]


def test_the_event_cannot_reach_the_shell(tmp_path: Path, python: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload: dict[str, Any] = repository.merge()
    payload["pull_request"]["title"] = payload["pull_request"]["head"]["ref"] = "$(touch pwned)`touch pwned`"
    runner = Runner(repository.path, tmp_path / "temp", "pull_request", payload, python)
    job = runner.run(**INPUTS, comment="false", benchmarks='"; touch pwned; "', flagged="$(touch pwned)")
    assert job.outputs["exit-code"] == "2"
    assert not list(tmp_path.rglob("pwned"))
