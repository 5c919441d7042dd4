"""Audit training sets and leaderboards: can this benchmark score be believed?

Importing this package loads no torch, numba, pyarrow or matplotlib; what a name needs is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_LAZY = {
    "audit_scores": "auditor.scores.audit",
    "check_entries": "auditor.checking.check",
    "check_entry": "auditor.checking.check",
    "BenchmarkIndex": "auditor.index",
    "ReadOptions": "auditor.sources",
    "ScanConfig": "auditor.config",
    "ScanResult": "auditor.results",
    "load_benchmark": "auditor.suites",
    "scan": "auditor.scanning",
    "write_reports": "auditor.report.formats",
}
"""Public names and the module each is loaded from on first use."""

if TYPE_CHECKING:
    from auditor.checking.check import check_entries as check_entries
    from auditor.checking.check import check_entry as check_entry
    from auditor.config import ScanConfig as ScanConfig
    from auditor.index import BenchmarkIndex as BenchmarkIndex
    from auditor.report.formats import write_reports as write_reports
    from auditor.results import ScanResult as ScanResult
    from auditor.scanning import scan as scan
    from auditor.scores.audit import audit_scores as audit_scores
    from auditor.sources import ReadOptions as ReadOptions
    from auditor.suites import load_benchmark as load_benchmark

__all__ = [
    "BenchmarkIndex",
    "ReadOptions",
    "ScanConfig",
    "ScanResult",
    "__version__",
    "check_entries",
    "check_entry",
    "load_benchmark",
    "scan",
    "write_reports",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'auditor' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
