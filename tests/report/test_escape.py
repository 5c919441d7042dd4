"""Hostile text comes out as exactly the text, in every context it is shown in."""

from __future__ import annotations

import csv
import html
import io
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from auditor.report.escape import (
    csv_cell,
    html_attribute,
    html_line,
    html_text,
    md_cell,
    md_code,
    md_fence,
    md_text,
    truncate,
    visible,
    workflow_data,
    workflow_property,
)

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
LINKED_BY_GITHUB = re.compile(r"@\w|#\d|\bGH-\d|://|\bwww\.", re.IGNORECASE)

PIECES = """
<script>alert(1)</script> </td></table> ![x](http://evil) [a](b) <http://a.b> https://a.b www.a.b @octocat octo/repo#12
GH-7 a@b.cc &amp; &#64;x ` ``` ~~~ \\ | \\| $x$ $`x`$ 1. - + # > = --- :-: ::error:: %0A *** <!-- --> <![CDATA[
</details> _a_ **b** ~~c~~ [^1] word 12 . ) ! { } ⟨U+202E⟩ ⟨ 🇩🇪 🇫🇷
"""
UNSEEN = [
    "\n",
    "\r\n",
    "\n\n",
    "\t",
    " ",
    "    ",
    "\u202e",
    "\u200b",
    "\ufeff",
    "\x00",
    "\x1b[31m",
    "\ud800",
    "\udc00",
    "\u2028",
]
hostile_pieces = st.sampled_from([*PIECES.split(), *UNSEEN, "1. ", "- ", "e\u0301", "👩\u200d💻", "\xa0", "\u3000"])
hostile = st.lists(st.one_of(hostile_pieces, st.text(max_size=4)), max_size=12).map("".join)
any_text = st.one_of(hostile, st.text(st.characters(codec=None), max_size=40))


