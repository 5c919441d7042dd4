"""Read any shape of leaderboard table or entry that `formats.md` lists into a RawTable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import InputError, SourceError

if TYPE_CHECKING:
    from auditor.scores.table import RawTable


def load_raw(path: str | Path) -> RawTable:
    """Read a table, a result file, a model card, or a directory of any of these.

    The shape is told by content: magic bytes before the extension, and the keys of a JSON document before its name.

    Raises:
        SourceError: nothing is there, or it cannot be read.
        InputError: it is no shape that is known.
    """
    place = Path(path)
    if not place.exists():
        raise SourceError(f"{path}: no such file or directory")
    if place.is_dir():
        from auditor.scores.loaders.directories import read_directory

        return read_directory(place)
    from auditor.scores.loaders.files import MAX_BYTES, read_bytes
    from auditor.scores.loaders.tabular import read_csv, read_json_table, read_parquet

    size = place.stat().st_size
    if size > MAX_BYTES:
        raise InputError(f"{path}: {size / 1e6:,.0f} MB is more than a leaderboard ({MAX_BYTES / 1e6:,.0f} MB at most)")
    if size == 0:
        raise InputError(f"{path}: the file is empty")
    head = read_bytes(place, 4096)
    if head[:4] == b"PAR1":
        return read_parquet(place)
    if head[:2] == b"\x1f\x8b" or head[:4] == b"\x28\xb5\x2f\xfd" or head[:2] == b"PK":
        raise InputError(f"{path}: a compressed file; unpack it first")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"---"):
        from auditor.scores.loaders.cards import read_card

        return read_card(place)
    if text[:1] in (b"{", b"["):
        return read_json_table(place)
    if place.suffix.lower() in (".md", ".markdown"):
        raise InputError(f"{path}: a model card without YAML front matter (it must begin with a line of ---)")
    if place.suffix.lower() in (".yaml", ".yml"):
        from auditor.scores.loaders.cards import read_yaml_entry

        return read_yaml_entry(place)
    return read_csv(place)
