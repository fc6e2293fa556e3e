"""What a study found: `study.json`, the best trial's `recipe.toml`, and `history.svg`.

All are made anew of the study's trials whenever a tuning ends.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from training.errors import StudyError
from training.recipe.recipe import Recipe, with_values
from training.score.intervals import wilson_interval
from training.tune.plot import accuracy, draw
from training.tune.space import Space, drawn_values, space_sha256
from training.tune.study import AS_IT_WAS


@dataclass(frozen=True)
class Best:
    """The best trial; `recipe_accuracy` is that of the recipe as it was, where it was tried."""

    trial: int
    values: dict[str, Any]
    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    recipe_accuracy: float | None


def describe(trial: FrozenTrial) -> str:
    """One line on a trial that has ended."""
    values = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in trial.params.items()
    )
    ends = {
        TrialState.COMPLETE: f"accuracy {accuracy(trial):.4f}",
        TrialState.PRUNED: f"pruned at {accuracy(trial):.4f} after evaluation {trial.last_step}",
    }
    end = ends.get(trial.state, f"failed: {trial.user_attrs.get('reason')}")
    return f"trial {trial.number}: {end} ({values})"


def write_results(
    directory: Path, recipe: Recipe, space: Space, trials: Sequence[FrozenTrial]
) -> Best:
    """Writes `study.json`, and where a trial was completed `recipe.toml` and `history.svg`.

    Args:
        trials: those that came to an end.

    Returns:
        The trial whose recipe was written.

    Raises:
        StudyError: no trial was completed.
    """
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    best = None
    if complete:
        best = _best(complete)
        tuned = with_values(recipe, best.values).to_toml()
        _write(directory / "recipe.toml", lambda path: path.write_text(tuned, encoding="utf-8"))
        _write(directory / "history.svg", draw(trials, space, best.n).savefig)
    found = {
        "recipe_sha256": recipe.sha256,
        "space_sha256": space_sha256(space),
        "best": asdict(best) if best else None,
        "trials": [_facts(trial) for trial in trials],
    }
    text = json.dumps(found, indent=2) + "\n"
    _write(directory / "study.json", lambda path: path.write_text(text, encoding="utf-8"))
    if best is None:
        raise StudyError(f"no trial was completed: {directory / 'study.json'} has the reasons")
    return best


def _best(complete: Sequence[FrozenTrial]) -> Best:
    trial = max(complete, key=accuracy)  # of equals the first
    own = next((accuracy(trial) for trial in complete if AS_IT_WAS in trial.user_attrs), None)
    n = trial.user_attrs["n"]
    low, high = wilson_interval(round(accuracy(trial) * n), n)
    values = drawn_values(trial.params)
    return Best(trial.number, values, n, accuracy(trial), low, high, own)


def _facts(trial: FrozenTrial) -> dict[str, Any]:
    steps = sorted(trial.intermediate_values)
    return {
        "trial": trial.number,
        "state": "failed" if trial.state == TrialState.FAIL else trial.state.name.lower(),
        "reason": trial.user_attrs.get("reason"),
        "values": drawn_values(trial.params),
        "accuracies": [trial.intermediate_values[step] for step in steps],
        "seconds": trial.duration and round(trial.duration.total_seconds(), 1),
    }


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file whole or not at all: another worker may be reading or writing it."""
    partial = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    write(partial)
    partial.replace(path)
