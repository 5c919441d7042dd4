"""Spans are masked and turns taken out where the matches say, and nowhere else."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cleaning.edits import copy_pattern, edit_record, holds, masked
from auditor.cleaning.json_text import encode_like, parse
from auditor.cleaning.options import Action, Done
from auditor.cleaning.tables import group_parts
from auditor.errors import InputError
from auditor.sources import ReadOptions
from auditor.types import Match, Verdict

ASKED = "How many clips did she sell in April?"


def match(field: str, span: tuple[int, int] = (0, len(ASKED)), excerpt: str = ASKED) -> Match:
    return Match("s", 4, field, "b", "", "1", "ngram", 1.0, Verdict.CONTAMINATED, True, span, (0, 1), excerpt, "", "")


def edit(record: dict[str, Any], action: Action, *matches: Match) -> tuple[dict[str, Any] | None, Done, str]:
    before = repr(record)
    done = edit_record(record, matches, action, "[gone]", ReadOptions())
    assert repr(record) == before, "the record given stays as it is"
    return done.record, done.done, done.note


def drop(key: str, turns: list[Any], place: str, **more: Any) -> Any:
    record, _, _ = edit({key: turns, **more}, Action.DROP_TURN, match(f"{key}{place}"))
    return None if record is None else record[key]


def say(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def test_a_question_takes_everything_that_answers_it_along() -> None:
    turns = [say("system", "Be kind."), say("user", "Hello"), say("assistant", "Hi"), say("user", ASKED),
             say("assistant", "let me see"), say("tool", "24"), say("assistant", "72"), say("user", "Thanks")]  # fmt: skip
    assert drop("messages", turns, "[3].content") == [*turns[:3], turns[7]]
    assert drop("messages", turns[3:7], "[0].content") is None
    assert drop("messages", [turns[0], *turns[3:7]], "[1].content") is None, "a system prompt alone is nothing"
    answer = [say("user", "Tell me"), say("assistant", ASKED), say("user", "Again"), say("assistant", "No")]
    assert drop("messages", answer, "[1].content") == [answer[0], *answer[2:]]
    system = [say("system", ASKED), *answer[2:]]
    assert drop("messages", system, "[0].content") == system[1:]


def test_turns_without_roles() -> None:
    both = [{"human": ASKED, "assistant": "72"}, {"human": "Hello", "assistant": "Hi"}]
    assert drop("conversation", both, "[0].human") == both[1:]
    assert drop("conversations", [ASKED, "72", "Hello", "Hi"], "[0]") == ["Hello", "Hi"]
    assert drop("conversations", ["Hello", ASKED, "Hello", "Hi"], "[1]") == ["Hello", "Hello", "Hi"]
    plain = [{"content": ASKED}, say("assistant", "72"), {"content": "Hello"}]
    assert drop("messages", plain, "[0].content") == plain[2:]
    assert drop("history", [[ASKED, "72"]], "[0][0]", instruction="x") == []


def test_what_is_no_turn_goes_whole() -> None:
    record, done, note = edit({"prompt": ASKED, "chosen": "a"}, Action.DROP_TURN, match("prompt"))
    assert (record, done) == (None, Done.DROPPED)
    assert note == "the match is in prompt, which is no turn of a conversation"
    pair = {"chosen": [say("user", ASKED), say("assistant", "72")], "rejected": [say("user", ASKED)]}
    assert edit(pair, Action.DROP_TURN, match("chosen[0].content"))[0] is None


def test_masks() -> None:
    text = f"So: {ASKED} And HOW MANY **clips** did she\nsell in April again"
    record, done, _ = edit({"text": text, "n": 1.5}, Action.MASK, match("text", (4, 41)))
    assert (record, done) == ({"text": "So: [gone] And [gone] again", "n": 1.5}, Done.MASKED)
    deep = {"messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}, say("assistant", ASKED)]}
    record, _, _ = edit(deep, Action.MASK, match("messages[0].content[0].text"))
    assert record == {"messages": [{"role": "user", "content": [{"type": "text", "text": "[gone]"}]},
                                   say("assistant", "[gone]?")]}  # fmt: skip
    record, done, note = edit({"text": 12345, "x": [1]}, Action.MASK, match("text", (0, 5), "12345"))
    assert (record, done) == (None, Done.DROPPED)
    assert "is a number" in note


def test_matches_of_another_record_are_refused() -> None:
    for wrong in (match("text", (1, 30)), match("prompt"), match("text", (0, 400))):
        with pytest.raises(InputError, match="row 4 of s does not hold what matches"):
            edit({"text": ASKED, "no": None, "flag": True}, Action.MASK, wrong)
    assert holds(ASKED, match("x", excerpt=ASKED[:10] + "…")), "an excerpt that was cut"
    assert holds("\ud800" + ASKED, match("x", (0, 5), "\ufffd" + ASKED[:4])), "half a surrogate is written as U+FFFD"


def test_copies_are_not_looked_for_where_chance_would_find_them() -> None:
    assert copy_pattern("a b c d") is None
    assert copy_pattern("a b c d e") is None
    assert copy_pattern("one two three four five") is not None
    assert copy_pattern("word " * 5000) is None
    found = copy_pattern("one two three four five")
    assert found is not None
    assert not found.search("someone two three four five")


@given(st.text(max_size=20), st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=4))
def test_what_is_not_in_a_span_stays(text: str, pairs: list[tuple[int, int]]) -> None:
    text = text.replace("#", "")
    places = [(a, b) for a, b in pairs if a < b <= len(text)]
    made = masked(text, places, "#")
    kept = [char for at, char in enumerate(text) if not any(a <= at < b for a, b in places)]
    assert made.replace("#", "") == "".join(kept)
    assert made.count("#") <= len(places)
    assert bool(places) == ("#" in made)


def test_half_of_a_surrogate_pair_stays_an_escape() -> None:
    raw = '{"text": "ü \\ud800 x"}'.encode()
    record = parse(raw)
    assert parse(encode_like(record, raw)) == record
    with pytest.raises(ValueError, match="not an object"):
        parse(b"[1]")


def test_a_very_large_row_group_is_read_in_parts() -> None:
    out = io.BytesIO()
    table = pa.table({"text": [f"row {n}" for n in range(1000)]})
    pq.write_table(table, out)
    file = pq.ParquetFile(out)
    parts = list(group_parts(file, 0, largest=4000))
    assert len(parts) > 4
    assert pa.concat_tables(parts).equals(table)
    assert [part.num_rows for part in group_parts(file, 0)] == [1000]
