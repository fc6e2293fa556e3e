"""The geometry of a report's charts. Knows no HTML: the template draws what is laid out here."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.results import Run

NAME_HEIGHT = 20
BAR_HEIGHT = 16
GROUP_GAP = 12
BARS_WIDTH = 560  # of the longest bar; the label stands to its right
LINE_WIDTH = 300
LINE_HEIGHT = 80


@dataclass(frozen=True, slots=True)
class Bar:
    """One horizontal bar, in pixels."""

    y: int
    width: float
    kind: str  # p50, p95 or p99
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Group:
    """One run's bars."""

    name: str
    y: int  # its top, where the name stands
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class BarChart:
    """Percentiles of all runs, on one scale from zero."""

    groups: tuple[Group, ...]
    height: int


@dataclass(frozen=True, slots=True)
class LineChart:
    """One value over time, from zero to its largest."""

    title: str
    points: str  # for an SVG polyline
    largest: float
    seconds: float


def bar_chart(runs: Sequence[Run]) -> BarChart:
    """Lays out p50, p95 and p99 of each run."""
    largest = max((run.total.p99_ms or 0.0 for run in runs), default=0.0) or 1.0
    groups = []
    y = 0
    for run in runs:
        total = run.total
        bars = []
        top = y
        y += NAME_HEIGHT
        for kind, value in (("p50", total.p50_ms), ("p95", total.p95_ms), ("p99", total.p99_ms)):
            if value is not None:
                width = round(value / largest * BARS_WIDTH, 1)
                bars.append(Bar(y, max(width, 1.0), kind, value))
                y += BAR_HEIGHT
        groups.append(Group(run.name, top, tuple(bars)))
        y += GROUP_GAP
    return BarChart(tuple(groups), y)


def line_charts(run: Run) -> tuple[LineChart, ...]:
    """Lays out requests per second and p99 over time; nothing for fewer than two seconds."""
    rates = [(second.at, second.requests_per_second) for second in run.seconds]
    p99s = [(second.at, second.p99_ms) for second in run.seconds if second.p99_ms is not None]
    charts = (_line_chart("requests per second", rates), _line_chart("p99, ms", p99s))
    return tuple(chart for chart in charts if chart is not None)


def _line_chart(title: str, values: Sequence[tuple[float, float]]) -> LineChart | None:
    if len(values) < 2:
        return None
    seconds = values[-1][0]
    largest = max(value for _, value in values)
    points = " ".join(
        f"{at / seconds * LINE_WIDTH:.1f},{LINE_HEIGHT * (1 - value / (largest or 1.0)):.1f}"
        for at, value in values
    )
    return LineChart(title, points, largest, seconds)
