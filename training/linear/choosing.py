"""Which method with which settings: all that a recipe names are fitted, and the best is kept.

By the recipe's metric on the texts that choose; of those that do equally well the simplest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from operator import attrgetter
from typing import Any, Literal

from tqdm.auto import tqdm

from training.data.labelled import LabelledText, Targets
from training.linear.methods import Rows, Weights, logistic, naive_bayes, nb_svm
from training.linear.ngrams import Pool, Texts, weighed
from training.loop.metrics import measured
from training.recipe.models import LinearModel
from training.recipe.schedule import ChooseBy

Method = Literal["naive-bayes", "logistic", "nb-svm"]
METHODS: tuple[Method, ...] = ("naive-bayes", "logistic", "nb-svm")  # the simplest first
# Where a recipe gives none; docs/experiments.md has what others came to.
SMOOTHING: dict[Method, tuple[float, ...]] = {"naive-bayes": (0.1, 1.0), "nb-svm": (1.0,)}
INVERSE_PENALTY: dict[Method, tuple[float, ...]] = {"logistic": (10.0, 100.0), "nb-svm": (1.0,)}


@dataclass(frozen=True)
class Setting:
    """One way to fit; what a method has not is None."""

    method: Method
    ngrams: int
    smoothing: float | None = None
    inverse_penalty: float | None = None

    def fit(self, rows: Rows, seed: int) -> Weights:
        """Fits it to n-grams of its own longest."""
        if self.method == "naive-bayes":
            assert self.smoothing is not None
            return naive_bayes(rows, self.smoothing)
        assert self.inverse_penalty is not None
        if self.method == "logistic":
            return logistic(rows, self.inverse_penalty)
        assert self.smoothing is not None
        return nb_svm(rows, self.smoothing, self.inverse_penalty, seed)

    def told(self) -> dict[str, Any]:
        """For a log, without what it has not."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Learnable:
    """Texts to learn from, and to choose by.

    Attributes:
        targets: of `Rows`.
    """

    train: Texts
    targets: Targets
    choose: Texts
    chosen_by: LabelledText
    pool: Pool

    def rows(self, ngrams: int) -> tuple[Pool, Rows]:
        """What is learnt from by n-grams of so many words at most."""
        pool = self.pool.shorter(ngrams)
        counted = pool.counted(self.train)
        values = weighed(counted, pool.idf)
        return pool, Rows(counted, values, self.targets, len(self.chosen_by.labels))


@dataclass(frozen=True)
class Chosen:
    """The best of what was fitted.

    Attributes:
        score: on the texts that choose.
    """

    setting: Setting
    pool: Pool
    weights: Weights
    score: float


def settings_of(spec: LinearModel) -> list[Setting]:
    """All that a recipe names, the simplest first: short n-grams, then naive Bayes."""
    return [one for ngrams in sorted(set(spec.ngrams)) for one in _settings(spec, ngrams)]


def best_of(
    settings: Sequence[Setting], data: Learnable, by: ChooseBy, seed: int
) -> tuple[Chosen, list[dict[str, Any]]]:
    """Fits all of them, and keeps the first of those that do best.

    Args:
        by: the metric.

    Returns:
        The best, and what each did, for a log.
    """
    best: Chosen | None = None
    log = []
    for ngrams, some in groupby(tqdm(settings, desc="fit"), key=attrgetter("ngrams")):
        pool, rows = data.rows(ngrams)
        held_out = pool.weighed(data.choose)
        for setting in some:
            weights = setting.fit(rows, seed)
            logits = weights.logits(held_out)
            found = measured(logits, data.chosen_by.targets, data.chosen_by.problem)
            log.append({**setting.told(), **found})
            if best is None or found[by] > best.score:
                best = Chosen(setting, pool, weights, found[by])
    assert best is not None
    return best, log


def _settings(spec: LinearModel, ngrams: int) -> Iterator[Setting]:
    for method in METHODS:
        if spec.method not in ("best", method):
            continue
        smoothing = (spec.smoothing or SMOOTHING[method]) if method in SMOOTHING else (None,)
        penalties = (
            (spec.inverse_penalty or INVERSE_PENALTY[method])
            if method in INVERSE_PENALTY
            else (None,)
        )
        for penalty, added in product(penalties, smoothing):
            yield Setting(method, ngrams, added, penalty)
