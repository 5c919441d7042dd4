"""From signals to log odds: how much more likely this evidence is of a rephrase than of a clean text.

Logistic regressions, whose coefficients are below, in two rounds. The rough ones say which pairs are worth a close
look. The close ones, with what is covered and warranted piece by piece, are the evidence: `benchmarks.rephrase_fit`
fits them, to the odd-numbered half of the rephrases of GSM8K, MMLU (two subjects), GSM-Plus and HumanEval in Python, C
and JavaScript (and, with the multilingual model, of MGSM in German, Spanish and Chinese) against the near misses among
rows of GSM8K's training set, Alpaca (Chinese for translations), Dolly, MBPP, Wikipedia and C4, each kind of rephrase
weighing the same; and it says how they carry over to the other half, and to a benchmark or a language that they were
fitted without. Cosines enter in units of the model that made them, so that the coefficients hold for other models. What
is decided with the odds is not here: how many rephrases a corpus holds is found out from the corpus
(`auditor.rephrase.calibration`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.rephrase.signals import RephraseSignals


@dataclass(frozen=True, slots=True)
class Weights:
    """Log odds for each unit of a signal."""

    of: Mapping[str, float]
    intercept: float


ROUGH_TEXT: Final = Weights(
    {"similarity": 7.47, "gap": 3.21, "missing": -2.86, "added": -2.38, "names_missing": -0.58, "names_added": -2.30,
     "negation": -1.03, "length": -1.23, "overlap": -3.51, "alignment": 8.00, "information": 1.39}, -9.48,
)  # fmt: skip
ROUGH_PROGRAM: Final = Weights(
    {"similarity": 1.65, "purpose": 7.23, "body": -2.21, "whole": 4.19, "values": 0.16, "values_share": 7.25,
     "overlap": -7.13, "name_share": -0.31, "alignment": 8.16, "information": 1.40}, -7.70,
)  # fmt: skip
ROUGH_FOREIGN: Final = Weights(
    {"similarity": 12.44, "gap": 16.43, "missing": -2.96, "added": -2.31, "information": 3.65}, -10.92
)
"""Where the languages differ: the signals that need no common words."""
TEXT: Final = Weights(
    {"similarity": 10.03, "gap": 4.12, "missing": -5.45, "added": -5.23, "names_missing": -1.67,
     "names_added": -5.45, "negation": -3.10, "length": -1.20, "overlap": -8.15, "alignment": 4.12,
     "whole_alignment": 6.02, "information": 4.17, "covered": 5.52, "tells": -3.94, "formulas": 2.19}, -20.31,
)  # fmt: skip
PROGRAM: Final = Weights(
    {"similarity": 8.31, "purpose": 0.22, "body": -3.70, "whole": 2.22, "values": 1.68, "values_share": 4.11,
     "overlap": -4.25, "name_share": -0.12, "structure": 4.52, "alignment": 11.33, "whole_alignment": 8.48,
     "covered": 4.33, "warranted": -5.12}, -7.64,
)  # fmt: skip
FOREIGN: Final = Weights(
    {"gap": 12.96, "missing": -7.61, "added": -8.60, "information": 4.29, "covered": 14.12, "warranted": 7.80}, -11.42
)


ANSWERED: Final = 2.0
"""Log odds of the item's answer, or of another, in reply to a text, which are not fitted: few rephrases that we have
are with their answers. Of 645 rephrases of GSM8K with theirs all have the item's, of ten of MMLU of which it can be
told nine, and of 23 such clean rows that ask nearly the same, four (of all rows, not of the odd half alone). One
rephrase in ten with another answer, and two in ten of such rows with the same, would be 2 both ways."""
PARAMETERS: Final = -2.0
"""Log odds of functions that take another number of parameters, which are not fitted: clean programs that are near an
item are too few. Of 298 rephrases in Python, JavaScript and C six do, five of them in C; of the items next to theirs
and of clean programs, three in ten (of all rows, not of the odd half alone)."""


def rough_log_odds(s: RephraseSignals) -> float:
    """Log odds before a close look, from cosines in half precision."""
    return _sum(_rough(s), s)


def rough_at_most(similarity: float, gap: float, alignment: float, information: float) -> float:
    """The most that the rough log odds of a text in the item's language can be with these signals: the others, which
    are not below 0, count against it."""
    of = ROUGH_TEXT.of
    return ROUGH_TEXT.intercept + (
        of["similarity"] * similarity + of["gap"] * gap + of["alignment"] * alignment + of["information"] * information
    )


def variant_log_odds(s: RephraseSignals) -> float:
    """Log odds with the numbers left out, of texts that differ in them: is it the same but for them? Roughly: the
    pieces are those of the numbers too."""
    return _sum(_rough(s), s, ("missing", "added"))


def log_odds(s: RephraseSignals) -> float:
    """Log likelihood ratio of rephrase against clean text, in nats, of signals that are measured closely."""
    return _sum(PROGRAM if s.is_program else FOREIGN if s.foreign else TEXT, s) + unfitted(s)


def unfitted(s: RephraseSignals) -> float:
    """The part of the log odds whose weights are not from a fit."""
    return ANSWERED * s.answered + PARAMETERS * s.parameters


def _rough(s: RephraseSignals) -> Weights:
    return ROUGH_PROGRAM if s.is_program else ROUGH_FOREIGN if s.foreign else ROUGH_TEXT


def _sum(weights: Weights, s: RephraseSignals, left_out: tuple[str, ...] = ()) -> float:
    given = (w * float(getattr(s, name)) for name, w in weights.of.items() if name not in left_out)
    return float(weights.intercept + sum(given))
