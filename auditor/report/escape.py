"""Text from strangers made safe to show: Markdown and HTML on GitHub, CSV, GitHub workflow commands.

Training records, benchmark items, model names and file names are hostile. Every function here takes any `str`, lone
surrogates included, and returns text that shows exactly those characters in its context and does nothing else: no tag,
no link, no notification, no formula. Characters that cannot be seen or that reorder what can (control characters,
bidirectional overrides, zero-width characters) are shown as `⟨U+202E⟩`.

GitHub turns `@name`, `#12`, `GH-12` and addresses into links *after* Markdown has been rendered, in the text of the
page, so that no Markdown escape stops it: a zero-width space is put behind the first character of each, as Renovate and
Dependabot do. A zero-width space in the text itself is always shown, so the two cannot be confused.
"""

from __future__ import annotations

import html
import re
import unicodedata

ZERO_WIDTH_SPACE = "&#8203;"
"""As an entity, so that a reader of the source sees it."""

# Characters with no glyph of their own, or that change the order of others. Control (Cc), format (Cf), surrogate (Cs),
# line and paragraph separators, and the default-ignorable letters and marks. U+FE0E and U+FE0F stay: emoji need them.
_INVISIBLE_RANGES = (
    "\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u115f\\u1160"
    "\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud800-\\udfff\\ufe00-\\ufe0d"
    "\\ufeff\\uffa0\\ufff0-\\ufffb\\ufffe\\uffff\\U000110bd\\U000110cd\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a"
    "\\U000e0000-\\U000e0fff"
)
# an opening bracket that would read as one of our own marks is shown as a mark too: what is shown has one meaning
_INVISIBLE = re.compile(f"[{_INVISIBLE_RANGES}]|⟨(?=U\\+)")
_INVISIBLE_IN_BLOCK = re.compile(f"(?![\\n\\t])[{_INVISIBLE_RANGES}]|⟨(?=U\\+)")

_MARKER = "\0"  # stands for the zero-width space while other characters are escaped: `visible` leaves no NUL
_MARKDOWN = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    # entities and not backslashes: a table splits its row at pipes before it knows of any other syntax
    "|": "&#124;",
    "\\": "&#92;",
    "`": "\\`",
    "*": "\\*",
    "_": "\\_",
    "~": "\\~",
    "[": "\\[",
    "]": "\\]",
    "#": "\\#",
    "!": "\\!",
    # GitHub's own advice for a dollar sign that starts no formula
    "$": "<span>$</span>",
    _MARKER: ZERO_WIDTH_SPACE,
}
_HTML = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
    "$": "<span>$</span>",
    _MARKER: ZERO_WIDTH_SPACE,
}

_DEFUSE = re.compile(r"@(?=\w)|#(?=\d)|(?<=\bGH)-(?=\d)|:(?=//)|\bwww(?=\.)", re.IGNORECASE)
"""What GitHub turns into a link; the zero-width space goes behind each."""

_SPACES = re.compile(" {2,}")
_INDENT_AND_SPACES = re.compile("^ +| {2,}")
_BLOCK_START = re.compile(r"([-+=:])|(\d{1,9})([.)])(?=\s|$)")
"""What would start a list, an underlined heading or a table's second line at the start of a line."""


