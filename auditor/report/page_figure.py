"""Score against size as inline SVG for the HTML report: drawn here, coloured by the page's style sheet.

All ordinary models are one path of dots, so that ten thousand of them are one element; a script names the dot under the
pointer. Flagged models are links to their finding, which the keyboard reaches, and differ in shape as well as colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.report.escape import csv_cell, page_text, truncate, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from auditor.types import Finding

WIDTH, HEIGHT = 960, 440
LEFT, TOP, RIGHT, BOTTOM = 52, 16, 214, 46
"""Margins; the right one holds the names of flagged models."""
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_LABELS = 14
MOST_FIGURES = 12
MOST_POINTS = 60_000
"""Over all figures of a page; a board beyond it is thinned out evenly, flagged models aside."""
_SIZES = (0.01, 0.03, 0.1, 0.3, 1, 3, 7, 13, 34, 70, 180, 400, 1000, 3000)
_LABEL_GAP = 19.0
_MARKS = {"strong": "M0-6.6 6.2 4.6H-6.2Z", "review": "M0-5.4 5.4 0 0 5.4-5.4 0Z"}
"""A triangle and a diamond around the point."""
_COLUMNS = ("model", "benchmark", "score", "params_b", "expected", "low", "high", "verdict")


@dataclass(frozen=True, slots=True)
class Point:
    """A model's score on a benchmark, in points (0 to 100), and its size in billions of parameters."""

    model: str
    score: float
    params_b: float
    expected: float | None
    low: float | None
    high: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a page."""

    svgs: tuple[tuple[str, str], ...]
    """(benchmark, SVG) pairs."""
    data: dict[str, Any]
    """What the script needs to say what the pointer is on."""
    notes: tuple[str, ...]
    """What is not drawn, in words."""
    first: int = 0
    """The one to show first: that with the most flagged models."""


def read_points(path: Path) -> dict[str, list[Point]]:
    """The judged and unjudged scores of an `outliers.csv` by benchmark, those of models whose size is known.

    Raises:
        InputError: the file cannot be read or is not an `outliers.csv`.
    """
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    numbers = dict.fromkeys(("score", "params_b", "expected", "low", "high"), pa.float64())
    types = {**numbers, **dict.fromkeys(("model", "benchmark", "verdict"), pa.string())}
    try:
        table = pa_csv.read_csv(
            path, convert_options=pa_csv.ConvertOptions(column_types=types, include_columns=list(_COLUMNS))
        )
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} is not the outliers.csv of a score audit ({error}); run the audit again") from error
    found: dict[str, list[Point]] = {}
    columns = [table.column(name).to_pylist() for name in _COLUMNS]
    for model, benchmark, score, size, expected, low, high, verdict in zip(*columns, strict=True):
        if score is not None and size is not None and size > 0:
            found.setdefault(benchmark, []).append(Point(model, score, size, expected, low, high, verdict))
    return found


def draw_figures(
    points: Mapping[str, Sequence[Point]], summary: Mapping[str, Any], findings: Sequence[Finding]
) -> Figures:
    """A figure for each benchmark that has a model of known size, those with flagged models first where not all fit."""
    links = {
        (csv_cell(f.subject), csv_cell(str(f.evidence.get("benchmark")))): f.fingerprint
        for f in findings
        if f.rule_id in ("score/outlier", "score/low-outlier")
    }
    names = [name for name in map(csv_cell, summary.get("benchmarks", {})) if points.get(name)]
    chosen = set(sorted(names, key=lambda name: -_flagged(points[name]))[:MOST_FIGURES])
    kept = [name for name in names if name in chosen]
    left_out = [name for name in names if name not in chosen]
    share = max(1, math.ceil(sum(len(points[name]) for name in kept) / MOST_POINTS))
    notes = [f"No figure of {', '.join(left_out)}: their scores are in outliers.csv."] if left_out else []
    if share > 1:
        notes.append(f"One model in {share} is drawn, and every flagged one.")
    models: dict[str, int] = {}
    svgs, plots = [], []
    for number, name in enumerate(kept):
        shown = [p for k, p in enumerate(points[name]) if k % share == 0 or p.verdict in _MARKS]
        facts = next(v for key, v in summary["benchmarks"].items() if csv_cell(key) == name)
        plot = _Plot(f"figure-{number}", name, shown, facts.get("expected_by_size") or {})
        svgs.append((name, plot.svg(links)))
        plots.append(plot.data(models, links))
    data = {"models": [truncate(visible(name), 120) for name in models], "plots": plots}
    first = max(range(len(kept)), key=lambda k: (_flagged(points[kept[k]]), -k), default=0)
    return Figures(tuple(svgs), data, tuple(notes), first)


def _flagged(points: Sequence[Point]) -> int:
    return sum(point.verdict in _MARKS for point in points)


def _short(point: Point) -> str:
    """The model's name without its organisation, for a label."""
    return truncate(visible(point.model.rsplit("/", 1)[-1]), 30)


