"""What training is judged by, by problem: while it runs, and at its end. Trains nothing."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from transformers import EvalPrediction

from training.data.labelled import LabelledText, Targets
from training.data.tags.schemes import chunks_of
from training.errors import RecipeError
from training.problem import UNLABELLED, ProblemType
from training.recipe.schedule import ChooseBy, Training
from training.score.entities import counts_of
from training.score.scores import score, score_multi_label, score_regression, sigmoid, softmax
from training.score.told import told

Logits = npt.NDArray[np.floating]

Judged = ProblemType | Literal["tags"]
CHOICES: dict[Judged, tuple[ChooseBy, ...]] = {  # the first is the default
    "single_label": ("accuracy", "macro_f1", "loss"),
    "multi_label": ("macro_f1", "micro_f1", "accuracy", "loss"),
    "regression": ("pearson", "loss"),
    "tags": ("entity_f1", "loss"),
}
GIVEN_FROM = 0.5  # of a label's probability, while no threshold is fitted


def chosen_by(schedule: Training, problem: Judged) -> ChooseBy:
    """The metric that the best checkpoint has most of, or least of the loss.

    Raises:
        RecipeError: the recipe names one that the problem has not.
    """
    choices = CHOICES[problem]
    if schedule.choose_by is None:
        return choices[0]
    if schedule.choose_by not in choices:
        raise RecipeError(
            f"training.choose_by: {schedule.choose_by} is not measured of a model of {problem}; "
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

    Raises:
        RecipeError: logits are not finite.
    """
    wide = logits.astype(np.float64)
    if wrong := int((~np.isfinite(wide).all(axis=1)).sum()):
        raise RecipeError(
            f"the model diverged: its logits of {wrong} of {len(wide)} texts are not finite: lower "
            "training.learning_rate"
        )
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


def refuse_diverged(model: torch.nn.Module) -> None:
    """Raises RecipeError where a weight is not finite; what such a model answers means nothing."""
    for name, weights in model.named_parameters():
        if weights.is_floating_point() and not bool(torch.isfinite(weights).all()):
            raise RecipeError(
                f"the model diverged: {name} is not finite: lower training.learning_rate"
            )


def measured_tags(labels: Sequence[str]) -> Callable[[EvalPrediction], dict[str, float]]:
    """What the Trainer of a tagger computes at each evaluation, of the tokens that have a label.

    Args:
        labels: of the model.
    """

    def compute(prediction: EvalPrediction) -> dict[str, float]:
        best, targets = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
        known = targets != UNLABELLED
        true, given = (
            [
                chunks_of([labels[one] for one in row[own]])
                for row, own in zip(rows, known, strict=True)
            ]
            for rows in (targets, best)
        )
        hits, there, found = (int(total) for total in counts_of(true, given).sum(axis=0))
        return {
            "entity_f1": 2 * hits / (there + found) if there + found else 0.0,
            "token_accuracy": float((best == targets)[known].mean()) if known.any() else 0.0,
        }

    return compute


def best_labels(logits: Any, _: Any) -> torch.Tensor:
    """What the Trainer keeps of a tagger's logits until it computes `measured_tags`."""
    best: torch.Tensor = (logits[0] if isinstance(logits, tuple) else logits).argmax(dim=-1)
    return best
