"""Write benchmarks/README.md from benchmarks/results/*.json, so that no figure there can differ from what was measured.

python -m benchmarks.render            write it
python -m benchmarks.render --check    exit code 1 where it is not what the results give
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.places import RESULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

README = Path(__file__).resolve().parent / "README.md"
GOALS = {
    "verbatim": 1.0, "embedded": 1.0, "chat": 1.0, "options": 1.0, "reordered": 1.0,
    "restyled": 0.99, "escaped": 0.99, "chinese": 0.99, "edited": 0.97, "short": 0.97, "half": 0.97,
}  # fmt: skip
"""Share of each kind to reach as `contaminated` with the right item; of `half` as `review`. `heavy` has no goal."""
CLEAN_GOALS = {"contaminated": 2, "review": 25}
"""Clean rows of a corpus that may be called so."""
PEER_GOALS = {"decon": 9, "datacruxai": 6}
"""Times the peer's MB per CPU-second, for GSM8K."""
Table = list[str]


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A Markdown table with its first column left and the others right."""
    lines = [header, [":--", *["--:"] * (len(header) - 1)], *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]


def accuracy_tables(results: dict[str, Any]) -> list[str]:
    """Markdown lines for one file of benchmarks.accuracy."""
    corpora = results["corpora"]
    seeds = ", ".join(str(corpus["seed"]) for corpus in corpora)
    page = [
        f"`auditor`, by seed ({seeds}), of 100 planted rows of each kind:",
        "",
        *_own_table(corpora),
        "",
        *_halves(corpora),
        "",
    ]
    names = [row["tool"] for row in corpora[0]["tools"]]
    if len(names) > 1:
        total = sum(corpus["planted"] for corpus in corpora) // len(corpora[0]["tools"][0]["kinds"])
        page += [f"Side by side: rows found with the right item, of {total} of each kind over all seeds "
                 "(whatever the verdict):", "", *_side_by_side(corpora, names), ""]  # fmt: skip
    for number, control in enumerate(results["controls"]):
        page += [f"Clean control {number + 1}: {control['train']} ({control['records']:,} records).", ""]
        rows = [["auditor", name, n["contaminated"], n["review"]] for name, n in control["benchmarks"].items()]
        rows += [[tool, "gsm8k", n["contaminated"], "-"] for tool, n in control["tools"].items()]
        page += [*table(["tool", "benchmark", "records `contaminated`", "`review`"], rows), ""]
    return page[:-1]


def _own_table(corpora: Sequence[dict[str, Any]]) -> Table:
    own = [corpus["tools"][0] for corpus in corpora]
    rows = []
    for kind in own[0]["kinds"]:
        counts = [scored["kinds"][kind] for scored in own]
        goal = GOALS.get(kind)
        # the scorer counts rows with any match that is contaminated, and any match that has the item
        reached = [min(c["contaminated"], c["right_item"]) for c in counts]
        if kind == "half":
            reached = [c["found"] - c["contaminated"] for c in counts]
        met = "" if goal is None else ("yes" if min(reached) >= goal * counts[0]["planted"] else "**no**")
        wanted = "-" if goal is None else f"{'review ' if kind == 'half' else ''}≥ {goal:.0%}"
        rows.append([kind, *(_each(counts, key) for key in ("found", "contaminated", "right_item")), wanted, met])
    clean = [[scored["clean_rows_contaminated"] for scored in own], [scored["clean_rows_review"] for scored in own]]
    for verdict, numbers in zip(CLEAN_GOALS, clean, strict=True):
        goal = CLEAN_GOALS[verdict]
        met = "yes" if max(numbers) <= goal else "**no**"
        rows.append([f"clean rows called `{verdict}`", _list(numbers), "", "", f"≤ {goal}", met])
    return table(["kind", "found", "`contaminated`", "right item", "goal", "met"], rows)


def _halves(corpora: Sequence[dict[str, Any]]) -> list[str]:
    """What the missed halves are."""
    shared, missed, both = [], [], []
    for corpus in corpora:
        templates = set(corpus["halves_of_several_items"])
        cases = [case["planted"].split(" ", 1) for case in corpus["auditor_wrong"] if not case["matches"]]
        lost = {item for kind, item in (case for case in cases if len(case) == 2) if kind == "half"}
        shared.append(len(templates))
        missed.append(len(lost))
        both.append(len(lost & templates))
    return [
        f"Of the halves, {_list(shared)} are words that begin several items alike (a template): they tell no item from "
        f"another. Of the {_list(missed)} halves missed, {_list(both)} are such."
    ]


def _side_by_side(corpora: Sequence[dict[str, Any]], names: Sequence[str]) -> Table:
    def sums(tool: int, *keys: str) -> int:
        total = 0
        for corpus in corpora:
            value: Any = corpus["tools"][tool]
            for key in keys:
                value = value[key]
            total += value
        return total

    tools = range(len(names))
    rows: list[list[object]] = [
        [kind, *(sums(tool, "kinds", kind, "right_item") for tool in tools)] for kind in corpora[0]["tools"][0]["kinds"]
    ]
    rows.append(["**clean rows flagged as contaminated**", *(sums(tool, "clean_rows_contaminated") for tool in tools)])
    rows.append(["clean rows for review", *(sums(tool, "clean_rows_review") or "-" for tool in tools)])
    rows.append(["CPU seconds", *(f"{sum(c['tools'][tool]['cpu_seconds'] for c in corpora):.1f}" for tool in tools)])
    return table(["kind", *names], rows)


def _each(counts: Sequence[dict[str, int]], key: str) -> str:
    return _list([count[key] for count in counts])


def _list(numbers: Sequence[int]) -> str:
    return " · ".join(map(str, numbers))


def throughput_tables(results: dict[str, Any]) -> list[str]:
    """Markdown lines for one file of benchmarks.throughput."""
    page: list[str] = []
    for title, columns, rows in (
        (
            "Throughput, end to end (process start to exit), median of the runs:",
            "tool | input | benchmark | workers | MB per CPU-second | MB/s | peak MB | runs | goal | met",
            _speed(results),
        ),
        (
            "Beside the peers, taking turns; ratios of MB per CPU-second within a round:",
            "peer | benchmark | its input | our input | its MB per CPU-second | ours | times | by round | goal | met",
            _ratios(results),
        ),
        (
            "Two workers against one, wall time, beside what two busy processes gain over one at that moment:",
            "input | 1 worker | 2 workers | times | cores free, by round | goal | met",
            _scaling(results),
        ),
        ("Peak memory of the process:", "input | MB | goal | met", _memory(results)),
        (
            "Start-up: a whole run on one record, so more than the time to the first record:",
            "what | seconds, median | all runs | goal | met",
            _startup(results),
        ),
    ):
        if rows:
            page += [title, "", *table(columns.split(" | "), rows), ""]
    return page[:-1]


def _speed(results: dict[str, Any]) -> list[list[object]]:
    rows: list[list[object]] = []
    for case in results["throughput"]:
        speeds = _speeds(case)
        goal = case.get("goal")
        rows.append([
            case["tool"], f"{case['megabytes']:,.0f} MB", case["benchmark"], case["workers"],
            f"**{median(speeds):.1f}** ({min(speeds):.1f}-{max(speeds):.1f})",
            f"{case['megabytes'] / median(run['wall'] for run in case['runs']):.1f}",
            f"{max(run['peak'] for run in case['runs']):.0f}", len(speeds),
            f"≥ {goal}" if goal else "", _met(median(speeds) >= goal) if goal else "",
        ])  # fmt: skip
    return rows


def _speeds(case: dict[str, Any]) -> list[float]:
    return [case["megabytes"] / run["cpu"] for run in case["runs"]]


def _ratios(results: dict[str, Any]) -> list[list[object]]:
    rows: list[list[object]] = []
    cases = results["throughput"]
    for peer in (case for case in cases if case["tool"] != "auditor"):
        for own in cases:
            if (own["tool"], own["benchmark"], own["workers"]) != (
                "auditor", peer["benchmark"], peer["beside_workers"]
            ):  # fmt: skip
                continue
            times = [a / b for a, b in zip(_speeds(own), _speeds(peer), strict=True)]
            # the goals are for the whole file
            goal = None if own["slice"] or peer["benchmark"] != "GSM8K" else PEER_GOALS.get(peer["tool"].split()[0])
            rows.append([
                peer["tool"], peer["benchmark"], f"{peer['megabytes']:,.0f} MB", f"{own['megabytes']:,.0f} MB",
                f"{median(_speeds(peer)):.1f}", f"{median(_speeds(own)):.1f}", f"**{median(times):.1f}**",
                _spread(times), f"≥ {goal}" if goal else "", _met(median(times) >= goal) if goal else "",
            ])  # fmt: skip
    return rows


def _scaling(results: dict[str, Any]) -> list[list[object]]:
    rows: list[list[object]] = []
    for case in results["scaling"]:
        walls = [f"{median(run['wall'] for run in case[workers]):.2f} s" for workers in ("one", "two")]
        times = [one["wall"] / two["wall"] for one, two in zip(case["one"], case["two"], strict=True)]
        rows.append([f"{case['megabytes']:,.0f} MB", *walls, f"**{median(times):.2f}** ({_spread(times, 2)})",
                     _spread(case["cores_free"], 2), "≥ 1.8",
                     _met(median(times) >= 1.8)])  # fmt: skip
    return rows


def _memory(results: dict[str, Any]) -> list[list[object]]:
    rows: list[list[object]] = []
    for case in results["memory"]:
        peak = max(run["peak"] for run in case["runs"])
        rows.append([f"{case['megabytes']:,.0f} MB, {case['benchmark']}", f"{peak:.0f}", "≤ 400", _met(peak <= 400)])
    return rows


def _startup(results: dict[str, Any]) -> list[list[object]]:
    rows: list[list[object]] = []
    for case in results["startup"]:
        seconds = [run["wall"] for run in case["runs"]]
        rows.append([case["what"], f"**{median(seconds):.2f}**", _spread(seconds, 2), f"≤ {case['goal']}",
                     _met(median(seconds) <= case["goal"])])  # fmt: skip
    return rows


def _met(met: bool) -> str:
    return "yes" if met else "**no**"


def _spread(numbers: Sequence[float], digits: int = 1) -> str:
    return " · ".join(f"{number:.{digits}f}" for number in numbers)


def machine_lines(results: dict[str, Any]) -> list[str]:
    """The command, the machine and the versions of one results file."""
    machine = results["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    peers = ", ".join(f"{name} {number}" for name, number in results["peers"].items())
    lines = [
        f"`{' '.join(results['command'])}`, {results['measured']}, commit {machine['auditor_commit']}, "
        f"on {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, "
        f"load {machine['load_at_start'][0]} at the start; CPython {machine['python']}, {packages}."
    ]
    if peers:
        lines[0] += f" Peers: {peers} on CPython {results['peer_python']}."
    return lines


def readme() -> str:
    """The whole page, from whatever results are there."""
    page = [_HEAD]
    for name, title, tables in (
        ("accuracy", "How exact: the yardstick", accuracy_tables),
        ("accuracy-development", "How exact: the development set", accuracy_tables),
        ("throughput", "How fast", throughput_tables),
    ):
        place = RESULTS / f"{name}.json"
        if place.is_file():
            results = json.loads(place.read_text(encoding="utf-8"))
            notes = _NOTES.get(name, "")
            page += [f"## {title}", "", *machine_lines(results), "", *([notes, ""] if notes else []),
                     *tables(results), ""]  # fmt: skip
            page += _short_of(name, results)
    page.append(_READING)
    return "\n".join(page)


def _short_of(name: str, results: dict[str, Any]) -> list[str]:
    """The goals that were not met, in words, so that none is found only by reading a table closely."""
    accuracy = name.startswith("accuracy")
    rows = [line.split("|")[1:-1] for line in (accuracy_tables if accuracy else throughput_tables)(results)]
    missed = [", ".join(cell.strip() for cell in row[: 1 if accuracy else 3])
              for row in rows if row and row[-1].strip() == _met(False)]  # fmt: skip
    return [f"**Short of the goal:** {'; '.join(missed)}." if missed else "Every goal is met.", ""]


_HEAD = """<!-- Written by `python -m benchmarks.render` from results/*.json. Do not edit it by hand. -->
# Measurements

How exact and how fast `auditor scan` is, beside two other tools, and where it falls short.

    python -m benchmarks.accuracy                  # about 10 minutes, most of it the peers
    python -m benchmarks.accuracy --development
    python -m benchmarks.throughput                # about half an hour; on a machine that does nothing else
    python -m benchmarks.render                    # this page

They run from a clone, in the environment that `make test` makes, with the project's data (`shared/`) beside the
clone. The peers are installed by the scripts from PyPI, at a pinned version, each in an environment of its own under
`~/.cache/auditor-benchmarks/`, which also holds the corpora (about 4 GB for the second script) and may be deleted.
How rephrased items are found, and at what cost, is in [rephrase.md](rephrase.md).

Every figure is of the whole command, from the start of the process to its exit, reports included. CPU seconds are the
kernel's own account of the process (user and system, all threads). A goal is what the project set out to reach.

How the peers are run. Both are given the same items and the same records, and their input is made before their clock
starts. **decon** 0.3 (Ai2; the PyPI package `decontaminate` is bindings to its Rust program) at its defaults, in both
token modes: `uniseg`, its better one here, and its default `cl100k`; it reads one text a record, so the turns of a
chat are joined for it; it gives each file to one thread, so CPU seconds are compared, not wall time. **datacruxai**
at its default of 8 words and at 13, the upper end of what it recommends; it takes one shared n-gram for contamination
and knows no `text` records, so each is given to it as an instruction. Neither has a verdict such as `review`.
"""
_NOTES = {
    "accuracy": (
        "Thresholds were fixed on the development set (below), not on these corpora. Host texts come from the "
        "measuring machine's Python library and documentation, so other machines make other corpora from the same seed."
    ),
    "accuracy-development": (
        "The thresholds of `auditor` were set on this corpus and with an eye on seeds 7, 1 and 23 above: both say how "
        "well they fit. How they carry over is in `results/accuracy-unseen.json`: seeds 101, 202 and 303, measured "
        "once, afterwards."
    ),
    "throughput": (
        "The peers are run on the first part of the same file: all of it would take minutes. On the shorter input "
        "`auditor`'s start weighs more, so both comparisons are shown."
    ),
}
_READING = """## How to read it

- *found*: rows with any verdict; *contaminated*: rows with at least one match called so; *right item*: rows with a
  match that names the planted item. `half` (half a question) ought to be `review`. `heavy` (one word in four gone)
  has no goal.
- What is planted is a yardstick, not the world: copies with known edits. Paraphrases and translations are not in it.
- A clean row may hold a benchmark item all the same: host texts are real. results/accuracy.json lists every clean row
  that was flagged, with its reason, under `auditor_wrong` (`planted` is empty); its texts are in the cache's
  `reading/`.
"""


def main() -> None:
    """Write or check the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.render", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where the page is stale")
    args = parser.parse_args()
    if not list(RESULTS.glob("*.json")):
        sys.exit(f"error: no results in {RESULTS}; run python -m benchmarks.accuracy and benchmarks.throughput first.")
    page = readme()
    if args.check:
        if not README.is_file() or README.read_text(encoding="utf-8") != page:
            sys.exit(f"error: {README} is not what the results give; run python -m benchmarks.render")
    else:
        README.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
