"""Finished runs for tests of reports: real scans and score audits of small data, made once each."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from made import NGRAM, documents, inside, make_benchmark, make_items, whole, write_benchmark, write_lines

import auditor
from auditor.baseline import Accepted, Baseline
from auditor.scores.outputs import write_outputs
from auditor.types import Item

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "reports" / "made-up-leaderboard" / "board.csv"
HOSTILE = '</script><script>window.pwned = 1</script><img src=x onerror="window.pwned = 2"> \u202e<!--'


def scan_run(place: Path, *, accept: int = 0) -> Path:
    """A scan of three files: question and answer, question alone, half a question; `accept` findings in a baseline."""
    items = make_items(20)
    hosts = documents(30)
    bench = write_benchmark(place / "data" / "bench.jsonl", items)
    planted = [inside(whole(items[k]), hosts[k]) for k in range(6)]
    halves = [inside(" ".join(items[k].question.split()[:14]), hosts[k]) for k in range(6, 9)]
    lines = write_lines(place / "data" / "train set.jsonl", ({"text": t} for t in [*hosts[20:23], *planted, *halves]))
    chat = [{"messages": [{"role": "user", "content": items[k].question}]} for k in range(10, 13)]
    chat_file = place / "data" / "chat.json"
    chat_file.write_text(json.dumps(chat), encoding="utf-8")
    clean = write_lines(place / "data" / "clean.jsonl", ({"text": t} for t in hosts[24:]))
    result = auditor.scan(
        [lines, chat_file, clean], [f"bench={bench}"], config=NGRAM, command=["auditor", "scan", "data"]
    )
    if accept:
        entries = [
            Accepted(f.fingerprint, "a tutorial <b>quotes</b> it", "2026-01-31", "mk") for f in result.findings[:accept]
        ]
        result = result.with_baseline(Baseline("accepted.toml", tuple(entries)))
    out = place / "run"
    result.write(out)
    return out


def hostile_run(place: Path) -> Path:
    """A scan in which every text from outside tries to leave its place."""
    items = [
        Item(f"{HOSTILE}{k}", f"{HOSTILE} {item.question}", item.choices, item.answers, split="test")
        for k, item in enumerate(make_items(4))
    ]
    bench = replace(make_benchmark(items, "<script>pwned=4</script>"), source=HOSTILE, warnings=(HOSTILE,))
    hosts = documents(4)
    name = "<img src=x onerror=pwned=3>&.jsonl"
    rows = [
        {"text": f"{HOSTILE} {inside(whole(item), host)} {HOSTILE}"} for item, host in zip(items, hosts, strict=True)
    ]
    rows += [{HOSTILE: item.question, "text": "", "n": 1} for item in items]
    train = write_lines(place / name, rows)
    result = auditor.scan([train], [bench], config=NGRAM)
    assert result.findings
    result.write(place / "run")
    return place / "run"


def scores_run(place: Path, table: Path = BOARD) -> Path:
    """An audit of the made-up leaderboard that the worked example is of."""
    return write_outputs(auditor.audit_scores(table), place / "scores", figures="none")


def many(findings: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """So many findings, each with a fingerprint, a row and a score of its own."""
    made = []
    for n in range(count):
        base = findings[n % len(findings)]
        evidence = {**base["evidence"], "row": n, "score": round((n * 7919 % count) / count, 6), "item_id": f"item-{n}"}
        made.append({**base, "fingerprint": f"{n:032x}", "evidence": evidence})
    return made


CHECK_FINDINGS = [
    {
        "rule_id": "disclosure/training-data",
        "severity": "warning",
        "verdict": "review",
        "subject": "org/model",
        "title": "names no training data",
        "message": "entry.yaml names no training set, which the policy asks for. [click](https://evil.example)",
        "evidence": {"entry": "entries/new model.yaml", "line": 4, "key": "training.sets", "effect": "review"},
        "innocent_explanations": ["It may be in the paper."],
        "next_steps": ["Ask the author."],
        "fingerprint": "ab" * 8,
    },
    {
        "rule_id": "consistency/parameter-count",
        "severity": "warning",
        "verdict": "review",
        "subject": "org/model",
        "title": "7 B in the name and 70 B in the entry",
        "message": "The two differ.",
        "evidence": {"entry": "entries/new model.yaml", "effect": "block"},
        "innocent_explanations": [],
        "next_steps": [],
        "fingerprint": "cd" * 8,
    },
]


def check_run(place: Path) -> Path:
    """The files of `auditor check` as they were agreed on."""
    out = place / "check"
    (out / "entries").mkdir(parents=True)
    head = {"schema_version": 1, "tool": "auditor", "version": "0.1.0", "command": "check"}
    entry = {
        "entry": "entries/new model.yaml",
        "model": "org/model<b>",
        "verdict": "block",
        "complete": True,
        "findings": 2,
        "evidence": {
            "scores": {"status": "clear", "says": "3 of 3 scores were judged.", "judged": 3},
            "disclosure": {"status": "found", "says": f"It does not say: training.sets {HOSTILE}", "missing": ["a"]},
        },
        "ask": ["Name the training sets."],
        "page": "entries/new-model.md",
    }
    summary = {
        **head,
        "verdict": "block",
        "complete": False,
        "entries": [
            entry,
            {**entry, "page": "../../etc/passwd.md", "complete": False, "verdict": "pass", "missing": ["data/x: 404"]},
        ],
        "policy": {"block": {"rules": ["consistency/*"]}},
        "versions": {"auditor": "0.1.0"},
        "inputs": {"board.csv": "sha256:00"},
    }
    (out / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (out / "findings.json").write_text(json.dumps({**head, "findings": CHECK_FINDINGS}), encoding="utf-8")
    (out / "report.md").write_text("# Entry check\n", encoding="utf-8")
    (out / "entries" / "new-model.md").write_text("# org/model\n", encoding="utf-8")
    return out
