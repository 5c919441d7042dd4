"""From signals to log odds: how much more likely this evidence is of a rephrase than of a clean text.

Logistic regressions, whose coefficients are below, in two rounds. The rough ones say which pairs are worth a close
look. The close ones, with what is covered and warranted piece by piece, are the evidence: `benchmarks.rephrase_fit`
fits them, to the odd-numbered half of the rephrases of GSM8K, MMLU (two subjects), GSM-Plus and HumanEval in Python, C
and JavaScript (and, with the multilingual model, of MGSM in German, Spanish and Chinese and of MMLU in Chinese) against
the near misses among rows of GSM8K's training set, Alpaca (Chinese for translations), Dolly, MBPP without its tests and
with them, Wikipedia and C4, each kind of rephrase weighing the same; and it says how they carry over to the other half,
and to a benchmark or a language that they were fitted without. Cosines enter in units of the model that made them, so
that the coefficients hold for other models. What is decided with the odds is not here: how many rephrases a corpus
holds is found out from the corpus (`auditor.rephrase.calibration`).
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
     "overlap": -7.13, "name_share": -0.31, "alignment": 8.16, "information": 1.40}, -6.70,
)  # fmt: skip
"""Shifted by 1: the bar of all, where it rose, would leave out two of 298 rewritten programs."""
ROUGH_FOREIGN: Final = Weights(
    {"similarity": 21.03, "missing": -2.39, "added": -3.14, "information": 1.95, "tells": -1.60, "untranslated": 2.22},
    -19.43,
)
"""Where the languages differ: the signals that need no common words, without the gap, as the right item is often the
second or third. Shifted so that the bar of all passes 99 of 100 translations of MMLU and GSM8K. An earlier script
fitted them, with cosines in units of these benchmarks, and they were converted to units of the model alone
(`auditor.embedding.probes`); `rephrase_fit rough`, in those units, finds others that let as much through."""
TEXT: Final = Weights(
    {"similarity": 11.84, "gap": 3.74, "missing": -5.42, "added": -4.86, "names_missing": -1.67,
     "names_added": -4.52, "negation": -3.06, "length": -0.43, "overlap": -6.85, "alignment": 2.24,
     "whole_alignment": 2.92, "information": 4.75, "covered": 4.55, "tells": -4.18, "formulas": 1.75}, -20.07,
)  # fmt: skip
PROGRAM: Final = Weights(
    {"similarity": 6.28, "purpose": 2.49, "body": -3.79, "whole": 1.51, "values": 1.30, "values_share": 2.53,
     "overlap": -4.56, "name_share": 0.11, "structure": 5.28, "alignment": 8.39, "whole_alignment": 7.97,
     "covered": 4.49, "warranted": -4.26}, -6.38,
)  # fmt: skip
EXEMPLIFIED: Final = Weights(
    {"similarity": 1.60, "purpose": 0.87, "body": -2.28, "whole": -0.38, "values": 0.57, "values_share": 1.10,
     "overlap": -3.44, "name_share": 1.25, "structure": 3.50, "examples": 0.45, "examples_share": 3.18,
     "examples_differ": -4.20, "alignment": 1.72, "whole_alignment": 7.38, "covered": 4.50, "warranted": -2.36}, 0.69,
)  # fmt: skip
"""Of programs with examples, whose shapes say most."""
FOREIGN: Final = Weights(
    {"gap": 23.15, "missing": -9.48, "added": -7.06, "information": 5.97, "covered": 15.87, "warranted": 20.41,
     "shorter": -17.35, "longer": -6.80, "tells": -7.52, "formulas": 2.24, "untranslated": 3.56}, -31.66,
)  # fmt: skip


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
    return _sum(_close(s), s) + unfitted(s)


def _close(s: RephraseSignals) -> Weights:
    if s.is_program:
        return EXEMPLIFIED if s.has_examples else PROGRAM
    return FOREIGN if s.foreign else TEXT


def unfitted(s: RephraseSignals) -> float:
    """The part of the log odds whose weights are not from a fit."""
    return ANSWERED * s.answered + PARAMETERS * s.parameters


def _rough(s: RephraseSignals) -> Weights:
    return ROUGH_PROGRAM if s.is_program else ROUGH_FOREIGN if s.foreign else ROUGH_TEXT


def _sum(weights: Weights, s: RephraseSignals, left_out: tuple[str, ...] = ()) -> float:
    given = (w * float(getattr(s, name)) for name, w in weights.of.items() if name not in left_out)
    return float(weights.intercept + sum(given))
