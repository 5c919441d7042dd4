"""What the verifier says of a record and an item: verdict, answer, spans in the text as it was written."""

from __future__ import annotations

import html
import random
from dataclasses import replace

import pytest
from made import documents, inside, make_benchmark, make_items, sentence, whole

from auditor.config import ScanConfig
from auditor.index import BenchmarkIndex, weigh
from auditor.sources import TextField
from auditor.types import Item, Match, Verdict
from auditor.verify import Verifier, excerpt

CONFIG = ScanConfig()
ITEMS = make_items()
ITEM = ITEMS[3]
HOST = documents(1, seed=77)[0]


def judged(record: str | list[TextField], items: list[Item] | None = None, config: ScanConfig = CONFIG) -> list[Match]:
    """What is shown of any item in a record."""
    index = BenchmarkIndex.build([make_benchmark(items or ITEMS)], config)
    verifier = Verifier(index, weigh(index, None, config), config)
    fields = [TextField("text", "", record)] if isinstance(record, str) else record
    found = verifier.judge(fields, range(index.group_count))
    assert not any(judgement.is_decoy for judgement in found)
    return [verifier.match(judgement, "ngram", "train.jsonl", 7) for judgement in found]


def only(record: str | list[TextField], items: list[Item] | None = None) -> Match:
    (match,) = judged(record, items)
    return match


def test_question_and_answer() -> None:
    match = only(inside(whole(ITEM), HOST))
    assert (match.item_id, match.verdict, match.answer_present, match.score) == (
        "item-3",
        Verdict.CONTAMINATED,
        True,
        1.0,
    )
    assert (match.source, match.row, match.field, match.benchmark, match.split) == (
        "train.jsonl",
        7,
        "text",
        "bench",
        "test",
    )
    assert "with its answer" in match.reason
    assert match.signals["answer"] == "full"


def test_question_alone() -> None:
    match = only(inside(ITEM.question, HOST))
    assert (match.item_id, match.verdict, match.answer_present) == ("item-3", Verdict.CONTAMINATED, False)
    assert match.reason == "100% of the question (by weight) stands in the record"


def test_an_answer_far_away_is_not_beside_it() -> None:
    far = " ".join(documents(4, seed=5))
    assert not only(f"{ITEM.question}\n\n{far}\n\n{ITEM.answers[0]}").answer_present
    assert only(f"{ITEM.question}\n\n{far[:100]}\n\n{ITEM.answers[0]}").answer_present


def test_the_answer_in_the_next_message() -> None:
    fields = [
        TextField("messages[0].content", "system", "You are a helpful assistant."),
        TextField("messages[1].content", "user", ITEM.question),
        TextField("messages[2].content", "assistant", ITEM.answers[0]),
    ]
    match = only(fields)
    assert (match.field, match.role, match.answer_present) == ("messages[1].content", "user", True)
    assert not only(fields[:2]).answer_present


def test_nothing_in_a_clean_text() -> None:
    assert judged(HOST) == []
    assert judged("") == []
    assert judged([]) == []


@pytest.mark.parametrize(
    ("question", "copy"),
    [
        ("12 crates of 48 bottles each", "12 crates of 36 bottles each"),
        ("twelve crates of 48 bottles each", "twenty crates of 48 bottles each"),
    ],
)
def test_other_numbers_are_a_variant(question: str, copy: str) -> None:
    rng = random.Random(4)
    before, after = sentence(rng, 12), sentence(rng, 12)
    item = Item("numbers", f"{before} {question}. {after}?", answers=("576",))
    match = only(f"{before} {copy}. {after}?", [item, *ITEMS])
    assert (match.verdict, match.signals["kind"], match.signals["numbers_changed"]) == (Verdict.REVIEW, "variant", 1)
    assert "1 number changed" in match.reason


def test_a_number_spelled_in_another_way_is_the_same() -> None:
    rng = random.Random(4)
    before, after = sentence(rng, 12), sentence(rng, 12)
    item = Item("numbers", f"{before} costs 12 and 1,000 euros. {after}?")
    match = only(f"{before} costs twelve and 1000 euros. {after}?", [item, *ITEMS])
    assert (match.verdict, match.signals["numbers_changed"]) == (Verdict.CONTAMINATED, 0)


def test_a_passage_without_what_is_asked() -> None:
    rng = random.Random(6)
    passage = ". ".join(sentence(rng, 16) for _ in range(4))
    item = Item("reading", f"{passage}. {sentence(rng, 12)}?")
    match = only(f"{passage}. {HOST}", [item, *ITEMS])
    assert (match.verdict, match.signals["kind"]) == (Verdict.REVIEW, "passage")
    assert "but not what it asks" in match.reason


