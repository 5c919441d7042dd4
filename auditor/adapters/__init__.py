"""The scanner inside other people's pipelines: datatrove and Spark. Each module is imported only when asked for."""

from __future__ import annotations

from auditor.adapters.batches import BatchScanner

__all__ = ["BatchScanner"]
