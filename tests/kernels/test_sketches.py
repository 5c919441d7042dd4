"""The look-up by pairs and bands, held to the definition of what it finds, computed in plain Python and numpy."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from auditor.config import ScanConfig
from auditor.detectors.minhash import item_shingles, sketch_table
from auditor.index import BenchmarkIndex, tokens_of, weigh
from auditor.kernels import sketch_table as tables
from auditor.kernels.arrays import distinct, frozen
from auditor.kernels.minhash import pair_keys, signature_plainly
from auditor.kernels.seeds import new_candidates
from auditor.kernels.sketch_pairs import choice
from auditor.kernels.sketches import look_up_sketches
from auditor.types import Benchmark, Item

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditor.kernels.sketch_table import SketchTable

CONFIG = ScanConfig(detectors=("minhash",), sketch_word_weight=0.5, sketch_permutations=30)
WORDS = [
    a + b + c for a in ("bri", "slo", "tem", "gar") for b in ("na", "fe", "ku", "ro", "mi") for c in ("x", "lt", "s")
]
SIGNS = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"


def question(rng: random.Random, length: int) -> str:
    if rng.random() < 0.3:
        return "".join(rng.choices(SIGNS, k=length))
    return " ".join(rng.choices(WORDS, k=length))


def benchmark(rng: random.Random, lengths: list[int]) -> Benchmark:
    items = tuple(Item(str(n), question(rng, length)) for n, length in enumerate(lengths))
    return Benchmark("made", items, "made.jsonl", "0" * 64)


def found_plainly(hashes: NDArray[np.uint64], table: SketchTable, length: list[int]) -> set[int]:
    """What the module's definition says, window by window and item by item."""
    k = len(hashes)
    pairs = np.empty(max(0, k - 1), np.uint64)
    pair_keys(frozen(hashes), frozen(np.arange(k - 1)), pairs)
    known = set(table.words.tolist())
    nats = dict(zip(table.words.tolist(), table.nats.tolist(), strict=True))
    total = -(-k // tables.BLOCK)
    found = set()
    for item, tokens in enumerate(length):
        own = item_shingles(table, item)
        if len(own) < table.shared:
            continue
        level = int(np.clip(np.rint(np.log2(tokens / tables.BLOCK)), 1, tables.LEVELS))
        for block in range(0, total, max(1, (1 << level) // 4)):
            if (1 << level) > 2 * (total - block // tables.CHUNK * tables.CHUNK):
                continue
            start = block * tables.BLOCK
            end = min(k, start + (tables.BLOCK << level))
            inside = {*hashes[start:end].tolist(), *pairs[start : end - 1].tolist()}
            held = [s for s in own.tolist() if s in inside]
            enough = len(held) >= max(table.shared, table.share * len(own))
            weight = sum(nats[s] for s in held)
            if not enough or weight < table.share * sum(nats[s] for s in own.tolist()):
                continue
            met = [s for s in (*hashes[start:end].tolist(), *pairs[start:end].tolist()) if s in known]
            window, theirs = (signature_plainly(x, table.a, table.b) for x in (met, own.tolist()))
            equal = window == theirs
            jaccard = equal.mean()
            estimate = jaccard * (len(own) + len(met)) / (1 + jaccard)
            if estimate >= max(table.shared, 0.8 * table.share * len(own)) and equal.reshape(-1, 3).all(axis=1).any():
                found.add(item)
                break
    return found


def text_of(rng: random.Random, items: list[str]) -> str:
    """Some items, shortened, shuffled or copied, among other words."""
    parts = []
    for asked in rng.sample(items, min(len(items), rng.randint(1, 4))):
        words = asked.split() if " " in asked else list(asked)
        kept = [w for w in words if rng.random() < rng.choice([0.55, 0.8, 1.0])]
        if rng.random() < 0.3:
            rng.shuffle(kept)
        parts.append((" " if " " in asked else "").join(kept))
        parts.append(question(rng, rng.choice([0, 5, 40, 150])))
    return " ".join(parts)


@pytest.mark.parametrize("seed", range(3))
def test_just_the_windows_that_hold_enough_are_found(seed: int) -> None:
    """By pairs (short items) and by bands; of a long item, one that shares no band is none by the definition too."""
    rng = random.Random(seed)
    made = benchmark(rng, [rng.choice([6, 9, 14, 20, 30, 50, 100, 240]) for _ in range(25)])
    config = replace(CONFIG, sketch_share=rng.choice([0.5, 0.4, 0.7]))
    index = BenchmarkIndex.build([made], config)
    table = sketch_table(index, weigh(index, None, config), config)
    state, candidates = tables.new_sketch_state(table), new_candidates(weigh(index, None, config).table)
    length = np.diff(index.arrays["token_start"]).tolist()
    hits = 0
    for record in range(1, 11):
        text = text_of(rng, [item.question for item in made.items])
        if record == 10:  # longer than a chunk
            text = " ".join([question(rng, 4090), text, question(rng, 300)])
        hashes = tokens_of(text).hashes.copy()
        used = look_up_sketches(hashes, len(hashes), table, state, record, 7, 3, 5, candidates, 0)
        ours = candidates.item[:used].tolist()
        expected = found_plainly(hashes, table, length)
        assert len(ours) == len(set(ours))
        assert set(ours) == expected
        assert set(candidates.line[:used].tolist()) <= {7}
        assert set(candidates.detector[:used].tolist()) <= {tables.MINHASH_BIT}
        hits += used
    assert hits > 10


@pytest.mark.parametrize("seed", range(4))
def test_no_choice_of_enough_shingles_is_without_a_pair(seed: int) -> None:
    """Of random shingles, whichever are enough by number and weight, two stand in one group."""
    rng = random.Random(seed)
    for _ in range(300):
        n = rng.randint(3, 18)
        weights = sorted((rng.uniform(3, 11) for _ in range(n)), reverse=True)
        share = rng.choice([0.3, 0.5, 0.8])
        least = max(3, int(np.ceil(share * n)))
        groups, rest = choice(np.array(weights), n, least, share)
        for _ in range(30):
            held = rng.sample(range(n), rng.randint(least, n))
            # what is left away first are the rare ones: the hardest case by number
            if rng.random() < 0.5:
                held = list(range(n - least, n))
            if sum(weights[i] for i in held) < share * sum(weights):
                continue
            within = [i % groups for i in held if i < rest]
            assert len(within) > len(set(within))


def test_nothing_is_found_without_sketches() -> None:
    table = tables.no_sketches()
    assert len(table.spare) == 0
    assert not table.searched.any()
    assert table.word_slots.tolist() == [-1]
    assert len(tables.new_sketch_state(table).seen) == 0


def test_distinct_values_are_those_of_numpy() -> None:
    values = np.random.default_rng(1).integers(0, 50, 200)
    assert distinct(values.copy()).tolist() == np.unique(values).tolist()
    assert distinct(values[:0].copy()).tolist() == []
