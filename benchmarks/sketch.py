"""Measure sketches: size, time, memory, what they find, what they estimate, and what they give away.

    python benchmarks/sketch.py CORPUS... [--keys 20]

CORPUS is a directory that /work/shared/measure/plant.py (or any script of that form) wrote: train/, benchmark.jsonl and
truth.jsonl. Writes benchmarks/results/sketch.json and renders benchmarks/sketch.md from it.
"""

# ruff: noqa: E501 - rows of tables are read across
from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from auditor import scan
from auditor.config import ScanConfig
from auditor.index import tokens_of
from auditor.index_cache import index_of
from auditor.kernels.build import gram_keys
from auditor.kernels.grams import keyed_hashes
from auditor.sketch.estimate import detection_probability
from auditor.sketch.files import SketchFile
from auditor.sketch.judging import grams_of, scan_sketch
from auditor.sketch.keys import SketchKey, public_key
from auditor.sketch.making import NGRAM_SIZE, make_sketch

HERE = Path(__file__).parent
TENTH, FIFTIETH = Fraction(1, 10), Fraction(1, 50)
LONG = 40
"""Words from which on a tenth must find an item."""


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def key_number(number: int) -> SketchKey:
    return SketchKey("secret", number.to_bytes(32, "little")) if number else public_key()