class _Plot:
    """One figure: its scales and its parts."""

    def __init__(self, name: str, benchmark: str, points: Sequence[Point], band: Mapping[str, Any]) -> None:
        self.name, self.benchmark, self.points, self.band = name, benchmark, points, band
        sizes = [math.log10(point.params_b) for point in points]
        room = max(0.06, 0.03 * (max(sizes) - min(sizes)))
        self.left, self.right = min(sizes) - room, max(sizes) + room
        heights = [point.score for point in points]
        heights += [v for key in ("low", "high") for v in band.get(key, ()) if v is not None]
        room = max(1.0, 0.04 * (max(heights) - min(heights)))
        self.bottom, self.top = min(heights) - room, max(heights) + room

    def x(self, params_b: float) -> float:
        return LEFT + PLOT_WIDTH * (math.log10(params_b) - self.left) / (self.right - self.left)

    def y(self, score: float) -> float:
        return TOP + PLOT_HEIGHT * (self.top - score) / (self.top - self.bottom)

    def data(self, models: dict[str, int], links: Mapping[tuple[str, str], str]) -> dict[str, Any]:
        """What the script needs: where a point is, and what to say of it."""
        return {
            "id": self.name,
            "size": [self.left, self.right],
            "score": [self.bottom, self.top],
            "box": [LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT],
            "width": WIDTH,
            "points": [
                [models.setdefault(p.model, len(models)), p.params_b, p.score, p.expected, p.low, p.high, p.verdict]
                for p in self.points
            ],
            "links": {
                str(k): links[p.model, self.benchmark]
                for k, p in enumerate(self.points)
                if p.verdict in _MARKS and (p.model, self.benchmark) in links
            },
        }

    def svg(self, links: Mapping[tuple[str, str], str]) -> str:
        crowd = "".join(
            f"M{self.x(p.params_b):.1f} {self.y(p.score):.1f}h0" for p in self.points if p.verdict not in _MARKS
        )
        counts = ", ".join(f"{sum(p.verdict == v for p in self.points)} {v}" for v in _MARKS)
        said = f"{page_text(self.benchmark)}: score against size of {len(self.points):,} models; {counts}"
        parts = [
            f'<svg class="plot" id="{self.name}" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
            f'aria-labelledby="{self.name}-title"><title id="{self.name}-title">{said}</title>',
            *self._axes(),
            *self._band(),
            f'<path class="crowd" d="{crowd}"/>',
            '<circle class="halo" r="8" visibility="hidden"/>',
            *self._flagged(links),
            "</svg>",
        ]
        return "\n".join(parts)

    def _axes(self) -> list[str]:
        base, end = TOP + PLOT_HEIGHT, LEFT + PLOT_WIDTH
        parts = []
        span = self.top - self.bottom
        step = next((s for s in (1, 2, 5, 10, 20, 25, 50) if span / s <= 8), 100)
        for tick in range(math.ceil(self.bottom / step) * step, math.floor(self.top) + 1, step):
            y = f"{self.y(tick):.1f}"
            parts.append(f'<path class="grid" d="M{LEFT} {y}H{end}"/>')
            parts.append(f'<text class="tick" x="{LEFT - 9}" y="{y}" dy=".34em" text-anchor="end">{tick}</text>')
        last = -math.inf
        for size in _SIZES:
            if self.left <= math.log10(size) <= self.right and self.x(size) - last > 34:
                last = self.x(size)
                parts.append(f'<path class="grid" d="M{last:.1f} {TOP}V{base}"/>')
                parts.append(f'<text class="tick" x="{last:.1f}" y="{base + 17}" text-anchor="middle">{size:g}</text>')
        middle = LEFT + PLOT_WIDTH / 2
        parts.append(f'<path class="axis" d="M{LEFT} {base}H{end}"/>')
        parts.append(
            f'<text class="name" x="{middle:g}" y="{base + 37}" text-anchor="middle">'
            "parameters, billions (log scale)</text>"
        )
        return parts

    def _band(self) -> list[str]:
        rows = [
            row
            for row in zip(*(self.band.get(key, ()) for key in ("params_b", "expected", "low", "high")), strict=True)
            if None not in row
        ]
        if not rows:
            return []
        high = " ".join(f"{self.x(size):.1f} {self.y(top):.1f}" for size, _, _, top in rows)
        low = " ".join(f"{self.x(size):.1f} {self.y(end):.1f}" for size, _, end, _ in reversed(rows))
        middle = " ".join(f"{self.x(size):.1f} {self.y(here):.1f}" for size, here, _, _ in rows)
        return [f'<path class="band" d="M{high} {low}Z"/>', f'<path class="expected" d="M{middle}"/>']

    def _flagged(self, links: Mapping[tuple[str, str], str]) -> list[str]:
        flagged = [(k, p) for k, p in enumerate(self.points) if p.verdict in _MARKS]
        # the strongest keep their names; a point's height decides where in the column its name stands
        by_excess = sorted(flagged, key=lambda kp: (kp[1].verdict != "strong", -(kp[1].score - (kp[1].expected or 0))))
        # a name stands once, however many revisions of it there are
        once = list({_short(point): (k, point) for k, point in reversed(by_excess)}.values())[::-1]
        named = sorted(once[:MOST_LABELS], key=lambda kp: (self.y(kp[1].score), kp[0]))
        places = dict(zip((k for k, _ in named), _spread([self.y(p.score) for _, p in named]), strict=True))
        parts = []
        for k, point in flagged:
            x, y = self.x(point.params_b), self.y(point.score)
            name = page_text(point.model)
            expected = "" if point.expected is None else f", {point.expected:.1f} expected"
            said = f"{point.verdict}: {name}, {point.score:.1f}{expected}, {point.params_b:g} B"
            link = links.get((point.model, self.benchmark))
            where = f' href="#finding-{page_text(link)}"' if link else ' tabindex="0"'
            parts.append(
                f'<a class="point {point.verdict}"{where} data-point="{k}" aria-label="{said}">'
                f'<path class="mark" d="{_MARKS[point.verdict]}" transform="translate({x:.1f} {y:.1f})"/>'
            )
            if k in places:
                end = LEFT + PLOT_WIDTH + 14
                label = page_text(_short(point))
                parts.append(
                    f'<path class="leader" d="M{x + 7:.1f} {y:.1f}L{end - 4} {places[k]:.1f}"/>'
                    f'<text class="label" x="{end}" y="{places[k]:.1f}" dy=".34em">{label}</text>'
                )
            parts.append("</a>")
        return parts


def _spread(heights: Sequence[float]) -> list[float]:
    """Ascending heights moved apart to a label's height, as little as that takes in least squares, inside the plot.

    Less the room that the labels before it take, each height is to be at least the one before: isotonic regression, by
    pooling neighbours (Barlow et al., 1972).
    """
    pools: list[tuple[float, int]] = []
    for k, height in enumerate(heights):
        pool = height - k * _LABEL_GAP, 1
        while pools and pools[-1][0] >= pool[0]:
            mean, size = pools.pop()
            pool = (mean * size + pool[0] * pool[1]) / (size + pool[1]), size + pool[1]
        pools.append(pool)
    low, high = TOP + 4.0, TOP + PLOT_HEIGHT - (len(heights) - 1) * _LABEL_GAP
    level = [min(max(mean, low), max(low, high)) for mean, size in pools for _ in range(size)]
    return [height + k * _LABEL_GAP for k, height in enumerate(level)]
