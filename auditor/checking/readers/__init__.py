"""Read an entry of any shape that leaderboards receive; the shape is told by content, not by the file's name."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import InputError, SourceError
from auditor.report.escape import visible

if TYPE_CHECKING:
    from auditor.checking.entry import Entry

KNOWN = (
    "entry.yaml (also as .json), a model card with YAML front matter, an Open LLM Leaderboard request or result, an "
    "lm-eval result, or a folder of MTEB or lm-eval results"
)


def read_entry(path: str | os.PathLike[str], root: str | os.PathLike[str] = ".") -> Entry:
    """Read one entry.

    Args:
        path: a file or a folder.
        root: the checkout; an entry that lies in it by its name must lie in it when links are resolved too.
    Raises:
        SourceError: nothing is there, or it cannot be read.
        InputError: it is no entry, or holds what no entry should; the message names the line where there is one.
    """
    place = Path(path)
    # messages show the name with what cannot be seen in it; results keep it as it was given
    return replace(_read(place, Path(root), visible(os.fspath(path))), path=os.fspath(path))


def _read(place: Path, root: Path, shown: str) -> Entry:
    try:
        mode = place.stat().st_mode
    except (OSError, ValueError) as error:
        raise SourceError(f"{shown}: no such entry, or it cannot be looked at ({type(error).__name__})") from error
    _refuse_escape(place, root, shown)
    if stat.S_ISDIR(mode):
        from auditor.checking.readers.folders import read_folder

        return read_folder(place, shown)
    if not stat.S_ISREG(mode):
        raise InputError(f"{shown} is neither a file nor a folder; an entry is {KNOWN}")
    from auditor.scores.loaders.files import MAX_RESULT_BYTES, read_bytes

    if place.stat().st_size > MAX_RESULT_BYTES:
        raise InputError(f"{shown}: more than the {MAX_RESULT_BYTES // 1_000_000} MB that an entry may have")
    data = read_bytes(place, MAX_RESULT_BYTES)
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise InputError(f"{shown}: the file is empty; an entry is {KNOWN}")
    if head.startswith((b"{", b"[")):
        from auditor.checking.readers.documents import read_json_entry

        return read_json_entry(data, place, shown)
    if head.startswith(b"---") and place.suffix.lower() not in (".yaml", ".yml"):
        from auditor.checking.readers.cards import read_card

        return read_card(data, place, shown)
    if place.suffix.lower() in (".md", ".markdown"):
        raise InputError(
            f"{shown}: a model card without YAML front matter: its first line must be --- and a second --- must "
            "close it (https://huggingface.co/docs/hub/model-cards)"
        )
    if place.suffix.lower() in (".yaml", ".yml"):
        from auditor.checking.readers.own import read_own_yaml

        return read_own_yaml(data, shown)
    raise InputError(f"{shown}: no shape of an entry that is known; an entry is {KNOWN}")


def _refuse_escape(place: Path, root: Path, shown: str) -> None:
    """A link in a checkout must not make the check read, and quote, a file outside of it."""
    literal = Path(os.path.abspath(place))  # noqa: PTH100 - links must not be resolved here
    inside = Path(os.path.abspath(root))  # noqa: PTH100
    if literal.is_relative_to(inside) and not place.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{shown} is or lies behind a symbolic link that leads out of {visible(str(root))}; not read")
