"""The minhash detector: copies that every long n-gram is broken in, found through the public API."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from datasketch import MinHash

import auditor
from auditor.config import ScanConfig
from auditor.detectors.minhash import as_datasketch, item_shingles, sketch_table
from auditor.index import BenchmarkIndex, weigh
from auditor.types import Benchmark, Item, Verdict
from tests import made

if TYPE_CHECKING:
    from pathlib import Path

MINHASH = ScanConfig(detectors=("minhash",))


def broken(text: str, rng: random.Random) -> str:
    """One word in four replaced or dropped, rare and common ones by turns: no five words in a row are left."""
    words = text.split()
    for i in [*range(2, len(words), 8), *range(7, len(words), 8)]:
        words[i] = rng.choice(["", "certain", "given", "other", "the same"])
    return " ".join(w for w in words if w)


def corpus(path: Path, items: list[Item]) -> Path:
    rng = random.Random(5)
    rows = [{"text": text} for text in made.documents(300)]
    rows[10:10] = [{"text": made.inside(broken(item.question, rng), made.document(rng))} for item in items]
    made.write_lines(path, rows)
    return path


def test_reworded_copies_are_found_where_ngrams_find_none(tmp_path: Path) -> None:
    benchmark = made.make_benchmark()
    planted = list(benchmark.items[:20])
    train = corpus(tmp_path / "train.jsonl", planted)
    found = auditor.scan(train, benchmark, config=MINHASH)
    assert {(m.row, m.item_id) for m in found.matches} == {(10 + n, item.item_id) for n, item in enumerate(planted)}
    assert {m.detector for m in found.matches} == {"minhash"}
    assert all(m.verdict is Verdict.REVIEW or m.score >= MINHASH.contaminated_containment for m in found.matches)
    assert not auditor.scan(train, benchmark, config=made.NGRAM).matches


def test_both_detectors_are_named_in_one_finding(tmp_path: Path) -> None:
    benchmark = made.make_benchmark()
    item = benchmark.items[3]
    made.write_lines(tmp_path / "t.jsonl", [{"text": t} for t in [*made.documents(50), item.question]])
    result = auditor.scan(tmp_path / "t.jsonl", benchmark)
    assert [(m.row, m.item_id, m.detector) for m in result.matches] == [
        (50, item.item_id, "minhash"),
        (50, item.item_id, "ngram"),
    ]
    (finding,) = result.findings
    assert finding.evidence["detectors"] == ["minhash", "ngram"]


def test_a_chinese_item_is_found_by_pairs_of_characters(tmp_path: Path) -> None:
    question = "珍妮特的鸭子每天下蛋十六个早餐吃掉三个再用四个给朋友烤松饼剩下的拿到集市上出售每个两美元她每天赚多少钱"
    benchmark = Benchmark("zh", (Item("a", question, answers=("18",)),), "zh.jsonl", "0" * 64)
    copy = question[:12] + "了" + question[13:25] + "的" + question[26:40] + "哦" + question[41:]
    made.write_lines(tmp_path / "t.jsonl", [{"text": t} for t in [*made.documents(50), copy]])
    result = auditor.scan(tmp_path / "t.jsonl", benchmark, config=MINHASH)
    assert [(m.row, m.item_id) for m in result.matches] == [(50, "a")]


def test_the_items_sketches_are_datasketchs() -> None:
    index = BenchmarkIndex.build([made.make_benchmark()], MINHASH)
    table = sketch_table(index, weigh(index, None, replace(MINHASH, sketch_word_weight=0.5)), MINHASH)
    for item in range(5):
        shingles = item_shingles(table, item)
        theirs = MinHash(
            num_perm=MINHASH.sketch_permutations, seed=MINHASH.sketch_seed, scheme="affine32",
            hashfunc=lambda h: int(h) & 0xFFFFFFFF,
        )  # fmt: skip
        theirs.update_batch(shingles.tolist())
        ours = as_datasketch(table, item, MINHASH)
        assert len(shingles) == len(np.unique(shingles))
        assert len(shingles) > MINHASH.sketch_shared
        assert ours.hashvalues.tolist() == theirs.hashvalues.tolist()
        assert as_datasketch(table, item, MINHASH).jaccard(theirs) == 1.0


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(auditor.errors.InputError, match="sketch_share"):
        ScanConfig(sketch_share=share)


def test_windows_are_looked_up_by_two_shingles_at_the_least() -> None:
    with pytest.raises(auditor.errors.InputError, match="sketch_shared must be above 1"):
        ScanConfig(sketch_shared=1.0)
