"""The comment: one, ours, updated; and the one for forks, from an artifact that is not trusted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from auditor.action.comment import Api, CommentError, api_of, mark_of, put_comment, why_not
from auditor.action.outcome import Outcome, Row, read_outcome
from auditor.action.relay import relay_comment
from auditor.action.steps import main
from auditor.action.summary import MAX_COMMENT, render_summary
from auditor.errors import InputError

from .api import BOT
from .test_hostile import hostile_outcome

if TYPE_CHECKING:
    from pathlib import Path

    from .api import GitHub

MARK = mark_of({"AUDITOR_COMMENT_KEY": "a"})
SHA = "a" * 40


def api(hub: GitHub) -> Api:
    return Api(hub.url, "board/board", "t")


def test_one_comment_is_written_and_updated(hub: GitHub) -> None:
    assert put_comment(api(hub), 7, MARK, "one") == "created"
    assert put_comment(api(hub), 7, MARK, "two") == "updated"
    assert put_comment(api(hub), 7, MARK, "two") == "unchanged"
    assert put_comment(api(hub), 7, mark_of({"AUDITOR_COMMENT_KEY": "b"}), "other") == "created"
    assert [c["body"].splitlines()[1] for c in hub.comments] == ["two", "other"]


def test_a_comment_that_would_be_too_long_is_cut(hub: GitHub) -> None:
    hub.refuse = []
    text = render_summary(hostile_outcome(), limit=MAX_COMMENT)
    assert len(render_summary(hostile_outcome())) > 65_536 > len(text)
    assert put_comment(api(hub), 7, MARK, text) == "created"
    with pytest.raises(CommentError, match="422"):
        put_comment(api(hub), 8, MARK, "x" * 65_536)


def test_a_mark_in_the_comment_of_a_stranger_is_not_ours(hub: GitHub) -> None:
    hub.say(f"{MARK}\nplanted", {"login": "stranger", "type": "User"})
    hub.say(f"quoting {MARK}", BOT)
    assert put_comment(api(hub), 7, MARK, "ours") == "created"
    assert hub.comments[0]["body"].endswith("planted")
    # with a token of a person, that person's comment is
    hub.comments = hub.comments[:2]
    hub.user = {"login": "stranger"}
    assert put_comment(api(hub), 7, MARK, "ours") == "updated"


def test_our_comment_is_found_behind_hundreds(hub: GitHub) -> None:
    for number in range(250):
        hub.say(f"hello {number}", {"login": "x", "type": "User"})
    put_comment(api(hub), 7, MARK, "one")
    assert put_comment(api(hub), 7, MARK, "two") == "updated"


def test_what_may_pass_is_tried_again(hub: GitHub) -> None:
    hub.refuse = [502, 503]
    assert put_comment(api(hub), 7, MARK, "x") == "created"
    hub.refuse = [503, 503, 503]
    with pytest.raises(CommentError, match="GitHub answered 503 to GET"):
        put_comment(api(hub), 7, MARK, "x")


@pytest.mark.parametrize("status", [401, 403, 404, 422, 500])
def test_what_may_not_is_said(hub: GitHub, status: int) -> None:
    hub.refuse = [status]
    with pytest.raises(CommentError) as caught:
        put_comment(api(hub), 7, MARK, "x")
    said = why_not(caught.value)
    assert said.startswith("No comment was written")
    assert str(status) in said
    assert ("pull-requests: write" in said) == (status in (401, 403, 404))


def test_the_token_does_not_follow_a_redirect(hub: GitHub) -> None:
    hub.redirect = f"{hub.url}/elsewhere"
    with pytest.raises(CommentError, match="307"):
        put_comment(api(hub), 7, MARK, "x")
    assert [path for _, path in hub.requests] == ["/repos/board/board/issues/7/comments?per_page=100&page=1"]


def test_an_answer_that_is_none(hub: GitHub) -> None:
    hub.user = {"login": "x"}
    with pytest.raises(CommentError, match="no list of comments"):
        put_comment(Api(f"{hub.url}/user?", "a/b", "t"), 7, MARK, "x")
    with pytest.raises(CommentError, match="cannot be reached"):
        put_comment(Api("http://127.0.0.1:1", "a/b", "t"), 7, MARK, "x")


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"GITHUB_API_URL": "http://evil.example", "GITHUB_REPOSITORY": "a/b", "AUDITOR_TOKEN": "t"},
        {"GITHUB_API_URL": "https://api.github.com", "GITHUB_REPOSITORY": "a/b"},
        {"GITHUB_API_URL": "https://api.github.com", "GITHUB_REPOSITORY": "a", "AUDITOR_TOKEN": "t"},
    ],
)
def test_no_api(env: dict[str, str]) -> None:
    with pytest.raises(InputError):
        api_of(env)


# workflow_run


def outcome() -> Outcome:
    row = Row("block", "entries/x.yaml", "org/<b>model</b> @everyone", "<script>", says=("![i](//e)",), ask=("#1",))
    return Outcome("check", "block", 1, (row,), 1, {"block": 1}, 3, notes=("](https://evil.example)",))


def relayed(tmp_path: Path, hub: GitHub, document: Any = None, **changes: Any) -> str:
    artifact = tmp_path / "artifact" / "auditor-report-1-abc"
    artifact.mkdir(parents=True, exist_ok=True)
    (artifact / "outcome.json").write_text(json.dumps(outcome().to_json() if document is None else document))
    run = {
        "id": 99, "event": "pull_request", "head_sha": SHA, "head_branch": "change",
        "head_repository": {"owner": {"login": "stranger"}}, **changes,
    }  # fmt: skip
    (tmp_path / "event.json").write_text(json.dumps({"workflow_run": run}))
    return relay_comment(
        {
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"), "GITHUB_API_URL": hub.url, "AUDITOR_TOKEN": "t",
            "GITHUB_REPOSITORY": "board/board", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "1",
            "AUDITOR_ARTIFACT": str(tmp_path / "artifact"),
        }
    )  # fmt: skip


def pull(sha: str = SHA, number: int = 7) -> dict[str, Any]:
    return {"number": number, "head": {"sha": sha, "label": "stranger:change"}}


def test_a_comment_for_a_fork(tmp_path: Path, hub: GitHub) -> None:
    hub.pulls = [pull("b" * 40, 6), pull()]
    hub.files = [{"filename": "entries/x.yaml"}]
    assert relayed(tmp_path, hub) == "comment created on pull request 7"
    body = hub.comments[0]["body"]
    assert body.splitlines()[1].startswith("🔴 **No, do not merge this as it stands**")
    assert "author could have changed what runs there" in body
    assert "https://github.com/board/board/actions/runs/99" in body
    for mark in ("@everyone", "<script", "<b>", "![i](", "](https://evil"):
        assert mark not in body
    assert "do not rely on this result" not in body


@pytest.mark.parametrize(
    "files",
    [
        [{"filename": "x"}] * 150 + [{"filename": ".github/workflows/check.yml"}],
        [{"filename": "x", "previous_filename": ".github/workflows/check.yml"}],
        [{"filename": "x"}] * 3_000,
    ],
)
def test_a_fork_that_changes_workflows_is_not_believed(
    tmp_path: Path, hub: GitHub, files: list[dict[str, Any]]
) -> None:
    hub.pulls, hub.files = [pull()], files
    relayed(tmp_path, hub)
    assert "do not rely on this result" in hub.comments[0]["body"]


def test_the_artifact_does_not_choose_the_pull_request(tmp_path: Path, hub: GitHub) -> None:
    hub.pulls = [pull("b" * 40)]
    assert "nothing to comment on" in relayed(tmp_path, hub, {**outcome().to_json(), "number": 7})
    assert hub.comments == []


@pytest.mark.parametrize(
    "change",
    [{"event": "push"}, {"head_sha": "main"}, {"id": "9/../"}, {"head_repository": None}, {"head_branch": 3}],
)
def test_events_that_are_no_run_of_a_pull_request(tmp_path: Path, hub: GitHub, change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        relayed(tmp_path, hub, **change)
    assert hub.comments == []


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "**pass**"}, {"verdict": 3}, {"exit_code": True}, {"exit_code": 9}, {"rows": {}}, {"rows": [{}]},
        {"rows": [[]]}, {"counts": []}, {"counts": {"block": -1}}, {"row_count": "1"}, {"findings": 1 << 60}, {"notes": "x"},
        {"notes": [{}]}, {"command": "__class__"}, {"problems": None},
    ],
)  # fmt: skip
def test_an_artifact_that_is_not_ours(tmp_path: Path, hub: GitHub, change: dict[str, Any]) -> None:
    hub.pulls = [pull()]
    with pytest.raises(InputError, match="not what this Action writes"):
        relayed(tmp_path, hub, {**outcome().to_json(), **change})
    assert hub.comments == []


def test_files_of_the_artifact(tmp_path: Path, hub: GitHub) -> None:
    file = tmp_path / "outcome.json"
    for text in ("", "[" * 100_000, "[]", "null"):
        file.write_text(text)
        with pytest.raises(InputError):
            read_outcome(file)
    file.write_text(json.dumps(outcome().to_json()))
    assert read_outcome(file).rows == outcome().rows
    with pytest.raises(InputError):
        read_outcome(file, limit=10)
    link = tmp_path / "link.json"
    link.symlink_to(file)
    with pytest.raises(InputError):
        read_outcome(link)
    (tmp_path / "artifact" / "two").mkdir(parents=True)
    (tmp_path / "artifact" / "two" / "outcome.json").write_text("{}")
    with pytest.raises(InputError, match="more than one"):
        relayed(tmp_path, hub)


def test_the_step(
    tmp_path: Path, hub: GitHub, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    hub.pulls = [pull()]
    relayed(tmp_path, hub)
    for name, value in {
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"), "GITHUB_API_URL": hub.url, "AUDITOR_TOKEN": "t",
        "GITHUB_REPOSITORY": "board/board", "AUDITOR_ARTIFACT": str(tmp_path / "artifact"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert main(["relay"]) == 0
    assert b"comment updated on pull request 7" in capfdbinary.readouterr().out
