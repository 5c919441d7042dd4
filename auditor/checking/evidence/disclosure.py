"""Disclosure: what the policy asks for and the entry does not say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from auditor.checking.entry import is_said
from auditor.checking.evidence import Evidence
from auditor.checking.findings import finding

if TYPE_CHECKING:
    from auditor.checking.entry import Entry, ScoreClaim
    from auditor.checking.policy import Policy
    from auditor.types import Finding

IN_WORDS = {
    "params_b": "its number of parameters", "base_model": "its base model (or `none`)",
    "training_sets": "the sets it was trained on", "architecture": "its architecture", "precision": "its precision",
    "revision": "its revision (the commit of the weights)", "date": "its date", "license": "its license",
    "links": "links", "scores": "scores", "tokens_t": "its number of training tokens", "flops": "its training compute",
    "scores.shots": "the number of shots", "scores.harness": "the harness and its version",
    "scores.items": "the number of items scored",
}  # fmt: skip


def check_disclosure(entry: Entry, policy: Policy) -> Evidence:
    """Every field and every score that the policy asks for."""
    required = policy.disclosure.required
    findings: list[Finding] = []
    for name in required:
        if name.startswith("scores."):
            silent = [c for c in entry.scores if not _says_of_score(c, name.partition(".")[2])]
            if silent:
                findings.append(_missing_of_scores(entry, name, silent))
        elif not _says(entry, name):
            findings.append(
                finding(
                    entry, "disclosure/missing", f"does not say {IN_WORDS[name]}",
                    f"The policy asks for {IN_WORDS[name]} (`{name}`), and the entry does not say it.",
                    key=name if name in entry.lines else "model", identity=(name,), evidence={"field": name},
                )
            )  # fmt: skip
    findings += [
        finding(
            entry, "disclosure/missing-score", f"reports no score on {name}",
            f"The policy asks for a score on {name}, and the entry reports none that can be read.",
            key="scores", identity=(name,), evidence={"benchmark": name},
        )
        for name in policy.benchmarks.required if entry.first_of(name) is None
    ]  # fmt: skip
    asked = len(required) + len(policy.benchmarks.required)
    if not asked:
        return Evidence("disclosure", "The policy asks for nothing to be disclosed.", asked=False)
    missing = [f.evidence.get("field") or f.evidence["benchmark"] for f in findings]
    says = f"Not said: {', '.join(missing)}." if missing else "It says everything that the policy asks for."
    return Evidence("disclosure", says, tuple(findings), facts={"asked": asked, "not_said": missing})


def _says(entry: Entry, name: str) -> bool:
    if name == "params_b":
        return math.isfinite(entry.params_b)
    if name == "training_sets":
        return bool(entry.training_sets)
    if name == "scores":
        return bool(entry.scores)
    if name == "base_model":
        # "none" is an answer here: a model that was trained from nothing
        said = entry.fields.get("base_model")
        return bool(entry.base_models) or (isinstance(said, str) and said.strip().lower() in ("none", "scratch"))
    return is_said(entry.fields.get(name))


def _says_of_score(claim: ScoreClaim, name: str) -> bool:
    return getattr(claim, name) not in (None, "")


def _missing_of_scores(entry: Entry, name: str, silent: list[ScoreClaim]) -> Finding:
    names = ", ".join(c.name for c in silent[:10]) + (f" and {len(silent) - 10} more" if len(silent) > 10 else "")
    return finding(
        entry, "disclosure/missing",
        f"does not say {IN_WORDS[name]} of {len(silent)} of its {len(entry.scores)} scores",
        f"The policy asks for {IN_WORDS[name]} of each score (`{name}`), and the entry does not say it of: {names}.",
        key=silent[0].key, identity=(name,), evidence={"field": name, "scores": [c.name for c in silent[:100]]},
    )  # fmt: skip
