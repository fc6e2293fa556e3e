"""What training is judged by, by problem: while it runs, and at its end. Trains nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import EvalPrediction

from training.data.labelled import LabelledText, Targets
from training.errors import RecipeError
from training.problem import ProblemType
from training.recipe.recipe import ChooseBy, Training
from training.score.scores import score, score_multi_label, score_regression, sigmoid, softmax
from training.score.told import told

Logits = npt.NDArray[np.floating]

CHOICES: dict[ProblemType, tuple[ChooseBy, ...]] = {  # the first is the default
    "single_label": ("accuracy", "macro_f1", "loss"),
    "multi_label": ("macro_f1", "micro_f1", "accuracy", "loss"),
    "regression": ("pearson", "loss"),
}
GIVEN_FROM = 0.5  # of a label's probability, while no threshold is fitted


def chosen_by(schedule: Training, problem: ProblemType) -> ChooseBy:
    """The metric that the best checkpoint has most of, or least of the loss.

    Raises:
        RecipeError: the recipe names one that the problem has not.
    """
    choices = CHOICES[problem]
    if schedule.choose_by is None:
        return choices[0]
    if schedule.choose_by not in choices:
        raise RecipeError(
            f"training.choose_by: {schedule.choose_by} is not measured of a {problem} model; "
            f"choose one of {list(choices)}"
        )
    return schedule.choose_by


def metrics_for(problem: ProblemType) -> Callable[[EvalPrediction], dict[str, float]]:
    """What the Trainer computes at each evaluation."""

    def compute(prediction: EvalPrediction) -> dict[str, float]:
        return measured(
            np.asarray(prediction.predictions, dtype=np.float64),
            np.asarray(prediction.label_ids),
            problem,
        )

    return compute


def measured(logits: Logits, targets: Targets, problem: ProblemType) -> dict[str, float]:
    """The metrics of a problem, each a number; labels of several are given from `GIVEN_FROM`.

    Args:
        logits: (n, labels).
        targets: of `training.data.labelled.LabelledText`.
    """
    if problem == "regression":
        numbers = score_regression(logits[:, 0], targets)
        return {
            "pearson": numbers.pearson or 0.0,
            "mean_absolute_error": numbers.mean_absolute_error,
        }
    if problem == "multi_label":
        true, given = targets > GIVEN_FROM, sigmoid(logits) >= GIVEN_FROM
    else:
        classes = np.arange(logits.shape[1])
        true = targets[:, np.newaxis] == classes
        given = logits.argmax(axis=1)[:, np.newaxis] == classes
    hits, whole = (true & given).sum(axis=0), true.sum(axis=0) + given.sum(axis=0)
    seen = whole > 0  # a label that no text has and none was given says nothing of the model
    found = {
        "accuracy": float((true == given).all(axis=1).mean()),
        "macro_f1": float((2 * hits[seen] / whole[seen]).mean()) if seen.any() else 0.0,
    }
    if problem == "multi_label":
        found["micro_f1"] = float(2 * hits.sum() / max(whole.sum(), 1))
    return found


def scores_of(logits: Logits, data: LabelledText) -> dict[str, Any]:
    """All that is told of a finished model on a set, and which set it was.

    A classifier's hold `never_given`: the labels that texts have and no answer gives.
    """
    wide = logits.astype(np.float64)
    targets = np.asarray(data.targets)
    if data.problem == "regression":
        scores = told(score_regression(wide[:, 0], targets), data.labels)
    elif data.problem == "multi_label":
        probabilities = sigmoid(wide)
        given = probabilities >= GIVEN_FROM
        scores = told(score_multi_label(probabilities, targets, given), data.labels)
    else:
        scores = told(score(softmax(wide), targets), data.labels)
    return {**scores, "sha256": data.sha256}
