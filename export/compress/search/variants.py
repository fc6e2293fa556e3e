"""Other settings for a candidate that nearly keeps the promise, drawn by Optuna.

Each is drawn once, in an order that the seed gives, so that a search that goes on finds what it has
trained. A handful of trials is too few for an estimator of what the next should be.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

MOST = 4  # settings that are tried of one candidate


class Variants:
    """Draws settings, each once, and is told what each came to.

    Args:
        choices: of each key, by its dotted name.
        own: the values that were tried already, those of the recipe.
        quality: that they came to.
    """

    def __init__(
        self,
        choices: Mapping[str, Sequence[Any]],
        own: Mapping[str, Any],
        quality: float,
        seed: int,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = {
            key: CategoricalDistribution([*values, *({own[key]} - set(values))])
            for key, values in choices.items()
        }
        sampler = optuna.samplers.GridSampler(
            {key: one.choices for key, one in self._space.items()}, seed=seed
        )
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        first = {key: own[key] for key in self._space}
        self._study.add_trial(
            create_trial(params=first, distributions=dict(self._space), value=quality)
        )
        self._own = first
        self._combinations = math.prod(len(one.choices) for one in self._space.values())

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Settings that differ from all before; `tell` is to be called before the next."""
        left = min(MOST, self._combinations - 1)
        while left:
            self._trial = self._study.ask(dict(self._space))
            drawn = self._trial.params
            if drawn != self._own:
                left -= 1
                yield {key: value for key, value in drawn.items() if value != self._own[key]}

    def tell(self, quality: float | None) -> None:
        """What the settings drawn last came to; None: they failed."""
        if quality is None:
            self._study.tell(self._trial, state=TrialState.FAIL)
        else:
            self._study.tell(self._trial, quality)
