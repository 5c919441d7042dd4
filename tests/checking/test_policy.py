"""The policy: its defaults are its documentation, its mistakes are named, its rules decide."""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from auditor.checking.findings import RULES
from auditor.checking.policy import Policy, default_text, parse_policy, read_policy
from auditor.checking.readers import read_entry
from auditor.checking.readers.own import ALIASES, PLAIN
from auditor.checking.yaml_lines import read_yaml
from auditor.errors import InputError
from auditor.findings import RULES as DATA_RULES
from auditor.types import Finding

from .board import entry


def read(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return read_policy(path)


def test_the_documented_file_is_the_default(tmp_path: Path) -> None:
    written = read(tmp_path, default_text())
    plain, documented = asdict(Policy()), asdict(written)
    assert {k: v for k, v in documented.items() if k not in ("source", "sha256")} == {
        k: v for k, v in plain.items() if k not in ("source", "sha256")
    }
    # every setting stands in it, so that nothing is left undocumented
    tables = tomllib.loads(default_text())
    for section, values in Policy().to_json().items():
        if isinstance(values, dict):
            assert set(tables[section]) == set(values)


def test_every_setting_is_explained() -> None:
    explained = False
    for line in default_text().splitlines():
        if line.startswith("[") or not line:
            # the comment of a table of benchmarks stands above its head
            explained = explained and line.startswith("[")
        elif line.startswith("#"):
            explained = True
        else:
            assert explained, line


def test_paths_are_taken_from_the_policys_folder_and_names_from_the_catalog(tmp_path: Path) -> None:
    (tmp_path / "house.jsonl").write_text("{}\n")
    found = read(tmp_path, '[benchmarks.scan]\nhouse = "house.jsonl"\ngsm8k = "gsm8k"\nother = "./gone.jsonl"\n')
    assert found.benchmarks.scan == {
        "house": str(tmp_path / "house.jsonl"), "gsm8k": "gsm8k", "other": str(tmp_path / "gone.jsonl"),
    }  # fmt: skip


def test_one_task_hash_may_stand_alone(tmp_path: Path) -> None:
    found = read(tmp_path, '[benchmarks.task_hashes]\ngsm8k = "aa"\nmmlu = ["bb", "cc"]\n')
    assert found.benchmarks.task_hashes == {"gsm8k": ("aa",), "mmlu": ("bb", "cc")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[score]\nreview_q = 0.1\n", "[score] means nothing here; there are benchmarks, scores, data"),
        ("[passed]\nrules = []\n", "[passed] means nothing here"),
        ("[scores]\nreview = 0.1\n", "[scores] has no setting 'review'; there are review_q, strong_q"),
        ("scores = 3\n", "scores must be a table"),
        ("[scores]\nreview_q = 'low'\n", "scores.review_q must be a number such as 0.1, not 'low'"),
        ("[scores]\nreview_q = true\n", "scores.review_q must be a number"),
        ("[scores]\nsizes_from_names = 1\n", "scores.sizes_from_names must be true or false"),
        ("[data]\nmax_sets = 1.5\n", "data.max_sets must be a number such as 20"),
        ("[data]\nunreadable = 3\n", "data.unreadable must be text"),
        ("[data]\nunreadable = 'ignore'\n", "data.unreadable = 'ignore' cannot be; it is \"incomplete\" or \"note\""),
        ("[data]\nallowed_urls = 'https://x/'\n", "data.allowed_urls must be a list of texts"),
        ("[data]\nallowed_urls = ['https://']\n", "data.allowed_urls = ('https://',) cannot be; write prefixes"),
        ("[disclosure]\nrequired = ['size']\n", "disclosure.required = ('size',) cannot be; there are params_b"),
        ("[scores]\nstrong_q = 0.5\n", "scores.strong_q = 0.5 cannot be"),
        ("[consistency]\nsize_tolerance = 1\n", "consistency.size_tolerance = 1.0 cannot be"),
        ("[benchmarks]\nscan = ['x']\n", "benchmarks.scan must be a table of benchmark names"),
        ("[benchmarks.scan]\nx = 3\n", "benchmarks.scan.x must be a catalog name or a path, not 3"),
        ("[benchmarks.shots]\nx = '5'\n", "benchmarks.shots.x must be a whole number"),
        ("[benchmarks.task_hashes]\nx = 5\n", "benchmarks.task_hashes.x must be a text or a list of texts"),
        ("[scores\n", "is not valid TOML"),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert said in str(error.value)


def test_a_policy_that_is_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the policy"):
        read_policy(tmp_path / "gone.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(InputError, match="larger than any policy"):
        read_policy(tmp_path / "large.toml")


def finding(rule: str, severity: str, **more: object) -> Finding:
    return Finding(rule, severity, "review", "m", "t", "m", **more)  # type: ignore[arg-type]


def test_lists_decide_before_severities_and_block_before_review() -> None:
    policy = parse_policy(
        {"block": {"rules": ["disclosure/*"]}, "review": {"rules": ["disclosure/missing", "data/question"]},
         "pass": {"rules": ["consistency/average"]}}, "p", "", Path(),
    )  # fmt: skip
    assert policy.verdict(finding("disclosure/missing", "note")) == "block"
    assert policy.verdict(finding("data/question", "error")) == "review"
    assert policy.verdict(finding("consistency/average", "warning")) == "pass"
    assert [policy.verdict(finding("x/y", s)) for s in ("error", "warning", "note")] == ["block", "review", "pass"]
    assert policy.verdict(finding("disclosure/missing", "error", baseline={"reason": "known"})) == "pass"


def test_by_default_a_score_alone_never_blocks_and_what_fits_together_does() -> None:
    policy = Policy()
    assert policy.verdict(finding("score/outlier", "error")) == "review"
    assert policy.verdict(finding("score/low-outlier", "note")) == "pass"
    assert policy.verdict(finding("check/outlier-on-contaminated-benchmark", "error")) == "block"
    assert policy.verdict(finding("data/question", "error")) == "block"


def test_rules_are_named_by_kind_and_not_twice() -> None:
    assert {rule.split("/")[0] for rule in RULES} == {"check", "disclosure", "consistency", "lineage"}
    assert not set(RULES) & set(DATA_RULES)
    for rule in RULES.values():
        assert rule.severity in ("error", "warning", "note")
        assert rule.innocent.endswith(".")
        assert rule.ask.endswith(".")


def test_the_documentation_lists_every_rule_as_it_is() -> None:
    text = (Path(__file__).parents[2] / "docs" / "check.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| `([\w/-]+)` \| (\w+ \| .+?) \|$", text, flags=re.MULTILINE))
    assert said == {name: f"{rule.severity} | {rule.summary}" for name, rule in RULES.items()}


def test_the_documented_entry_is_read_whole(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "check.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.+?)```", text, flags=re.DOTALL)
    assert example
    found = read_entry(entry(tmp_path, example[1]), tmp_path)
    assert (found.unread, found.unknown_keys) == ((), ())
    assert (found.scores[0].items, found.tokens_t, found.flops) == (14042, 2.0, 30.0)
    assert [s.kind for s in found.training_sets] == ["path", "url", "id"]
    keys = {k for names in ALIASES.values() for k in names} | set(PLAIN)
    assert set(read_yaml(example[1], "docs").value) <= keys
