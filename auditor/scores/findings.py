"""Findings of a score audit: outliers above and below, descent, and leads in public only."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.scores.explain import innocent_explanations, next_steps
from auditor.scores.recipes import known_recipe
from auditor.scores.verdicts import REVIEW, STRONG, VERDICTS
from auditor.types import Finding

if TYPE_CHECKING:
    from auditor.scores.audit import BenchmarkAudit, ScoresAudit

OUTLIER, LOW, DESCENT, PUBLIC_ONLY = (
    "score/outlier", "score/low-outlier", "lineage/flagged-ancestor", "score/leads-in-public-only",
)  # fmt: skip
MAX_LOW_FINDINGS = 50
"""Low outliers of one benchmark that become findings, lowest first; the CSV has all of them."""


def fingerprint(*parts: str) -> str:
    """Sixteen hex digits that stay the same while the parts do."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def number(value: float, digits: int = 4) -> float | None:
    """A JSON number: rounded, None for NaN."""
    return round(float(value), digits) if np.isfinite(value) else None


def significant(value: float) -> float | None:
    """Three significant digits, for p-values."""
    return float(f"{float(value):.3g}") if np.isfinite(value) else None


def _view_evidence(view: Any, i: int, score: float) -> dict[str, Any]:
    return {
        "from": list(view.covariates),
        "expected": number(100 * view.expected[i], 2),
        "low": number(100 * view.low[i], 2),
        "high": number(100 * view.high[i], 2),
        "excess": number(100 * (score - view.expected[i]), 2),
        "z": number(view.z[i], 2),
        "z_board": number(view.z_board[i], 2),
        "z_family": number(view.z_family[i], 2),
        "p": significant(view.p[i]),
        "p_empirical": significant(view.p_empirical[i]),
    }


def score_evidence(audit: ScoresAudit, found: BenchmarkAudit, i: int) -> dict[str, Any]:
    """Everything that is known of one score, as JSON values; scores and expectations in points."""
    table, judged, buckets = audit.table, found.judgement, found.buckets
    score = float(table.scores[i, found.column])
    bucket = buckets.buckets[buckets.index[i]]
    evidence: dict[str, Any] = {
        "benchmark": found.name,
        "score": number(100 * score, 2),
        "expected": number(100 * judged.expected[i], 2),
        "low": number(100 * judged.low[i], 2),
        "high": number(100 * judged.high[i], 2),
        "excess": number(judged.excess[i], 2),
        "basis": judged.basis[judged.basis_of[i]],
        "z": number(judged.z[i], 2),
        "p_value": significant(judged.p[i]),
        "q_value": significant(judged.q[i]),
        "q_all_models": significant(judged.q_all[i]),
        "detectable_points": number(judged.detectable[i], 1),
        "families": judged.families,
        "smallest_empirical_p": significant(judged.smallest_p),
        "params_b": number(table.params_b[i]),
        "active_b": number(table.active_b[i]),
        "tokens_t": number(table.tokens_t[i]),
        "precision": table.precision[i],
        "revision": table.revision[i],
        "family": audit.families.names[audit.families.codes[i]],
        "family_rule": audit.families.rules[i],
        "row": int(table.row_numbers[i]),
        "bucket": {
            "label": bucket.label,
            "n": bucket.n,
            "mean": number(100 * bucket.mean, 2),
            "sd": number(100 * bucket.sd, 2),
            "median": number(100 * bucket.median, 2),
            "mad": number(100 * bucket.mad, 2),
            "z": number(buckets.z[i], 2),
            "modified_z": number(buckets.modified_z[i], 2),
            "modified_z_cutoff": number(bucket.cutoff, 2),
            "t": number(buckets.t[i], 2),
            "p": significant(buckets.p[i]),
            "high": bool(buckets.high[i]),
            "stable": bool(buckets.stable[i]),
        },
        "recipe": bool(judged.recipe[i]),
        "disagree": bool(judged.disagree[i]),
        "lead_over_contemporaries": number(found.lead[i], 2),
    }
    label = table.mean_labels[table.means[i, found.column]]
    if label:
        evidence["means"] = label
    if found.adjusted is not None:
        fits = {"size": found.adjusted.size}
        if found.adjusted.context is not found.adjusted.size:
            fits["context"] = found.adjusted.context
        if found.adjusted.others is not None and np.isfinite(found.adjusted.others.z[i]):
            fits["others"] = found.adjusted.others
        evidence["fits"] = {name: _view_evidence(view, i, score) for name, view in fits.items()}
    for gap in found.gaps:
        if np.isfinite(gap.z[i]):
            evidence.setdefault("second_board", []).append(
                {"rating": gap.rating, "expected": number(100 * gap.expected[i], 2), "z": number(gap.z[i], 2),
                 "q": significant(gap.q[i])}
            )  # fmt: skip
    return evidence


