"""What a source holds where no field of it is text: the error names the fields that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from auditor.errors import SourceError
from auditor.sources.blocks import Columns, JsonLines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.sources.blocks import Block

SNIFFED_RECORDS = 1_000
"""Records that are looked at before a source is said to have no text."""
SHOWN_FIELDS = 40
SHOWN_CHARS = 60


def describe_fields(block: Block) -> list[str]:
    """Names of the fields of a block's first 1,000 records, in order of appearance; dotted where they are nested."""
    if isinstance(block.payload, Columns):
        return list(block.payload.batch.schema.names)
    names: dict[str, None] = {}
    if isinstance(block.payload, JsonLines):
        for line in bytes(block.payload.data).split(b"\n", SNIFFED_RECORDS)[:SNIFFED_RECORDS]:
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(record, dict):
                names.update(dict.fromkeys(_names(record)))
    else:
        names.update(dict.fromkeys(piece.field for piece in block.payload.pieces))
    return list(names)


def _names(record: dict[str, Any]) -> list[str]:
    names = []
    for key, value in record.items():
        names.append(key)
        if isinstance(value, dict):
            names += [f"{key}.{inner}" for inner, nested in value.items() if isinstance(nested, str)]
    return names


def no_text_field(source: str, fields: Sequence[str]) -> SourceError:
    """The error for a source of which no record fits a shape."""
    shown = [field if len(field) <= SHOWN_CHARS else field[:SHOWN_CHARS] + "…" for field in fields[:SHOWN_FIELDS]]
    # names come from the file: control characters in them must not reach a terminal
    listed = ", ".join("".join(char if char.isprintable() else "�" for char in field) for field in shown)
    more = f" and {len(fields) - SHOWN_FIELDS} more" if len(fields) > SHOWN_FIELDS else ""
    return SourceError(f"no text field in {source}; fields that are there: {listed or 'none'}{more}; use --text-field")
