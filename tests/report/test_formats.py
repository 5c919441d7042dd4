"""SARIF, JUnit, CONDA and JSON of finished runs: valid by the published schemas, and saying what the run says."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import replace
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from command import auditor as command
from lxml import etree

import auditor
from auditor.errors import InputError
from auditor.report.conda import COLUMNS, render_conda
from auditor.report.files import read_run, write_findings
from auditor.report.formats import FORMATS
from auditor.report.junit import render_junit
from auditor.report.markdown import render_scan_report
from auditor.report.rules import LABELS, effect_of, label, severity_of, summary
from auditor.report.sarif import place_of, render_sarif, uri_of
from auditor.spill import IN_MEMORY, Spilled
from auditor.types import Finding
from report.runs import BOARD, HOSTILE, many

if TYPE_CHECKING:
    from auditor.report.files import Run

SCHEMAS = Path(__file__).parent / "schemas"
RUNS = ["scan_dir", "accepted_dir", "hostile_dir", "scores_dir", "check_dir"]


@cache
def sarif_schema() -> jsonschema.Draft4Validator:
    return jsonschema.Draft4Validator(json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8")))


@cache
def junit_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS / "junit-10.xsd"))


def sarif_of(run: Run, **changes: Any) -> dict[str, Any]:
    log = json.loads(render_sarif(run.command, {**run.summary, **changes}, run.findings))
    sarif_schema().validate(log)
    return dict(log["runs"][0])


def junit_of(run: Run, **changes: Any) -> Any:
    tree = etree.fromstring(render_junit(run.command, {**run.summary, **changes}, run.findings).encode())
    junit_schema().assertValid(tree)
    return tree


@pytest.mark.parametrize("name", RUNS)
def test_each_result_is_a_finding_with_its_rule_and_a_place(name: str, request: pytest.FixtureRequest) -> None:
    run = read_run(request.getfixturevalue(name))
    log = sarif_of(run)
    rules = log["tool"]["driver"]["rules"]
    assert len(log["results"]) == len(run.findings)
    for result, finding in zip(log["results"], run.findings, strict=True):
        assert result["level"] == finding.severity
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.rule_id
        assert result["partialFingerprints"]["auditorFingerprint/v1"] == finding.fingerprint
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert all(rule["help"]["text"] and rule["fullDescription"]["text"].endswith(".") for rule in rules)


def test_a_record_of_a_jsonl_file_is_on_its_line_and_others_have_none(scan_dir: Path) -> None:
    run = read_run(scan_dir)
    seen = set()
    for result, finding in zip(sarif_of(run)["results"], run.findings, strict=True):
        where = result["locations"][0]
        region = where["physicalLocation"].get("region")
        source = Path(finding.evidence["source"])
        seen.add(source.suffix)
        if source.suffix == ".jsonl":
            line = source.read_text(encoding="utf-8").splitlines()[region["startLine"] - 1]
            assert finding.evidence["train_excerpt"].split("\n")[0][:40] in json.loads(line)["text"]
        else:
            assert region is None
        name = f"row {finding.evidence['row']}, field {finding.evidence['field']}"
        assert where["logicalLocations"][0]["fullyQualifiedName"] == name
    assert seen == {".jsonl", ".json"}
    # another format was asked for: then rows are no lines
    assert place_of(run.findings[0], {"reading": {"format": "txt"}})[1] is None


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("data/train set.jsonl", "data/train%20set.jsonl"),
        ("/data/a#b.jsonl", "file:///data/a%23b.jsonl"),
        ("./a/b.jsonl", "a/b.jsonl"),
        ("hf://datasets/org/name/a b.jsonl", "hf://datasets/org/name/a%20b.jsonl"),
        ("a:b\udc80.jsonl", "a%3Ab%3F.jsonl"),
    ],
)
def test_paths_are_written_as_uris(file: str, uri: str) -> None:
    assert uri_of(file) == uri


def test_a_finding_of_a_check_is_on_the_line_of_the_entry(check_dir: Path) -> None:
    results = sarif_of(read_run(check_dir))["results"]
    first, second = (result["locations"][0] for result in results)
    place = {"artifactLocation": {"uri": "entries/new%20model.yaml"}}
    assert first["physicalLocation"] == {**place, "region": {"startLine": 4}}
    assert first["logicalLocations"][0]["fullyQualifiedName"] == "training.sets"
    assert second["physicalLocation"] == place
    # a message makes no link
    assert "](" not in results[0]["message"]["text"]
    assert "evil.example" in results[0]["message"]["text"]


def test_a_score_is_in_the_table_that_it_was_read_from(scores_dir: Path) -> None:
    result = sarif_of(read_run(scores_dir))["results"][0]
    assert result["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "board.csv"}}
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "org32/line32-103"
    assert result["properties"]["verdict"] == "strong"


def test_what_a_baseline_accepts_is_suppressed_with_the_reason(accepted_dir: Path, scan_dir: Path) -> None:
    run = read_run(accepted_dir)
    results = sarif_of(run)["results"]
    suppressed = [result for result in results if result["suppressions"]]
    assert len(suppressed) == 2
    assert suppressed[0]["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "a tutorial <b>quotes</b> it"}
    ]
    assert not any("suppressions" in result for result in sarif_of(read_run(scan_dir))["results"])


def test_an_incomplete_run_says_so_in_sarif(scan_dir: Path) -> None:
    run = read_run(scan_dir)
    assert sarif_of(run)["invocations"] == [{"executionSuccessful": True}]
    invocation = sarif_of(run, complete=False)["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert "incomplete" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_githubs_limits_are_kept_and_what_is_left_out_is_counted(scan_dir: Path) -> None:
    run = read_run(scan_dir)
    rows = json.loads((scan_dir / "findings.json").read_text())["findings"]
    findings = [Finding.from_json(row) for row in many(rows, 300)]
    log = json.loads(render_sarif("scan", run.summary, findings, most_results=120))["runs"][0]
    assert len(log["results"]) == 120
    said = log["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert said.startswith("180 findings are left out")
    whole = gzip.compress(render_sarif("scan", run.summary, findings).encode())
    text = render_sarif("scan", run.summary, findings, most_bytes=len(whole) // 2)
    assert len(gzip.compress(text.encode())) < len(whole) // 2
    assert 0 < len(json.loads(text)["runs"][0]["results"]) < 300
    assert json.loads(render_sarif("scan", run.summary, findings, most_bytes=1))["runs"][0]["results"] == []


@pytest.mark.parametrize("name", RUNS)
def test_errors_fail_and_reviews_are_skipped(name: str, request: pytest.FixtureRequest) -> None:
    run = read_run(request.getfixturevalue(name))
    tree = junit_of(run)
    failing = [f for f in run.findings if severity_of(f) == "error" and f.baseline is None]
    skipped = [f for f in run.findings if severity_of(f) == "warning" or f.baseline is not None]
    assert len(tree.findall(".//failure")) == len(failing) == int(tree.get("failures"))
    assert len(tree.findall(".//skipped")) == len(skipped)
    for suite in tree:
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
    names = [case.get("name") for case in tree.iter("testcase") if case.getparent() is not tree[-1]]
    assert len(set(names)) == len(names)
    assert any(failing[0].fingerprint in (f.text or "") for f in tree.iter("failure"))


def test_what_was_not_found_passes_and_what_was_not_read_is_an_error(scan_dir: Path) -> None:
    run = read_run(scan_dir)
    clean = replace(run, findings=())
    tree = junit_of(clean)
    assert [case.get("name") for case in tree[0]] == ["nothing of bench stands out"]
    assert tree.get("failures") == tree.get("errors") == "0"
    sources = [{**entry, "complete": k > 0} for k, entry in enumerate(run.summary["sources"])]
    tree = junit_of(clean, complete=False, sources=sources, records_skipped={"invalid_json": 2})
    errors = [case.get("name") for case in tree.iter("testcase") if case.find("error") is not None]
    assert errors == [f"{sources[0]['source']} was read to the end", "the audit is complete"]
    tree = junit_of(clean, records_skipped={"empty_file": 2})
    assert tree.findtext(".//system-out") == "2 × empty file"


def test_a_check_fails_where_its_policy_blocks_and_errs_where_it_could_not_look(check_dir: Path) -> None:
    run = read_run(check_dir)
    assert [(f.severity, effect_of(f), severity_of(f)) for f in run.findings] == [
        ("warning", "review", "warning"), ("warning", "block", "error"),
    ]  # fmt: skip
    tree = junit_of(run)
    assert [failure.get("type") for failure in tree.iter("failure")] == ["block"]
    said = {
        case.get("name"): case.find("error").get("message")
        for case in tree.iter("testcase")
        if case.find("error") is not None
    }
    assert said["entries/new model.yaml was checked whole"] == "data/x: 404"


def test_junit_counts_what_it_leaves_out(scan_dir: Path) -> None:
    run = read_run(scan_dir)
    tree = etree.fromstring(render_junit(run.command, run.summary, run.findings, most_cases=3).encode())
    assert len(tree[0]) == 3
    assert f"{len(run.findings) - 3} findings are not in this file" in tree.findtext(".//system-out")


def test_notes_and_control_characters_are_valid_in_junit(scan_dir: Path) -> None:
    run = read_run(scan_dir)
    finding = replace(run.findings[0], severity="note", title=f"\x00\x1b[31m\ufffe{HOSTILE}", subject="\x08")
    tree = junit_of(replace(run, findings=(finding,)))
    assert "⟨U+0000⟩⟨U+001B⟩" in tree[0][0].get("name")
    assert finding.fingerprint in tree[0][0].findtext("system-out")


def conda_rows(text: str) -> list[dict[str, str]]:
    assert text.startswith(
        "Evaluation Dataset;Subset;Contaminated Source;Model or corpus;Train Split;Development Split;Test Split;"
        "Approach;Reference;PR\n"
    )
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def test_a_conda_row_says_what_share_of_each_split_is_in_the_corpus(scan_dir: Path) -> None:
    run = read_run(scan_dir)
    items = {f.evidence["item_id"] for f in run.findings if f.verdict == "contaminated"}
    (row,) = conda_rows(render_conda(run.command, run.summary, run.findings))
    assert set(row) == set(COLUMNS)
    corpus = row.pop("Contaminated Source")
    assert corpus == str(scan_dir.parent / "data")
    assert {key: value for key, value in row.items() if value} == {
        "Evaluation Dataset": "bench", "Model or corpus": "corpus", "Approach": "data-based",
        "Test Split": f"{100 * len(items) / 20:g}",
    }  # fmt: skip


def facts(**changes: Any) -> dict[str, Any]:
    return {"source": "b.jsonl", "revision": "", "splits": {"test": 3, "validation": 5}, **changes}


def test_conda_tells_clean_from_unknown() -> None:
    sources = [
        {"source": "hf://datasets/org/corpus@main/data/a.jsonl", "complete": True},
        {"source": "hf://datasets/org/corpus/data/b.jsonl", "complete": True},
        {"source": "data/x/a.jsonl", "complete": True},
        {"source": "data/y/b.jsonl", "complete": False},
    ]
    summary_of = {"sources": sources, "benchmarks": {
        "gsm8k": facts(source="openai/gsm8k", revision="e53f"),
        "=cmd": facts(splits={"": 20_000}),
        "odd": facts(splits={"diamond": 7}),
    }}  # fmt: skip
    evidence = {"benchmark": "=cmd", "split": "", "source": "data/y/b.jsonl", "item_id": "7"}
    hit = Finding("data/question", "error", "contaminated", "data/y/b.jsonl", "t", "m", evidence)
    review = replace(hit, verdict="review", evidence={**evidence, "item_id": "8"})
    accepted = replace(hit, evidence={**evidence, "item_id": "9"}, baseline={"reason": "ours"})
    rows = conda_rows(render_conda("scan", summary_of, [hit, review, accepted]))
    said = [(r["Evaluation Dataset"], r["Contaminated Source"], r["Development Split"], r["Test Split"]) for r in rows]
    assert said == [
        ("openai/gsm8k", "org/corpus", "0", "0"),
        # local files were not read to the end: that nothing was found in them says nothing
        ("'=cmd", "org/corpus", "", "0"),
        ("'=cmd", "data", "", "0.01"),
    ]
    whole = [{**entry, "complete": True} for entry in sources]
    rows = conda_rows(render_conda("scan", {**summary_of, "sources": whole, "interrupted": True}, [hit]))
    assert [r["Test Split"] for r in rows] == ["0.01"]
    alone = {
        "sources": [{"source": "/a/b.jsonl"}, {"source": "c.jsonl"}],
        "benchmarks": {"b": facts(splits={"test": 2})},
    }
    both = [
        replace(hit, evidence={**evidence, "benchmark": "b", "split": "test", "source": "c.jsonl", "item_id": str(k)})
        for k in (1, 2)
    ]
    assert [r["Test Split"] for r in conda_rows(render_conda("scan", alone, both))] == ["100"]
    assert conda_rows(render_conda("scan", alone, both))[0]["Contaminated Source"] == "local files"


def test_conda_takes_no_scores(scores_dir: Path, scan_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="and this run of `auditor scores` read none"):
        auditor.write_reports([scan_dir, scores_dir], tmp_path / "out", formats=["html", "conda"])
    assert not (tmp_path / "out").exists()


def test_each_format_is_written_again_as_the_run_wrote_it(scan_dir: Path, tmp_path: Path) -> None:
    written = auditor.write_reports(scan_dir, tmp_path, formats=FORMATS)
    assert sorted(path.name for path in written) == sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["report.md", "report.html", "findings.sarif", "junit.xml", "contamination_report.csv",
         "findings.json", "summary.json", "matches.jsonl"]
    )  # fmt: skip
    for name in ("report.md", "report.html", "findings.json", "matches.jsonl", "summary.json"):
        assert (tmp_path / name).read_bytes() == (scan_dir / name).read_bytes(), name
    again = auditor.write_reports(tmp_path, tmp_path, formats=["json", "markdown"])
    assert [path.name for path in again] == ["matches.jsonl", "findings.json", "summary.json", "report.md"]
    assert read_run(tmp_path).findings == read_run(scan_dir).findings


def test_several_runs_get_a_directory_each(scan_dir: Path, scores_dir: Path, check_dir: Path, tmp_path: Path) -> None:
    auditor.write_reports([scan_dir, scores_dir, check_dir, scan_dir], tmp_path)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        "README.md",
        "check/entries/new-model.md",
        "check/report.html",
        "check/report.md",
        "org32__line32-103.md",
        "org34__line34-112.md",
        "org46__line46-166.md",
        "run-2/report.html",
        "run-2/report.md",
        "run/report.html",
        "run/report.md",
    ]
    auditor.write_reports(check_dir, check_dir, formats=["markdown", "json"])
    assert (check_dir / "report.md").read_text(encoding="utf-8") == "# Entry check\n"


def test_the_scan_of_a_sketch_is_rendered_as_what_it_is(scan_dir: Path, tmp_path: Path) -> None:
    data = scan_dir.parent / "data"
    assert command("sketch", data / "train set.jsonl", "-o", tmp_path / "a.sketch").returncode == 0
    command("scan", tmp_path / "a.sketch", "-b", f"bench={data / 'bench.jsonl'}", "-o", tmp_path / "run")
    assert [path.name for path in auditor.write_reports(tmp_path / "run", tmp_path / "again")] == ["report.md"]
    assert (tmp_path / "again" / "report.md").read_bytes() == (tmp_path / "run" / "report.md").read_bytes()
    for name in ("html", "conda"):
        with pytest.raises(InputError):
            auditor.write_reports(tmp_path / "run", tmp_path / "again", formats=[name])
    auditor.write_reports(tmp_path / "run", tmp_path / "again", formats=["sarif", "junit"])
    sarif_schema().validate(json.loads((tmp_path / "again" / "findings.sarif").read_text(encoding="utf-8")))
    junit_schema().assertValid(etree.parse(tmp_path / "again" / "junit.xml"))


def test_full_text_is_in_both_reports_when_it_is_asked_for(scan_dir: Path, tmp_path: Path) -> None:
    end = read_run(scan_dir).findings[0].evidence["item_excerpt"][-20:]
    auditor.write_reports(scan_dir, tmp_path / "short")
    auditor.write_reports(scan_dir, tmp_path / "full", full_text=True)
    for name in ("report.md", "report.html"):
        assert end not in (tmp_path / "short" / name).read_text(encoding="utf-8")
        assert end in (tmp_path / "full" / name).read_text(encoding="utf-8")


def test_unknown_formats_and_no_runs_are_refused(scan_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the format 'pdf' is not known; there are: markdown, html"):
        auditor.write_reports(scan_dir, tmp_path, formats=["pdf"])
    with pytest.raises(InputError, match="name at least one directory"):
        auditor.write_reports([], tmp_path)
    for name in ("summary.json", "findings.json"):
        document = {"schema_version": 1, "tool": "auditor", "command": "clean", "findings": []}
        (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(
        InputError, match="is a run of `auditor clean`; reports are made of runs of scan, scores, check"
    ):
        auditor.write_reports(tmp_path, tmp_path / "out")


def test_the_command_writes_what_it_is_asked_for(scan_dir: Path, scores_dir: Path, tmp_path: Path) -> None:
    done = command("report", scan_dir, "-o", tmp_path, "--format", "sarif", "--format", "conda")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"Report: {tmp_path / 'findings.sarif'}", f"Report: {tmp_path / 'contamination_report.csv'}",
    ]  # fmt: skip
    done = command("report", scan_dir, scores_dir, "-o", tmp_path / "all", "--format", "conda")
    assert (done.returncode, done.stdout) == (2, "")
    assert "give the directory of a run of `auditor scan` over a training set" in done.stderr
    done = command("report", scores_dir, "-o", tmp_path / "pages")
    assert done.stdout == f"3 pages in {tmp_path / 'pages'}, index: {tmp_path / 'pages' / 'README.md'}\n"


def test_scan_and_scores_write_more_reports_when_asked(scan_dir: Path, tmp_path: Path) -> None:
    data = scan_dir.parent / "data"
    out = tmp_path / "out"
    done = command(
        "scan", data / "train set.jsonl", "-b", f"bench={data / 'bench.jsonl'}", "-d", "ngram", "-o", out,
        "--report", "sarif", "--report", "conda", "--quiet",
    )  # fmt: skip
    assert done.returncode == 1
    assert {path.name for path in out.iterdir()} == {
        "matches.jsonl", "findings.json", "summary.json", "report.md", "report.html", "findings.sarif",
        "contamination_report.csv",
    }  # fmt: skip
    sarif_schema().validate(json.loads((out / "findings.sarif").read_text(encoding="utf-8")))
    board = tmp_path / "scores"
    done = command("scores", BOARD, "-o", board, "--figures", "none", "--report", "junit")
    assert done.returncode == 1
    junit_schema().assertValid(etree.parse(board / "junit.xml"))
    assert (board / "report.html").is_file()


def test_rules_that_are_not_known_here_are_named_by_their_id() -> None:
    assert label("consistency/parameter-count") == "parameter count"
    assert summary("consistency/parameter-count") == "Consistency: parameter count."
    assert all(summary(rule).endswith(".") for rule in LABELS)


def test_more_findings_than_are_held_at_once(scan_dir: Path, tmp_path: Path) -> None:
    """Read from a file one by one, they give the bytes that they give from memory."""
    run = read_run(scan_dir)
    findings = [
        replace(finding, fingerprint=f"{number:032x}", baseline={"reason": "known"} if number % 3 == 0 else None)
        for number, finding in enumerate(islice(cycle(run.findings), IN_MEMORY + 500))
    ]
    for name in ("summary.json", "matches.jsonl"):
        (tmp_path / name).write_bytes((scan_dir / name).read_bytes())
    write_findings(tmp_path / "findings.json", findings, command="scan")
    assert isinstance(read_run(tmp_path).findings, Spilled)
    auditor.write_reports(tmp_path, tmp_path / "out", formats=["sarif", "junit", "conda", "markdown", "json"])
    for name, render in (
        ("findings.sarif", render_sarif), ("junit.xml", render_junit), ("contamination_report.csv", render_conda),
    ):  # fmt: skip
        assert (tmp_path / "out" / name).read_text(encoding="utf-8") == render("scan", run.summary, findings)
    assert (tmp_path / "out/report.md").read_text(encoding="utf-8") == render_scan_report(run.summary, findings)
    assert (tmp_path / "out/findings.json").read_bytes() == (tmp_path / "findings.json").read_bytes()
    rest = len([finding for finding in findings if finding.baseline is not None]) - 50
    assert f"{rest:,} more rows are left out here." in (tmp_path / "out/report.md").read_text(encoding="utf-8")
