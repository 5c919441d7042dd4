"""What a judge is shown of a pair: the record's part that matched, and the whole item that it is held against.

A match carries the matched part of both sides, and two equal halves would always be the same problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from auditor.index import BenchmarkIndex
    from auditor.types import Item, Match


def with_whole_items(index: BenchmarkIndex, matches: Iterable[Match]) -> Callable[[Match], tuple[str, str]]:
    """For `Judge.ask`: a match's training excerpt, and its item's question, options and passage.

    Where the index has no such item, or several that cannot be told apart, the item's excerpt stands for it.

    Args:
        index: of the benchmarks that were looked for.
        matches: those that will be asked about.
    """
    wanted = {(match.benchmark, match.split, match.item_id) for match in matches}
    found: dict[tuple[str, str, str], list[Item]] = {}
    for number in range(index.item_count):
        if wanted and not index.is_decoy(number):
            item = index.item(number)
            key = (index.benchmark_of(number).name, item.split, item.item_id)
            if key in wanted:
                found.setdefault(key, []).append(item)

    def texts(match: Match) -> tuple[str, str]:
        begin, end = match.item_span
        excerpt = match.item_excerpt.removesuffix("…")
        items = found.get((match.benchmark, match.split, match.item_id), [])
        if len(items) > 1:
            # subsets may number their items alike
            items = [item for item in items if item.question[begin:end].startswith(excerpt)]
        return match.train_excerpt, _shown(items[0]) if items else match.item_excerpt

    return texts


def _shown(item: Item) -> str:
    """The question first: where the text is too long, it is the passage that is cut."""
    return "\n\n".join(part for part in (item.question, "\n".join(item.choices), item.passage) if part)
