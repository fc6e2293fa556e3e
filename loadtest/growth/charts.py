"""A run as a picture: one chart a dimension, one colour a model."""

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from loadtest.growth.outlook import (
    AHEAD,
    ONE,
    PROCESSES,
    THREADS,
    cores_had,
    mode_points,
    outlooks,
)
from loadtest.growth.plan import CORES, MODELS, points
from loadtest.growth.report import HEADS, TITLES
from loadtest.growth.results import Run
from loadtest.growth.summary import Standing, standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = {PROCESSES: ("o", "-"), THREADS: ("s", "--"), ONE: ("^", ":")}
GRID = tuple(2 ** (step / 8) for step in range(8 * 6 + 1))  # 1 to 64 cores
COLUMNS = 3


def draw(run: Run, path: Path) -> None:
    """Draws texts a second against each dimension's values.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    dimensions = run.plan.dimensions
    columns = min(COLUMNS, len(dimensions))
    rows = -(-len(dimensions) // columns)
    figure = Figure(figsize=(5 * columns, 4 * rows), layout="constrained")
    charts = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, dimension in zip(charts, dimensions, strict=False):
        if dimension == CORES:
            _cores(axes, run)
        else:
            _values(axes, run, dimension)
        axes.set(title=TITLES[dimension], ylabel="texts a second")
        axes.grid(which="major", alpha=0.3)
    for axes in charts[len(dimensions) :]:
        axes.remove()
    partial = path.with_name(f".partial-{path.name}")
    figure.savefig(partial)
    partial.replace(path)


def _values(axes: "Axes", run: Run, dimension: str) -> None:
    memory = axes.twinx() if dimension == MODELS else None
    for number, model in enumerate(run.plan.models):
        found = _standings(run, dimension, model)
        x, colour = [one.point.value for one in found], f"C{number}"
        _line(axes, x, found, colour, model)
        if memory is not None:
            y = [one.use.rss_mb for one in found]
            memory.plot(x, y, "x:", color=colour, label=f"{model}, memory")
    axes.set(xlabel=HEADS[dimension], xscale="log", yscale="log")
    _tick(axes, sorted({p.value for p in points(run.plan) if p.dimension == dimension}))
    axes.legend(fontsize="small")
    if memory is not None:
        memory.set(ylabel="memory, MB (crosses)", ylim=(0, None))


def _line(axes: "Axes", x: list[int], found: list[Standing], colour: str, label: str) -> None:
    """Medians, with the range of the rounds."""
    y = [one.texts_per_second for one in found]
    below = [one.texts_per_second - one.low for one in found]
    above = [one.high - one.texts_per_second for one in found]
    axes.errorbar(x, y, (below, above), fmt="o-", color=colour, capsize=3, label=label)


def _cores(axes: "Axes", run: Run) -> None:
    """What was measured as marks, what is extrapolated as lines."""
    for number, model in enumerate(run.plan.models):
        for mode, (mark, _) in STYLES.items():
            found = [
                one for point in mode_points(run, model, mode) if (one := standing(run, point))
            ]
            x = [cores_had(run, one.point, one.use.client_cpu) for one in found]
            y = [one.texts_per_second for one in found]
            axes.plot(x, y, mark, color=f"C{number}", fillstyle="none", label=f"{model}, {mode}")
    for each in outlooks(run):
        colour = f"C{run.plan.models.index(each.model)}"
        y = [median(curve.at(cores) for curve in each.curves) for cores in GRID]
        axes.plot(GRID, y, STYLES[each.mode][1], color=colour, linewidth=1)
    axes.set(xlabel="cores of the service (lines: extrapolated)", xscale="log", yscale="log")
    _tick(axes, [*run.plan.cores, *AHEAD])
    axes.legend(fontsize="x-small")


def _tick(axes: "Axes", values: list[int]) -> None:
    axes.set_xticks(values, [str(value) for value in values])
    axes.set_xticks([], minor=True)


def _standings(run: Run, dimension: str, model: str) -> list[Standing]:
    wanted = (p for p in points(run.plan) if (p.dimension, p.model) == (dimension, model))
    return [found for point in wanted if (found := standing(run, point)) is not None]