class _Page(HTMLParser):
    """Text and tags of a rendered page, with character references resolved as a browser does."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.tags: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "br":
            self.text.append("\n")

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.append("!--")

    def handle_decl(self, decl: str) -> None:
        self.tags.append("!")

    def unknown_decl(self, data: str) -> None:
        self.tags.append("!")


def _plain(page: _Page) -> str:
    """The shown text less the zero-width spaces, of which the text itself keeps none."""
    return "".join(page.text).replace("\u200b", "")


def _assert_links_nothing(page: _Page) -> None:
    assert not LINKED_BY_GITHUB.search("".join(page.text))


@given(any_text)
@example("1. one")
@example("2) two")
@example("://x")
@example("costs $5 and $6")
def test_a_paragraph_shows_exactly_the_text(text: str) -> None:
    page = _Page(GFM.render(md_text(text)).removesuffix("\n"))
    assert _plain(page) == visible(text)
    assert set(page.tags) <= {"p", "span"}
    _assert_links_nothing(page)


@given(any_text, any_text)
def test_a_line_below_another_stays_a_paragraph(first: str, second: str) -> None:
    page = _Page(GFM.render(f"a{md_text(first)}\nb{md_text(second)}\n{md_text(second)}"))
    assert set(page.tags) <= {"p", "span"}


@given(any_text, any_text)
def test_a_table_keeps_its_cells(left: str, right: str) -> None:
    source = f"| a | b |\n|---|---|\n| {md_cell(left)} | {md_cell(right)} |\n"
    rendered = GFM.render(source)
    cells = re.findall(r"<td>(.*?)</td>", rendered, re.DOTALL)
    assert [_plain(_Page(cell)) for cell in cells] == [visible(left), visible(right)]
    assert rendered.count("<tr>") == 2
    _assert_links_nothing(_Page(rendered))


@given(any_text.filter(bool))
@example("`")
@example("a|b`c")
@example("\\|")
def test_inline_code_is_exact_in_a_paragraph_and_in_a_table(text: str) -> None:
    paragraph = GFM.render(f"see {md_code(text)} here")
    cell = GFM.render(f"| a | b |\n|---|---|\n| {md_code(text)} | z |\n")
    for rendered in (paragraph, cell):
        found = re.findall(r"<code>(.*?)</code>", rendered, re.DOTALL)
        assert len(found) == 1
        assert _plain(_Page(found[0])) == visible(text)
    assert "<td>z</td>" in cell


def test_empty_inline_code_is_nothing() -> None:
    assert md_code("") == ""


@given(any_text, st.sampled_from(["", "python", "py`\n<x>"]))
def test_a_fence_holds_whatever_is_in_it(text: str, language: str) -> None:
    tokens = GFM.parse(f"{md_fence(text, language)}\nafter\n")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    lines = [visible(line).replace("⟨U+0009⟩", "\t") for line in text.split("\n")]
    shown = "\n".join(lines)
    assert tokens[0].content == (shown if shown.endswith("\n") or not shown else shown + "\n")
    assert tokens[1].map is not None


@given(any_text)
def test_an_html_block_shows_exactly_the_text(text: str) -> None:
    source = f"<table><tr><td>{html_text(text)}</td></tr></table>\n\nafter\n"
    rendered = GFM.render(source)
    assert rendered.endswith("</table>\n<p>after</p>\n")
    page = _Page(rendered.removesuffix("<p>after</p>\n").rstrip("\n"))
    expected = "\n".join(visible(line) for line in text.replace("\r\n", "\n").expandtabs(4).split("\n"))
    assert _plain(page).replace("\xa0", " ") == expected.replace("\xa0", " ")
    assert set(page.tags) <= {"table", "tr", "td", "br", "span"}
    _assert_links_nothing(page)


def test_indentation_is_kept_and_a_word_space_can_break() -> None:
    assert html_text("a b\n  c") == "a b<br>&nbsp;&nbsp;c"
    assert html_text(" b\n c", continued=True) == " b<br>&nbsp;c"
    assert html_text(" b") == "&nbsp;b"
    assert html_line("a\nb <i>") == "a⟨U+000A⟩b &lt;i&gt;"


@given(any_text)
def test_an_attribute_cannot_be_left(text: str) -> None:
    value = html_attribute(text)
    assert not set(value) & set("\"'<>\n")
    assert html.unescape(value).replace("\u200b", "") == visible(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("line\nfeed", "line⟨U+000A⟩feed"),
        ("\ud83d", "⟨U+D83D⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟩"),
        ("⟨x⟩", "⟨x⟩"),
    ],
)
def test_what_cannot_be_seen_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(any_text, any_text)
def test_two_texts_that_look_alike_are_the_same(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) == (one == other)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1", "＝1"])
def test_a_spreadsheet_sees_no_formula(text: str) -> None:
    assert csv_cell(text) == "'" + text


@given(any_text)
def test_csv_cells_come_back(text: str) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow([csv_cell(text), "x"])
    row = next(csv.reader(io.StringIO(buffer.getvalue(), newline="")))
    assert row[0] in (text, "'" + text)
    assert row[1] == "x"


@given(any_text)
def test_workflow_commands_stay_on_their_line(text: str) -> None:
    for escaped in (workflow_data(text), workflow_property(text)):
        assert "\n" not in escaped
        assert "\r" not in escaped
    assert workflow_data(text).replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") == text
    assert not set(workflow_property(text)) & set(":,")


@given(any_text, st.integers(1, 30))
def test_truncated_text_is_a_beginning_of_it(text: str, limit: int) -> None:
    short = truncate(text, limit)
    assert len(short) <= limit
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("hello", 5, "hello"),
        ("hello!", 5, "hell…"),
        ("abce\u0301x", 5, "abc…"),
        ("ab\ud83d\ude00cd", 4, "ab…"),
        ("a👩\u200d💻bc", 4, "a…"),
        ("a👍🏽bc", 3, "a…"),
        ("🇩🇪🇫🇷🇮🇹", 4, "🇩🇪…"),
        ("🇩🇪🇫🇷🇮🇹", 3, "🇩🇪…"),
        ("a" + "\u0301" * 50, 40, "a" + "\u0301" * 38 + "…"),
    ],
)
def test_characters_are_not_cut_in_two(text: str, limit: int, short: str) -> None:
    assert truncate(text, limit) == short


def test_a_limit_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        truncate("abc", 0)
