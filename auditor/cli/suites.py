"""`auditor suites`: the catalog of benchmarks, their facts, and their copies in the cache."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.suites.catalog import CatalogEntry
    from auditor.types import Benchmark

EXCERPT = 160
"""Characters of an item that are shown: enough to recognise it, not enough to leak it."""


@click.group()
def suites() -> None:
    """The catalog of benchmarks: list, fetch, show.

    \b
    Example:
      auditor suites list --kind math
    """


@suites.command("list")
@click.option("--kind", help="Only benchmarks of this kind, such as math or code.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.option("--cache-dir", type=click.Path(file_okay=False), help="Where fetched benchmarks are kept.")
def list_(kind: str | None, as_json: bool, cache_dir: str | None) -> None:
    """List the benchmarks that -b takes by name.

    \b
    Example:
      auditor suites list --kind math
    """
    from auditor.suites.catalog import KINDS, catalog

    if kind is not None and kind not in KINDS:
        raise click.BadParameter(
            f"{kind!r} is no kind of benchmark; the kinds are {', '.join(KINDS)}", param_hint="--kind"
        )
    entries = [entry for entry in catalog() if kind in (None, entry.kind)]
    if as_json:
        click.echo(json.dumps([facts_of(entry, cache_dir) for entry in entries], indent=2, ensure_ascii=False))
        return
    rows = [
        [
            entry.name,
            entry.kind,
            "?" if entry.items is None else f"{entry.items:,}",
            _share(entry.chance),
            entry.licence or "-",
            "yes" if _fetched(entry, cache_dir) else "",
            entry.hub,
        ]
        for entry in entries
    ]
    show_table(["name", "kind", "items", "chance", "licence", "cached", "on the hub"], rows, right=(2, 3))


@suites.command("show")
@click.argument("benchmark")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
@click.option("--schema", help="What the fields are, where they are not recognised: question=FIELD,answer=FIELD,…")
@click.option("--fetch", "may_fetch", is_flag=True, help="Fetch a catalog benchmark that is not in the cache.")
@click.option("--cache-dir", type=click.Path(file_okay=False), help="Where fetched benchmarks are kept.")
def show(benchmark: str, as_json: bool, schema: str | None, may_fetch: bool, cache_dir: str | None) -> None:
    """Show what is known of BENCHMARK (a catalog name, a path, or name=path) and what its items look like.

    \b
    Examples:
      auditor suites show gsm8k
      auditor suites show my_items.jsonl
    """
    from auditor.suites.load import load_spec
    from auditor.suites.spec import parse_spec

    spec = parse_spec(benchmark)
    facts: dict[str, Any] = (
        facts_of(spec.entry, cache_dir) if spec.entry else {"name": spec.name, "source": spec.target}
    )
    loaded = None
    if spec.entry is None or may_fetch or facts["cached"]:
        loaded = load_spec(spec, schema=schema, cache_dir=cache_dir, offline=not may_fetch)
        facts |= reading_of(loaded)
    if spec.entry and loaded is not None:
        # after a fetch just now
        facts |= {"cached": True, "commit": loaded.revision}
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    _show_facts(facts)
    if loaded is None and spec.entry is not None:
        click.echo(f"\nnot in the cache; `auditor suites fetch {spec.entry.name}` gets it")


@suites.command("fetch")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option(
    "--all", "every", is_flag=True, help="Fetch the whole catalog, gated benchmarks left out without HF_TOKEN."
)
@click.option("--force", is_flag=True, help="Fetch again what is cached: the way out of a damaged cache.")
@click.option("--cache-dir", type=click.Path(file_okay=False), help="Where fetched benchmarks are kept.")
@click.option("--endpoint", help="The hub's address, instead of $HF_ENDPOINT.")
def fetch(names: tuple[str, ...], every: bool, force: bool, cache_dir: str | None, endpoint: str | None) -> None:
    """Fetch benchmarks from the Hugging Face hub into the cache, for use without a network.

    A benchmark that the catalog does not pin keeps the commit of its first fetch, also with --force; remove its
    directory from the cache to get a newer one.

    \b
    Example:
      auditor suites fetch mmlu gsm8k
    """
    import os

    from auditor.errors import FetchError
    from auditor.suites.catalog import catalog
    from auditor.suites.hub import fetch as fetch_entry

    if bool(names) == every:
        raise click.UsageError("name the benchmarks to fetch, or give --all")
    entries = list(catalog()) if every else [_entry_named(name) for name in names]
    if every and not os.environ.get("HF_TOKEN"):
        for entry in entries:
            if entry.gated:
                click.echo(f"{entry.name}: left out, since it needs a token (HF_TOKEN)", err=True)
        entries = [entry for entry in entries if not entry.gated]
    failed = []
    for entry in entries:
        try:
            got = fetch_entry(entry, cache_dir=cache_dir, endpoint=endpoint, force=force)
        except FetchError as error:
            if len(entries) == 1:
                raise
            failed.append(entry.name)
            click.echo(f"error: {error}", err=True)
        else:
            size = sum(file.bytes for file in got.files)
            click.echo(
                f"{entry.name}: {len(got.files)} files, {size:,} bytes, commit {got.commit[:12]}, {got.directory}"
            )
    if failed:
        raise FetchError(f"{len(failed)} of {len(entries)} benchmarks could not be fetched: {', '.join(failed)}")


def _entry_named(name: str) -> CatalogEntry:
    from auditor.errors import UnknownBenchmarkError
    from auditor.suites.catalog import find_entry, nearest_names

    entry = find_entry(name)
    if entry is None:
        near = nearest_names(name)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise UnknownBenchmarkError(f"unknown benchmark {name!r}: it is not in the catalog.{meant}")
    return entry


def facts_of(entry: CatalogEntry, cache_dir: str | None) -> dict[str, Any]:
    """What the catalog and the cache know of a benchmark, as JSON values."""
    from auditor.errors import FetchError
    from auditor.suites.cache import read_manifest

    problem = None
    try:
        manifest = read_manifest(entry, cache_dir)
    except FetchError as error:
        manifest, problem = None, str(error)
    return {
        "name": entry.name,
        "title": entry.title,
        "aliases": list(entry.aliases),
        "kind": entry.kind,
        "hub": entry.hub,
        "configs": list(entry.configs),
        "splits": list(entry.splits),
        "revision": entry.revision or "unpinned",
        "items": entry.items,
        "chance": entry.chance,
        "licence": entry.licence or None,
        "paper": f"https://arxiv.org/abs/{entry.arxiv}" if entry.arxiv else None,
        "homepage": entry.homepage or f"https://huggingface.co/datasets/{entry.hub}",
        "gated": entry.gated,
        "note": entry.note or None,
        "cached": manifest is not None,
        "commit": manifest["commit"] if manifest else None,
        "cache_problem": problem,
    }


def reading_of(benchmark: Benchmark) -> dict[str, Any]:
    """What was read of a benchmark, as JSON values: counts, skips, warnings, and an excerpt of one item."""
    from collections import Counter

    from auditor.suites.describe import SHORT_WORDS, excerpt, words_in

    items = benchmark.items
    return {
        "items_read": len(items),
        "items_by_split": dict(sorted(Counter(item.split or "(none)" for item in items).items())),
        "subsets": len({item.subset for item in items if item.subset}),
        "items_with_choices": sum(bool(item.choices) for item in items),
        "items_with_answer": sum(bool(item.answers) for item in items),
        "items_with_passage": sum(bool(item.passage) for item in items),
        f"items_under_{SHORT_WORDS}_words": sum(words_in(item) < SHORT_WORDS for item in items),
        "skipped": dict(benchmark.skipped),
        "warnings": list(benchmark.warnings),
        "sha256": benchmark.sha256,
        "example_id": items[0].item_id,
        "example": excerpt(items[0].question, EXCERPT),
    }


def _fetched(entry: CatalogEntry, cache_dir: str | None) -> bool:
    from auditor.suites.cache import MANIFEST, cache_root

    return (cache_root(cache_dir) / entry.name / MANIFEST).is_file()


def _share(chance: float | None) -> str:
    return "-" if chance is None else f"{chance:.3g}"


def _show_facts(facts: dict[str, Any]) -> None:
    from auditor.suites.describe import printable

    width = max(map(len, facts)) + 2
    for name, value in facts.items():
        if value in (None, "", [], {}, False):
            continue
        label = name.replace("_", " ").ljust(width)
        if isinstance(value, list):
            shown = (", " if name != "warnings" else "; ").join(map(str, value))
        elif isinstance(value, dict):
            shown = ", ".join(f"{key}: {count:,}" for key, count in value.items())
        elif isinstance(value, bool):
            shown = "yes"
        else:
            shown = f"{value:,}" if isinstance(value, int) else str(value)
        click.echo(f"{label}{printable(shown)}")


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Print rows: as a drawn table on a terminal, as aligned plain text for another program."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column, name in enumerate(header):
            table.add_column(name, justify="right" if column in right else "left", no_wrap=column == 0)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]
    for line in (header, *rows):
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
