"""False alarms where nothing is odd: how often a p-value is below its level on boards made without leaks.

Boards of n models are drawn with families (intraclass correlation .8), Gaussian or heavy-tailed residuals, a chance
floor, and three covarying benchmarks. For each kind of board the share of models with p at or below .05 and .01 is
counted, one model of each family, and compared with the binomial interval of the nominal level. The leave-one-out t of
the bucket view is measured the same way on single buckets.

    python benchmarks/scores_calibration.py -o benchmarks/results/scores_calibration.json
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import numpy as np
from scipy.stats import beta

from auditor.scores.audit import audit_table
from auditor.scores.buckets import leave_one_out_t
from auditor.scores.pooled.tails import one_of_each
from auditor.scores.simulate import null_board


def interval(count, n, level=0.99):
    low = beta.ppf((1 - level) / 2, count, n - count + 1) if count else 0.0
    high = beta.ppf(1 - (1 - level) / 2, count + 1, n - count) if count < n else 1.0
    return round(float(low), 5), round(float(high), 5)


def buckets(n, boards, heavy, rng):
    x = rng.standard_t(3, (boards, n)) if heavy else rng.standard_normal((boards, n))
    return np.array([leave_one_out_t(0.5 + 0.05 * row, np.ones(n, dtype=bool))[1][0] for row in x])


def pooled(families, boards, seed, **options):
    p, flagged, strong, judged = [], 0, 0, 0
    for k in range(boards):
        table = null_board(families, seed=seed + k, **options)
        audit = audit_table(table, benchmarks=["MMLU"])
        found = audit.benchmark("MMLU")
        rows = one_of_each(audit.families.codes, np.isfinite(found.judgement.p))
        p.append(found.judgement.p[rows])
        flagged += int(((found.verdicts == 1) | (found.verdicts == 2)).sum())
        strong += int((found.verdicts == 2).sum())
        judged += int((found.verdicts != 3).sum())
    return np.concatenate(p), flagged, strong, judged


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--boards", type=int, default=40)
    arguments = parser.parse_args()
    rng = np.random.default_rng(7)
    rows = []
    for n in (4, 5, 7, 10, 20, 50, 100):
        for heavy in (False, True):
            p = buckets(n, 4000, heavy, rng)
            rows.append({"view": "bucket t", "n": n, "tails": "t3" if heavy else "Gaussian", **shares(p)})
    for families, options in (
        (20, {}), (40, {}), (100, {}), (300, {}), (40, {"heavy": True}), (100, {"heavy": True}), (300, {"heavy": True}),
        (100, {"chance": True}), (100, {"duplicates": True}), (300, {"alone": True}),
    ):  # fmt: skip
        p, flagged, strong, judged = pooled(families, arguments.boards, 1000, **options)
        rows.append(
            {
                "view": "adjusted",
                "families": families,
                "board": ", ".join(options) or "plain",
                **shares(p),
                "flagged_share": round(flagged / max(judged, 1), 5),
                "strong": strong,
                "judged": judged,
            }
        )
    for row in rows:
        print(json.dumps(row))
    if arguments.output:
        document = {"command": "python benchmarks/scores_calibration.py", "machine": platform.platform(), "rows": rows}
        arguments.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def shares(p):
    found = {"tests": len(p)}
    for level in (0.05, 0.01):
        count = int((p <= level).sum())
        found[f"below_{level:g}"] = round(count / len(p), 5)
        found[f"interval_{level:g}"] = interval(count, len(p))
    return found


if __name__ == "__main__":
    main()
