"""A run as a picture: a chart a dimension, and one of memory; one colour a model."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.growth.outlook import (
    AHEAD,
    ONE,
    PROCESSES,
    THREADS,
    cores_had,
    mode_points,
    outlooks,
)
from benchmarks.growth.plan import CORES, MODELS, points
from benchmarks.growth.report import HEADS, TITLES
from benchmarks.growth.results import Run
from benchmarks.growth.summary import Standing, standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = {PROCESSES: ("o", "-"), THREADS: ("s", "--"), ONE: ("^", ":")}
GRID = tuple(2 ** (step / 8) for step in range(8 * 6 + 1))  # 1 to 64 cores
COLUMNS = 3
RATE = "texts a second"


def draw(run: Run, path: Path) -> None:
    """Draws texts a second against each dimension's values, and memory against loaded models.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    charts = [_chart_of(dimension) for dimension in run.plan.dimensions]
    charts += [_memory] if MODELS in run.plan.dimensions else []
    columns = min(COLUMNS, len(charts))
    rows = -(-len(charts) // columns)
    figure = Figure(figsize=(5 * columns, 4 * rows), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, chart in zip(places, charts, strict=False):
        chart(axes, run)
        axes.grid(which="major", alpha=0.3)
    for axes in places[len(charts) :]:
        axes.remove()
    partial = path.with_name(f".partial-{path.name}")
    figure.savefig(partial)
    partial.replace(path)


def _chart_of(dimension: str) -> Callable[["Axes", Run], None]:
    if dimension == CORES:
        return _cores
    return lambda axes, run: _values(axes, run, dimension)


def _values(axes: "Axes", run: Run, dimension: str) -> None:
    """Medians, with the range of the rounds."""
    for number, model in enumerate(run.plan.models):
        found = _standings(run, dimension, model)
        x = [one.point.value for one in found]
        y = [one.texts_per_second for one in found]
        below = [one.texts_per_second - one.low for one in found]
        above = [one.high - one.texts_per_second for one in found]
        colour = f"C{number}"
        axes.errorbar(x, y, (below, above), fmt="o-", color=colour, capsize=3, label=model)
    axes.set(title=TITLES[dimension], xlabel=HEADS[dimension], ylabel=RATE)
    _scale(axes, sorted({p.value for p in points(run.plan) if p.dimension == dimension}))
    axes.legend(fontsize="small")


def _memory(axes: "Axes", run: Run) -> None:
    for number, model in enumerate(run.plan.models):
        found = _standings(run, MODELS, model)
        x, y = [one.point.value for one in found], [one.use.rss_mb for one in found]
        axes.plot(x, y, "o-", color=f"C{number}", label=model)
    axes.set(title="Loaded models: memory", xlabel=HEADS[MODELS], ylabel="RSS, MB")
    axes.set(xlim=(0, None), ylim=(0, None))
    axes.legend(fontsize="small")


def _cores(axes: "Axes", run: Run) -> None:
    """What was measured as marks, what is extrapolated as lines."""
    for number, model in enumerate(run.plan.models):
        for mode, (mark, _) in STYLES.items():
            measured = (standing(run, point) for point in mode_points(run, model, mode))
            found = [one for one in measured if one is not None]
            x = [cores_had(run, one.point, one.use.client_cpu) for one in found]
            y = [one.texts_per_second for one in found]
            axes.plot(x, y, mark, color=f"C{number}", fillstyle="none")
        axes.plot([], [], color=f"C{number}", linewidth=4, label=model)
    for mode, (mark, line) in STYLES.items():
        axes.plot([], [], mark, linestyle=line, color="grey", fillstyle="none", label=mode)
    for each in outlooks(run):
        colour = f"C{run.plan.models.index(each.model)}"
        y = [median(curve.at(cores) for curve in each.curves) for cores in GRID]
        axes.plot(GRID, y, STYLES[each.mode][1], color=colour, linewidth=1)
    label = "cores (marks: measured, lines: extrapolated)"
    axes.set(title=TITLES[CORES], xlabel=label, ylabel=RATE)
    _scale(axes, [*run.plan.cores, *AHEAD])
    axes.legend(fontsize="x-small")


def _scale(axes: "Axes", values: list[int]) -> None:
    """Both axes logarithmic, with plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

    axes.set(xscale="log", yscale="log")
    axes.set_xticks(values, [str(value) for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _standings(run: Run, dimension: str, model: str) -> list[Standing]:
    wanted = (p for p in points(run.plan) if (p.dimension, p.model) == (dimension, model))
    return [found for point in wanted if (found := standing(run, point)) is not None]
