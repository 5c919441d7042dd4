"""Matches become findings: merged, ranked, explained, and known again when rows shift."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.findings import RULES, file_name, merge_matches, natural
from auditor.types import Match, Verdict

MATCH = Match(
    source="data/train.jsonl",
    row=7,
    field="messages[0].content",
    benchmark="gsm8k",
    split="test",
    item_id="12",
    detector="ngram",
    score=0.97,
    verdict=Verdict.CONTAMINATED,
    answer_present=True,
    train_span=(10, 90),
    item_span=(0, 80),
    train_excerpt="Natalia sold clips to 48 of her friends",
    item_excerpt="Natalia sold clips to 48 of her friends",
    reason="the whole question, word for word",
    role="user",
    signals={"kind": "full"},
)
REVIEW = replace(MATCH, verdict=Verdict.REVIEW, score=0.5, answer_present=False)


def test_a_finding_says_what_where_and_how_sure() -> None:
    (finding,) = merge_matches([MATCH])
    assert finding.rule_id == "data/question-and-answer"
    assert finding.severity == "error"
    assert finding.verdict == "contaminated"
    assert finding.subject == "data/train.jsonl"
    assert finding.title == "gsm8k test item 12: row 7 of train.jsonl holds the question and its answer"
    assert finding.message == (
        "Row 7 of data/train.jsonl (field messages[0].content of role user) holds the question and its answer: gsm8k "
        "test item 12, containment 0.97, found by ngram. the whole question, word for word"
    )
    assert finding.innocent_explanations
    assert finding.next_steps
    assert len(finding.fingerprint) == 32


def test_detectors_and_fields_of_one_record_become_one_finding() -> None:
    answer_field = replace(
        MATCH, field="messages[1].content", detector="minhash", score=0.99, verdict=Verdict.REVIEW, answer_present=True
    )
    question_field = replace(MATCH, answer_present=False)
    (finding,) = merge_matches([answer_field, question_field])
    assert finding.evidence["detectors"] == ["minhash", "ngram"]
    assert finding.evidence["field"] == "messages[0].content", "the contaminated match is the one shown"
    assert finding.rule_id == "data/question-and-answer", "the answer stands in another field of the same record"
    assert [match["detector"] for match in finding.evidence["matches"]] == ["ngram", "minhash"]


@pytest.mark.parametrize(
    ("changes", "rule_id", "severity"),
    [
        ({}, "data/question-and-answer", "error"),
        ({"answer_present": False}, "data/question", "error"),
        ({"answer_present": False, "signals": {}}, "data/question", "error"),
        ({"signals": {"kind": "partial"}}, "data/partial", "error"),
        ({"verdict": Verdict.REVIEW}, "data/similar", "warning"),
        ({"verdict": Verdict.REVIEW, "signals": {"kind": "partial"}}, "data/partial", "warning"),
        ({"verdict": Verdict.REVIEW, "signals": {"kind": "variant"}}, "data/variant", "warning"),
        ({"verdict": Verdict.REVIEW, "signals": {"kind": "boilerplate"}}, "data/boilerplate", "warning"),
        ({"verdict": Verdict.REVIEW, "signals": {"kind": "passage"}}, "data/passage", "warning"),
        ({"signals": {"kind": "rephrase"}}, "data/rephrased", "error"),
    ],
)
def test_rules(changes: dict[str, object], rule_id: str, severity: str) -> None:
    (finding,) = merge_matches([replace(MATCH, **changes)])  # type: ignore[arg-type]
    assert (finding.rule_id, finding.severity) == (rule_id, severity)
    assert finding.next_steps == RULES[rule_id].next_steps


def test_the_worst_comes_first() -> None:
    matches = [
        REVIEW,
        replace(REVIEW, row=8, score=1.0),
        replace(MATCH, row=9, score=0.9),
        replace(MATCH, row=10, item_id="9"),
        replace(MATCH, row=11),
        replace(MATCH, row=2, benchmark="arc"),
        replace(MATCH, row=11, source="a.jsonl"),
    ]
    order = [
        (f.evidence["benchmark"], f.evidence["item_id"], f.subject, f.evidence["row"]) for f in merge_matches(matches)
    ]
    assert order == [
        ("arc", "12", "data/train.jsonl", 2),
        ("gsm8k", "9", "data/train.jsonl", 10),
        ("gsm8k", "12", "a.jsonl", 11),
        ("gsm8k", "12", "data/train.jsonl", 11),
        ("gsm8k", "12", "data/train.jsonl", 9),
        ("gsm8k", "12", "data/train.jsonl", 8),
        ("gsm8k", "12", "data/train.jsonl", 7),
    ]


def test_a_fingerprint_survives_shifted_rows_a_moved_folder_and_another_verdict() -> None:
    (before,) = merge_matches([MATCH])
    for change in (
        {"row": 9000},
        {"source": "/elsewhere/train.jsonl"},
        {"source": "s3://bucket/x/train.jsonl"},
        {"verdict": Verdict.REVIEW, "signals": {"kind": "partial"}},
        {"score": 0.91, "detector": "minhash"},
        {"train_excerpt": "NATALIA sold   clips to 48 of her friends!"},
    ):
        (after,) = merge_matches([replace(MATCH, **change)])  # type: ignore[arg-type]
        assert after.fingerprint == before.fingerprint, change
    for change in (
        {"item_id": "13"},
        {"split": "train"},
        {"benchmark": "x"},
        {"source": "b.jsonl"},
        {"train_excerpt": "x"},
    ):
        (after,) = merge_matches([replace(MATCH, **change)])  # type: ignore[arg-type]
        assert after.fingerprint != before.fingerprint, change


def test_equal_records_keep_distinct_fingerprints_in_row_order() -> None:
    three = [replace(MATCH, row=row, score=score) for row, score in ((3, 0.91), (5, 0.99), (8, 0.95))]
    by_row = {finding.evidence["row"]: finding.fingerprint for finding in merge_matches(three)}
    assert len(set(by_row.values())) == 3
    shifted = [replace(match, row=match.row + 100) for match in three]
    assert {f.evidence["row"] - 100: f.fingerprint for f in merge_matches(shifted)} == by_row
    (alone,) = merge_matches(three[:1])
    assert alone.fingerprint == by_row[3]


def test_hostile_text_is_no_trouble() -> None:
    (finding,) = merge_matches(
        [replace(MATCH, train_excerpt="\ud800\x00", source="..\\a/b\n::error::", item_id="\ud800")]
    )
    assert len(finding.fingerprint) == 32


matches_strategy = st.builds(
    Match,
    source=st.sampled_from(["a", "b/a", "c"]),
    row=st.integers(0, 3),
    field=st.sampled_from(["text", "answer"]),
    benchmark=st.sampled_from(["x", "y"]),
    split=st.sampled_from(["", "test"]),
    item_id=st.sampled_from(["1", "2", "10", "q1a", "q1", ""]),
    detector=st.sampled_from(["ngram", "minhash"]),
    score=st.sampled_from([0.5, 0.9, 1.0]),
    verdict=st.sampled_from(Verdict),
    answer_present=st.booleans(),
    train_span=st.just((0, 1)),
    item_span=st.just((0, 1)),
    train_excerpt=st.sampled_from(["e", "f"]),
    item_excerpt=st.just("e"),
    reason=st.just("r"),
)


@given(
    st.lists(
        matches_strategy,
        max_size=20,
        unique_by=lambda m: (m.source, m.row, m.field, m.benchmark, m.split, m.item_id, m.detector),
    )
)
def test_the_order_of_matches_does_not_matter(matches: list[Match]) -> None:
    findings = merge_matches(matches)
    assert findings == merge_matches(reversed(matches))
    assert len(findings) == len({(m.source, m.row, m.benchmark, m.split, m.item_id) for m in matches})
    assert len({finding.fingerprint for finding in findings}) == len(findings)
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities)


def test_names_and_numbers() -> None:
    assert sorted(["item10", "item9", "a", "", "10", "9"], key=natural) == ["", "9", "10", "a", "item9", "item10"]
    assert file_name("hf://datasets/a/b.jsonl") == "b.jsonl"
    assert file_name("C:\\x\\y.csv") == "y.csv"
    assert file_name("/") == "/"
