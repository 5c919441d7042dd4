"""What a program is for, as words: the part of it that a re-implementation in another language keeps.

A function that was written again, or in another language, shares hardly a line with the original, and an embedding of
code mostly sees the language. What stays is the purpose: the docstring or comments, the name of the function, and the
values of its examples.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final

from auditor.rephrase.examples import NO_EXAMPLES, Examples, examples_in

if TYPE_CHECKING:
    from collections.abc import Iterator

# A text is hostile: nothing in these patterns may be tried again from every place of a long run. So an indent stays on
# its line, what stands between brackets is bounded, and two neighbouring runs never match the same characters.
_SIGNS: Final = (
    re.compile(r"^[^\S\n]*(?:async\s+)?def\s+\w+\s*\(.*\)\s*(?:->[^)\n]*)?:", re.MULTILINE),
    re.compile(r"^[^\S\n]*(?:export\s+)?(?:async\s+)?function\b(?:\s+\w+)?\s*\(.*\)\s*\{", re.MULTILINE),
    re.compile(
        r"^[^\S\n]*(?:public|private|protected|static|func|fn|pub fn|fun)\b[^\n;(]*\([^\n]*\)[^\n;)]*\{", re.MULTILINE
    ),
    re.compile(
        r"^[^\S\n]*(?:[A-Za-z_][\w<>\[\],:]*[\s*&]+){1,3}\w+\s*\([^;{}]{0,1000}\)\s*(?:const\s*)?\{", re.MULTILINE
    ),
    re.compile(r"^[^\S\n]*(?:const|let|var)\s+\w+\s*=\s*(?:async\s*)?(?:\([^)]{0,1000}\)|\w+)\s*=>", re.MULTILINE),
)
_NAME: Final = re.compile(
    r"(?:\bdef|\bfunction|\bfunc|\bfn|\bfun)\s+(\w+)\s*[(<]"
    r"|^[^\S\n]*(?:[A-Za-z_][\w<>\[\],:]*[\s*&]+){1,4}(\w+)\s*\([^;{}]{0,1000}\)\s*(?:const\s*)?\{"
    r"|\b(?:const|let|var)\s+(\w+)\s*=\s*(?:async\s*)?(?:\([^)]{0,1000}\)|\w+)\s*=>",
    re.MULTILINE,
)
_BLOCK_WORDS: Final = frozenset(
    {"if", "for", "while", "switch", "catch", "main", "return", "else", "do", "test", "check"}
)
_PROSE: Final = re.compile(
    r'"""(?P<a>.*?)(?:"""|\Z)|\'\'\'(?P<b>.*?)(?:\'\'\'|\Z)|/\*+(?P<c>.*?)(?:\*/|\Z)|(?<![:\w])//(?P<d>[^\n]*)|^[^\S\n]*\#(?!include|define|!|if|endif|pragma)(?P<e>[^\n]*)',
    re.DOTALL | re.MULTILINE,
)
_FENCE: Final = re.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", re.DOTALL)
_TAG: Final = re.compile(
    r"^\s*(?:@\w+|:param\b|:return\b|>>>|\.\.\.|Args?:|Returns?:|Examples?:|For example)", re.IGNORECASE
)
_CALL: Final = re.compile(r"^\s*\w+\(.*\)\s*(?:➞|=>?|==|->|→|//|$)")
_LITERALS_ONLY: Final = re.compile(r"^[\s\d\[\](){},.:;'\"+\-*/=<>]*$|^\s*(?:True|False|None|true|false|null)\s*$")
_CAMEL: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SINGLE: Final = r"(?:-?\d+(?:\.\d+)?|\"[^\"\n]{0,40}\"|'[^'\n]{0,40}')"
_VALUE: Final = re.compile(_SINGLE)
_LIST: Final = re.compile(rf"[\[(]\s?{_SINGLE}(?:\s?,\s?{_SINGLE}){{1,30}}\s?[\])]")
_SIGN: Final = re.compile(
    r"\*\*|//|[=!]==?|<=|>=|&&|\|\||[+\-*/%<>&|^~]|\b(?:and|or|not|in|if|else|elif|while|for|return|break|continue|lambda)\b"
    r"|\b(?:None|null|NULL|True|False|true|false)\b|\b[A-Za-z_]\w*(?=\s?\()|(?<=\.)[A-Za-z_]\w*"
    r"|\b\d+(?:\.\d+)?\b|'[^'\n]{1,3}'|\"[^\"\n]{1,3}\""
)
_SAME_SIGNS: Final = {
    name: names.split()[0]
    for names in (
        "len length size strlen count", "sort sorted qsort", "append push push_back add insert", "split strtok",
        "join concat strcat", "lower tolower toLowerCase islower", "upper toupper toUpperCase isupper", "abs fabs",
        "min Min", "max Max", "sum reduce", "reverse reversed", "isdigit isnumeric", "chr fromCharCode",
        "ord charCodeAt", "set Set", "dict Map Counter", "substr substring slice", "index indexOf find strstr",
        "float parseFloat atof", "int parseInt atoi", "str toString String sprintf", "startswith startsWith strncmp",
        "endswith endsWith", "and &&", "or ||", "None null NULL", "True true", "False false", "if elif", "== ===",
        "!= !==",
    )
    for name in names.split()
}  # fmt: skip
"""Operators, constants and functions that do the same in several languages."""
MOST_OF_A_SIGN: Final = 3
"""Times that a sign is counted at the most: how often a loop adds says little."""
MOST_FUNCTIONS: Final = 20
MAX_PARAMETERS: Final = 1000
"""Characters of a list of parameters that are read."""
_ONE_PARAMETER: Final = re.compile(r"\s*=\s*(?:async\s*)?\w+\s*=>")
_NO_PARAMETER: Final = frozenset({"", "self", "cls", "void", "/", "*"})
_POINTER: Final = re.compile(r"^[\w\s]*\w\s*\*+\s*\w+$|^[\w\s*]+\[[^\]]*\]")
_OF_AN_ARRAY: Final = re.compile(
    r"(?:size|len|length|count|num|cols?|rows?|capacity|\bn|\bm|result|output|out|ret)\w*(?:\[\])?$", re.IGNORECASE
)
"""Names by which a function in C takes the size of an array, or gives more than one value back."""
_CLASS: Final = re.compile(
    r"^[ \t]*(?:\w{1,20} ){0,3}(?:class|interface|struct|impl|namespace|object|module)\b", re.MULTILINE
)
_INDENT: Final = re.compile(r"[ \t]{0,200}")
_COMMENT: Final = re.compile(r"[ \t]*(?://|/\*|\*|\#|@)")
_PREAMBLE: Final = re.compile(
    r"[ \t]*(?:$|\n|//|/\*|\*|\#|@|(?:import|from|using|package|include|const|let|var|typedef)\b|[\w.\[\]]+[ \t]*="
    r"|[^\n]*[;{}][ \t]*$)",
    re.MULTILINE,
)
"""Lines between a text and its first function."""
MOST_ABOVE: Final = 40
"""Lines of comments above a function that are taken with it."""
MAX_CODE: Final = 20_000
"""Characters of a text that are looked at as code."""
MAX_AFTER: Final = 4000
"""Characters after a function in which its examples may stand."""
MIN_PURPOSE_WORDS: Final = 4
"""Words that a purpose has at the least: below, a name alone says too little to compare."""


@dataclass(frozen=True, slots=True)
class Program:
    """A piece of code, taken apart."""

    purpose: str
    """Its comments in words, without tags and examples, after the words of its name."""
    body: str
    """Its lines without comments."""
    values: frozenset[str]
    """Literals of two characters and more, and whole lists of literals: those of its examples above all."""
    name: str
    """Words of the first function's name."""
    signs: tuple[tuple[str, int], ...] = ()
    """Operators, keywords, short literals and what it calls, as often as each stands there."""
    parameters: frozenset[int] = frozenset()
    """How many parameters its functions take."""
    examples: Examples = NO_EXAMPLES
    """What it is called with, and what comes out."""

    @property
    def says_something(self) -> bool:
        """Whether it has a word of what it is for besides its name, or an example."""
        return bool(self.examples) or self.purpose.strip(" .") != self.name


def program_in(text: str, after: str = "") -> Program | None:
    """The program in a text, fenced or bare; None where it holds none. Examples of what it defines may also stand in
    what comes after it."""
    # a record may have megabytes: none is kept as a key
    return _program_in(text[:MAX_CODE], after[:MAX_AFTER])


@lru_cache(maxsize=1024)
def _program_in(text: str, after: str) -> Program | None:
    fenced = _FENCE.findall(text)
    code = "\n".join(fenced) if fenced else text
    if not any(sign.search(code) for sign in _SIGNS):
        return None
    prose = [next(part for part in found if part is not None) for found in (m.groups() for m in _PROSE.finditer(code))]
    name = _first_name(code)
    words = " ".join(_sentences("\n".join(prose)).split())
    outside = _outside(text) if fenced else ""
    purpose = f"{name}. {words}".strip(" .") if len(words.split()) >= MIN_PURPOSE_WORDS else f"{name}. {outside}"
    values = {v.strip("\"'") for v in _VALUE.findall(code)}
    lists = {"".join(v.split()).strip("[]()").replace("'", '"') for v in _LIST.findall(code)}
    body = _PROSE.sub("", code)
    functions = list(islice(_functions(code), MOST_FUNCTIONS))
    parameters = frozenset(count for _, end in functions for count in _taken(code, end))
    return Program(purpose, body, frozenset(v for v in values if len(v) > 1) | lists, name, _signs(body, name),
                   parameters, examples_in(code + after, {function for function, _ in functions}))  # fmt: skip


def _signs(body: str, name: str) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for found in _SIGN.findall(body):
        sign = "itself" if split_name(found) == name else _SAME_SIGNS.get(found, found).strip("'\"")
        counts[sign] = min(counts.get(sign, 0) + 1, MOST_OF_A_SIGN)
    return tuple(sorted(counts.items()))


def _sentences(prose: str) -> str:
    kept = []
    for line in prose.splitlines():
        stripped = line.strip().lstrip("*").strip()
        if stripped and not (_TAG.match(stripped) or _CALL.match(stripped) or _LITERALS_ONLY.match(stripped)):
            kept.append(stripped)
    return "\n".join(kept)


def _outside(text: str) -> str:
    return " ".join(_FENCE.sub(" ", text).split())[:300]


def _first_name(code: str) -> str:
    return next((split_name(name) for name, _ in _functions(code)), "")


def _functions(code: str) -> Iterator[tuple[str, int]]:
    """Names of functions, and where each ends."""
    for found in _NAME.finditer(code):
        place = found.lastindex or 0
        if found[place].lower() not in _BLOCK_WORDS:
            yield found[place], found.end(place)


def functions_in(text: str) -> list[tuple[int, int]]:
    """(begin, end) of each function of a text that stands in no other, methods too, each with the comments right above
    it: a file of many is not looked at as one."""
    classes = [found.start() for found in _CLASS.finditer(text)]
    begins: list[int] = []
    outer, of_class = -1, 0
    for name, end in _functions(text):
        line = text.rfind("\n", 0, end - len(name)) + 1
        indent = len(_indent(text, line).expandtabs(4))
        if of_class != (of_class := bisect_right(classes, line)):
            outer = -1  # what is in a class is indented
        if outer < 0 or indent <= outer:
            outer = indent
            begins.append(_above(text, line))
    found = []
    for begin, end in pairwise([*begins, len(text)]):
        fence = text.find("```", begin, end)
        found.append((begin, fence if fence >= 0 else end))
    return found


def _indent(text: str, line: int) -> str:
    found = _INDENT.match(text, line)
    return found[0] if found is not None else ""


def _above(text: str, place: int) -> int:
    """Where the comments right above a place begin."""
    for _ in range(MOST_ABOVE):
        line = text.rfind("\n", 0, place - 1) + 1
        if place == 0 or not _COMMENT.match(text, line, place):
            break
        place = line
    return place


def prose_around(text: str) -> list[tuple[int, int]]:
    """(begin, end) of what is said around the code of a text: outside its fences, or else before its first function,
    where that is more than what begins a file."""
    fences = [found.span() for found in _FENCE.finditer(text)]
    if fences:
        ends = [0, *(end for _, end in fences)]
        return [(a, b) for a, b in zip(ends, [*(begin for begin, _ in fences), len(text)], strict=True) if a < b]
    first = next((begin for begin, _ in functions_in(text)), 0)
    end = first
    while end > 0:  # imports and constants stand between the two
        line = text.rfind("\n", 0, end - 1) + 1
        if not _PREAMBLE.match(text, line, end):
            break
        end = line
    return [(0, end)] if end else []


def _taken(code: str, end: int) -> tuple[int, ...]:
    """Parameters of the function whose name ends at a place; in C, also without the sizes of arrays and where results
    go."""
    if _ONE_PARAMETER.match(code, end):
        return (1,)
    begin = code.find("(", end)
    parts, depth = [""], 0
    for i in range(begin, min(begin + MAX_PARAMETERS, len(code))):
        sign = code[i]
        depth += sign in "([{<"
        depth -= sign in ")]}" or (sign == ">" and code[i - 1] not in "-=")
        if depth == 0:
            break
        if sign == "," and depth == 1:
            parts.append("")
        elif i > begin:
            parts[-1] += sign
    named = [part.strip() for part in parts if part.strip() not in _NO_PARAMETER]
    if not any(_POINTER.search(part) for part in named):
        return (len(named),)
    return len(named), 1 + sum(not _OF_AN_ARRAY.search(part) for part in named[1:])


def split_name(name: str) -> str:
    """The words of an identifier: "hasCloseElements" and "has_close_elements" are "has close elements"."""
    return " ".join(word.lower() for word in _CAMEL.findall(name))