def parts_of(corpus: Path, work: Path) -> list[str]:
    """The benchmark as one, and its three parts as benchmarks of their own."""
    items = read(corpus / "benchmark.jsonl")
    specs = [f"all={corpus / 'benchmark.jsonl'}"]
    for part in ("gsm8k", "mgsm_zh", "mmlu"):
        path = work / f"{part}.jsonl"
        lines = [json.dumps(i, ensure_ascii=False) for i in items if i["id"].startswith(part)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        specs.append(f"{part}={path}")
    return specs


def accuracy(corpus: Path, keys: int, work: Path) -> dict:
    """What sketches of one corpus say, beside what the scan of the corpus itself says."""
    items = {i["id"]: i for i in read(corpus / "benchmark.jsonl")}
    kind = {r["item_id"]: r["kind"] for r in read(corpus / "truth.jsonl")}
    size = sum(p.stat().st_size for p in (corpus / "train").iterdir())
    verbatim = {i for i, k in kind.items() if k == "verbatim" and len(items[i]["question"].split()) >= LONG}
    planted_whole = {i for i, k in kind.items() if k not in {"half", "heavy"}}
    result: dict = {"corpus": corpus.name, "bytes": size, "verbatim_long": len(verbatim), "fractions": {}}
    truth = {}
    for spec in parts_of(corpus, work):
        full = scan([corpus / "train"], [spec])
        name = spec.split("=")[0]
        truth[name] = full.summary["benchmarks"][name]["contaminated_items"] / full.summary["benchmarks"][name]["items"]
        if name == "all":
            found_by_scan = {f.evidence["item_id"] for f in full.findings if f.verdict == "contaminated"}
    result["full_scan_rate"] = truth
    for fraction in (TENTH, FIFTIETH):
        rows = []
        for number in range(keys):
            path = work / "one.sketch"
            started = time.perf_counter()
            make_sketch([corpus / "train"], path, fraction=fraction, key=key_number(number))
            seconds = time.perf_counter() - started
            row: dict = {"sketch_bytes": path.stat().st_size, "seconds": round(seconds, 3), "rates": {}}
            for spec in parts_of(corpus, work):
                name = spec.split("=")[0]
                result_ = scan_sketch([path], [spec], key=key_number(number))
                rate = result_.summary["benchmarks"][name]["contaminated_rate"]
                row["rates"][name] = {k: rate[k] for k in ("estimate", "low", "high")}
                if name == "all":
                    likely = {f.evidence["item_id"] for f in result_.findings if f.verdict == "contaminated"}
                    row["likely"] = len(likely)
                    row["verbatim_found"] = len(likely & verbatim)
                    row["false"] = len(likely - found_by_scan - planted_whole)
            rows.append(row)
            print(corpus.name, fraction, number, row["rates"]["all"], flush=True)
        result["fractions"][str(fraction)] = rows
    return result


def detection(corpus: Path) -> list[dict]:
    """Share of all items with at least one sampled n-gram, by length, beside the formula; over 20 keys."""
    index = index_of([f"all={corpus / 'benchmark.jsonl'}"], ScanConfig())
    rows = []
    for low, high in ((6, 10), (11, 15), (16, 25), (26, 39), (40, 59), (60, 99), (100, 10_000)):
        row: dict = {"tokens": [low, high]}
        for fraction in (TENTH, FIFTIETH):
            bound = (fraction.numerator << 56) // fraction.denominator
            seen, expected = [], []
            for number in range(1, 21):
                own = grams_of(index, 0, NGRAM_SIZE, bound, key_number(number))
                chosen = (own.tokens >= low) & (own.tokens <= high) & (own.distinctive > 0)
                sampled = np.bincount(own.owner, minlength=len(own.groups)) > 0
                seen.append(float(sampled[chosen].mean()))
                expected.append(
                    float(np.mean([detection_probability(m, float(fraction)) for m in own.distinctive[chosen]]))
                )
            row[str(fraction)] = {
                "seen": round(statistics.mean(seen), 4),
                "formula": round(statistics.mean(expected), 4),
            }
            row["items"] = int(chosen.sum())
        rows.append(row)
    return rows


def hashes(texts: list[np.ndarray], key: SketchKey) -> tuple[np.ndarray, np.ndarray]:
    """(keyed hash of each n-gram of the token sequences, number of its sequence)."""
    flat = np.concatenate(texts)
    starts = np.concatenate([[0], np.cumsum([len(t) for t in texts])]).astype(np.int64)
    keys, owner = np.empty(len(flat), np.uint64), np.empty(len(flat), np.int64)
    count = gram_keys(flat, starts, NGRAM_SIZE, keys, owner)
    result = np.empty(count, np.uint64)
    keyed_hashes(keys[:count], key.words, result)
    return result, owner[:count]


def attack(corpus: Path, work: Path) -> list[dict]:
    """What an adversary confirms: whole sentences that are in the data and that are not, and next words from a list."""
    rng = np.random.default_rng(5)
    texts = [r["text"] for p in sorted((corpus / "train").iterdir()) for r in read(p) if "text" in r]
    chosen = [tokens_of(texts[i]).hashes for i in rng.choice(len(texts), 1500, replace=False)]
    inside = [t[s : s + 20] for t in chosen if len(t) > 40 for s in [int(rng.integers(len(t) - 20))]][:1000]
    planted = {r["item_id"] for r in read(corpus / "truth.jsonl")}
    clean = [tokens_of(i["question"]).hashes[:20] for i in read(corpus / "benchmark.jsonl") if i["id"] not in planted]
    outside = [t for t in clean if len(t) == 20][:1000]
    sample = np.concatenate([tokens_of(texts[i]).hashes for i in rng.choice(len(texts), 5000, replace=False)])
    words, often = np.unique(sample, return_counts=True)
    vocabulary = words[np.argsort(-often, kind="stable")[:10_000]]
    prefixes = [t[:NGRAM_SIZE] for t in inside[:300]]
    rows = []
    for fraction in (TENTH, FIFTIETH):
        for made_with, tried_with in ((0, 0), (7, 7), (7, 0)):
            path = work / "attack.sketch"
            make_sketch([corpus / "train"], path, fraction=fraction, key=key_number(made_with))
            there = np.concatenate([h for h, _ in SketchFile(path).grams()])
            key = key_number(tried_with)
            row: dict = {"fraction": str(fraction), "sketch": "keyed" if made_with else "public",
                         "adversary": "has the key" if made_with == tried_with else "has no key"}  # fmt: skip
            for name, guesses in (("inside", inside), ("outside", outside)):
                h, owner = hashes(guesses, key)
                hit = np.isin(h, there)
                row[f"sentences_{name}"] = round(len(set(owner[hit].tolist())) / len(guesses), 4)
                row[f"ngrams_{name}"] = round(float(hit.mean()), 4)
            right = sole = others = 0
            for prefix in prefixes:
                tries = np.tile(prefix, (len(vocabulary), 1))
                tries[:, -1] = vocabulary
                h, _ = hashes(list(tries), key)
                hit = np.isin(h, there)
                true = bool((hit & (vocabulary == prefix[-1])).any())
                right += true
                sole += true and int(hit.sum()) == 1
                others += int(hit.sum()) - true
            row |= {"next_word_right": round(right / len(prefixes), 4), "and_no_other": round(sole / len(prefixes), 4),
                    "other_hits_per_10000": round(others / len(prefixes), 4)}  # fmt: skip
            rows.append(row)
    return rows


def guesses_per_second() -> int:
    keys = np.arange(4_000_000, dtype=np.uint64)
    out = np.empty_like(keys)
    keyed_hashes(keys[:10], public_key().words, out[:10])
    started = time.perf_counter()
    keyed_hashes(keys, public_key().words, out)
    return round(len(keys) / (time.perf_counter() - started))


def memory(corpus: Path, work: Path) -> dict:
    """Peak memory of `auditor sketch` over the corpus once, and over ten copies of it."""
    peaks = {}
    for copies in (1, 10):
        folder = work / f"x{copies}"
        folder.mkdir()
        for n in range(copies):
            for p in (corpus / "train").iterdir():
                (folder / f"{n}-{p.name}").symlink_to(p.resolve())
        files = [str(p) for p in sorted(folder.iterdir())]
        code = (
            "import sys,resource,time\nfrom fractions import Fraction\nfrom auditor.sketch.making import make_sketch\n"
            "t=time.perf_counter()\nmake_sketch([*map(str,sys.argv[2:])],sys.argv[1],fraction=Fraction(1,10),buffered=1<<19)\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss>>10, time.perf_counter()-t)"
        )
        # the same file is read once however often it is named: copies need their own bytes
        real = []
        for f in files:
            target = Path(f)
            data = target.read_bytes()
            target.unlink()
            target.write_bytes(data)
            real.append(f)
        done = subprocess.run(
            [sys.executable, "-c", code, str(work / "m.sketch"), *real], check=True, capture_output=True, text=True
        )
        peak, seconds = done.stdout.split()
        peaks[str(copies)] = {
            "mib": int(peak),
            "seconds": round(float(seconds), 2),
            "bytes": sum(Path(f).stat().st_size for f in real),
        }
        for f in real:
            Path(f).unlink()
    return peaks


def render(results: dict) -> str:
    lines = [
        "# Sketches",
        "",
        f"Machine: {results['machine']}. Made by `benchmarks/sketch.py`; raw numbers in `results/sketch.json`.",
        "",
    ]
    lines += ["## What they find and estimate", "",
              "Each row is over several keys, which is to say over several independent samples of the n-grams.", "",
              "| Corpus | Fraction | Size | Verbatim items of 40 words and more found | False among likely | Error of the rate (points): mean, worst | Within 2 points | Interval covers |",
              "|:---|---:|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for c in results["corpora"]:
        for fraction, rows in c["fractions"].items():
            errors = [100 * (r["rates"]["all"]["estimate"] - c["full_scan_rate"]["all"]) for r in rows]
            covers = [r["rates"]["all"]["low"] <= c["full_scan_rate"]["all"] <= r["rates"]["all"]["high"] for r in rows]
            found = [r["verbatim_found"] / c["verbatim_long"] for r in rows]
            lines.append(
                f"| {c['corpus']} | {fraction} | 1/{c['bytes'] / statistics.mean(r['sketch_bytes'] for r in rows):.0f} "
                f"| {100 * statistics.mean(found):.1f} % (least {100 * min(found):.1f}) "
                f"| {100 * sum(r['false'] for r in rows) / sum(r['likely'] for r in rows):.1f} % "
                f"| {statistics.mean(errors):+.2f}, {max(errors, key=abs):+.2f} "
                f"| {sum(abs(e) <= 2 for e in errors)} of {len(rows)} | {sum(covers)} of {len(rows)} |"
            )
    lines += ["", "The parts of that benchmark as benchmarks of their own, at 1/50:", "",
              "| Corpus | Part | Full scan | Mean error (points) | Standard deviation | Within 2 points | Interval covers |",
              "|:---|:---|---:|---:|---:|---:|---:|"]  # fmt: skip
    for c in results["corpora"]:
        for part in ("gsm8k", "mgsm_zh", "mmlu"):
            rows, truth = c["fractions"]["1/50"], c["full_scan_rate"][part]
            errors = [100 * (r["rates"][part]["estimate"] - truth) for r in rows]
            covers = [r["rates"][part]["low"] <= truth <= r["rates"][part]["high"] for r in rows]
            lines.append(f"| {c['corpus']} | {part} | {100 * truth:.1f} % | {statistics.mean(errors):+.2f} | {statistics.pstdev(errors):.2f} "
                         f"| {sum(abs(e) <= 2 for e in errors)} of {len(rows)} | {sum(covers)} of {len(rows)} |")  # fmt: skip
    lines += ["", "## Chance that an item is seen", "", "Share of items with at least one sampled n-gram, and the formula's 1 - (1 - f)^m.", "",
              "| Tokens of the item | Items | 1/10: seen | formula | 1/50: seen | formula |", "|:---|---:|---:|---:|---:|---:|"]  # fmt: skip
    for d in results["detection"]:
        a, b = d["1/10"], d["1/50"]
        high = f"to {d['tokens'][1]}" if d["tokens"][1] < 10_000 else "and more"
        lines.append(
            f"| {d['tokens'][0]} {high} | {d['items']:,} | {100 * a['seen']:.1f} % | {100 * a['formula']:.1f} % | {100 * b['seen']:.1f} % | {100 * b['formula']:.1f} % |"
        )
    lines += ["", "## What they give away", "",
              "An adversary tries sentences of 20 tokens that are in the data and some that are not, and, knowing five tokens, "
              f"the 10,000 most frequent words for the sixth. One core tries {results['guesses_per_second'] / 1e6:.0f} million n-grams a second.", "",
              "| Fraction | Sketch | Adversary | Sentences in the data confirmed | Sentences not in it | Sixth word found | and no other word | Other words that hit |",
              "|---:|:---|:---|---:|---:|---:|---:|---:|"]  # fmt: skip
    for a in results["attack"]:
        lines.append(f"| {a['fraction']} | {a['sketch']} | {a['adversary']} | {100 * a['sentences_inside']:.1f} % | {100 * a['sentences_outside']:.1f} % "
                     f"| {100 * a['next_word_right']:.1f} % | {100 * a['and_no_other']:.1f} % | {a['other_hits_per_10000']:.2f} |")  # fmt: skip
    m = results["memory"]
    lines += ["", "## Time and memory", "", "With 524,288 n-grams held, so that the larger corpus is sorted on disk:", "",
              *[f"- {v['bytes'] / 1e6:,.0f} MB: {v['mib']:,} MiB at the most, {v['seconds']:.1f} s" for v in m.values()], ""]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="+", type=Path)
    parser.add_argument("--keys", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        results = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "corpora": [accuracy(c, args.keys, work) for c in args.corpora],
            "detection": detection(args.corpora[0]),
            "guesses_per_second": guesses_per_second(),
            "attack": attack(args.corpora[0], work),
            "memory": memory(args.corpora[0], work),
        }
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "sketch.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (HERE / "sketch.md").write_text(render(results), encoding="utf-8")


if __name__ == "__main__":
    main()
