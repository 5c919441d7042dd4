"""What is found of the models that the Open LLM Leaderboard itself flagged for contamination.

The audit is not told of any flag. Models are ranked over all six benchmarks: by the audit's verdict and p-value, by the
lead over contemporaries, and by the two plain z-scores that communities use. Positives are the rows of models in the
contamination part of `flagged_models.csv` (without the undeclared merges, discussions 510, 511 and 540); those other
flagged models are left out of both sides. Intervals are bootstrapped over families.

    python benchmarks/scores_leaderboard.py -o benchmarks/results/scores_leaderboard.json
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
from pathlib import Path

import numpy as np

from auditor.scores.audit import audit_scores
from auditor.scores.verdicts import VERDICTS

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "leaderboards"
MERGES = {"510", "511", "540"}
CONTROLS = ("Contamination/contaminated_proof_7b_v1.0", "Aspik101/trurl-2-13b-pl-instruct_unload")
WELL_TRAINED = ("qwen/qwen1.5", "qwen/qwen2", "microsoft/phi")


def labels(models):
    """(positive, left out) for each row."""
    with (DATA / "flagged_models.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    contaminated = {r["model_norm"] for r in rows if r["discussion"] not in MERGES}
    every = {r["model_norm"] for r in rows}
    return (
        np.array([m in contaminated for m in models]),
        np.array([m in every and m not in contaminated for m in models]),
    )


def rankings(audit):
    p = np.column_stack([np.where(np.isfinite(b.judgement.p), b.judgement.p, 1.0) for b in audit.benchmarks])
    level = np.column_stack([np.where(b.verdicts == 3, 0, b.verdicts) for b in audit.benchmarks]).max(axis=1)
    z = np.column_stack([b.buckets.z for b in audit.benchmarks])
    lead = np.column_stack([b.lead for b in audit.benchmarks])
    with np.errstate(all="ignore"):
        import warnings

        warnings.simplefilter("ignore")
        return {
            "auditor: verdict, then p": 100.0 * level - np.log(p.min(axis=1)),
            "auditor: mean lead over contemporaries": np.nanmean(lead, axis=1),
            "auditor: highest lead over contemporaries": np.nanmax(lead, axis=1),
            "plain z in size buckets, highest": np.nanmax(z, axis=1),
            "plain z in size buckets, mean": np.nanmean(z, axis=1),
            "plain z in size buckets, MMLU": z[:, [b.name for b in audit.benchmarks].index("MMLU")],
        }


def measure(score, positive, weight):
    """Precision at 20 and 100, and recall at 1 % false alarms; `weight` counts rows (bootstrap)."""
    score = np.where(np.isfinite(score), score, -np.inf)
    order = np.argsort(-score, kind="stable")
    order = order[weight[order] > 0]
    w, y = weight[order], positive[order]
    seen = np.cumsum(w)
    hits = np.cumsum(w * y)
    alarms = np.cumsum(w * ~y)
    found = {}
    for k in (20, 100):
        at = min(np.searchsorted(seen, k), len(seen) - 1)
        found[f"precision_at_{k}"] = float(hits[at] / seen[at])
    allowed = 0.01 * alarms[-1]
    at = np.searchsorted(alarms, allowed, side="right") - 1
    found["recall_at_1pct"] = float(hits[at] / max(hits[-1], 1)) if at >= 0 else 0.0
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--bootstrap", type=int, default=500)
    arguments = parser.parse_args()
    audit = audit_scores(DATA / "open_llm_leaderboard_v1.csv")
    models = audit.table.models
    positive, left_out = labels(models)
    codes = audit.families.codes
    rng = np.random.default_rng(0)
    draws = [
        np.bincount(rng.integers(0, codes.max() + 1, codes.max() + 1), minlength=codes.max() + 1)[codes]
        for _ in range(arguments.bootstrap)
    ]
    rows = []
    for name, score in rankings(audit).items():
        point = measure(score, positive, np.where(left_out, 0, 1))
        samples = [measure(score, positive, np.where(left_out, 0, d)) for d in draws if d[positive].sum() > 0]
        entry = {"ranking": name}
        for key, value in point.items():
            low, high = np.quantile([s[key] for s in samples], [0.025, 0.975])
            entry[key] = {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}
        rows.append(entry)
        print(json.dumps(entry), flush=True)
    controls = {}
    for name in CONTROLS:
        i = models.index(name)
        controls[name] = {
            b.name: {
                "verdict": VERDICTS[b.verdicts[i]],
                "q": float(f"{b.judgement.q[i]:.2g}"),
                "rank_by_p": int((b.judgement.p < b.judgement.p[i]).sum()) + 1,
            }
            for b in audit.benchmarks
        }
    trained = [
        (models[i], b.name, VERDICTS[b.verdicts[i]])
        for b in audit.benchmarks
        for i in range(len(models))
        if models[i].lower().startswith(WELL_TRAINED) and b.verdicts[i] in (1, 2)
    ]
    counts = {b.name: {v: b.count(v) for v in VERDICTS} for b in audit.benchmarks}
    caught = {
        b.name: {
            "strong": int(((b.verdicts == 2) & positive).sum()),
            "review": int(((b.verdicts == 1) & positive).sum()),
        }
        for b in audit.benchmarks
    }
    result = {
        "command": "python benchmarks/scores_leaderboard.py",
        "machine": platform.platform(),
        "rows": len(models),
        "positives": int(positive.sum()),
        "families": int(codes.max() + 1),
        "rankings": rows,
        "controls": controls,
        "well_trained_flagged": trained,
        "verdicts": counts,
        "flagged_models_caught": caught,
    }
    print(
        json.dumps(
            {k: result[k] for k in ("controls", "well_trained_flagged", "verdicts", "flagged_models_caught")}, indent=1
        )
    )
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
