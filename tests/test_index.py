"""The index: what is built, saved and mapped again finds the same; what another version made is refused."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made import NGRAM, document, make_benchmark, make_items, sentence, whole, write_lines

import auditor
from auditor import index as module
from auditor.config import ScanConfig
from auditor.errors import IndexVersionError, InputError, OutputError
from auditor.index import BenchmarkIndex, Learnt, weigh
from auditor.types import Item

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = ScanConfig()
scan = functools.partial(auditor.scan, config=NGRAM)


def built(items: list[Item] | None = None) -> BenchmarkIndex:
    return BenchmarkIndex.build([make_benchmark(items or make_items())], CONFIG)


def test_a_saved_index_finds_the_same(tmp_path: Path) -> None:
    items = make_items()
    train = write_lines(tmp_path / "train.jsonl", ({"text": whole(item)} for item in items[:7]))
    fresh = built(items)
    fresh.save(tmp_path / "index")
    loaded = BenchmarkIndex.load(tmp_path / "index")
    assert loaded.benchmarks == fresh.benchmarks
    assert [loaded.item(n) for n in range(len(items))] == items
    by_path = scan(train, str(tmp_path / "index"))
    assert by_path.matches == scan(train, fresh).matches
    assert len(by_path.matches) == 7


def test_another_version_is_refused(tmp_path: Path) -> None:
    built().save(tmp_path / "index")
    header = tmp_path / "index" / "index.json"
    row = json.loads(header.read_text())
    header.write_text(json.dumps({**row, "index_version": row["index_version"] + 1, "auditor": "9.9"}))
    with pytest.raises(IndexVersionError, match=r"made by auditor 9\.9 .* delete it and build it anew"):
        BenchmarkIndex.load(tmp_path / "index")
    header.write_text(json.dumps({**row, "text_version": 0}))
    with pytest.raises(IndexVersionError):
        BenchmarkIndex.load(tmp_path / "index")


@pytest.mark.parametrize("damage", ["cut", "junk", "missing", "no header", "not json", "other items", "no keys"])
def test_a_damaged_index_is_an_error(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "index"
    built().save(folder)
    tokens, header = folder / "tokens.npy", folder / "index.json"
    match damage:
        case "cut":
            tokens.write_bytes(tokens.read_bytes()[:200])
        case "junk":
            tokens.write_bytes(b"junk")
        case "missing":
            tokens.unlink()
        case "no header":
            header.unlink()
        case "not json":
            header.write_text("{")
        case "other items":
            (folder / "items.jsonl").write_text("{}\n")
        case "no keys":
            header.write_text("{}")
    with pytest.raises(InputError, match=r"is damaged .* build it again|is not a benchmark index: .* is missing"):
        BenchmarkIndex.load(folder)


def test_where_it_cannot_be_saved(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write the index"):
        built().save(tmp_path / "file" / "index")


def test_questions_that_are_asked_twice_are_one_group() -> None:
    one, two, *_ = make_items()
    again = replace(two, item_id="again", question=two.question.upper(), answers=("another",))
    index = built([one, two, again])
    assert index.group(0).tolist() == [0]
    assert index.group(1).tolist() == [1, 2]
    hashes, words = index.group_tokens(1)
    assert len(hashes) == len(words) == 26


def test_items_too_short_are_counted(tmp_path: Path) -> None:
    items = [*make_items(3), Item("short", "What now?"), Item("nothing", "?!"), Item("empty", "")]
    index = built(items)
    assert index.benchmarks[0].items == 6
    assert index.benchmarks[0].not_indexed == {"too_short": 3}
    train = write_lines(tmp_path / "train.jsonl", [{"text": "What now? ?!"}])
    facts = scan(train, index).summary["benchmarks"]["bench"]
    assert (facts["items"], facts["items_indexed"], facts["items_not_indexed"]) == (6, 3, {"too_short": 3})
    assert facts["warnings"] == [
        "3 of 6 items of bench are too short to be told from other text, and are not looked for"
    ]


def test_a_benchmark_that_indexes_to_nothing_says_so(tmp_path: Path) -> None:
    train = write_lines(tmp_path / "train.jsonl", [{"text": "What now?"}])
    result = scan(train, make_benchmark([Item("1", "What?"), Item("2", "")]))
    assert result.matches == ()
    assert result.summary["benchmarks"]["bench"]["items_indexed"] == 0
    assert "no item of bench can be looked for" in result.summary["benchmarks"]["bench"]["warnings"][0]


def test_a_short_question_is_looked_for_with_its_answer(tmp_path: Path) -> None:
    rng = __import__("random").Random(9)
    items = [*make_items(), Item("short", "Who wrote Xograwi?", answers=(sentence(rng, 9),))]
    index = built(items)
    assert index.benchmarks[0].not_indexed == {}
    train = write_lines(tmp_path / "t.jsonl", [{"text": document(rng)}, {"text": whole(items[-1])}])
    assert [(m.row, m.item_id) for m in scan(train, index).matches] == [(1, "short")]


def test_no_benchmark_and_two_of_one_name() -> None:
    with pytest.raises(InputError, match="name at least one with -b"):
        BenchmarkIndex.build([], CONFIG)
    with pytest.raises(InputError, match="two benchmarks are called 'bench'"):
        BenchmarkIndex.build([make_benchmark(), make_benchmark()], CONFIG)


def test_half_a_surrogate_pair_in_an_item(tmp_path: Path) -> None:
    item = make_items(1)[0]
    index = built([replace(item, question=f"\ud800 {item.question}")])
    index.save(tmp_path / "index")
    assert BenchmarkIndex.load(tmp_path / "index").item(0).question == f"? {item.question}"


def test_ngrams_of_too_many_items_name_none() -> None:
    stem = "which of the following statements is true about"
    items = [Item(str(n), f"{stem} {question.question}") for n, question in enumerate(make_items(30))]
    few = BenchmarkIndex.build([make_benchmark(items)], replace(CONFIG, max_document_frequency=20))
    many = BenchmarkIndex.build([make_benchmark(items)], replace(CONFIG, max_document_frequency=40))
    assert len(many.arrays["gram_df"]) == len(few.arrays["gram_df"]) + 4
    assert many.arrays["gram_df"].max() == 30


def test_what_is_everywhere_in_the_corpus_weighs_less() -> None:
    index = built()
    alone = weigh(index, None, CONFIG)
    grams, words = len(index.arrays["gram_df"]), len(index.arrays["word_df"])
    everywhere = np.zeros(grams, np.int64)
    everywhere[:5] = 1000
    seen = weigh(index, Learnt(1000, everywhere, np.full(words, 1000)), CONFIG)
    assert alone.boilerplate_grams == 0
    assert seen.boilerplate_grams == 5
    assert (seen.table.weight[:5] == 0).all()
    assert (seen.word < alone.word).all()
    assert seen.word.min() >= 0
    all_of_them = weigh(index, Learnt(1000, np.full(grams, 1000), np.full(words, 1000)), CONFIG)
    assert all_of_them.groups_without_grams.all()
    assert module.BOILERPLATE_SHARE < 1
