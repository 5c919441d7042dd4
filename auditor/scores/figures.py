"""Figures of a score audit as SVG: the same audit gives the same bytes, and they read in light and in dark.

A figure stands on its own light card, since a page cannot tell an image which theme it is shown in. Flagged points
differ in shape as well as colour; their names stand in a column beside the plot, joined to the point by a line, so that
no two labels ever overlap. The numbers are in the report's tables.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.errors import MissingExtraError
from auditor.report.escape import truncate, visible
from auditor.report.files import write_text
from auditor.scores.band import size_band
from auditor.scores.known import benchmark_key
from auditor.scores.verdicts import REVIEW, STRONG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from auditor.scores.audit import BenchmarkAudit, ScoresAudit

CARD, INK, FAINT, GRID = "#ffffff", "#1f2328", "#8c959f", "#e3e7eb"
BAND, LINE = "#b6d4f2", "#0969da"
STRONG_COLOUR, REVIEW_COLOUR = "#cf222e", "#9a6700"
LABELS = 12
"""Flagged models that are named in a figure, most conspicuous first; all are in the table under it."""
MANY_POINTS = 800
"""From here ordinary points are drawn as one picture inside the SVG, or the file would be megabytes."""
MAX_POINTS = 15_000
STYLE = {
    "svg.hashsalt": "auditor", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 10.5,
    "figure.facecolor": CARD, "axes.facecolor": CARD, "savefig.facecolor": CARD, "axes.edgecolor": FAINT,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.grid": True,
    "grid.color": GRID, "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
    "text.usetex": False, "text.parse_math": False, "axes.unicode_minus": False,
}  # fmt: skip


def _plotting() -> Any:
    try:
        import matplotlib as mpl
    except ImportError as error:  # pragma: no cover - matplotlib comes with the test environment
        raise MissingExtraError("drawing figures (or give --no-figures)", "plots") from error
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    return mpl, Figure, FigureCanvasSVG


def _crowd(axes: Any, x: NDArray[Any], y: NDArray[Any], show: NDArray[np.bool_]) -> None:
    """All models as faint points; of very many every k-th, which looks the same."""
    rows = np.flatnonzero(show)
    rows = rows[:: max(1, len(rows) // MAX_POINTS)]
    axes.scatter(
        x[rows],
        y[rows],
        s=9,
        c=FAINT,
        alpha=0.45,
        linewidths=0,
        zorder=2,
        rasterized=len(rows) > MANY_POINTS,
        label="models",
    )


def _save(figure: Any, path: Path) -> None:
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "auditor"}, dpi=110)
    # matplotlib repeats every text as a comment, strangers' names among them, and ends some lines in blanks
    drawn = re.sub(r"<!--.*?-->", "", out.getvalue().decode(), flags=re.S)
    write_text(path, re.sub(r"[ \t]+\n", "\n", drawn))


def _label(model: str) -> str:
    shown = visible(model.rsplit("/", 1)[-1])
    # the figure's font has no glyphs beyond Latin, Greek and Cyrillic; the table has the whole name
    return truncate("".join(c if ord(c) < 0x530 else "?" for c in shown), 34)


def _label_column(axes: Any, points: list[tuple[float, float, str, str]]) -> None:
    """Names in a column right of the plot, in the order of the points' heights, each joined to its point."""
    if not points:
        return
    low, high = axes.get_ylim()
    points = sorted(points, key=lambda p: p[1])
    gap = 0.062
    places = [(p[1] - low) / (high - low) for p in points]
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + gap)
    overflow = places[-1] - 1.0
    if overflow > 0:
        places[-1] = 1.0
        for k in range(len(places) - 2, -1, -1):
            places[k] = min(places[k], places[k + 1] - gap)
    for (x, y, name, colour), place in zip(points, places, strict=True):
        axes.annotate(
            name,
            xy=(x, y),
            xycoords="data",
            xytext=(1.03, place),
            textcoords="axes fraction",
            va="center",
            ha="left",
            fontsize=9.5,
            color=colour,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "lw": 0.6,
                "alpha": 0.6,
                "shrinkA": 2,
                "shrinkB": 4,
                "relpos": (0.0, 0.5),
            },
        )


def _flag_points(axes: Any, x: NDArray[Any], y: NDArray[Any], found: BenchmarkAudit, show: NDArray[np.bool_]) -> None:
    for verdict, marker, colour, label in (
        (REVIEW, "D", REVIEW_COLOUR, "review"), (STRONG, "^", STRONG_COLOUR, "strong"),
    ):  # fmt: skip
        rows = show & (found.verdicts == verdict)
        if rows.any():
            axes.scatter(x[rows], y[rows], s=46 if verdict == STRONG else 26, marker=marker, c=colour, linewidths=0.6,
                         edgecolors=CARD, zorder=4, label=f"{label} ({int(rows.sum())})")  # fmt: skip


