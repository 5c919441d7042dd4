"""From signals to log odds: how much more likely this evidence is of a rephrase than of a clean text.

Two logistic regressions, one for texts and one for programs, whose coefficients are below. They were fitted to the
odd-numbered half of the rephrases of GSM8K, MMLU (two subjects), GSM-Plus and HumanEval against as many clean rows of
GSM8K's training set, Alpaca, Dolly and MBPP, each kind of rephrase weighing the same (`benchmarks.rephrase` reports the
other half). Cosines enter in units of the model that made them, so that the coefficients hold for other models. Those
of `FOREIGN` were fitted to the odd-numbered half of MGSM (German, Spanish, Chinese) and of MMLU's Chinese translations
against Chinese Alpaca rows, with the multilingual model. What is decided with the odds is not here: how many rephrases
a corpus holds is found out from the corpus (`auditor.rephrase.calibration`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from auditor.rephrase.signals import RephraseSignals

TEXT: Final = {
    "similarity": 7.47, "gap": 3.21, "missing": -2.86, "added": -2.38, "names_missing": -0.58, "names_added": -2.30,
    "negation": -1.03, "length": -1.23, "overlap": -3.51, "alignment": 8.00, "information": 1.39,
}  # fmt: skip
"""Log odds for each unit of a signal."""
TEXT_INTERCEPT: Final = -9.48
PROGRAM: Final = {
    "similarity": 1.65, "purpose": 7.23, "body": -2.21, "whole": 4.19, "values": 0.16, "values_share": 7.25,
    "overlap": -7.13, "name_share": -0.31, "alignment": 8.16, "information": 1.40,
}  # fmt: skip
PROGRAM_INTERCEPT: Final = -7.70
FOREIGN: Final = {"similarity": 12.44, "gap": 16.43, "missing": -2.96, "added": -2.31, "information": 3.65}
"""Where the languages differ: the signals that need no common words."""
FOREIGN_INTERCEPT: Final = -10.92


def log_odds(s: RephraseSignals, *, numbers: bool = True) -> float:
    """Log likelihood ratio of rephrase against clean text, in nats.

    Args:
        s: what was measured.
        numbers: False to leave the numbers out: is it the same but for them?
    """
    weights, intercept = (PROGRAM, PROGRAM_INTERCEPT) if s.is_program else (TEXT, TEXT_INTERCEPT)
    if s.foreign and not s.is_program:
        weights, intercept = FOREIGN, FOREIGN_INTERCEPT
    skipped = () if numbers else ("missing", "added")
    return float(intercept + sum(w * getattr(s, name) for name, w in weights.items() if name not in skipped))
