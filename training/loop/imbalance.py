"""Rare labels: how much more they weigh in the loss, or how much more often they are drawn.

Weights are those of King and Zeng 2001, as scikit-learn's "balanced": inverse to how often a
label is there, one on average.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from training.data.labelled import Targets
from training.errors import RecipeError
from training.problem import HAS, UNLABELLED, ProblemType
from training.recipe.recipe import Recipe

Weights = npt.NDArray[np.float32]


def check_imbalance(recipe: Recipe, labels: Sequence[str], problem: ProblemType) -> None:
    """Raises RecipeError where the recipe weighs what there is not."""
    weights = recipe.training.class_weights
    if problem == "regression" and (weights != "none" or recipe.training.sampler == "balanced"):
        raise RecipeError(
            "training.class_weights and a balanced training.sampler are of labels, and a "
            "regression has none: take them out"
        )
    if isinstance(weights, dict) and (unknown := sorted(set(weights) - set(labels))):
        raise RecipeError(f"training.class_weights: no label {unknown}; there are {list(labels)}")
    spec = recipe.distillation
    if weights != "none" and spec is not None and not spec.weights.hard:
        raise RecipeError(
            "training.class_weights weigh the loss with the labels, and losses.hard is 0: give "
            'it a weight, or draw rare labels more often with training.sampler = "balanced"'
        )


def class_weights(
    recipe: Recipe, targets: Targets, labels: Sequence[str], problem: ProblemType
) -> Weights | None:
    """The weight of each label in the loss, see `training.models.heads.hard_loss`.

    Balanced, one label a text: n / (labels * texts of the label); several: texts without the
    label / texts with it. A label that no text has weighs 1, as one that a table does not name.

    Returns:
        (labels,); None: all weigh the same.
    """
    spec = recipe.training.class_weights
    if spec == "none":
        return None
    if isinstance(spec, dict):
        return np.array([spec.get(label, 1.0) for label in labels], dtype=np.float32)
    if problem == "multi_label":
        rows = targets[~np.isnan(targets).any(axis=1)]
        have = rows.sum(axis=0)
        found = (len(rows) - have) / np.maximum(have, 1)
    else:
        counts = np.bincount(targets[targets != UNLABELLED], minlength=len(labels))
        have = counts
        found = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where((have > 0) & (found > 0), found, 1.0).astype(np.float32)


def row_weights(targets: Targets, problem: ProblemType) -> Weights:
    """How often each text is drawn, against the average of 1, so that labels come alike often.

    A text of several labels counts as its rarest; one of none of them as a label of its own, and
    one that is not labelled comes as often as it did.

    Returns:
        (n,).
    """
    if problem == "multi_label":
        labelled, has = ~np.isnan(targets).any(axis=1), targets > HAS
        table = np.column_stack([has, ~has.any(axis=1)])[labelled]
        rarity = 1.0 / np.maximum(table.sum(axis=0), 1)
        rare = (table * rarity).max(axis=1, initial=0.0)
    else:
        labelled = targets != UNLABELLED
        kinds, place, counts = np.unique(targets[labelled], return_inverse=True, return_counts=True)
        rare = 1.0 / counts[place] if len(kinds) else np.zeros(0)
    weights = np.ones(len(targets), dtype=np.float32)
    if len(rare):
        weights[labelled] = rare / rare.mean()
    return weights