def _outlier(audit: ScoresAudit, found: BenchmarkAudit, i: int) -> Finding:
    table, judged = audit.table, found.judgement
    model, verdict = table.models[i], VERDICTS[judged.verdict[i]]
    basis = judged.basis[judged.basis_of[i]]
    score = 100 * table.scores[i, found.column]
    evidence = score_evidence(audit, found, i)
    message = (
        f"{model} scores {score:.1f} on {found.name}, {judged.excess[i]:.1f} points more than the "
        f"{100 * judged.expected[i]:.1f} "
        f"that {basis} lead to expect (95 % interval {100 * judged.low[i]:.1f} to {100 * judged.high[i]:.1f}). "
        f"q = {judged.q[i]:.2g} over {judged.families} families; {judged.detectable[i]:.1f} points would have "
        f"been detectable."
    )
    if judged.disagree[i]:
        message += " The two expectations, from its size and from its other benchmarks, disagree."
    if judged.recipe[i]:
        message += (
            " Its makers publish a recipe that explains it."
            if known_recipe(model)
            else " Its family shares the excess."
        )
    return Finding(
        rule_id=OUTLIER,
        severity="error" if verdict == "strong" else "warning",
        verdict=verdict,
        subject=model,
        title=f"{found.name} {score:.1f} where {100 * judged.expected[i]:.1f} was expected",
        message=message,
        evidence=evidence,
        innocent_explanations=innocent_explanations(audit, found, i),
        next_steps=next_steps(audit, found, i),
        fingerprint=fingerprint(
            OUTLIER, model, table.revision[i], table.weights_hash[i], table.precision[i], found.name
        ),
    )


def _low(audit: ScoresAudit, found: BenchmarkAudit, i: int) -> Finding:
    table, judged = audit.table, found.judgement
    score = 100 * table.scores[i, found.column]
    return Finding(
        rule_id=LOW,
        severity="note",
        verdict="none",
        subject=table.models[i],
        title=f"{found.name} {score:.1f} where {100 * judged.expected[i]:.1f} was expected",
        message=(
            f"{table.models[i]} scores {-judged.excess[i]:.1f} points less on {found.name} than "
            f"{judged.basis[judged.basis_of[i]]} lead to expect. That is usually a broken prompt, template or "
            f"tokenizer."
        ),
        evidence=score_evidence(audit, found, i),
        innocent_explanations=("Models tuned for another language or for code lose points on general benchmarks.",),
        next_steps=("Run it again and read some of its answers.",),
        fingerprint=fingerprint(
            LOW, table.models[i], table.revision[i], table.weights_hash[i], table.precision[i], found.name
        ),
    )


