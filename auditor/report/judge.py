"""What a report says of an optional judge: its answer at a finding, and what became of the pairs it was asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.report.blocks import count, in_words, short
from auditor.report.escape import md_code, md_text, truncate

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANSWERS = {
    "same": "the same problem",
    "different": "not the same problem",
    "unsure": "unsure",
}


def judge_fact(evidence: Mapping[str, Any]) -> list[str]:
    """A line for a finding's list of facts, as Markdown; none where no judge was asked about it."""
    said = evidence.get("judge")
    if not said:
        return []
    answer = str(said.get("answer", ""))
    chance = said.get("probability")
    how = f", probability {chance:.2f}" if isinstance(chance, int | float) else ""
    why = f" ({md_text(in_words(short(said['unsure_because'])))})" if said.get("unsure_because") else ""
    model = md_code(short(said.get("model", "")))
    return [
        f"**Judge**: {model} says: {_ANSWERS.get(answer, md_text(short(answer)))}{how}{why}; our verdict is our own"
    ]


def judge_section(summary: Mapping[str, Any]) -> list[str]:
    """A section with the judge's answers by number and everything it did not answer; none where none was asked.

    What was sent and what came from the cache is in `summary.json` alone, so that a second run gives the same report.
    """
    facts = summary.get("judge")
    if not facts:
        return []
    answers = facts.get("answers", {})
    lines = [f"- {words}: {answers.get(answer, 0):,}" for answer, words in _ANSWERS.items()]
    because = facts.get("unsure_because", {})
    if because:
        lines[-1] += f" ({', '.join(f'{in_words(short(why))}: {number:,}' for why, number in because.items())})"
    lost = [(in_words(short(reason)), number) for reason, number in facts.get("failed", {}).items()]
    lost += [("the budget of requests was used up", facts.get("unasked_budget", 0))]
    lost += [("asking was stopped or given up", facts.get("unasked_stopped", 0))]
    lines += [f"- without an answer, {md_text(why)}: {number:,}" for why, number in lost if number]
    stopped = (
        f"\n\n**Asking was given up**: {md_text(truncate(facts['stopped'], 400))}." if facts.get("stopped") else ""
    )
    return [
        "## The judge",
        f"{md_code(short(facts.get('model', '')))} at {md_code(short(facts.get('endpoint', '')))} was asked about the "
        f"{count(facts.get('pairs', 0), 'pair')} to review, with the prompt of SHA-256 "
        f"`{str(facts.get('prompt_sha256', ''))[:64]}`. It was sent both texts. Its answers change no verdict and "
        "no count of this report. *Control failed* means that it was wrong about that training text in a pair whose "
        "right answer is known, as it is when that text tells it what to say.",
        "\n".join(lines) + stopped,
    ]
