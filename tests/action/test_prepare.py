"""What is checked and by which files: events, checkouts, globs, and files of the base branch; real git, no mocks."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditor.action.globs import parse_globs
from auditor.action.plan import read_plan
from auditor.action.prepare import make_plan
from auditor.action.runner import read_inputs
from auditor.errors import InputError

from .checkout import EXAMPLE, INPUTS, Checkout, board, entry, event

if TYPE_CHECKING:
    from auditor.action.plan import Plan


def plan_of(
    repository: Checkout, payload: dict[str, Any], name: str = "pull_request", sha: str = "", **inputs: str
) -> tuple[Plan, str]:
    """The plan and the cache's key."""
    work = repository.path.parent / "work"
    work.mkdir(exist_ok=True)
    (work / "event.json").write_text(json.dumps(payload))
    given = {f"AUDITOR_INPUT_{k.upper()}": v for k, v in {**INPUTS, **inputs}.items()}
    env = {
        "GITHUB_WORKSPACE": str(repository.path), "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(work / "event.json"),
        "GITHUB_SHA": sha or repository.git("rev-parse", "HEAD"), **given,
    }  # fmt: skip
    return make_plan(env, work)


# which commits


def test_the_head_of_a_pull_request_is_compared_with_where_it_began(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    head = repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("entries/other.yaml", entry("made-up-elm/Other-7.2B"))
    repository.write("policy.toml", "[disclosure]\nrequired = []\n")
    base = repository.commit()
    repository.git("checkout", "-q", "change")
    plan, _ = plan_of(repository, event(base, head))
    assert plan.entries == ("entries/new.yaml",)
    # judged by the base branch as it is now
    assert "required = []" in Path(plan.policy).read_text()


def test_a_shallow_checkout_says_what_to_change(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    shallow = Checkout(tmp_path / "shallow")
    repository.git("branch", "merged")
    url = repository.path.as_uri()
    subprocess.run(["git", "clone", "-q", "--depth=1", "-b", "merged", url, shallow.path], check=True)
    with pytest.raises(InputError, match="fetch-depth: 0"):
        plan_of(shallow, payload)
    head = payload["pull_request"]["head"]["sha"]
    repository.git("checkout", "-q", "change")
    subprocess.run(["git", "clone", "-q", "--depth=1", "-b", "change", url, tmp_path / "head"], check=True)
    assert Checkout(tmp_path / "head").git("rev-parse", "HEAD") == head
    with pytest.raises(InputError, match="fetch-depth: 0"):
        plan_of(Checkout(tmp_path / "head"), payload)


def test_what_is_checked_out_must_be_the_pull_request(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    repository.git("checkout", "-q", "main")
    with pytest.raises(InputError, match="is not what this event is about"):
        plan_of(repository, payload, sha="0" * 40)
    # pull_request_target, with the base checked out as is its default
    with pytest.raises(InputError, match="check out the pull request's merge commit or head"):
        plan_of(repository, payload, name="pull_request_target")
    with pytest.raises(InputError, match="git rev-parse failed"):
        plan_of(Checkout(tmp_path), payload, sha="0" * 40)


def test_a_commit_that_only_looks_like_a_merge_is_not_believed(tmp_path: Path) -> None:
    """A merge pushed to the branch by its author has a first parent of the author's choice, with its own policy."""
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    head = repository.commit()
    base = repository.git("rev-parse", "main")
    repository.git("checkout", "-q", "--detach", "main")
    repository.write("policy.toml", "[pass]\nrules = ['*']\n")
    repository.commit()
    repository.git("merge", "-q", "--no-ff", "-m", "merge", head)
    with pytest.raises(InputError, match="is not what this event is about"):
        plan_of(repository, event(base, head), sha="1" * 40)
    # as the head itself it is compared with the true base, and judged by it
    forged = repository.git("rev-parse", "HEAD")
    plan, _ = plan_of(repository, event(base, forged))
    assert "rules" not in Path(plan.policy).read_text()
    assert any("policy.toml" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pull_request": None}, "has no pull_request"),
        ({"pull_request": {"number": 7, "head": {"sha": "x"}, "base": {"sha": "y"}}}, "names no commit"),
        ({"pull_request": {"number": "7; rm", "head": {}, "base": {}}}, "has no number"),
    ],
)
def test_payloads_that_are_none(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    repository = board(tmp_path / "ws")
    with pytest.raises(InputError, match=message):
        plan_of(repository, change)


@pytest.mark.parametrize("name", ["issue_comment", "workflow_run", "", "pull_request_of_another_kind"])
def test_events_that_may_bring_files_of_strangers_are_refused(tmp_path: Path, name: str) -> None:
    """A stranger's files in the checkout would be judged by a policy from the same checkout."""
    repository = board(tmp_path / "ws")
    with pytest.raises(InputError, match="may bring files of a stranger"):
        plan_of(repository, repository.merge(), name=name)


# which files


def test_what_a_pull_request_changes(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.git("checkout", "-q", "main")
    repository.write("results/org__a/MMLU.json", "{}")
    repository.write("results/org__b/MMLU.json", "{}")
    repository.commit()
    repository.git("checkout", "-q", "-B", "change")
    repository.git("mv", "entries/old.yaml", "entries/renamed.yaml")
    repository.git("rm", "-q", "results/org__a/MMLU.json", "results/org__b/MMLU.json")
    repository.write("results/org__b/ARC.json", "{}")
    repository.write("entries/deep/er.yaml", entry())
    repository.write("entries/skipped.yaml", entry())
    repository.write(".github/workflows/check.yml", "on: push")
    plan, _ = plan_of(repository, repository.merge(), paths="./entries/**/*.yaml\n results/*/\n!entries/skipped.yaml")
    assert plan.entries == ("entries/deep/er.yaml", "entries/renamed.yaml", "results/org__b")
    notes = " ".join(plan.notes)
    assert "entries/skipped.yaml" in notes
    assert "Deleted, so that nothing was checked: entries/old.yaml and results/org__a/MMLU.json" in notes
    assert "changes .github/workflows/check.yml: it may change what runs here" in notes
    assert plan.guarded
    assert plan.number == 7
    assert not plan.fork


def test_globs_that_fit_nothing_never_pass(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("README.md", "x")
    payload = repository.merge()
    with pytest.raises(InputError, match="nothing would ever be checked"):
        plan_of(repository, payload, paths="submissions/*.yaml")
    assert plan_of(repository, payload)[0].entries == ()


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("entries/*.yaml", "entries/a.yaml", True),
        ("entries/*.yaml", "entries/b/a.yaml", False),
        ("entries/*.yaml", "entries/a.yaml\nx.yaml", True),
        ("entries/*.yaml", "entriesx/a.yaml", False),
        ("**/*.yaml", "a.yaml", True),
        ("**/*.yaml", "a/b/c.yaml", True),
        ("entries/**", "entries/a/b", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[!a]x", "/x", False),
        ("[]x", "[]x", True),
        ("[^a]x", "^x", True),
        ("a+(b).{y}", "a+(b).{y}", True),
        ("a.yaml", "axyaml", False),
    ],
)
def test_globs(glob: str, path: str, fits: bool) -> None:
    assert (parse_globs([glob]).entry_of(path) is not None) == fits


@pytest.mark.parametrize("glob", ["/etc/*", "../x", "a/../../x", "a\\b", "/", "!"])
def test_globs_outside_of_the_checkout_are_refused(glob: str) -> None:
    with pytest.raises(InputError, match="must lie in the checkout"):
        parse_globs([glob])
    with pytest.raises(InputError, match="a range that is none"):
        parse_globs(["[z-a]"])
    with pytest.raises(InputError, match="only excludes"):
        parse_globs(["!entries/*"])


def test_a_folder_is_one_entry() -> None:
    globs = parse_globs(["results/*/", "!results/*/*.log"])
    assert globs.entry_of("results/a/b/c.json") == "results/a"
    assert globs.entry_of("results/readme") is None
    assert globs.entry_of("results/a/x.log") is None


def test_links_out_of_the_checkout_and_submodules_are_refused(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    (tmp_path / "secret.yaml").write_text("x")
    entries = repository.path / "entries"
    (entries / "out.yaml").symlink_to(tmp_path / "secret.yaml")
    (entries / "passwd.yaml").symlink_to("/etc/passwd")
    (entries / "config.yaml").symlink_to("../.git/config")
    (entries / "gone.yaml").symlink_to("nowhere.yaml")
    (entries / "loop.yaml").symlink_to("loop.yaml")
    (entries / "in.yaml").symlink_to("old.yaml")
    (repository.path / "results").mkdir()
    (repository.path / "results" / "a").mkdir()
    (repository.path / "results" / "a" / "x.json").symlink_to("/etc/hostname")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},entries/module.yaml")
    repository.git("add", "-A", "--", "entries", "results", ":!entries/module.yaml")
    base = repository.git("rev-parse", "main")
    repository.git("commit", "-qm", "x")
    head = repository.git("rev-parse", "HEAD")
    plan, _ = plan_of(repository, event(base, head), paths="entries/*.yaml\nresults/*/")
    assert plan.entries == ("entries/in.yaml",)
    assert [path for path, _ in plan.refused] == [
        "entries/config.yaml", "entries/gone.yaml", "entries/loop.yaml", "entries/module.yaml", "entries/out.yaml",
        "entries/passwd.yaml", "results/a",
    ]  # fmt: skip
    assert dict(plan.refused)["entries/module.yaml"] == "it is a submodule"


def test_names_that_are_no_utf_8_are_refused(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    with open(os.fsencode(repository.path) + b"/entries/\xff\xfe.yaml", "w") as file:  # noqa: PTH123
        file.write(entry())
    plan, _ = plan_of(repository, repository.merge())
    assert plan.refused == (("entries/\udcff\udcfe.yaml", "its name is no UTF-8"),)
    plan.write(tmp_path)
    assert read_plan(tmp_path) == plan


def test_names_that_read_like_urls_are_not_scanned(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("data/simplecache::x.jsonl", '{"text": "x"}\n')
    plan, _ = plan_of(repository, repository.merge(), paths="data/*", command="scan", board="")
    assert plan.entries == ()
    assert plan.refused == (("data/simplecache::x.jsonl", "its name reads like a URL"),)


# which files judge


def test_a_pull_request_does_not_relax_its_own_check(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    before = {name: (repository.path / name).read_bytes() for name in ("policy.toml", "board.csv", "orchard.jsonl")}
    repository.write("entries/new.yaml", entry())
    repository.write("policy.toml", "[pass]\nrules = ['*']\n")
    repository.write("board.csv", "model,params_b\n")
    repository.write("orchard.jsonl", "")
    plan, _ = plan_of(repository, repository.merge())
    assert Path(plan.policy).read_bytes() == before["policy.toml"]
    assert Path(plan.board).read_bytes() == before["board.csv"]
    # the benchmark that the policy names by path stands beside it
    assert (Path(plan.policy).parent / "orchard.jsonl").read_bytes() == before["orchard.jsonl"]
    assert not Path(plan.policy).is_relative_to(repository.path)
    note = next(note for note in plan.notes if "judged by the base branch's version" in note)
    assert "policy.toml, orchard.jsonl and board.csv" in note
    assert plan.guarded


def test_a_policy_that_only_the_pull_request_has_judges_nothing(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    repository.write("lenient.toml", "[pass]\nrules = ['*']\n")
    (repository.path / "made").symlink_to("entries")
    payload = repository.merge()
    with pytest.raises(InputError, match=r"the policy 'lenient\.toml' is not in the base branch"):
        plan_of(repository, payload, policy="lenient.toml")
    # a link of the pull request's in the path of a file that the workflow would have made
    with pytest.raises(InputError, match=r"'made/new\.yaml' is not in the base branch"):
        plan_of(repository, payload, flagged="made/new.yaml")
    with pytest.raises(InputError, match="is not there"):
        plan_of(repository, payload, flagged="nowhere.csv")


def test_what_the_workflow_made_is_taken_as_it_is(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    repository.write("fetched/board.csv", "model,params_b\n")
    (tmp_path / "flagged.csv").write_text("model\n")
    plan, _ = plan_of(repository, payload, board="fetched/board.csv", flagged=str(tmp_path / "flagged.csv"))
    assert plan.board == str(repository.path / "fetched" / "board.csv")
    assert plan.flagged == str(tmp_path / "flagged.csv")


@pytest.mark.parametrize("path", ["../policy.toml", ".git/config", ".", "a/../../x"])
def test_paths_of_judging_files_outside_of_the_checkout(tmp_path: Path, path: str) -> None:
    repository = board(tmp_path / "ws")
    with pytest.raises(InputError, match="must lie in the checkout"):
        plan_of(repository, repository.merge(), policy=path)


def test_links_in_the_base_branch_are_not_followed(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.git("checkout", "-q", "main")
    (repository.path / "linked.csv").symlink_to("board.csv")
    repository.commit()
    repository.git("checkout", "-q", "-B", "change")
    with pytest.raises(InputError, match="is a link or a submodule in the base branch"):
        plan_of(repository, repository.merge(), board="linked.csv")


def test_a_board_in_large_file_storage(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.git("checkout", "-q", "main")
    data = (repository.path / "board.csv").read_bytes()
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(data).hexdigest()}\nsize {len(data)}\n"
    )
    repository.write("board.csv", pointer)
    repository.commit()
    repository.git("checkout", "-q", "-B", "change")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    with pytest.raises(InputError, match="lfs: true"):
        plan_of(repository, payload)
    (repository.path / "board.csv").write_bytes(data)  # as the checkout with `lfs: true` leaves it
    assert Path(plan_of(repository, payload)[0].board).read_bytes() == data


def test_extras_and_cache_follow_the_policy(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    shared = repository.path / "bench"
    shared.mkdir()
    repository.git("checkout", "-q", "main")
    repository.write("bench/a.jsonl", (EXAMPLE / "orchard.jsonl").read_text())
    repository.write("deep/policy.toml", '[benchmarks.scan]\nA = "../bench/a.jsonl"\n')
    repository.write("hub.toml", '[benchmarks.scan]\ng = "gsm8k"\n[data]\ndetectors = ["ngram", "rephrase"]\n')
    repository.write("broken.toml", "[")
    repository.commit()
    repository.git("checkout", "-q", "-B", "change")
    repository.write("entries/new.yaml", entry())
    payload = repository.merge()
    plan, key = plan_of(repository, payload)
    assert plan.extras == ("yaml",)
    assert not plan.guarded
    assert plan_of(repository, payload)[1] == key
    assert plan_of(repository, payload, cache="false")[1] == ""
    deep, other = plan_of(repository, payload, policy="deep/policy.toml", command="scan", board="")
    assert other != key
    assert deep.extras == ("yaml",)
    assert len(deep.benchmarks) == 1
    assert Path(deep.benchmarks[0].removeprefix("A=")).read_bytes() == (EXAMPLE / "orchard.jsonl").read_bytes()
    hub, _ = plan_of(
        repository, payload, policy="hub.toml", command="scan", board="", benchmarks="mmlu, B=bench/a.jsonl"
    )
    assert hub.extras == ("hub", "rephrase", "yaml")
    assert hub.detectors == ("ngram", "rephrase")
    assert [spec.partition("=")[0] for spec in hub.benchmarks] == ["mmlu", "B", "g"]
    with pytest.raises(InputError, match=r"'broken\.toml' cannot be read"):
        plan_of(repository, payload, policy="broken.toml")
    with pytest.raises(InputError, match="a scan needs benchmarks"):
        plan_of(repository, payload, policy="", command="scan", board="")


def test_a_file_of_a_benchmarks_name_does_not_take_its_place(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    repository.write("entries/new.yaml", entry())
    repository.write("gsm8k", "")
    plan, _ = plan_of(repository, repository.merge(), benchmarks="gsm8k\nhf://datasets/a/b")
    assert plan.benchmarks == ("gsm8k", "hf://datasets/a/b")
    assert "hub" in plan.extras


def test_on_a_push_files_are_those_of_the_branch(tmp_path: Path) -> None:
    repository = board(tmp_path / "ws")
    plan, _ = plan_of(repository, {}, name="push", benchmarks="orchard.jsonl,gsm8k")
    assert plan.policy == str(repository.path / "policy.toml")
    assert plan.benchmarks == (f"orchard={repository.path / 'orchard.jsonl'}", "gsm8k")
    assert plan.number is None
    assert not plan.review
    with pytest.raises(InputError, match="is not there"):
        plan_of(repository, {}, name="push", baseline="none.toml")


# inputs


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"paths": " \n "}, "paths is empty"),
        ({"command": "clean; rm"}, "command is 'clean; rm'"),
        ({"fail-on": "contaminated"}, "fail-on is 'contaminated'; for check"),
        ({"command": "scan", "board": "b.csv"}, "board means nothing to the command scan"),
        ({"command": "scores", "baseline": "b"}, "baseline means nothing"),
        ({"cache": "yes"}, "cache is 'yes'"),
        ({"sarif": "on"}, "sarif is 'on'"),
        ({"comment": "1"}, "comment is '1'"),
        ({"timeout-minutes": "soon"}, "timeout-minutes"),
        ({"timeout-minutes": "nan"}, "timeout-minutes"),
        ({"timeout-minutes": "-1"}, "timeout-minutes"),
    ],
)
def test_inputs_that_cannot_be(inputs: dict[str, str], message: str) -> None:
    env = {f"AUDITOR_INPUT_{k.upper().replace('-', '_')}": v for k, v in {"paths": "*.yaml", **inputs}.items()}
    with pytest.raises(InputError, match=message):
        read_inputs(env)


def test_inputs_have_the_defaults_of_the_action() -> None:
    inputs = read_inputs({"AUDITOR_INPUT_PATHS": "a.yaml\n b c.yaml \n"})
    assert inputs.paths == ("a.yaml", "b c.yaml")
    assert (inputs.command, inputs.fail_on, inputs.cache, inputs.timeout_minutes) == ("check", "block", True, 60.0)


def test_outside_of_a_job(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="GITHUB_WORKSPACE is not set"):
        make_plan({"AUDITOR_INPUT_PATHS": "a"}, tmp_path)
    for payload in ("", "[]", "[" * 100_000):
        (tmp_path / "event.json").write_text(payload)
        with pytest.raises(InputError, match="event's payload"):
            make_plan(
                {
                    "AUDITOR_INPUT_PATHS": "a", "GITHUB_WORKSPACE": str(tmp_path),
                    "GITHUB_EVENT_PATH": os.fspath(tmp_path / "event.json"),
                },
                tmp_path,
            )  # fmt: skip
