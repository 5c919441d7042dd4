"""The README tells what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from auditor.findings import RULES

README = Path(__file__).parents[1] / "README.md"


def test_the_table_of_rules_is_the_rules() -> None:
    said = dict(re.findall(r"^\| `(data/[\w-]+)` \| (.+?) \|$", README.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert said == {rule.rule_id: rule.summary for rule in RULES.values()}
