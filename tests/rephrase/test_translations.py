"""Translations, with the real multilingual model: found as what they are, by the view that has what they have."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from auditor.config import ScanConfig
from auditor.embedding import load_embedder
from auditor.index import BenchmarkIndex
from auditor.rephrase.bank import bank_of
from auditor.rephrase.detector import Rephrase, Rephraser
from auditor.rephrase.views import ANSWERED, OPTIONS, QUESTION, record_views
from auditor.sources import TextField
from auditor.types import Item
from rephrase.problems import benchmark

if TYPE_CHECKING:
    from auditor.rephrase.calibration import RephraseTally

TRANSLATED = {
    "p0": "玛尔塔早上烤了24个松饼，在市场上卖掉了其中的15个。她还剩下多少个松饼？",
    "p5": "Ein Schwimmbecken fasst 9600 Gallonen, und ein Schlauch füllt 160 Gallonen pro Stunde ein. Wie viele Stunden dauert "
    "es, bis das Becken voll ist?",
    "p14": "一家图书馆有5400本书，其中35%是小说。这家图书馆有多少本书不是小说？",
    "p23": "Una camisa que cuesta 45 dólares se vende con un descuento del 20%. ¿Cuánto paga un cliente por la camisa?",
}
OTHERS = (
    "写一首关于秋天的诗。",
    "请解释为什么天空是蓝色的。",
    "这座博物馆建于一百年前，以其深色的画作闻名。",
    "Beschreibe in drei Sätzen, wie man eine gute Suppe kocht, und nenne zwei Kräuter dafür.",
)
CHOICES = Item(
    "m0", "The process by which green plants turn light into chemical energy is called:",
    choices=("photosynthesis", "respiration", "fermentation", "digestion"), answers=("photosynthesis",),
)  # fmt: skip
ASKED = "绿色植物将光能转化为化学能的过程叫做："
LISTED = ASKED + "\nA. 光合作用\nB. 呼吸作用\nC. 发酵\nD. 消化"


@pytest.fixture(scope="module")
def rephraser() -> Rephraser:
    config = ScanConfig(detectors=("rephrase",), model="multilingual")
    problems = benchmark()
    index = BenchmarkIndex.build([replace(problems, items=(*problems.items, CHOICES))], config)
    embedder = load_embedder("multilingual", device="cpu")
    return Rephraser(bank_of(index, embedder), embedder, [problems.name], config)


def scanned(rephraser: Rephraser, *texts: str, reply: str = "") -> tuple[list[Rephrase], RephraseTally]:
    more = [TextField("response", "assistant", reply)] if reply else []
    return rephraser([(row, [TextField("prompt", "user", text), *more]) for row, text in enumerate(texts)])


def test_translations_are_told_from_other_texts(rephraser: Rephraser) -> None:
    found, tally = scanned(rephraser, *TRANSLATED.values(), *OTHERS)
    best = {row: max((r for r in found if r.row == row), key=lambda r: r.log_odds) for row in range(len(TRANSLATED))}
    for row, name in enumerate(TRANSLATED):
        assert best[row].items == (int(name[1:]),)
        assert best[row].signals.foreign
        assert best[row].log_odds > 2
        assert not best[row].signals.changed
    assert all(r.log_odds < 0 for r in found if r.row >= len(TRANSLATED))
    assert tally.foreign_texts == tally.texts == len(TRANSLATED) + len(OTHERS)
    assert not tally.nearest
    assert sum(int(counts.sum()) for counts in tally.foreign.values()) >= len(TRANSLATED)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("p0", {"24": "31", "15": "12"}), ("p5", {"9600": "7200", "160": "90"}), ("p23", {"45": "80"})],
)
def test_with_other_numbers_it_is_not_the_same(rephraser: Rephraser, name: str, numbers: dict[str, str]) -> None:
    text = TRANSLATED[name]
    for old, new in numbers.items():
        text = text.replace(old, new)
    found, tally = scanned(rephraser, text)
    assert all(r.signals.changed for r in found if r.items == (int(name[1:]),))
    assert all(r.log_odds < 2 for r in found if not r.signals.changed)
    assert tally.encoded


def test_the_answer_in_another_language_counts_as_far_as_it_can_be_read(rephraser: Rephraser) -> None:
    def answered(reply: str) -> float:
        found, _ = scanned(rephraser, TRANSLATED["p0"], reply=reply)
        return next(r.signals.answered for r in found if r.items == (0,))

    assert answered("她还剩1,000个松饼。") == 1
    assert answered("她还剩11个松饼。") == -1
    assert answered("一千") == 0


@pytest.mark.parametrize(("text", "has_options"), [(ASKED, False), (LISTED, True), (ASKED + "光合作用", False)])
def test_the_view_that_has_what_the_text_has(rephraser: Rephraser, text: str, has_options: bool) -> None:
    found, _ = scanned(rephraser, text)
    best = max(found, key=lambda r: r.log_odds)
    assert best.item_text.startswith(CHOICES.question)
    assert best.item_text.endswith("\n".join(CHOICES.choices)) == has_options
    assert best.log_odds > 2


def test_how_much_alike_the_items_are_says_nothing_of_a_translation(rephraser: Rephraser) -> None:
    bank = rephraser._bank
    alike = replace(
        bank.arrays, ordinary=bank.arrays.ordinary + 0.05, ordinary_covered=bank.arrays.ordinary_covered + 0.1
    )
    others = Rephraser(replace(bank, arrays=alike), rephraser._embedder, rephraser._names, rephraser._config)
    texts = [*TRANSLATED.values(), LISTED]
    found, again = scanned(rephraser, *texts)[0], scanned(others, *texts)[0]
    assert {r.row for r in found} == set(range(len(texts)))
    assert [(r.items, r.signals, r.log_odds) for r in again] == [(r.items, r.signals, r.log_odds) for r in found]


@pytest.mark.parametrize(
    ("text", "may_be", "expected"),
    [
        (ASKED, {QUESTION, ANSWERED}, {QUESTION}),
        (ASKED + "光合作用", {QUESTION, ANSWERED}, {QUESTION, ANSWERED}),
        (LISTED, {OPTIONS}, {OPTIONS}),
    ],
)
def test_which_view_a_translation_is_shows_piece_by_piece(
    rephraser: Rephraser, text: str, may_be: set[int], expected: set[int]
) -> None:
    bank, verifier = rephraser._bank, rephraser.verifier
    views = [(0, view) for view in record_views([TextField("prompt", "user", text)])]
    unit = next(
        n for n, items in enumerate(bank.units) if bank.views[bank.unit_of.searchsorted(n)].text == CHOICES.question
    )
    rough = next(c for c in rephraser.candidates(views, -math.inf) if c.pair.unit == unit)
    views_of = verifier._views_of(rough.pair, rough.looked)
    assert {bank.views[view].kind for view in views_of} == may_be
    # the view that the embedding of the whole text prefers does not decide
    pieces = verifier._looks.at([text])
    close = [
        verifier._closely(rough.looked, rough.pair, 0, [verifier._read_as(rough.pair, view, 0, rough.looked)], pieces)
        for view in views_of
    ]
    assert all(pair == close[0] for pair in close)
    assert bank.views[close[0].view].kind in expected
    alone = []
    for view in views_of:
        of_item = verifier._looks.at([bank.views[view].text])[bank.views[view].text]
        reading = verifier._read_as(rough.pair, view, 0, rough.looked)
        alone.append(verifier._piecewise(reading, 0, pieces[text], of_item))
    assert close[0].odds == max(pair.odds for pair in alone)
    best = max(alone, key=lambda pair: pair.odds)
    assert (close[0].view, close[0].signals) == (best.view, best.signals)
