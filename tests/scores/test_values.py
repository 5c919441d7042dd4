"""Cells, names and sizes as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.scores.known import benchmark_key, facts_of
from auditor.scores.sizes import looks_floored, parse_size, size_in_name
from auditor.scores.values import clean_name, is_empty, parse_bool, parse_date, parse_number


@pytest.mark.parametrize(
    ("text", "total", "active"),
    [
        ("7B", 7.0, None), ("350M", 0.35, None), ("1.1e9", 1.1, None), ("8x7B", 46.7, 12.9), ("8x22B", 140.6, 39.1),
        ("4x7B", 28.0, None), ("57B-A14B", 57.0, 14.0), ("16x3B-A2B", 48.0, 2.0), ("1.5", 1.5, None), (7, 7.0, None),
        ("7,000,000,000", 7.0, None), ("6,7", 6.7, None), ("~13B", 13.0, None), ("1T", 1000.0, None),
        ("7 B params", 7.0, None), ("2.7b", 2.7, None), ("7241732096", 7.241732096, None), ("120K", 0.00012, None),
    ],
)  # fmt: skip
def test_sizes_as_written(text: object, total: float, active: float | None) -> None:
    size = parse_size(text)
    assert size is not None
    assert size.total_b == pytest.approx(total)
    assert math.isnan(size.active_b) if active is None else size.active_b == pytest.approx(active)


@pytest.mark.parametrize("text", ["", "unknown", "big", "0", "-7B", "nan", "inf", None, "0x7B", "7B or 13B", "1e40"])
def test_no_size_where_none_is_written(text: object) -> None:
    assert parse_size(text) is None


def test_mixtures_say_how_they_were_read() -> None:
    assert "Mixtral" in (parse_size("8x7B") or pytest.fail("no size")).note
    assert "product" in (parse_size("4x13B") or pytest.fail("no size")).note


@pytest.mark.parametrize(
    ("name", "size"),
    [("org/thing-1.5b-chat", 1.5), ("a/Mixtral-8x7B-v0.1", 46.7), ("a/b-350M", 0.35), ("a/b", None), ("a/v2b2", None),
     ("a/x-7b-v0.2", 7.0), ("Qwen2-57B-A14B", 57.0)],
)  # fmt: skip
def test_size_in_a_name(name: str, size: float | None) -> None:
    found = size_in_name(name)
    assert (found and found.total_b) == (None if size is None else pytest.approx(size))


def test_floored_columns_are_recognised() -> None:
    assert looks_floored([0.0, 7.0, 13.0] * 20)
    assert not looks_floored([0.5, 7.0, 13.0] * 20)
    assert not looks_floored([7.0, 13.0] * 20)
    assert not looks_floored([0.0, 7.0])


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    name = clean_name(text)
    assert name == clean_name(name) or "&" in text or "<" in text or "[" in text
    assert "\n" not in name
    size = parse_size(text)
    assert size is None or 0 < size.total_b < 1e5
    number = parse_number(text)
    assert number is None or math.isfinite(number)
    day = parse_date(text)
    assert math.isnan(day) or math.isfinite(day)


@given(st.floats(min_value=1e-3, max_value=9e3))
def test_billions_survive_their_spelling(billions: float) -> None:
    spelled = parse_size(f"{billions:.4f}B")
    assert spelled is not None
    assert spelled.total_b == pytest.approx(billions, abs=1e-4)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ('<a target="_blank" href="https://huggingface.co/a/b" style="x">a/b</a>', "a/b"), ("[a/b](https://x.y/a/b)", "a/b"),
        ("a/b\u202egp\u200f", "a/bgp"), ("  a\n/b ", "a /b"), ("&lt;b&gt;", "<b>"), (None, ""), ("模型/7B", "模型/7B"),
        ("x" * 900, "x" * 300), ("=cmd()", "=cmd()"),
    ],
)  # fmt: skip
def test_names_are_undone(cell: object, name: str) -> None:
    assert clean_name(cell) == name


@pytest.mark.parametrize(
    ("cell", "number"),
    [("64.5", 64.5), ("64.5%", 64.5), ("64,5", 64.5), ("64.5 ± 0.3", 64.5), (" 1e-3 ", 0.001), ("abc", None), (True, None),
     ("1_000", None), ("nan", None), (0.5, 0.5)],
)  # fmt: skip
def test_numbers(cell: object, number: float | None) -> None:
    assert parse_number(cell) == number


def test_dates_and_flags() -> None:
    assert parse_date("1970-01-11") == 10
    assert parse_date("2024-03-29T09:34:19Z") == parse_date("2024-03-29T09:34:19+00:00")
    assert parse_date("2024") == parse_date("2024-01-01")
    assert parse_date("2024-05") == parse_date("2024-05-01")
    assert parse_date(1_700_000_000) == pytest.approx(19675.9, abs=0.1)
    assert math.isnan(parse_date("soon"))
    assert math.isnan(parse_date(None))
    assert [parse_bool(v) for v in (True, "True", "no", "maybe", 1)] == [True, True, False, None, True]
    assert is_empty(float("nan"))
    assert is_empty("N/A")
    assert not is_empty(0)


@pytest.mark.parametrize(
    ("name", "known"),
    [("MMLU (5-shot)", "MMLU"), ("arc_challenge", "ARC"), ("MMLU-PRO", "MMLU-PRO"), ("hellaswag 10-shot acc_norm", "HellaSwag"),
     ("leaderboard_bbh", "BBH"), ("my own test", None)],
)  # fmt: skip
def test_known_benchmarks(name: str, known: str | None) -> None:
    facts = facts_of(name)
    assert (facts and facts.name) == known


def test_chance_ceiling_of_mmlu_is_the_published_one() -> None:
    facts = facts_of("mmlu")
    assert facts is not None
    assert facts.chance_ceiling == pytest.approx(0.261, abs=5e-4)
    assert benchmark_key("HumanEval+") != benchmark_key("HumanEval")
