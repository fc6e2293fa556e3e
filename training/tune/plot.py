"""Draws what a study tried: accuracy by trial, learning curves, and accuracy by each value."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from training.tune.space import Space

COLUMNS = 3
COMPLETE, PRUNED, FAILED = "tab:blue", "tab:orange", "tab:red"


def draw(trials: Sequence[FrozenTrial], space: Space, n: int) -> Figure:
    """Draws trials that came to an end, of which one at least is complete.

    Args:
        n: texts that each accuracy was measured on.
    """
    rows = 1 + -(-len(space) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 3.6 * rows), layout="constrained")
    grid = figure.add_gridspec(rows, 2 * COLUMNS)
    history = figure.add_subplot(grid[0, :COLUMNS])
    _draw_history(history, trials, n)
    _draw_curves(figure.add_subplot(grid[0, COLUMNS:]), trials)
    for index, key in enumerate(space):
        row, column = divmod(index, COLUMNS)
        axes = figure.add_subplot(grid[1 + row, 2 * column : 2 * column + 2])
        _draw_slice(axes, trials, key, space)
    figure.legend(*history.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def accuracy(trial: FrozenTrial) -> float:
    """What a trial would keep, or the best that one reached that has not ended; NaN before any."""
    if trial.state == TrialState.COMPLETE and trial.value is not None:
        return trial.value
    return max(trial.intermediate_values.values(), default=float("nan"))


def _draw_history(axes: Axes, trials: Sequence[FrozenTrial], n: int) -> None:
    _scatter(axes, trials, lambda trial: trial.number)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    best = np.maximum.accumulate([100 * accuracy(trial) for trial in complete])
    numbers = [trial.number for trial in complete]
    axes.step(
        [*numbers, trials[-1].number],
        [*best, best[-1]],
        where="post",
        color="black",
        linewidth=1,
        label="best so far",
    )
    failed = [trial.number for trial in trials if trial.state == TrialState.FAIL]
    if failed:
        bottom = np.zeros(len(failed))
        place = axes.get_xaxis_transform()  # their height is the axis's, for they have no accuracy
        axes.scatter(failed, bottom, color=FAILED, marker="^", transform=place, label="failed")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="trial", ylabel=f"validation accuracy, % (n {n})")


def _draw_curves(axes: Axes, trials: Sequence[FrozenTrial]) -> None:
    for trial in (trial for trial in trials if trial.state != TrialState.FAIL):
        steps = sorted(trial.intermediate_values)
        values = [100 * trial.intermediate_values[step] for step in steps]
        colour = PRUNED if trial.state == TrialState.PRUNED else COMPLETE
        end = "x" if trial.state == TrialState.PRUNED else "o"
        axes.plot(steps, values, color=colour, alpha=0.6, marker=end, markevery=[-1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="evaluation", ylabel="validation accuracy, %")


def _draw_slice(axes: Axes, trials: Sequence[FrozenTrial], key: str, space: Space) -> None:
    distribution = space[key]
    if isinstance(distribution, CategoricalDistribution):
        names = [str(choice) for choice in distribution.choices]
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(names) - 0.5)
        _scatter(axes, trials, lambda trial: names.index(str(trial.params[key])))
    else:
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        if distribution.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
        elif isinstance(distribution, IntDistribution):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _scatter(axes, trials, lambda trial: trial.params[key])
    axes.set(xlabel=key, ylabel="validation accuracy, %")


def _scatter(axes: Axes, trials: Sequence[FrozenTrial], x: Callable[[FrozenTrial], float]) -> None:
    for state, colour, marker in (
        (TrialState.COMPLETE, COMPLETE, "o"),
        (TrialState.PRUNED, PRUNED, "x"),
    ):
        some = [trial for trial in trials if trial.state == state and trial.intermediate_values]
        if some:
            values = [100 * accuracy(trial) for trial in some]
            name = state.name.lower()
            axes.scatter([x(t) for t in some], values, color=colour, marker=marker, label=name)
