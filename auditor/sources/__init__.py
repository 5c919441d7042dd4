"""Training sources: files, directories, globs and URLs as blocks of records, in a fixed order and in flat memory."""

from __future__ import annotations

from auditor.sources.blocks import Block, BlockStream, Columns, JsonLines, Piece, TextPieces
from auditor.sources.describe import describe_fields, no_text_field
from auditor.sources.discover import Source, discover
from auditor.sources.open import open_source, skip_of
from auditor.sources.options import ReadOptions
from auditor.sources.shapes import KNOWN_KEYS, TextField, has_text, text_fields

__all__ = [
    "KNOWN_KEYS",
    "Block",
    "BlockStream",
    "Columns",
    "JsonLines",
    "Piece",
    "ReadOptions",
    "Source",
    "TextField",
    "TextPieces",
    "describe_fields",
    "discover",
    "has_text",
    "no_text_field",
    "open_source",
    "skip_of",
    "text_fields",
]