def _named(
    audit: ScoresAudit, found: BenchmarkAudit, x: NDArray[Any], y: NDArray[Any], show: NDArray[np.bool_]
) -> list[Any]:
    judged = found.judgement
    rows = np.flatnonzero(show & ((judged.verdict == STRONG) | (judged.verdict == REVIEW)))
    rows = rows[np.lexsort((rows, judged.p[rows], -judged.verdict[rows]))]
    chosen: dict[str, Any] = {}
    for i in rows:
        name = _label(audit.table.models[i])
        colour = STRONG_COLOUR if judged.verdict[i] == STRONG else REVIEW_COLOUR
        if len(chosen) < LABELS and name not in chosen:
            chosen[name] = (float(x[i]), float(y[i]), name, colour)
    return list(chosen.values())


def _frame(title: str, subtitle: str) -> tuple[Any, Any]:
    _, figure_class, canvas = _plotting()
    figure = figure_class(figsize=(9.0, 5.2))
    canvas(figure)
    axes = figure.add_axes((0.08, 0.12, 0.62, 0.72))
    figure.text(0.08, 0.945, title, fontsize=13, fontweight="bold")
    figure.text(0.08, 0.895, subtitle, fontsize=9.5, color="#57606a")
    return figure, axes


def _legend(axes: Any, place: str = "lower right") -> None:
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(loc=place, fontsize=9, frameon=True, framealpha=0.9, edgecolor=GRID)


def _size_axis(axes: Any, size: NDArray[Any]) -> None:
    axes.set_xscale("log")
    ticks = [t for t in (0.1, 0.3, 1, 3, 7, 13, 34, 70, 180, 400, 1000) if size.min() * 0.8 <= t <= size.max() * 1.25]
    axes.set_xticks(ticks or [float(size.min())], [f"{t:g}" for t in ticks] or [f"{size.min():g}"])
    axes.minorticks_off()
    axes.set_xlabel("parameters, billions (log scale)")


def draw_score(audit: ScoresAudit, found: BenchmarkAudit) -> Any:
    """Score against log size, with the band that the size-only fit leads to expect."""
    table, size, score = audit.table, audit.table.params_b, 100 * audit.table.scores[:, found.column]
    show = np.isfinite(size) & np.isfinite(score)
    figure, axes = _frame(
        f"{_label(found.name)}: score against size",
        f"{int(show.sum()):,} models; band: 95 % of models of that size, by the size-only fit, family left out",
    )
    _crowd(axes, size, score, show)
    band = size_band(audit, found)
    if band is not None:
        axes.fill_between(
            band.params_b, band.low, band.high, color=BAND, alpha=0.55, linewidth=0, zorder=1, label="expected, 95 %"
        )
        axes.plot(band.params_b, band.expected, color=LINE, lw=1.6, zorder=3)
    ceiling = table.benchmarks[found.column].chance_ceiling
    if ceiling:
        axes.axhline(100 * ceiling, color=FAINT, lw=0.9, ls=":", zorder=1)
    _flag_points(axes, size, score, found, show)
    _size_axis(axes, size[show])
    axes.set_ylabel(f"{_label(found.name)}, points")
    _label_column(axes, _named(audit, found, size, score, show))
    _legend(axes)
    return figure


def draw_buckets(audit: ScoresAudit, found: BenchmarkAudit) -> Any:
    """The community's plot: standard deviations within each size bucket."""
    buckets = found.buckets
    show = np.isfinite(buckets.z)
    used = [k for k, b in enumerate(buckets.buckets) if (show & (buckets.index == k)).any()]
    position = {k: i for i, k in enumerate(used)}
    figure, axes = _frame(
        f"{_label(found.name)}: standard deviations within size buckets",
        "the plain z that communities plot; a z cannot exceed (n-1)/sqrt(n), drawn as a bar, so small buckets "
        "flag nobody",
    )
    # spread sideways by rank and not at random: the same table, the same picture
    place = np.full(len(show), np.nan)
    for k in used:
        rows = np.flatnonzero(show & (buckets.index == k))
        place[rows] = position[k] + ((np.arange(len(rows)) * 0.6180339887) % 1.0 - 0.5) * 0.7
        n = buckets.buckets[k].n
        if n > 1:
            limit = (n - 1) / np.sqrt(n)
            if limit < 6:
                axes.plot([position[k] - 0.4, position[k] + 0.4], [limit, limit], color=INK, lw=2, zorder=3)
    _crowd(axes, place, buckets.z, show)
    axes.axhline(2, color=LINE, lw=1, ls="--", zorder=1)
    _flag_points(axes, place, buckets.z, found, show)
    axes.set_xticks(
        range(len(used)), [f"{buckets.buckets[k].label}\nn={buckets.buckets[k].n:,}" for k in used], fontsize=8.5
    )
    axes.set_ylabel("z in its size bucket")
    axes.set_xlim(-0.6, max(len(used) - 0.4, 0.6))
    _label_column(axes, _named(audit, found, place, buckets.z, show))
    _legend(axes)
    return figure


