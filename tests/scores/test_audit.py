"""What the audit says of boards with a leak, kin, other means and a second board; and of the real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import auditor
from auditor.errors import InputError
from auditor.scores.audit import audit_scores, audit_table, judge_entries
from auditor.scores.families import assign_families, family_from_architecture, family_from_name, name_stem
from auditor.scores.join import align_board
from auditor.scores.lineage import FlaggedModel, read_flagged
from auditor.scores.recipes import known_recipe
from auditor.scores.simulate import board_of, null_board
from auditor.scores.table import RawTable, ScoreTable
from auditor.scores.verdicts import VERDICTS

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "leaderboards"
needs_boards = pytest.mark.skipif(not SHARED.exists(), reason="the leaderboards of ../shared are not here")


def leaked(
    seed: int = 0, families: int = 120, row: int = 10, share: float = 0.5, columns: tuple[int, ...] = (0,)
) -> ScoreTable:
    """A board on which the benchmarks of one model leaked."""
    table = null_board(families, seed=seed, alone=True)
    scores = table.scores.copy()
    for j in columns:
        scores[row, j] += share * (1 - scores[row, j])
    return table.with_scores(scores)


def verdict(audit: object, benchmark: str, row: int) -> str:
    return VERDICTS[audit.benchmark(benchmark).verdicts[row]]  # type: ignore[attr-defined]


def test_a_leaked_benchmark_is_found_and_nothing_else() -> None:
    audit = audit_table(leaked())
    found = audit.benchmark("MMLU")
    assert verdict(audit, "MMLU", 10) in ("strong", "review")
    assert found.judgement.excess[10] > 10
    assert found.judgement.expected[10] < audit.table.scores[10, 0] > found.judgement.high[10]
    assert found.judgement.low[10] < found.judgement.expected[10] < found.judgement.high[10]
    assert found.judgement.detectable[10] > 0
    assert found.count("strong") + found.count("review") == 1
    finding = audit.findings[0]
    assert (finding.rule_id, finding.subject) == ("score/outlier", audit.table.models[10])
    assert set(finding.evidence["fits"]) == {"size", "others"}
    assert finding.innocent_explanations
    assert finding.next_steps
    assert all(word not in finding.message.lower() for word in ("cheat", "fraud", "dishonest"))


def test_two_leaked_benchmarks_do_not_hide_each_other() -> None:
    audit = audit_table(leaked(columns=(0, 1)))
    assert verdict(audit, "MMLU", 10) in ("strong", "review")
    assert verdict(audit, "ARC", 10) in ("strong", "review")


def test_a_broken_benchmark_makes_the_others_no_outliers_and_is_shown_as_low() -> None:
    table = null_board(120, seed=1, alone=True)
    scores = table.scores.copy()
    row = int(np.argsort(scores[:, 0])[60])
    scores[row, 1:3] = 0.27
    audit = audit_table(table.with_scores(scores))
    assert verdict(audit, "MMLU", row) == "none"
    low = [f for f in audit.findings if f.rule_id == "score/low-outlier"]
    assert {f.evidence["benchmark"] for f in low if f.subject == table.models[row]} & {"ARC", "HellaSwag"}


def test_an_excess_that_the_family_shares_is_not_strong() -> None:
    table = null_board(100, seed=2, alone=True)
    scores, names = table.scores.copy(), list(table.family_column)
    rows = list(range(5))
    for row in rows:
        names[row] = "recipe"
        scores[row, 0] += 0.5 * (1 - scores[row, 0])
    audit = audit_table(replace(table, family_column=tuple(names)).with_scores(scores), benchmarks=["MMLU"])
    assert "strong" not in {verdict(audit, "MMLU", row) for row in rows}
    assert audit.benchmark("MMLU").judgement.recipe[rows].any()


def test_published_recipes_cap_a_verdict_and_other_evidence_lifts_the_cap() -> None:
    assert "2306.11644" in known_recipe("microsoft/phi-2")
    assert known_recipe("somebody/phi-2") == ""
    table = leaked(share=0.6)
    named = replace(table, models=tuple("Qwen/Qwen9-7B" if k == 10 else m for k, m in enumerate(table.models)))
    capped = audit_table(named, benchmarks=["MMLU"])
    assert verdict(capped, "MMLU", 10) == "review"
    assert "publish a recipe" in capped.findings[0].message
    flagged = audit_table(named, benchmarks=["MMLU"], flagged=[FlaggedModel("Qwen/Qwen9-7B", "test", "list")])
    assert verdict(flagged, "MMLU", 10) == "strong"


def test_at_chance_and_unknown_sizes_are_not_judged() -> None:
    table = leaked()
    sizes, scores = table.params_b.copy(), table.scores.copy()
    sizes[3], scores[4, 0], scores[5, 0] = np.nan, 0.255, np.nan
    audit = audit_table(replace(table, params_b=sizes).with_scores(scores), benchmarks=["MMLU"])
    found = audit.benchmark("MMLU")
    assert [found.not_judged[k].split(":")[0] for k in (3, 4, 5)] == ["size unknown", "at chance", "no score"]
    assert np.isnan(found.judgement.p[[3, 4, 5]]).all()


def test_all_sizes_unknown_judges_nothing() -> None:
    table = replace(leaked(), params_b=np.full(120, np.nan))
    audit = audit_table(table)
    assert audit.worst == "none"
    assert all(b.count("not_judged") == len(table) for b in audit.benchmarks)


def test_scores_got_by_other_means_have_a_term_and_the_gap_is_explained() -> None:
    table = null_board(150, seed=4, alone=True)
    scores, means = table.scores.copy(), table.means.copy()
    other = np.arange(0, 150, 6)
    rare = np.array([1, 2])
    scores[other, 0] = np.minimum(scores[other, 0] + 0.15, 0.98)
    means[other, 0], means[rare, 0] = 1, 2
    told = replace(table, means=means, mean_labels=("", "chat template", "odd")).with_scores(scores)
    audit = audit_table(told, benchmarks=["MMLU"])
    found = audit.benchmark("MMLU")
    assert "how the score was got" in found.adjusted.size.covariates  # type: ignore[union-attr]
    assert found.count("strong") + found.count("review") == 0
    assert "by other means (odd)" in found.not_judged[1]
    untold = audit_table(table.with_scores(scores), benchmarks=["MMLU"]).benchmark("MMLU")
    assert np.nanmean(untold.judgement.excess[other]) > np.nanmean(found.judgement.excess[other]) + 5


def test_compute_explains_what_size_does_not() -> None:
    table = null_board(120, seed=6, alone=True)
    rng = np.random.default_rng(0)
    tokens = 10 ** rng.uniform(-1, 1, 120)
    lift = 0.06 * np.log10(tokens)
    scores = np.clip(table.scores + lift[:, None], 0.27, 0.98)
    known = audit_table(replace(table, tokens_t=tokens).with_scores(scores), benchmarks=["MMLU"]).benchmark("MMLU")
    assert known.adjusted is not None
    assert known.adjusted.context.covariates == ("size", "compute", "training tokens")
    assert (
        known.adjusted.context.fit.sigma + known.adjusted.context.fit.tau
        < known.adjusted.size.fit.sigma + known.adjusted.size.fit.tau
    )


def test_a_second_board_finds_who_leads_in_public_only() -> None:
    table = leaked(share=0.6, columns=(0, 1, 2, 3))
    ability = np.log(null_board(120, seed=0, alone=True).scores[:, 0])
    raw = RawTable({"name": [m.upper() for m in table.models], "Elo": [1000 + 400 * a for a in ability], "votes": list(range(120))},
                   "arena.csv", "1" * 64, "CSV")  # fmt: skip
    second = align_board(raw, table)
    assert (second.columns, second.matched, second.unmatched) == (("Elo",), 120, 0)
    audit = audit_table(table, second=second, benchmarks=["MMLU"])
    public = [f for f in audit.findings if f.rule_id == "score/leads-in-public-only"]
    assert [f.subject for f in public] == [table.models[10]]
    assert audit.worst == "review"


def test_second_boards_that_do_not_fit_are_refused() -> None:
    table = leaked()
    with pytest.raises(InputError, match="0 models are on both"):
        align_board(RawTable({"model": ["z/z"], "Elo": [1.0]}, "a.csv", "", "CSV"), table)
    with pytest.raises(InputError, match="no column that could be the model"):
        align_board(RawTable({"thing": ["z"], "Elo": [1.0]}, "a.csv", "", "CSV"), table)
    with pytest.raises(InputError, match="no column of numbers"):
        align_board(RawTable({"model": ["z"], "text": ["x"]}, "a.csv", "", "CSV"), table)


def test_descent_is_its_own_finding_and_adds_nothing_to_z(tmp_path: Path) -> None:
    table = null_board(60, seed=8, alone=True)
    bases = [()] * 60
    bases[1], bases[2], bases[3] = ("o/flagged",), (table.models[1], "o/clean"), (table.models[3],)
    scores = table.scores.copy()
    scores[5] = scores[4]
    path = tmp_path / "flagged.csv"
    path.write_text(
        f"model,link,section_comment\no/flagged,http://x,contamination\n{table.models[4]},,\n", encoding="utf-8"
    )
    with_bases = replace(table, base_models=tuple(bases)).with_scores(scores)
    audit = audit_scores(with_bases, flagged=path)
    found = {f.subject: f for f in audit.findings if f.rule_id == "lineage/flagged-ancestor"}
    assert set(found) == {table.models[1], table.models[2], table.models[5]}
    assert found[table.models[2]].evidence["path"] == [table.models[2], table.models[1], "o/flagged"]
    assert found[table.models[5]].evidence["kind"] == "copy"
    assert "http://x" in found[table.models[1]].message
    plain = audit_table(with_bases)
    assert verdict(audit, "MMLU", 1) == verdict(plain, "MMLU", 1) == "none"


def test_lists_of_flagged_models(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# known\no/a\n\no/b\no/A\n", encoding="utf-8")
    assert [f.model for f in read_flagged(path)] == ["o/a", "o/b"]
    path.write_text("thing,why\nx,y\n", encoding="utf-8")
    with pytest.raises(InputError, match="needs a column 'model'"):
        read_flagged(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="empty"):
        read_flagged(path)
    path.write_text("# only a comment\n", encoding="utf-8")
    with pytest.raises(InputError, match="no model's name"):
        read_flagged(path)


def test_an_entry_is_judged_by_a_board_that_it_is_left_out_of() -> None:
    board = null_board(120, seed=9, alone=True)
    high = board_of(["new/entry-7b"], ("ARC", "MMLU"), np.array([[0.5, 0.95]]), np.array([7.0]), [""])
    audit = judge_entries(board, high, benchmarks=["MMLU"])
    assert audit.held_out.tolist() == [False] * 120 + [True]
    assert verdict(audit, "MMLU", 120) in ("review", "strong")
    alone = audit_table(board, benchmarks=["MMLU"]).benchmark("MMLU")
    assert audit.benchmark("MMLU").adjusted.size.fit.weight[120] == 0  # type: ignore[union-attr]
    assert audit.benchmark("MMLU").judgement.expected[:120] == pytest.approx(alone.judgement.expected, abs=0.02)
    again = replace(high, models=(board.models[0],))
    assert judge_entries(board, again).table.models.count(board.models[0]) == 1
    with pytest.raises(InputError, match="none of its benchmarks"):
        judge_entries(board, board_of(["a/b"], ("XYZ",), np.array([[0.5]]), np.array([7.0]), [""]))


def test_families_by_every_rule() -> None:
    scores = np.array(
        [
            [0.1, 0.2, 0.3],
            [0.4, 0.5, 0.6],
            [0.4, 0.5, 0.6],
            [0.7, 0.8, 0.9],
            [0.2, 0.2, 0.2],
            [0.3, 0.1, 0.2],
            [0.9, 0.1, 0.5],
        ]
    )
    found = assign_families(
        ["a/x", "b/thing-7b", "c/copy", "d/fine", "e/Mistral-7B-ft", "f/solo", "g/barcenas"],
        ["", "", "", "b/thing-7b", "", "", ""],
        ["mine", "", "", "", "", "", ""],
        [""] * 7,
        ["", "", "", "", "", "", "Phi3ForCausalLM"],
        scores,
    )
    names = [found.names[c] for c in found.codes]
    assert names == ["mine", "thing", "thing", "thing", "mistral", "solo", "phi"]
    assert found.rules == ("column", "name", "copy", "base_model", "known base", "alone", "architecture")
    assert found.rule_counts()["copy"] == 1


def test_lines_join_versions_of_well_known_bases_only() -> None:
    names = ["Qwen/Qwen1.5-7B", "Qwen/Qwen2-7B", "x/a0125", "y/a0204"]
    found = assign_families(names, [""] * 4, [""] * 4, [""] * 4, [""] * 4, np.full((4, 1), np.nan))
    assert found.lines[0] == found.lines[1]
    assert len(set(found.lines)) == 3


@pytest.mark.parametrize(
    ("name", "family"),
    [("Aspik101/trurl-2-13b-pl-instruct_unload", "trurl"), ("a/Llama-2-7b-hf", "llama-2"), ("a/CodeLlama-7b", "codellama"),
     ("Qwen/Qwen1.5-7B", "qwen1.5"), ("a/Yi-34B", "yi"), ("a/7b-v1", "7b-v1"), ("a/go-bruins-v2", "go-bruins")],
)  # fmt: skip
def test_families_from_names(name: str, family: str) -> None:
    assert family_from_name(name)[0] == family
    assert name_stem("x/y-z-7b") == "y-z"
    assert family_from_architecture("LlamaForCausalLM") == ""


def test_the_public_name_and_what_it_refuses() -> None:
    assert auditor.audit_scores is audit_scores
    with pytest.raises(InputError, match="no benchmark 'GPQA'"):
        audit_scores(leaked(), benchmarks=["GPQA"])
    with pytest.raises(KeyError):
        audit_scores(leaked(), benchmarks=["MMLU"]).benchmark("ARC")


@needs_boards
def test_the_known_positive_controls_are_found_and_well_trained_models_are_not_strong() -> None:
    audit = audit_scores(SHARED / "open_llm_leaderboard_v1.csv")
    models = audit.table.models
    for control in ("Contamination/contaminated_proof_7b_v1.0", "Aspik101/trurl-2-13b-pl-instruct_unload"):
        assert verdict(audit, "MMLU", models.index(control)) == "strong"
    for found in audit.benchmarks:
        strong = [models[i] for i in np.flatnonzero(found.verdicts == VERDICTS.index("strong"))]
        assert not [m for m in strong if m.lower().startswith(("qwen/", "microsoft/phi"))]
        assert len(strong) < 0.02 * len(models)


@needs_boards
def test_injected_leaks_rank_above_the_fields_best_method() -> None:
    table = audit_scores(SHARED / "obs_scaling_base.csv", benchmarks=["MMLU"]).table
    table = table.take(np.flatnonzero(np.isfinite(table.scores[:, :6]).all(axis=1) & np.isfinite(table.flops)))
    _, family = np.unique(np.array(table.family_column, dtype=object), return_inverse=True)
    hits, flagged, clean = [], 0, 0
    for seed in range(300, 312):
        rng = np.random.default_rng(seed)
        rows = np.array(
            [rng.choice(np.flatnonzero(family == f)) for f in rng.choice(family.max() + 1, 5, replace=False)]
        )
        scores = table.scores.copy()
        scores[rows, 0] += 0.4 * (1 - scores[rows, 0])
        found = audit_table(table.with_scores(scores), benchmarks=["MMLU"]).benchmark("MMLU")
        p = np.where(np.isfinite(found.judgement.p), found.judgement.p, 1.0)
        hits.append(np.isin(np.argsort(p, kind="stable")[:5], rows).mean())
        alarms = (found.verdicts == 1) | (found.verdicts == 2)
        flagged += int(np.delete(alarms, rows).sum())
        clean += len(table) - 5
    assert np.mean(hits) > 0.9
    assert flagged <= 0.01 * clean
