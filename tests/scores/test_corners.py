"""Corners of the readers and of the words that reports use."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from auditor.errors import InputError, OutputError, SourceError
from auditor.scores.audit import audit_table
from auditor.scores.config import ScoresConfig
from auditor.scores.explain import innocent_explanations, next_steps, reasons_of
from auditor.scores.loaders import load_raw
from auditor.scores.loaders.files import columns_of, read_bytes
from auditor.scores.outputs import write_outputs
from auditor.scores.resolve import resolve_table
from auditor.scores.simulate import null_board

if TYPE_CHECKING:
    from pathlib import Path


def test_rows_with_different_keys_become_columns() -> None:
    assert columns_of([{"a": 1}, {"b": 2}, {"a": 3, "b": 4}]) == {"a": [1, None, 3], "b": [None, 2, 4]}
    assert columns_of([]) == {}


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_bytes(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "outliers.csv").mkdir()
    with pytest.raises(OutputError, match="outliers"):
        write_outputs(audit_table(null_board(6, seed=1)), tmp_path / "out", figures="none")


def test_directories_hold_entries_evalplus_and_things_that_are_no_results(tmp_path: Path) -> None:
    (tmp_path / "entry.yaml").write_text("model: o/a\nparams_b: 7\nscores: {MMLU: 60, ARC: 50}\n", encoding="utf-8")
    (tmp_path / "workflow.yml").write_text("on: push\n", encoding="utf-8")
    (tmp_path / "bad.yml").write_text("a: [\n", encoding="utf-8")
    (tmp_path / "plain.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    (tmp_path / "results.json").write_text(
        json.dumps({"m": {"pass@1": {"humaneval": 50.0}, "size": 7, "prompted": True}}), encoding="utf-8"
    )
    table = resolve_table(load_raw(tmp_path), ScoresConfig())
    assert set(table.models) == {"o/a", "m"}
    assert table.skips == {"no_scores": 2, "unreadable_card": 1}


def test_lm_eval_of_other_forms(tmp_path: Path) -> None:
    document = {
        "results": {
            "arc_challenge": {"acc,none": 0.4, "acc_norm,none": 0.45},
            "my_task": {"exact_match,none": 0.3},
            "empty": {"alias": "x"},
        },
        "config": {"model_args": {"pretrained": "o/x"}, "model_num_parameters": 7_000_000_000},
        "chat_template": "{{ messages }}",
    }
    path = tmp_path / "results_2024-05-01T00-00-00.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    table = resolve_table(load_raw(path), ScoresConfig())
    assert table.models == ("o/x",)
    assert table.params_b.tolist() == [7.0]
    assert dict(zip(table.benchmark_names, table.scores[0], strict=True)) == {"ARC": 0.45, "my_task": 0.3}
    assert any("chat template" in label for label in table.mean_labels)
    assert table.dates[0] == 19844.0


def test_a_request_alone_has_no_scores(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"model": "o/x", "params": 7.2, "status": "PENDING", "job_id": 3}), encoding="utf-8")
    raw = load_raw(path)
    assert raw.columns["params_b"] == [7.2]
    with pytest.raises(InputError, match="benchmark"):
        resolve_table(raw, ScoresConfig())


@pytest.mark.parametrize(
    ("benchmark", "name", "expected"),
    [
        ("GSM8K", "o/MathWizard-7b", "name points to mathematics"),
        ("GSM8K", "o/plain-7b", "is common and allowed."),
        ("MMLU", "o/orca-distilled", "stronger model's answers"),
        ("MMLU", "o/phi-tuned", "textbook-like"),
        ("MMLU", "o/x-slerp-merge", "seems to be a merge"),
        ("MMLU", "microsoft/phi-9", "2306.11644"),
    ],
)
def test_explanations_fit_the_model(benchmark: str, name: str, expected: str) -> None:
    table = null_board(40, seed=0, alone=True)
    tokens = np.full(40, np.nan)
    tokens[0] = 1.0 * table.params_b[0]
    named = replace(
        table,
        models=(name, *table.models[1:]),
        tokens_t=tokens,
        sizes_floored=True,
        size_notes=("read from afar", *table.size_notes[1:]),
        base_models=(("o/base",), *table.base_models[1:]),
    )
    audit = audit_table(named)
    told = " ".join(innocent_explanations(audit, audit.benchmark(benchmark), 0))
    assert expected in told
    assert "1,000 tokens for each parameter" in told
    assert "cut to whole billions" in told
    assert "read from afar" in told
    assert any("base models" in step for step in next_steps(audit, audit.benchmark(benchmark), 0))
    assert any(
        "Find out its base model" in step for step in next_steps(audit_table(table), audit.benchmark(benchmark), 0)
    )


def test_reasons_name_what_speaks_against_a_flag() -> None:
    table = null_board(100, seed=2, alone=True)
    scores, means = table.scores.copy(), table.means.copy()
    names = list(table.family_column)
    for row in range(4):
        names[row] = "recipe"
        scores[row, 0] += 0.6 * (1 - scores[row, 0])
    scores[50, 0] = 0.3
    # ordinary for its size, and its other benchmarks broken
    high = int(np.argsort(scores[:, 0])[70])
    scores[high, 1:] = (0.27, 0.27, 0.01)
    means[60:70, 0] = 1
    scores[60:70, 0] = np.clip(scores[60:70, 0] + 0.25, 0, 0.97)
    audit = audit_table(
        replace(table, family_column=tuple(names), means=means, mean_labels=("", "5 shots")).with_scores(scores)
    )
    found = audit.benchmark("MMLU")
    reasons = reasons_of(audit, found)
    assert len(reasons) == len(table)
    assert any("unusually low" in r for r in reasons)
    assert any("its family shares the excess" in r for r in reasons[:4])
    assert (
        any("explained by how the score was got (5 shots)" in r for r in reasons)
        or found.judgement.explained.sum() == 0
    )
    assert all(r for r in reasons)