def _public_only(audit: ScoresAudit, found: BenchmarkAudit) -> list[Finding]:
    table = audit.table
    results = []
    for gap in found.gaps:
        score = table.scores[:, found.column]
        excess = 100 * (score - gap.expected)
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero((gap.q <= audit.config.review_q) & (excess >= audit.config.min_excess))
        for i in rows[np.argsort(-gap.z[rows], kind="stable")]:
            model = table.models[i]
            results.append(
                Finding(
                    rule_id=PUBLIC_ONLY,
                    severity="warning",
                    verdict="review",
                    subject=model,
                    title=f"{found.name} is {excess[i]:.1f} points above what its {gap.rating} leads to expect",
                    message=(
                        f"{model} scores {100 * score[i]:.1f} on {found.name}; models of its {gap.rating} and "
                        f"size score "
                        f"{100 * gap.expected[i]:.1f}. q = {gap.q[i]:.2g} over {gap.joined} models on both boards."
                    ),
                    evidence={
                        "benchmark": found.name, "rating": gap.rating, "score": number(100 * score[i], 2),
                        "expected": number(100 * gap.expected[i], 2), "excess": number(excess[i], 2),
                        "z": number(gap.z[i], 2), "p_value": significant(gap.p[i]), "q_value": significant(gap.q[i]),
                        "joined": gap.joined,
                    },
                    innocent_explanations=(
                        "The two boards measure different things: style and length move an arena's rating, not a "
                        "benchmark.",
                    ),
                    next_steps=("Compare it on a private or newer set of the same task.",),
                    fingerprint=fingerprint(PUBLIC_ONLY, model, found.name, gap.rating),
                )
            )  # fmt: skip
    return results


def _descents(audit: ScoresAudit) -> list[Finding]:
    results = []
    for descent in audit.descents:
        flagged, model = descent.flagged, audit.table.models[descent.row]
        how = (
            f"by the base models that the board names: {' → '.join(descent.path)}" if descent.kind == "base_model"
            else "its scores or its weights' hash are those of the flagged model"
        )  # fmt: skip
        results.append(
            Finding(
                rule_id=DESCENT,
                severity="warning",
                verdict="review",
                subject=model,
                title=f"descends from {flagged.model}, which is flagged",
                message=(
                    f"{model} descends from {flagged.model} ({how}), which is flagged by {flagged.source}"
                    + (f": {flagged.reason}." if flagged.reason else ".")
                    + " The question about that model is inherited; this says nothing of the model's own training."
                ),
                evidence={
                    "flagged": flagged.model,
                    "path": list(descent.path),
                    "kind": descent.kind,
                    "list": flagged.source,
                },
                innocent_explanations=("A flag may be for something else than contamination; read its reason.",),
                next_steps=(f"Read why {flagged.model} is flagged, and whether it was settled.",),
                fingerprint=fingerprint(DESCENT, model, audit.table.revision[descent.row], flagged.model),
            )
        )
    return results


def findings_of(audit: ScoresAudit) -> tuple[Finding, ...]:
    """All findings: strong before review, larger z first, then leads in public, descent, and low scores."""
    high: list[tuple[tuple[Any, ...], Finding]] = []
    low: list[tuple[tuple[Any, ...], Finding]] = []
    public: list[Finding] = []
    for found in audit.benchmarks:
        judged = found.judgement
        for i in np.flatnonzero((judged.verdict == STRONG) | (judged.verdict == REVIEW)):
            key = (-int(judged.verdict[i]), float(judged.p[i]), audit.table.models[i], found.name, int(i))
            high.append((key, _outlier(audit, found, int(i))))
        rows = np.flatnonzero(judged.low_outlier)
        rows = rows[np.argsort(judged.z[rows], kind="stable")][:MAX_LOW_FINDINGS]
        low.extend(
            ((float(judged.z[i]), audit.table.models[i], found.name, int(i)), _low(audit, found, int(i))) for i in rows
        )
        public.extend(_public_only(audit, found))
    ordered = [f for _, f in sorted(high, key=lambda item: item[0])]
    return (*ordered, *public, *_descents(audit), *(f for _, f in sorted(low, key=lambda item: item[0])))