def draw_residuals(audit: ScoresAudit, found: BenchmarkAudit) -> Any | None:
    """z from the size-only fit against z from the other-benchmarks fit; None where there is no second fit."""
    if found.adjusted is None or found.adjusted.others is None:
        return None
    x, y = found.adjusted.size.z, found.adjusted.others.z
    show = np.isfinite(x) & np.isfinite(y)
    figure, axes = _frame(
        f"{_label(found.name)}: two expectations compared",
        "right: high for its size; up: high beside its other benchmarks; up and right is what leaked scores look like",
    )
    limit = 14.0
    a, b = np.clip(x, -limit, limit), np.clip(y, -limit, limit)
    _crowd(axes, a, b, show)
    for line in (axes.axhline, axes.axvline):
        line(0, color=FAINT, lw=0.8, zorder=1)
        line(audit.config.agree_z, color=LINE, lw=1, ls="--", zorder=1)
    _flag_points(axes, a, b, found, show)
    axes.set_xlabel("z from its size alone")
    axes.set_ylabel("z from its other benchmarks")
    _label_column(axes, _named(audit, found, a, b, show))
    _legend(axes)
    return figure


def draw_pareto(audit: ScoresAudit, found: BenchmarkAudit) -> Any:
    """Error against size with the front now, without flagged models, and at three earlier days where dates are
    known."""
    table = audit.table
    size, error = table.params_b, 100 * (1 - table.scores[:, found.column])
    show = np.isfinite(size) & np.isfinite(error)
    figure, axes = _frame(
        f"{_label(found.name)}: error against size, and the Pareto front",
        "on the front no model at most as large makes fewer errors; dashed: without the flagged models",
    )
    _crowd(axes, size, error, show)
    for rows, style, colour, label in (
        (found.pareto.by_params.rows, "-", LINE, "front now"),
        (found.pareto.by_params_unflagged.rows, "--", INK, "front without flagged"),
    ):
        if len(rows):
            axes.step(size[rows], error[rows], where="post", ls=style, lw=1.6, color=colour, zorder=3, label=label)
    days = table.dates[show & np.isfinite(table.dates)]
    if len(days) >= 20 and np.ptp(days) > 30:
        from auditor.scores.pareto import pareto_front

        for share, tone in zip((0.25, 0.5, 0.75), ("#d0d7de", "#afb8c1", "#8c959f"), strict=True):
            day = float(np.quantile(days, share))
            with np.errstate(invalid="ignore"):
                rows = pareto_front(size, error, show & (table.dates <= day)).rows
            when = str(np.datetime64(int(day), "D"))
            axes.step(size[rows], error[rows], where="post", lw=1.2, color=tone, zorder=2.5, label=f"front on {when}")
    _flag_points(axes, size, error, found, show)
    _size_axis(axes, size[show])
    axes.set_ylabel("error, points (lower is better)")
    _label_column(axes, _named(audit, found, size, error, show))
    _legend(axes, "upper right")
    return figure


def file_name(benchmark: str) -> str:
    """A benchmark's name as a part of a file's name."""
    return benchmark_key(benchmark)[:40] or "benchmark"


def draw_figures(audit: ScoresAudit, directory: Path, benchmarks: tuple[str, ...] | None = None) -> dict[str, str]:
    """Draw the four figures of each benchmark; returns path relative to the run (`figures/…`) to alt text.

    Args:
        audit: the audit.
        directory: the run's `figures`.
        benchmarks: those to draw; where None, MMLU if it was judged, else the first.
    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: a file cannot be written.
    """
    mpl, _, _ = _plotting()
    names = [b.name for b in audit.benchmarks]
    wanted = benchmarks or ("MMLU" if "MMLU" in names else names[0],)
    draw: tuple[tuple[str, Callable[[ScoresAudit, BenchmarkAudit], Any | None], str], ...] = (
        ("score", draw_score, "score against size with the expected band"),
        ("buckets", draw_buckets, "standard deviations within size buckets"),
        ("residuals", draw_residuals, "residuals of the two fits against each other"),
        ("pareto", draw_pareto, "Pareto front of error against size"),
    )
    drawn: dict[str, str] = {}
    with mpl.rc_context(STYLE):
        for found in audit.benchmarks:
            size = audit.table.params_b
            if (
                found.name not in wanted
                or not (np.isfinite(size) & np.isfinite(audit.table.scores[:, found.column])).any()
            ):
                continue
            for kind, function, words in draw:
                figure = function(audit, found)
                if figure is None:
                    continue
                name = f"{kind}_{file_name(found.name)}.svg"
                _save(figure, directory / name)
                drawn[f"figures/{name}"] = (
                    f"{found.name}: {words}; {found.count('strong')} models strong, {found.count('review')} for "
                    f"review, "
                    f"{found.count('none')} as expected"
                )
    return drawn
