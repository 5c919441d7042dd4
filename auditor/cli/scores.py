"""`auditor scores`: which scores of a leaderboard are too good for the model's size."""

from __future__ import annotations

import os
from pathlib import Path

import click

from auditor.errors import InputError


def _edges(text: str | None) -> tuple[float, ...] | None:
    """Bucket edges from a comma-separated list, or from a file of them."""
    if text is None:
        return None
    from auditor.scores.sizes import parse_size

    content = Path(text).read_text(encoding="utf-8") if Path(text).is_file() else text
    parts = [p for p in content.replace("\n", ",").replace("[", "").replace("]", "").split(",") if p.strip()]
    sizes = [parse_size(p.strip(), plain_unit=1.0) for p in parts]
    edges = tuple(s.total_b for s in sizes if s is not None)
    if not edges or len(edges) != len(parts) or list(edges) != sorted(set(edges)):
        raise InputError(
            f"--buckets {text!r}: give ascending sizes in billions, such as 1.5,3,5,9,16,40 or a file of them"
        )
    return edges


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("scores-audit"), show_default=True,
              help="Directory for outliers.csv, findings.json, summary.json, reports and figures.")  # fmt: skip
@click.option(
    "-b", "--benchmark", "benchmarks", multiple=True, metavar="NAME", help="Judge this benchmark only; repeatable."
)
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Say which column is what: model, params_b, a benchmark.",
)
@click.option("--buckets", metavar="EDGES", help="Size bucket edges in billions (1.5,3,9), or a file of them.")
@click.option(
    "--flagged",
    type=click.Path(path_type=Path),
    help="List of flagged models: not fitted, and their descendants named.",
)
@click.option(
    "--flagged-inverted", is_flag=True, help="The table's own Flagged column is true for models that are NOT flagged."
)
@click.option(
    "--join",
    type=click.Path(path_type=Path),
    help="A second board (arena ratings, a private benchmark) to compare with.",
)
@click.option(
    "--sizes-from-names",
    is_flag=True,
    help="Where the table gives no size use the one in the model's name, and say so.",
)
@click.option(
    "--min-excess", type=click.FloatRange(0, 100), help="Points above expectation that a finding needs.  [default: 3]"
)
@click.option("--figures", type=click.Choice(["main", "all", "none"]), default="main", show_default=True,
              help="Draw one benchmark, all of them, or nothing.")  # fmt: skip
@click.option("--report", "reports", multiple=True, type=click.Choice(["sarif", "junit"]),
              help="Also write the result in this form (see `auditor report`); repeatable.")  # fmt: skip
@click.option("--fail-on", type=click.Choice(["strong", "review", "never"]), default="strong", show_default=True,
              help="Exit with 1 from this verdict on.")  # fmt: skip
def scores(
    table: Path, output: Path, benchmarks: tuple[str, ...], mapping: tuple[str, ...], buckets: str | None,
    flagged: Path | None, flagged_inverted: bool, join: Path | None, sizes_from_names: bool, min_excess: float | None,
    figures: str, reports: tuple[str, ...], fail_on: str,
) -> int:  # fmt: skip
    """Find scores that are too good for the model's size, and say how sure that is.

    TABLE is a CSV, JSON or Parquet file, a model card, an lm-eval or leaderboard result file, or a directory of such
    files. Each score is compared with models of its size, and with what a robust regression on size, compute, date and
    the other benchmarks leads to expect, its own family left out.

    \b
    Example:
      auditor scores leaderboard.csv -o audit
      auditor scores board.parquet -b MMLU --map params_b="Size (B)" --flagged flagged.csv
    """
    # before numpy is loaded: matrices of thirty columns gain nothing from more threads, which only spin
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from dataclasses import replace

    from auditor.scores.audit import audit_scores
    from auditor.scores.columns import parse_mapping
    from auditor.scores.config import ScoresConfig
    from auditor.scores.outputs import write_outputs

    config = replace(ScoresConfig(), sizes_from_names=sizes_from_names)
    edges = _edges(buckets)
    if edges is not None:
        config = replace(config, bucket_edges_b=edges)
    if min_excess is not None:
        config = replace(config, min_excess=min_excess)
    audit = audit_scores(
        table,
        benchmarks=benchmarks or None,
        mapping=parse_mapping(mapping),
        flagged=flagged,
        flagged_inverted=flagged_inverted,
        join=join,
        config=config,
    )
    write_outputs(audit, output, figures=figures)
    if reports:
        from auditor.report.formats import write_formats

        write_formats(output, reports)
    for found in audit.benchmarks:
        missing = found.count("not_judged")
        click.echo(
            f"{found.name}: {found.count('strong')} strong, {found.count('review')} review, "
            f"{found.count('none')} as expected, {missing} not judged"
        )
    for note in audit.table.notes:
        click.echo(f"note: {note}", err=True)
    skipped = sum(audit.table.skips.values())
    if skipped:
        told = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in audit.table.skips.items())
        click.echo(f"skipped: {told}", err=True)
    click.echo(f"report: {output / 'report.md'}")
    if (fail_on == "strong" and audit.worst == "strong") or (fail_on == "review" and audit.worst != "none"):
        return 1
    return 3 if audit.lost else 0
