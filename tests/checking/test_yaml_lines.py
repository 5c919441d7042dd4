"""YAML and JSON of a stranger: lines of keys, and what is refused, with the line it stands on."""

from __future__ import annotations

import pytest

from auditor.checking.yaml_lines import MAX_DEPTH, MAX_NODES, MAX_YAML, read_json, read_yaml
from auditor.errors import InputError


def test_every_key_and_item_has_its_line() -> None:
    found = read_yaml("a: 1\nb:\n  - c: 2\n    d: 3\n  - 4\n", "e.yaml", first_line=10)
    assert found.value == {"a": 1, "b": [{"c": 2, "d": 3}, 4]}
    assert found.lines == {"a": 10, "b": 11, "b[0]": 12, "b[0].c": 12, "b[0].d": 13, "b[1]": 14}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\nb: *x\n", "e.yaml, line 1: YAML anchors and aliases are not read"),
        ("a: 1\nb: *x\n", "line 2"),
        ("a: 1\n\nb: 2\na: 3\n", "e.yaml, line 4: the key 'a' stands here and on line 1; keep one of them"),
        ("s:\n  - {m: 1, m: 2}\n", "line 2: the key 'm' stands here and on line 2"),
        ("a: [1\nb: 2\n", "not readable YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1: not readable YAML: could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", "not readable YAML: but found another document"),
        ("d: 2024-13-45\n", "not readable YAML"),
        ("? [1, 2]\n: 3\n", "line 1: not readable YAML: found unhashable key"),
        ("a: \x00\n", "not readable YAML"),
        (f"n: {'9' * 5000}\n", "not readable YAML"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH}"),
        ("[" + "1," * MAX_NODES + "1]", "more than 200,000 values"),
        ("a: " + "x" * MAX_YAML, "1,000,003 characters of YAML; at most 1,000,000 are read"),
    ],
)  # fmt: skip
def test_what_no_entry_holds_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_yaml(text, "e.yaml")
    assert said in str(error.value)
    assert str(error.value).startswith("e.yaml")
    assert "\n" not in str(error.value)


def test_the_bomb_that_everyone_knows_is_refused_before_it_grows() -> None:
    lines = ["a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(InputError, match="line 1: YAML anchors"):
        read_yaml("\n".join(lines), "bomb.yaml")


def test_an_empty_document_is_nothing() -> None:
    assert read_yaml("", "e.yaml").value is None


def test_json_has_lines_too() -> None:
    found = read_json(b'{\n\t"model": "a/b",\n\t"scores": {\n\t\t"X": 1}}', "e.json")
    assert found.value == {"model": "a/b", "scores": {"X": 1}}
    assert (found.lines["model"], found.lines["scores.X"]) == (2, 4)


def test_json_that_is_no_yaml_has_no_lines_and_is_read() -> None:
    found = read_json(b'{"a": "\\ud83d\\ude00 \x7f"}', "e.json")
    assert found.value["a"].startswith("\U0001f600")
    assert found.lines == {}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "e.json: the key 'c' stands twice; keep one of them"),
        (b'{"a": 1,\n "b": }', "e.json, line 2: not valid JSON"),
        (b'{"a": "\xff"}', "e.json: not UTF-8 at byte 7"),
        (b"[" * 100_000, "e.json: not readable JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "e.json: not readable JSON"),
    ],
)
def test_broken_json_is_named(data: bytes, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_json(data, "e.json")
    assert said in str(error.value)
