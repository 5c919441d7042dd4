"""Benchmarks as items: the readers of their formats, the catalog of well-known ones, and its cache."""

from __future__ import annotations

from auditor.suites.catalog import CatalogEntry, catalog, find_entry
from auditor.suites.load import load_benchmark, load_benchmarks
from auditor.suites.spec import BenchmarkSpec, parse_spec

__all__ = [
    "BenchmarkSpec",
    "CatalogEntry",
    "catalog",
    "find_entry",
    "load_benchmark",
    "load_benchmarks",
    "parse_spec",
]
