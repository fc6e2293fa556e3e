"""Several cuts while a model trains, each of what matters least by then."""

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.prune.choosing import kept_of
from training.prune.gates import Gates
from training.prune.importance import Scores
from training.recipe.pruning import Pruning


class GradualCuts(TrainerCallback):
    """Shuts more and more of a model's heads and neurons as it trains.

    The first cut is made before the first step, the last when `until` of the steps are done, and
    the checkpoint that is kept is one from after it. A cut is a function of the step and of the
    model, so that a run which is resumed makes those that are left.

    Args:
        scores: how much each head and neuron matters now; it is told which cut it is for.
    """

    def __init__(self, spec: Pruning, gates: Gates, scores: Callable[[int], list[Scores]]) -> None:
        self._spec = spec
        self._gates = gates
        self._scores = scores

    def on_step_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Makes the cut that is due at this step, if one is."""
        due = cut_steps(self._spec, state.max_steps)
        if state.global_step not in due:
            return
        number = due.index(state.global_step) + due.count(
            state.global_step
        )  # of those at once, all
        scores = self._gates.scored(self._scores(number))
        self._gates.shut(kept_of(scores, self._spec, number / self._spec.cuts))
        # What was best before has what is now cut.
        state.best_metric = state.best_global_step = None
        state.best_model_checkpoint = None


def cut_steps(spec: Pruning, steps: int) -> list[int]:
    """The step before which each cut is made, of so many steps in all."""
    last = min(int(spec.until * steps), steps - 1)
    return [last * place // max(spec.cuts - 1, 1) for place in range(spec.cuts)]
