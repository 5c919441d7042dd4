"""Score findings with the yardstick's own scorer, and lay out for reading what no scorer can judge."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.places import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Match = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wrong:
    """One row that stands against a tool: clean and flagged, or planted and not found as it should be."""

    row: tuple[str, int]
    """File name and 0-based line number."""
    planted: str
    """The kind planted in it and the item, or empty for a clean row."""
    matches: tuple[Match, ...]

    def brief(self) -> dict[str, Any]:
        """For the results that are kept: where it is and why, without the benchmark's text."""
        return {
            "source": self.row[0], "row": self.row[1], "planted": self.planted,
            "matches": [{key: m[key] for key in ("item_id", "verdict", "score", "reason")} for m in self.matches],
        }  # fmt: skip


def score(matches: Path, truth: Path) -> dict[str, Any]:
    """What score_matches.py says: per kind `planted`, `found`, `contaminated`, `right_item`; and the clean rows."""
    scorer = SHARED / "measure" / "score_matches.py"
    answer = subprocess.run(
        [sys.executable, str(scorer), str(matches), str(truth), "--json"], check=True, capture_output=True, text=True
    )
    scored: dict[str, Any] = json.loads(answer.stdout)
    return scored


def read_matches(path: Path) -> dict[tuple[str, int], list[Match]]:
    """Matches by row."""
    found: dict[tuple[str, int], list[Match]] = defaultdict(list)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            match = json.loads(line)
            found[Path(match["source"]).name, match["row"]].append(match)
    return dict(found)


def wrong_rows(matches: Path, truth: Path) -> list[Wrong]:
    """The rows to read by eye: every clean row that was flagged; every planted row that was not found with its item, or
    (but for the kinds that ought to be `review`) not as `contaminated`."""
    found = read_matches(matches)
    wrong = []
    planted = {}
    with truth.open(encoding="utf-8") as lines:
        for line in lines:
            fact = json.loads(line)
            row = planted_row = (fact["source"], fact["row"])
            planted[planted_row] = fact
            mine = [m for m in found.get(row, []) if m["item_id"].rsplit("/", 1)[-1] == fact["item_id"]]
            firm = any(m["verdict"] == "contaminated" for m in mine)
            right_verdict = fact["kind"] == "heavy" or firm == (fact["kind"] != "half")
            if not (mine and right_verdict):
                wrong.append(Wrong(row, f"{fact['kind']} {fact['item_id']}", tuple(found.get(row, []))))
    wrong += [Wrong(row, "", tuple(m)) for row, m in sorted(found.items()) if row not in planted]
    return wrong


def halves_of_several(truth: Path, items: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The items planted as `half` whose half begins another item too: from such a template nobody can tell which item
    it is of, so they set a limit to what any tool can find."""
    questions = [" ".join(item["question"].split()) for item in items.values()]
    shared = []
    with truth.open(encoding="utf-8") as lines:
        for fact in map(json.loads, lines):
            if fact["kind"] == "half":
                words = items[fact["item_id"]]["question"].split()
                half = " ".join(words[: len(words) // 2])
                if sum(question.startswith(half) for question in questions) > 1:
                    shared.append(fact["item_id"])
    return sorted(shared)


def write_reading(wrong: Iterable[Wrong], items: Mapping[str, Mapping[str, Any]], out: Path) -> None:
    """Both texts of every wrong row, as plain text for a person. It quotes the benchmark,
    so it stays out of the results."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8") as page:
        for case in wrong:
            firm = any(m["verdict"] == "contaminated" for m in case.matches)
            verdict = "contaminated" if firm else "review" if case.matches else "missed"
            page.write(f"=== {case.row[0]}:{case.row[1]}  {case.planted or 'CLEAN'}  {verdict}\n")
            if case.planted:
                planted = items[case.planted.split(" ", 1)[1]]
                page.write(f"  planted item: {json.dumps(planted, ensure_ascii=False)}\n")
            for match in case.matches:
                item = items.get(match["item_id"].rsplit("/", 1)[-1], match["item_excerpt"])
                page.write(f"  {match['benchmark']} {match['item_id']} {match['verdict']} {match['score']:.3f} ")
                page.write(f"{match['field']}: {match['reason']}\n")
                page.write(f"    item:    {json.dumps(item, ensure_ascii=False)}\n")
                page.write(f"    record:  {json.dumps(match['train_excerpt'], ensure_ascii=False)}\n")
                page.write(f"    signals: {json.dumps(match['signals'])}\n")