def test_half_of_a_question() -> None:
    words = ITEM.question.split()
    match = only(inside(" ".join(words[: len(words) // 2]), HOST))
    assert (match.item_id, match.verdict, match.signals["kind"]) == ("item-3", Verdict.REVIEW, "partial")
    # the same words in the middle of a sentence are not how a copy is cut
    assert judged(inside(f"{HOST[:40]} {' '.join(words[5:11])} {HOST[50:90]}", HOST)) == []


def test_an_edited_copy() -> None:
    words = ITEM.question.split()
    for position in range(6, len(words), 12):
        words[position] = "certain"
    assert only(inside(" ".join(words) + "\n" + ITEM.answers[0], HOST)).verdict is Verdict.CONTAMINATED


def test_sentences_in_another_order() -> None:
    first, second = ITEM.question.split(". ")
    match = only(inside(f"{second} {first}.\n{ITEM.answers[0]}", HOST))
    assert (match.verdict, match.answer_present) == (Verdict.CONTAMINATED, True)


@pytest.mark.parametrize("seed", range(3))
def test_options_in_another_order(seed: int) -> None:
    choices = random.Random(seed).sample(ITEM.choices, 4)
    listed = "\n".join(f"({letter}) {choice}" for letter, choice in zip("abcd", choices, strict=True))
    match = only(inside(f"{ITEM.question}\n{listed}\nCorrect: {ITEM.answers[0]}", HOST))
    assert (match.verdict, match.signals["choices_found"], match.signals["choices"]) == (Verdict.CONTAMINATED, 4, 4)


def test_items_that_ask_the_same_are_told_apart_by_their_answers() -> None:
    rng = random.Random(8)
    other = replace(
        ITEM, item_id="other", choices=tuple(sentence(rng, 5) for _ in range(4)), answers=(sentence(rng, 6),)
    )
    items = [*ITEMS, other]
    assert [m.item_id for m in judged(inside(whole(ITEM), HOST), items)] == ["item-3"]
    assert [m.item_id for m in judged(inside(whole(other), HOST), items)] == ["other"]
    assert [m.item_id for m in judged(inside(ITEM.question, HOST), items)] == ["item-3", "other"]


def test_a_part_of_one_item_inside_another_is_the_other() -> None:
    words = ITEM.question.split()
    longer = Item("longer", f"{' '.join(words[:14])} {sentence(random.Random(3), 12)}?")
    assert [m.item_id for m in judged(longer.question, [longer, *ITEMS])] == ["longer"]


PLACES = [
    ("plain", lambda q: q),
    ("upper case", str.upper),
    ("entities", lambda q: html.escape(q).replace(" ", "&nbsp;", 3)),
    ("numeric entities", lambda q: "".join(f"&#{ord(c)};" if n % 9 == 0 else c for n, c in enumerate(q))),
    ("tags", lambda q: q.replace(" ", " <b>", 1).replace(". ", "</b>. ", 1)),
    ("full-width", lambda q: "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in q)),
    ("accents", lambda q: q.replace("a", "a\u0301")),
    ("zero width", lambda q: q.replace("o", "o\u200b")),
    ("mathematical", lambda q: "".join(chr(ord(c) - 97 + 0x1D41A) if c.islower() else c for c in q)),
]


@pytest.mark.parametrize(("way", "write"), PLACES, ids=[way for way, _ in PLACES])
@pytest.mark.parametrize("before", ["", "\u4e2d\u6587\u3002 ", "\U0001f600\u00e9 &amp; na\u00efve: ", HOST + "\n\n"])
def test_spans_are_exact_in_the_text_as_it_was_written(way: str, write, before: str) -> None:  # type: ignore[no-untyped-def]
    question = ITEM.question.rstrip("?")
    copy = write(question)
    record = f"{before}{copy}? \u4e2d\u6587 {HOST}"
    match = only(record)
    begin, end = match.train_span
    span = record[begin:end]
    # a mark at the very end that belongs to no token may be left out
    assert begin == len(before)
    assert copy.startswith(span)
    assert len(copy) - len(span) <= 1
    assert match.item_span == (0, len(question))
    assert match.train_excerpt == excerpt(record, match.train_span, CONFIG.excerpt_chars)


def test_spans_in_chinese() -> None:
    question = "\u5c0f\u660e\u6709\u4e94\u4e2a\u82f9\u679c\uff0c\u5c0f\u7ea2\u7684\u82f9\u679c\u662f\u4ed6\u7684\u4e24\u500d\uff0c\u90a3\u4e48\u4ed6\u4eec\u4e00\u5171\u6709\u591a\u5c11\u4e2a\u82f9\u679c"
    item = Item("zh", question + "\uff1f", answers=("15",))
    match = only(f"{HOST}\n{question}\uff1f\n15", [item, *ITEMS])
    assert match.verdict is Verdict.CONTAMINATED
    assert match.train_excerpt == question
    assert match.train_span == (len(HOST) + 1, len(HOST) + 1 + len(question))


def test_excerpts_are_cut() -> None:
    assert excerpt("abcdefgh", (1, 7), 6) == "bcdefg"
    assert excerpt("abcdefgh", (1, 7), 5) == "bcde\u2026"
    match = judged(ITEM.question, config=replace(CONFIG, excerpt_chars=10))[0]
    assert (len(match.train_excerpt), len(match.item_excerpt)) == (10, 10)


def test_a_match_survives_json() -> None:
    match = only(inside(whole(ITEM), HOST))
    assert Match.from_json(match.to_json()) == match
