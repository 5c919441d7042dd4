"""Scan a sketch: what it says of each item of a benchmark, and of the benchmark as a whole."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.config import ScanConfig
from auditor.errors import InputError
from auditor.index import BenchmarkIndex
from auditor.index_cache import index_of
from auditor.kernels.build import gram_keys
from auditor.kernels.grams import keyed_hashes
from auditor.report.files import make_directory, write_findings, write_matches, write_summary, write_text
from auditor.results import versions
from auditor.scanning import reproducible
from auditor.sketch.estimate import contained_probability, containment_interval, contaminated_rate
from auditor.sketch.files import SketchFile, differences
from auditor.sketch.keys import BENCHMARK, SketchKey, benchmark_key, public_key
from auditor.sketch.making import check_key
from auditor.sketch.report import render_sketch_report
from auditor.types import Finding, Verdict

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditor.index import BenchmarkInfo
    from auditor.types import Benchmark

RULE = "sketch/item-likely-contained"
LIKELY = 0.9
"""Probability from which on an item is called contaminated."""
POSSIBLE = 0.5
"""Probability from which on a person should look."""
_INNOCENT = (
    "A sketch holds no text: a hit says that the words stand somewhere in the data, not that they stand in one record.",
    "The data may quote the benchmark on purpose: documentation, a paper, a tutorial, an evaluation log.",
    "Benchmark and training set may share an older source, such as a textbook, an exam or Wikipedia.",
)
_NEXT = (
    "Ask the author to run `auditor scan` on the data itself and to show the records of these items.",
    "If the model is trained already, report its score without these items beside the score with them.",
)


@dataclass(frozen=True, slots=True)
class ItemGrams:
    """The n-grams that only one question of a benchmark has, of those that a sketch would hold."""

    hashes: NDArray[np.uint64]
    """Shape (n,), ascending."""
    owner: NDArray[np.int64]
    """Shape (n,): position in `groups` of the question that has it."""
    groups: NDArray[np.int64]
    """Shape (q,): the benchmark's questions, as groups of the index."""
    distinctive: NDArray[np.int64]
    """Shape (q,): n-grams of each that no other question has, sampled or not."""
    tokens: NDArray[np.int64]
    """Shape (q,)."""


@dataclass(frozen=True)
class SketchScan:
    """A finished scan of sketches."""

    findings: list[Finding]
    summary: dict[str, Any]

    def write(self, directory: str | os.PathLike[str]) -> None:
        """Write the files of a scan. A sketch has no records, so `matches.jsonl` is empty. Raises OutputError."""
        out = make_directory(directory)
        write_matches(out / "matches.jsonl", ())
        write_findings(out / "findings.json", self.findings, command="scan")
        write_text(out / "report.md", render_sketch_report(self.summary, self.findings))
        write_summary(out / "summary.json", self.summary)


def scan_sketch(
    sketches: Sequence[str | os.PathLike[str]],
    benchmarks: Sequence[str | os.PathLike[str] | Benchmark] | str | Benchmark | BenchmarkIndex, *,
    config: ScanConfig | None = None, key: SketchKey | None = None, command: Sequence[str] = (),
) -> SketchScan:  # fmt: skip
    """Estimate which items of benchmarks are in the data that sketches were made of.

    Args:
        sketches: one, or several of parts of one training set.
        benchmarks: as for `auditor.scan`.
        config: what the index of the benchmarks is built with.
        key: for a sketch that was made with a secret.
        command: what is recorded as the command that made this.

    Raises:
        InputError: a sketch cannot be read, has another key, or two differ in parameters.
    """
    started = time.perf_counter()
    files = [SketchFile(path) for path in sketches]
    parameters = files[0].contents.parameters
    for other in files[1:]:
        if different := differences(parameters, other.contents.parameters):
            raise InputError(
                f"{files[0].path} and {other.path} cannot be compared: they differ in {', '.join(different)}; scan "
                "each by itself"
            )
    index = benchmarks if isinstance(benchmarks, BenchmarkIndex) else index_of(benchmarks, config or ScanConfig())
    key = key or (benchmark_key(index) if parameters.key_kind == BENCHMARK else public_key())
    for file in files:
        check_key(file, key)
    grams = [grams_of(index, number, parameters.size, parameters.bound, key) for number in range(len(index.benchmarks))]
    wanted = np.unique(np.concatenate([g.hashes for g in grams]))
    counts = _look_up(files, wanted)
    findings: list[Finding] = []
    facts: dict[str, Any] = {}
    doubts: list[float] = []
    for number, (info, own) in enumerate(zip(index.benchmarks, grams, strict=True)):
        found = counts[np.searchsorted(wanted, own.hashes)]
        facts[info.name] = _judge(index, number, info, own, found, files, findings, doubts)
    findings.sort(key=lambda f: (f.verdict, -f.evidence["probability"], f.evidence["benchmark"], f.evidence["number"]))
    return SketchScan(findings, _summary(files, facts, doubts, index, command, time.perf_counter() - started))


