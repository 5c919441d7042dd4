"""All that a scanner is made of, in a form that travels to other processes: pickled whole, or shared without a copy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from auditor.index import BenchmarkIndex
from auditor.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from auditor.config import ScanConfig
    from auditor.index import BenchmarkInfo, Weights
    from auditor.sources import ReadOptions


@dataclass(frozen=True, slots=True)
class Shared:
    """An index, its weights, and how to scan and read. Its arrays go through a pickle of protocol 5 out of band."""

    benchmarks: tuple[BenchmarkInfo, ...]
    parameters: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    items: NDArray[np.uint8]
    weights: Weights
    config: ScanConfig
    options: ReadOptions

    @classmethod
    def of(cls, index: BenchmarkIndex, weights: Weights, config: ScanConfig, options: ReadOptions) -> Shared:
        """What a scanner of these is made of."""
        items = np.frombuffer(index.items_data(), np.uint8)
        return cls(index.benchmarks, index.parameters, index.arrays, items, weights, config, options)

    def digest(self) -> str:
        """Hexadecimal xxh3_128 of the index and its weights."""
        weights = self.weights
        hashed = xxhash.xxh3_128(
            repr((self.benchmarks, sorted(self.parameters.items()), weights.unknown_word)).encode()
        )
        learnt = (weights.word, weights.gram_df, weights.table.weight, weights.table.threshold)
        for array in (*(self.arrays[name] for name in sorted(self.arrays)), self.items, *learnt):
            hashed.update(memoryview(np.ascontiguousarray(array)).cast("B"))  # type: ignore[arg-type]
        return hashed.hexdigest()

    def scanner(self) -> Scanner:
        """The scanner."""
        index = BenchmarkIndex(self.benchmarks, dict(self.parameters), dict(self.arrays), memoryview(self.items))  # type: ignore[arg-type]
        table = self.weights.table
        # kernels are compiled for arrays that may be written to and for others: these two are of the first kind where
        # the scan began
        table = table._replace(weight=table.weight.copy(), threshold=table.threshold.copy())
        from auditor.rephrase.loading import rephraser_of

        rephraser = rephraser_of(index, self.config)
        return Scanner(index, replace(self.weights, table=table), self.config, self.options, rephraser)
