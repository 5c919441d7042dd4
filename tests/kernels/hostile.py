"""Random text in which everything that the normaliser treats in a special way stands close together."""

from __future__ import annotations

from hypothesis import strategies as st

PARTS = (
    # words, numbers and the marks inside them
    *"a b Z the cat 1 2 9 3.5 12:30 1,000 1,000,000 1,2 1,23 1,2345 .5 5. , . : ; ! ? ' \" - _ * # | / ( ) [ ] { } = + ~ ^ % $ @".split(),
    *("1,000 ", "12,345.67", "0", "00", "9,", ",999"),
    # spaces and line breaks
    *(" ", "  ", "\n", "\r\n", "\t", "\f", "\b", "\u00a0", "\u2003", "\u2028", "\u3000", "\x00", "\x1f", "\x7f", "\x85"),
    # HTML: entities with names, numbers, escaped twice, broken; tags
    *("&", "&&", "&amp;", "&lt;", "&gt;", "&quot;", "&nbsp;", "&eacute;", "&Eacute;", "&frac12;", "&alpha;", "&zwnj;", "&shy;"),
    *("&#65;", "&#x41;", "&#X41;", "&#0;", "&#39;", "&#x110000;", "&#xD800;", "&#1234567;", "&#12345678;", "&#;", "&#x;"),
    *("&amp;nbsp;", "&amp;amp;lt;", "&amp;#65;", "&amp;", "amp;", "&am", "&bogus;", "&thinsp;", "&ThickSpace;", "&notit;", "&ffilig;"),
    *("<", ">", "<b>", "</b>", "<br>", "<br/>", "<br />", "< b>", "<B>", "<sub>", "<h1>", "<blockquote>", "<bogus>", "<b", "</", "<a href=x>"),
    # LaTeX and lone backslashes
    *("\\", "\\\\", "\\quad", "\\qquad ", "\\quads", "\\displaystyle", "\\frac", "\\n", "\\u0041", "\\,", "\\;", "\\hspace{1}", "\\thinspace1"),
    # typographic quotes, what has no width, accents
    *("\u2018", "\u2019", "\u201c", "\u201d", "don\u2019t", "don't", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u2060", "\ufe0f"),
    *("\u0301", "e\u0301", "\u00e9", "\u00c9", "\u0308", "\u212b", "o\u0338", "\u1e69"),
    # full-width, mathematical, ligatures and other characters that become several
    *("\uff21", "\uff11", "\uff0c", "\U0001d400", "\U0001d7d9", "\ufb03", "\u00df", "\u2167", "\u00bd", "\u2460", "\u33a1", "\ufdfa", "\u0130", "\u2153", "\u1f82"),
    # look-alikes, other scripts with and without spaces
    *("\u0430", "\u043e", "\u03bf", "\u0416", "\u03a9", "\u05d0", "\u0627\u0644", "\u0644\u064e", "\u0663", "\u0967", "\u0915\u094d\u0937"),
    *("\u4e2d\u6587", "\u3042", "\u30ab\u3099", "\uff76\uff9e", "\u0e44\u0e17\u0e22", "\u0e33", "\u1780", "\u1000", "\ud55c", "\u1112\u1161\u11ab", "\uf900", "\U00020000", "\U0002f800", "\u3400"),
    # emoji, the edges of Unicode
    *("\U0001f600", "\U0001f468\u200d\U0001f469", "\U0001f1e9", "\ufffd", "\uffff", "\U0001ffff", "\U00030000", "\U0003ffff", "\U00040000", "\U0010ffff"),
)  # fmt: skip

LONE = ("\ud800", "\udfff", "\ude00", "\ud83d")
"""Halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""


def texts(*, lone_surrogates: bool = False, longest: int = 12) -> st.SearchStrategy[str]:
    """Hostile text; with `lone_surrogates`, of the kind that only JSON escapes can spell."""
    parts = st.sampled_from(PARTS + LONE if lone_surrogates else PARTS)
    stray = st.text(st.characters(exclude_categories=() if lone_surrogates else ("Cs",)), max_size=3)
    return st.lists(parts | stray, max_size=longest).map("".join)
