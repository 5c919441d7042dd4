"""The files of a score audit: whole, escaped, the same bytes each time."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from auditor.report.models import flagged, page_name
from auditor.report.pages import write_model_pages
from auditor.scores.audit import audit_table
from auditor.scores.outputs import COLUMNS, outliers_csv, pareto_csv, summary_of, write_outputs
from auditor.scores.simulate import null_board

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.scores.audit import ScoresAudit

HOSTILE = '=cmd|"/c calc"!A1 <img src=x onerror=alert(1)> | `@admin` [x](javascript:1)'


def audited(hostile: bool = True) -> ScoresAudit:
    table = null_board(120, seed=0, alone=True)
    scores = table.scores.copy()
    scores[10, 0] += 0.6 * (1 - scores[10, 0])
    scores[11, 1] = 0.26
    names = tuple(HOSTILE if k == 10 and hostile else m for k, m in enumerate(table.models))
    dates = 19000.0 + np.arange(120)
    sizes = table.params_b.copy()
    sizes[20] = np.nan
    return audit_table(
        replace(table, models=names, dates=dates, params_b=sizes, precision=("bfloat16",) * 120).with_scores(scores)
    )


def test_outliers_csv_has_the_contracts_columns_and_a_row_for_every_score() -> None:
    audit = audited()
    rows = list(csv.DictReader(io.StringIO(outliers_csv(audit).decode())))
    assert tuple(rows[0]) == COLUMNS == tuple(
        "model benchmark score params_b bucket bucket_n z modified_z expected low high excess p_value q_value verdict reason".split()
    )  # fmt: skip
    assert len(rows) == 4 * 120
    high = rows[10]
    assert high["model"] == "'" + HOSTILE
    assert high["verdict"] in ("strong", "review")
    assert float(high["excess"]) == pytest.approx(float(high["score"]) - float(high["expected"]), abs=0.01)
    assert float(high["score"]) > float(high["high"])
    assert "points on what" in high["reason"].lstrip("'")
    assert rows[20]["verdict"] == "not_judged"
    assert (rows[20]["params_b"], rows[20]["reason"], rows[20]["bucket"]) == ("", "size unknown", "")
    assert {r["verdict"] for r in rows} <= {"strong", "review", "none", "not_judged"}
    front = list(csv.DictReader(io.StringIO(pareto_csv(audit).decode())))
    assert len(front) == 480
    assert any(r["on_front_params"] for r in front)
    assert all(bool(r["on_front_params"]) != bool(r["dominated_by_params"]) for r in front if r["params_b"])


def test_the_same_audit_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_outputs(audited(), tmp_path / name, figures="all")
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) == 6 + 16
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_reports_escape_names_and_figures_are_svg(tmp_path: Path) -> None:
    audit = audited()
    run = write_outputs(audit, tmp_path / "run")
    text = (run / "report.md").read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert "[x](javascript" not in text
    assert "`@admin`" not in text
    assert "figures/score_mmlu.svg" in text
    summary = json.loads((run / "summary.json").read_text())
    assert summary["benchmarks"]["MMLU"]["not_judged"] == {"size unknown": 1}
    assert summary["inputs"][0]["rows"] == 120
    assert summary["config"]["review_q"] == 0.1
    for path in sorted((run / "figures").iterdir()):
        root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own file
        assert root.tag.endswith("svg")
        assert "<dc:date>" not in path.read_text(encoding="utf-8")
        assert "onerror" not in path.read_text(encoding="utf-8")
    findings = json.loads((run / "findings.json").read_text())
    assert findings["command"] == "scores"
    prints = [f["fingerprint"] for f in findings["findings"]]
    assert len(prints) == len(set(prints))


def test_a_page_for_each_flagged_model_and_an_index(tmp_path: Path) -> None:
    audit = audited()
    run = write_outputs(audit, tmp_path / "run")
    pages = write_model_pages([run], tmp_path / "reports")
    models = flagged(audit.findings)
    assert [page.name for page in pages] == [*map(page_name, models), "README.md"]
    assert models
    assert HOSTILE in models
    page = (tmp_path / "reports" / page_name(HOSTILE)).read_text(encoding="utf-8")
    for heading in (
        "## Scores",
        "## Evidence",
        "## Innocent explanations that apply",
        "## What to check next",
        "## How to reproduce",
    ):
        assert heading in page
    assert "<img src=x" not in page
    assert "leave-one-out t" in page
    assert not any(word in page.lower() for word in ("cheat", "guilty", "fraud"))
    index = (tmp_path / "reports" / "README.md").read_text(encoding="utf-8")
    assert "figures/score_mmlu.svg" in index
    assert (tmp_path / "reports" / "figures" / "score_mmlu.svg").is_file()
    assert f"({page_name(HOSTILE)})" in index
    both = write_model_pages([run, run], tmp_path / "two")
    assert len(both) == 2 * len(pages)
    assert (tmp_path / "two" / "run2" / page_name(HOSTILE)).is_file()


def test_a_board_where_nothing_stands_out_says_so(tmp_path: Path) -> None:
    run = write_outputs(audit_table(null_board(30, seed=1, alone=True)), tmp_path / "run", figures="none")
    assert "No score stands out" in (run / "report.md").read_text(encoding="utf-8")
    assert not (run / "figures").exists()
    write_model_pages([run], tmp_path / "reports")
    assert "No model stands out" in (tmp_path / "reports" / "README.md").read_text(encoding="utf-8")
    nothing = audit_table(replace(null_board(30, seed=1), params_b=np.full(len(null_board(30, seed=1)), np.nan)))
    write_outputs(nothing, tmp_path / "none")
    assert "Nothing could be judged" in (tmp_path / "none" / "report.md").read_text(encoding="utf-8")
    few = audit_table(null_board(6, seed=1))
    write_outputs(few, tmp_path / "few")
    assert "too few families" in (tmp_path / "few" / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "A/B", "README", "", "x" * 300, "模型", "con", "a__b"])
def test_page_names_are_plain_and_different(name: str) -> None:
    page = page_name(name)
    assert "/" not in page
    assert not page.startswith(".")
    assert page.endswith(".md")
    assert page.lower() != "readme.md"
    assert len(page) < 100
    others = ["a/b", "a__b", "a b", "a//b", "模型", "模"]
    assert len({page_name(o) for o in others}) == len(others)


def test_summaries_are_json() -> None:
    json.dumps(summary_of(audited()), allow_nan=False)