def grams_of(index: BenchmarkIndex, benchmark: int, size: int, bound: int, key: SketchKey) -> ItemGrams:
    """The distinctive n-grams of a benchmark's questions. An n-gram in two questions says of neither that it is there:
    half of MMLU's moral scenarios are one instruction."""
    a = index.arrays
    groups = np.unique(a["group_of"][(a["benchmark_of"] == benchmark) & ~a["is_decoy"]]).astype(np.int64)
    tokens = [index.group_tokens(int(g))[0] for g in groups]
    lengths = np.array([len(t) for t in tokens], np.int64)
    flat = np.concatenate([np.zeros(0, np.uint64), *tokens])
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    keys, owner = np.empty(len(flat), np.uint64), np.empty(len(flat), np.int64)
    count = gram_keys(flat, starts, size, keys, owner)
    hashes = np.empty(count, np.uint64)
    keyed_hashes(keys[:count], key.words, hashes)
    order = np.lexsort((owner[:count], hashes))
    hashes, owner = hashes[order], owner[:count][order]
    new = np.ones(count, bool)
    new[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
    hashes, owner = hashes[new], owner[new]
    _, first, questions = np.unique(hashes, return_index=True, return_counts=True)
    first = first[questions == 1]
    hashes, owner = hashes[first], owner[first]
    below = hashes < np.uint64(bound)
    return ItemGrams(hashes[below], owner[below], groups, np.bincount(owner, minlength=len(groups)), lengths)


def _look_up(files: Sequence[SketchFile], wanted: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Document frequency of each hash, over all sketches; 0 for those that are not there."""
    counts = np.zeros(len(wanted), np.uint64)
    for file in files:
        for hashes, frequencies in file.grams():
            low, high = np.searchsorted(wanted, hashes[[0, -1]] + np.array([0, 1], np.uint64))
            part = wanted[low:high]
            places = np.searchsorted(hashes, part)
            hit = hashes[np.minimum(places, len(hashes) - 1)] == part
            counts[low:high][hit] += frequencies[places[hit]]
    return counts


def _judge(
    index: BenchmarkIndex, number: int, info: BenchmarkInfo, own: ItemGrams, found: NDArray[np.uint64],
    files: Sequence[SketchFile], findings: list[Finding], doubts: list[float],
) -> dict[str, Any]:  # fmt: skip
    """The facts of one benchmark for the summary; its findings are added to `findings`."""
    parameters = files[0].contents.parameters
    size, fraction = parameters.size, float(parameters.fraction)
    questions = len(own.groups)
    m = own.distinctive
    s = np.bincount(own.owner, minlength=questions)
    x = np.bincount(own.owner[found > 0], minlength=questions)
    members = [[int(i) for i in index.group(int(g)) if index.arrays["benchmark_of"][i] == number] for g in own.groups]
    copies = np.array([len(items) for items in members], np.int64)
    rate = contaminated_rate(m, s, x, copies, fraction)
    low, high = containment_interval(m, s, x)
    share = np.array(rate.mixture) if rate else np.full(6, 1 / 6)
    probability = contained_probability(s, x, share, rate.judged if rate else 0)
    tally: Counter[Verdict] = Counter()
    for q in np.flatnonzero(probability >= POSSIBLE):
        verdict = Verdict.CONTAMINATED if probability[q] >= LIKELY else Verdict.REVIEW
        frequencies = found[own.owner == q]
        for item in members[q]:
            tally[verdict] += 1
            if verdict is Verdict.CONTAMINATED:
                doubts.append(1 - float(probability[q]))
            evidence = {
                "grams": int(m[q]), "sampled": int(s[q]), "found": int(x[q]),
                "containment": round(float(x[q] / s[q]), 4), "low": round(float(low[q]), 4),
                "high": round(float(high[q]), 4), "probability": round(float(probability[q]), 4),
                "records_at_most": int(frequencies.max(initial=0)),
            }  # fmt: skip
            findings.append(_finding(index, item, info, verdict, evidence, str(files[0].path.name)))
    unsampled = s == 0
    short = own.tokens < size
    reasons = {
        "too_short": int(copies[unsampled & short].sum()),
        "no_ngram_of_its_own": int(copies[unsampled & ~short & (m == 0)].sum()),
        "none_sampled": int(copies[unsampled & (m > 0)].sum()),
    }
    chance = 1 - (1 - fraction) ** m
    return {
        "items": info.items,
        "items_indexed": int(copies[m > 0].sum()),
        "items_judgeable": int(copies[~unsampled].sum()),
        "items_not_judgeable": {reason: n for reason, n in reasons.items() if n},
        "expected_detection": round(float((chance * copies).sum() / max(1, int(copies.sum()))), 4),
        "contaminated_items": tally[Verdict.CONTAMINATED],
        "review_items": tally[Verdict.REVIEW],
        "contaminated_rate": None
        if rate is None
        else {
            "estimate": round(rate.estimate, 5), "low": round(rate.low, 5), "high": round(rate.high, 5),
            "confidence": 0.95,
        },
        "warnings": list(info.warnings),
        "source": info.source,
        "sha256": info.sha256,
    }  # fmt: skip


def _finding(
    index: BenchmarkIndex, item: int, info: BenchmarkInfo, verdict: Verdict, evidence: dict[str, Any], name: str
) -> Finding:
    facts = index.item(item)
    likely = verdict is Verdict.CONTAMINATED
    label = f"{info.name} {facts.split} item {facts.item_id}" if facts.split else f"{info.name} item {facts.item_id}"
    word = "is likely in" if likely else "may be in"
    identity = json.dumps([RULE, info.name, facts.split, facts.item_id])
    return Finding(
        rule_id=RULE,
        severity="error" if likely else "warning",
        verdict=verdict.value,
        subject=name,
        title=f"{label} {word} the data that {name} was made of",
        message=(
            f"{evidence['found']} of the {evidence['sampled']} sampled n-grams that only {label} has are in the "
            f"sketch: its containment is between {evidence['low']:.0%} and {evidence['high']:.0%} with 95 % "
            f"confidence, and the probability that it is there is {evidence['probability']:.0%}, given what the "
            "sketch says of the other items."
        ),
        evidence={
            "benchmark": info.name, "split": facts.split, "item_id": facts.item_id, "number": item,
            "score": evidence["containment"], **evidence,
        },
        innocent_explanations=_INNOCENT,
        next_steps=_NEXT,
        fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:32],
    )  # fmt: skip


def _summary(
    files: Sequence[SketchFile], facts: dict[str, Any], doubts: list[float], index: BenchmarkIndex,
    command: Sequence[str], seconds: float,
) -> dict[str, Any]:  # fmt: skip
    skipped: Counter[str] = Counter()
    for file in files:
        skipped.update(file.contents.skipped)
    return {
        "complete": all(f.contents.complete for f in files),
        "interrupted": False,
        "records_read": sum(f.contents.records for f in files),
        "records_skipped": dict(sorted(skipped.items())),
        "bytes_read": sum(s.bytes for f in files for s in f.contents.sources),
        "benchmarks": facts,
        "sketches": [
            {
                "sketch": str(f.path), "seal": f.seal.hex(), "root": f.contents.root.hex(),
                "ngrams": f.contents.distinct, **f.contents.parameters.to_json(),
            }
            for f in files
        ],
        "inputs": {
            **{f"sketch {f.path}": f"blake2b-256:{f.seal.hex()}" for f in files},
            **{f"benchmark {info.name}": f"sha256:{info.sha256}" for info in index.benchmarks},
        },
        "estimated_false_discovery_rate": round(float(np.mean(doubts)), 4) if doubts else None,
        "config": {"likely": LIKELY, "possible": POSSIBLE, **files[0].contents.parameters.to_json()},
        "versions": versions(),
        "command": reproducible(command),
        "seconds": round(seconds, 3),
    }  # fmt: skip
