"""Describe items without giving them away: excerpts safe to print, and whether they can be told apart at all."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.types import Item

SHORT_WORDS = 8
"""Question and choices of fewer words than this are found in many texts by chance: the usual n-gram is that long."""

# scripts that are written without spaces count by character
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯฀-๿]|[^\W぀-ヿ㐀-鿿가-힯฀-๿]+")


def words_in(item: Item) -> int:
    """Number of words in an item's question and choices; in scripts without spaces, of characters."""
    return sum(len(_WORD.findall(text)) for text in (item.question, *item.choices))


def printable(text: str) -> str:
    """A text on one line, with control and direction characters, which change what a terminal shows, as spaces."""
    hidden = {"Cc", "Cf", "Zl", "Zp"}
    return " ".join("".join(" " if unicodedata.category(char) in hidden else char for char in text).split())


def excerpt(text: str, most: int) -> str:
    """The beginning of a text: at most `most` characters and never more than half of it, on one line."""
    line = printable(text)
    kept = min(most, len(line) // 2)
    return line[:kept].rstrip() + "…"
