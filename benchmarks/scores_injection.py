"""How well leaked scores are found: MMLU of 5 of 120 clean models raised, as in the field's own experiment.

Five families are drawn, one model of each, and its MMLU m becomes m + p (1 - m); with more benchmarks leaking, theirs
too. A board is judged by `audit_table` as `auditor scores` would; models are ranked by its p-value. Compared with the
methods that communities use. Choices were made on seeds 100-159; the figures are of the seeds given here.

    python benchmarks/scores_injection.py --seeds 0:60
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from auditor.scores.audit import audit_table
from auditor.scores.config import ScoresConfig
from auditor.scores.loaders import load_raw
from auditor.scores.resolve import resolve_table

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "leaderboards" / "obs_scaling_base.csv"
LEAKS = ("MMLU", "ARC", "HellaSwag", "GSM8K", "Winograd", "TruthfulQA")
"""Benchmarks in the order in which they join the leak."""
PUBLISHED = {0.1: (0.82, 0.17), 0.2: (0.97, 0.55), 0.4: (0.999, 0.96)}
"""Best row of the field's table: AUROC and precision at 5 of a robust regression on 5 benchmarks and compute."""


def board(data: Path = DATA):
    """The 120 models with compute and five other benchmarks."""
    table = resolve_table(load_raw(data), ScoresConfig())
    complete = np.isfinite(table.scores[:, :6]).all(axis=1) & np.isfinite(table.flops)
    return table.take(np.flatnonzero(complete))


def auroc(score, positive):
    ranks = rankdata(score)
    k = positive.sum()
    return (ranks[positive].sum() - k * (k + 1) / 2) / (k * (~positive).sum())


def rankings(audit, table):
    """Methods to scores that rank the models, high is suspicious; at-chance models last."""
    found = audit.benchmark("MMLU")
    p = np.where(np.isfinite(found.judgement.p), found.judgement.p, 1.0)
    z = np.nan_to_num(found.judgement.z, nan=-99.0)
    chance = table.scores[:, found.column] <= table.benchmarks[found.column].chance_ceiling
    plain = {
        "bucket z": np.nan_to_num(found.buckets.z, nan=-99.0),
        "modified z": np.nan_to_num(found.buckets.modified_z, nan=-99.0),
        "size-only fit": np.nan_to_num(found.adjusted.size.z, nan=-99.0),
    }
    return {"auditor": -np.log(p) + 1e-6 * z} | {k: np.where(chance, -99.0, v) for k, v in plain.items()}


def one_seed(table, family, seed, p, leaking):
    rng = np.random.default_rng(seed)
    chosen = rng.choice(family.max() + 1, 5, replace=False)
    rows = np.array([rng.choice(np.flatnonzero(family == f)) for f in chosen])
    scores = table.scores.copy()
    for name in LEAKS[:leaking]:
        j = table.benchmark_names.index(name)
        scores[rows, j] += p * (1.0 - scores[rows, j])
    raised = table.with_scores(scores)
    audit = audit_table(raised, benchmarks=["MMLU"])
    positive = np.zeros(len(table), dtype=bool)
    positive[rows] = True
    verdict = audit.benchmark("MMLU").verdicts
    flagged = (verdict == 1) | (verdict == 2)
    result = {}
    for name, score in rankings(audit, raised).items():
        top = np.argsort(-score, kind="stable")[:5]
        result[name] = (auroc(score, positive), positive[top].mean())
    return (
        result,
        flagged[positive].mean(),
        flagged[~positive].mean(),
        (verdict[positive] == 2).mean(),
        flagged[~positive].sum(),
    )


def run(seeds, shares=(0.1, 0.2, 0.4), leaks=(1, 2, 3, 4, 5, 6)):
    table = board()
    _, family = np.unique(np.array(table.family_column, dtype=object), return_inverse=True)
    rows = []
    for leaking in leaks:
        for p in shares:
            found = [one_seed(table, family, seed, p, leaking) for seed in seeds]
            entry = {"leaking": leaking, "p": p, "seeds": len(seeds)}
            for name in found[0][0]:
                values = np.array([f[0][name] for f in found])
                spread = values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else (0.0, 0.0)
                entry[name] = {
                    "auroc": round(values[:, 0].mean(), 4),
                    "auroc_se": round(float(spread[0]), 4),
                    "precision_at_5": round(values[:, 1].mean(), 4),
                    "precision_se": round(float(spread[1]), 4),
                }
            entry["recall_review"] = round(float(np.mean([f[1] for f in found])), 4)
            entry["recall_strong"] = round(float(np.mean([f[3] for f in found])), 4)
            entry["false_alarms_review"] = round(float(np.mean([f[2] for f in found])), 5)
            rows.append(entry)
            print(json.dumps(entry), flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:60")
    parser.add_argument("--leaks", default="1,2,3,4,5,6")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    first, last = map(int, arguments.seeds.split(":"))
    rows = run(range(first, last), leaks=[int(k) for k in arguments.leaks.split(",")])
    if arguments.output:
        document = {
            "command": f"python benchmarks/scores_injection.py --seeds {arguments.seeds}",
            "models": 120,
            "machine": platform.platform(),
            "published_best": {str(k): v for k, v in PUBLISHED.items()},
            "rows": rows,
        }
        arguments.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
