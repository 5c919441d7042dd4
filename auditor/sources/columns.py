"""Texts of a table: leaves of its columns, flattened without making Python objects; and single rows as records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.sources import shapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.options import ReadOptions


@dataclass(frozen=True, slots=True)
class LeafStrings:
    """All strings at one place of a table's schema."""

    path: str
    """The place, with `[]` for list positions: `messages[].content`."""
    data: pa.Array
    """Strings without nulls, string or large_string, shape (leaves,)."""
    row: np.ndarray[Any, np.dtype[np.int64]]
    """0-based row in the batch of each leaf, shape (leaves,), ascending."""


def column_fields(batch: pa.RecordBatch, options: ReadOptions) -> list[LeafStrings]:
    """The strings of a batch that are text, by place. `record_at` and `text_fields` name a single row's exactly."""
    fits = text_rows(batch, options)
    if not fits.any():
        return []
    rows = np.arange(batch.num_rows, dtype=np.int64)
    leaves: list[LeafStrings] = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if shapes.is_text_path((name,), options, prefix=True):
            leaves.extend(_leaves(column, rows, (name,), options))
    return leaves if fits.all() else [_only(leaf, fits) for leaf in leaves]


def _only(leaf: LeafStrings, fits: np.ndarray[Any, np.dtype[np.bool_]]) -> LeafStrings:
    keep = fits[leaf.row]
    return LeafStrings(leaf.path, leaf.data.filter(pa.array(keep)), leaf.row[keep])


def text_rows(batch: pa.RecordBatch, options: ReadOptions) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows fit a shape, shape (rows,): the others are records without text ("no_text_field"), or skips."""
    fits = np.zeros(batch.num_rows, np.bool_)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if shapes.has_text(frozenset((name,)), options):
            fits |= column.is_valid().to_numpy(zero_copy_only=False)
    return fits


def text_columns(schema: pa.Schema, options: ReadOptions) -> list[str]:
    """Names of the columns that may hold text; empty where no shape fits."""
    if not has_text_columns(schema, options):
        return []
    return [name for name in schema.names if shapes.is_text_path((name,), options, prefix=True)]


def has_text_columns(schema: pa.Schema, options: ReadOptions) -> bool:
    """Whether the columns fit a shape."""
    return shapes.has_text(frozenset(schema.names), options)


def record_at(batch: pa.RecordBatch, row: int) -> dict[str, Any]:
    """One row as a record for `auditor.sources.shapes.text_fields`; text that is no UTF-8 has U+FFFD in it."""
    record = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        cell = column.slice(row, 1)
        try:
            record[name] = cell.to_pylist()[0]
        except UnicodeDecodeError:
            record[name] = _lenient(cell.cast(_as_binary(cell.type)).to_pylist()[0])
    return record


def _as_binary(kind: pa.DataType) -> pa.DataType:
    """A type with binary in the place of its strings."""
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_as_binary(field.type)) for field in kind])
    if _is_list(kind):
        return pa.large_list(_as_binary(kind.value_type))
    if pa.types.is_dictionary(kind):
        return _as_binary(kind.value_type)
    return pa.large_binary() if _is_text(kind) else kind


def _lenient(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [_lenient(inner) for inner in value]
    return {key: _lenient(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _leaves(array: pa.Array, rows: Any, path: shapes.Path, options: ReadOptions) -> Iterator[LeafStrings]:
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        array, kind = array.storage, array.type.storage_type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if _is_list(kind):
        parents = pc.list_parent_indices(array)
        yield from _leaves(pc.list_flatten(array), rows[parents.to_numpy()], (*path, 0), options)
    elif pa.types.is_struct(kind):
        for position in range(kind.num_fields):
            inner = (*path, kind.field(position).name)
            if shapes.is_text_path(inner, options, prefix=True):
                yield from _leaves(pc.struct_field(array, [position]), rows, inner, options)
    elif _is_text(kind) and shapes.is_text_path(path, options):
        if pa.types.is_string_view(kind):
            array = array.cast(pa.large_string())
        if array.null_count:
            valid = array.is_valid()
            array, rows = array.filter(valid), rows[valid.to_numpy(zero_copy_only=False)]
        yield LeafStrings(shapes.path_name(path).replace("[0]", "[]"), array, rows)


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