def _code_point(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"


def visible(text: str) -> str:
    """`text` on one line, with each character that has no glyph or reorders others shown as `⟨U+202E⟩`."""
    return _INVISIBLE.sub(_code_point, text)


def _escaped(shown: str, table: dict[str, str]) -> str:
    """`shown` (visible text) with links defused and the characters of `table` replaced."""
    marked = _DEFUSE.sub(lambda match: match[0] + _MARKER, shown)
    return marked.translate({ord(character): shown_as for character, shown_as in table.items()})


def md_text(text: str) -> str:
    """`text` as inline Markdown on one line, right in a paragraph, a heading, a list item, a link's text, a table."""
    shown = visible(text)
    body = shown.strip()
    if not body:
        return _as_entities(shown)
    start_of_body = shown.index(body)
    lead = _as_entities(shown[:start_of_body])
    trail = _as_entities(shown[start_of_body + len(body) :])
    start = _BLOCK_START.match(body)
    prefix = ""
    if start:
        prefix = f"\\{start[1]}" if start[1] else f"{start[2]}\\{start[3]}"
        if start[0] == ":" and body.startswith("://"):
            prefix += ZERO_WIDTH_SPACE
        body = body[start.end() :]
    return lead + prefix + _escaped(body, _MARKDOWN) + trail


def _as_entities(spaces: str) -> str:
    """White space of any script as character references, which Markdown does not strip."""
    return "".join(f"&#{ord(space)};" for space in spaces)


def md_cell(text: str) -> str:
    """`text` as a cell of a Markdown table."""
    return md_text(text)


def md_code(text: str) -> str:
    """`text` as inline code, also inside a table cell; empty text gives an empty string.

    Written with backticks where that is exact, and as `<code>` where it is not: a pipe in a table, and spaces that
    Markdown would strip.
    """
    shown = visible(text)
    if not shown:
        return ""
    if "|" in shown or shown != shown.strip():
        return f"<code>{md_text(text)}</code>"
    ticks = "`" * (_longest_run(shown, "`") + 1)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def md_fence(text: str, language: str = "") -> str:
    """`text` as a fenced code block that nothing in it can close, ending with a newline.

    Args:
        text: line feeds and tabs stay; every other invisible character is shown.
        language: our own name of the language; anything but letters, digits and `+#-` is left out.
    """
    shown = _INVISIBLE_IN_BLOCK.sub(_code_point, text)
    fence = "`" * max(3, _longest_run(shown, "`") + 1, _longest_run(shown, "~") + 1)
    end = "" if shown.endswith("\n") or not shown else "\n"
    return f"{fence}{re.sub(r'[^A-Za-z0-9+#-]', '', language)}\n{shown}{end}{fence}\n"


def html_text(text: str, *, continued: bool = False) -> str:
    """`text` for the inside of an HTML element in Markdown or in a page of its own, on one source line.

    Line feeds become `<br>`, so that no blank line ends the HTML block; indentation and runs of spaces are kept with
    no-break spaces; a tab is four. Right inside an HTML block (`<table>` … to the next blank line), where Markdown
    is not read; in a paragraph use `md_text`.

    Args:
        text: the text.
        continued: it goes on in a line that has begun, so that one space at its start is no indentation.
    """
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    shown = [_escaped(visible(line), _HTML) for line in lines]
    kept = [_SPACES.sub(_no_break, line) for line in shown[:1]] if continued else []
    kept += [_INDENT_AND_SPACES.sub(_no_break, line) for line in shown[len(kept) :]]
    return "<br>".join(kept)


def _no_break(spaces: re.Match[str]) -> str:
    return "&nbsp;" * len(spaces[0])


def html_line(text: str) -> str:
    """`text` for the inside of an HTML element, on one line as it is shown: line feeds are shown as characters."""
    return _escaped(visible(text), _HTML)


def html_attribute(text: str) -> str:
    """`text` as the value of an HTML attribute, without the quotes around it."""
    return _escaped(visible(text), {**_HTML, "$": "&#36;"})


def visible_lines(text: str) -> str:
    """`text` with its line feeds and tabs, and every other character that has no glyph shown as `visible` shows it."""
    return _INVISIBLE_IN_BLOCK.sub(_code_point, text.replace("\r\n", "\n"))


def page_text(text: str) -> str:
    """`text` on one line, in an element or a quoted attribute of a page of our own, where nothing makes links of it."""
    return html.escape(visible(text))


def csv_cell(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula; quoting is left to the `csv` module.

    A leading `=`, `+`, `-`, `@`, tab or carriage return, also behind spaces, gets an apostrophe before it (OWASP, CSV
    injection). For text only: numbers are written as they are.
    """
    first = text.lstrip(" \n")[:1]
    return f"'{text}" if first and first in "=+-@\t\r＝＋－＠" else text


def workflow_data(text: str) -> str:
    """`text` as the message of a GitHub workflow command (`::error …::message`)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def workflow_property(text: str) -> str:
    """`text` as a property of a GitHub workflow command (`::error file=…`)."""
    return workflow_data(text).replace(":", "%3A").replace(",", "%2C")


def truncate(text: str, limit: int) -> str:
    """`text` in at most `limit` code points, the last one `…` where something was cut.

    The cut falls between characters as people see them: not before a combining mark, in a joined emoji, a flag, or a
    pair of surrogates.

    Raises:
        ValueError: `limit` is less than 1.
    """
    if limit < 1:
        raise ValueError(f"a limit of {limit} code points leaves no room for the ellipsis")
    if len(text) <= limit:
        return text
    hard = cut = limit - 1
    # nothing that people write needs more than this many code points for one character
    while cut > 0 and hard - cut < 32 and _joined(text, cut):
        cut -= 1
    if cut > 0 and _joined(text, cut):
        cut = hard
    return text[:cut] + "…"


def _joined(text: str, at: int) -> bool:
    """Whether the characters before and after offset `at` are shown as one."""
    before, after = text[at - 1], text[at]
    if unicodedata.category(after) in ("Mn", "Mc", "Me") or "\u200d" in (before, after):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff":  # skin tones
        return True
    if "\udc00" <= after <= "\udfff" and "\ud800" <= before <= "\udbff":
        return True
    if _is_regional(before) and _is_regional(after):  # flags are pairs of these
        start = at
        while start > 0 and _is_regional(text[start - 1]):
            start -= 1
        return (at - start) % 2 == 1
    return False


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _longest_run(text: str, character: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(character)}+", text)), default=0)
