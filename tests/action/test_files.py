"""action.yml and the workflows: what the published schemas, zizmor and actionlint say, and our own rules."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTIONS = [ROOT / "action.yml", ROOT / "comment" / "action.yml"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLES = sorted((ROOT / "docs" / "workflows").glob("*.yml"))
DEPENDABOT = ROOT / ".github" / "dependabot.yml"
OURS = re.compile(r"OWNER/auditor(?:/comment)?@v1|\./")


def steps(path: Path) -> list[dict[str, object]]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job["steps"]]


def tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-actions", ACTIONS), ("github-workflows", [*WORKFLOWS, *EXAMPLES]), ("dependabot", [DEPENDABOT])],
)
def test_the_published_schemas_hold(schema: str, files: list[Path]) -> None:
    assert files
    command = [tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("files", "expected"),
    # users name our action by its tag, which is what its page tells them
    [([*ACTIONS, *WORKFLOWS, DEPENDABOT], []), (EXAMPLES, ["unpinned-uses"] * len(EXAMPLES))],
    ids=["ours", "examples"],
)
def test_zizmor_finds_nothing(files: list[Path], expected: list[str]) -> None:
    command = [tool("zizmor"), "--offline", "--no-progress", "--no-config", "--color", "never", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.findall(r"^(?:error|warning|help|info)\[([\w-]+)\]", done.stdout, flags=re.MULTILINE)
    assert found == expected, f"{done.stdout}{done.stderr}"
    assert (done.returncode == 0) == (not expected)


def test_actionlint_finds_nothing() -> None:
    done = subprocess.run(
        [tool("actionlint"), *map(str, [*WORKFLOWS, *EXAMPLES])], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", [*ACTIONS, *WORKFLOWS, *EXAMPLES], ids=lambda path: str(path.relative_to(ROOT)))
def test_what_stands_in_no_file_of_ours(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for step in steps(path):
        assert "${{" not in str(step.get("run", "")), "an expression in a script is run as a part of it"
        uses = str(step.get("uses", ""))
        assert not uses or OURS.fullmatch(uses) or re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", uses), uses
    for line in re.findall(r"uses: \S+@[0-9a-f]{40}.*", text):
        assert re.search(r" # v\d+\.\d+\.\d+$", line), f"the version is said behind the commit: {line}"
    checkouts = [step for step in steps(path) if str(step.get("uses", "")).startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)  # type: ignore[index]


@pytest.mark.parametrize("path", [*WORKFLOWS, *EXAMPLES], ids=lambda path: path.name)
def test_permissions_are_least(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert document["permissions"] in ({}, {"contents": "read"})
    for job in document["jobs"].values():
        assert "timeout-minutes" in job
        writes = {name for name, level in job.get("permissions", {}).items() if level == "write"}
        assert writes <= {"pull-requests", "security-events", "id-token", "contents"}
        assert "contents" not in writes or path.name == "release.yml"


def test_one_commit_stands_for_each_action_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in [*ACTIONS, *WORKFLOWS, *EXAMPLES]:
        for step in steps(path):
            action, _, reference = str(step.get("uses", "")).partition("@")
            if re.fullmatch(r"[0-9a-f]{40}", reference):
                pins.setdefault(action, set()).add(reference)
    assert len(pins) >= 6
    assert all(len(references) == 1 for references in pins.values()), pins


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_is_always_isolated_and_ours(path: Path) -> None:
    scripts = [str(step["run"]) for step in steps(path) if "run" in step]
    assert scripts
    for script in scripts:
        assert re.fullmatch(
            r'"\$(?:AUDITOR_PYTHON|\{AUDITOR_PYTHON:-python3\})" -I (?:"\$GITHUB_ACTION_PATH/(?:\.\./)?auditor/action/'
            r'bootstrap\.py"|-m auditor\.action) [a-z]+',
            script,
        ), script


def test_the_token_goes_to_one_step() -> None:
    holders = [
        step["id"] for step in steps(ACTIONS[0]) if "token" in str(step.get("env", "")) + str(step.get("with", ""))
    ]
    assert holders == ["report"]


def test_every_input_and_output_is_documented() -> None:
    document = yaml.safe_load(ACTIONS[0].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "action.md").read_text(encoding="utf-8")
    said = set(re.findall(r"^\| `([\w-]+)` \|", page, flags=re.MULTILINE))
    assert said == set(document["inputs"]) | set(document["outputs"])


def test_the_documented_workflows_are_the_files() -> None:
    pages = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs").glob("*.md"))
    blocks = re.findall(r"```yaml\n(.*?)```", pages, flags=re.DOTALL)
    for path in EXAMPLES:
        assert path.read_text(encoding="utf-8") in blocks, path.name
