"""What a training asks of a model's head: its problem, and how labels and losses weigh."""

from collections.abc import Sequence
from dataclasses import dataclass

import datasets
import numpy as np
import torch

from training.data.labelled import Targets
from training.errors import RecipeError
from training.loop.imbalance import Weights, check_imbalance, class_weights, row_weights
from training.loop.metrics import chosen_by
from training.problem import ProblemType
from training.recipe.recipe import Recipe
from training.recipe.teaching import Distillation, Losses


@dataclass(frozen=True)
class Head:
    """How one training learns from labels.

    Attributes:
        class_weights: (labels,), of the loss with the labels; None: all weigh the same.
        balanced: texts of rare labels are drawn more often.
    """

    problem: ProblemType
    class_weights: torch.Tensor | None = None
    balanced: bool = False

    def row_weights(self, rows: datasets.Dataset) -> Weights | None:
        """How often each row is drawn; None: each once an epoch."""
        if not self.balanced:
            return None
        return row_weights(np.asarray(rows.with_format("numpy")["labels"][:]), self.problem)


def check_head(recipe: Recipe, labels: Sequence[str], problem: ProblemType) -> None:
    """Raises RecipeError where a recipe asks for what a head of that problem has not."""
    chosen_by(recipe.training, problem)
    check_imbalance(recipe, labels, problem)
    if recipe.distillation is not None:
        weights_for(recipe.distillation, problem)


def new_head(recipe: Recipe, targets: Targets, labels: Sequence[str], problem: ProblemType) -> Head:
    """The head of a recipe that was checked.

    Args:
        targets: of the training texts.
    """
    weights = class_weights(recipe, targets, labels, problem)
    return Head(
        problem,
        None if weights is None else torch.from_numpy(weights),
        recipe.training.sampler == "balanced",
    )


def weights_for(spec: Distillation, problem: ProblemType) -> Losses:
    """How the parts of a student's loss are weighed.

    A regression has no probabilities: `alpha` weighs the squared difference from the teacher.

    Raises:
        RecipeError: `losses.kl` is asked of a regression, or `losses.similarity` of a classifier.
    """
    if spec.weights.of_embedders:
        raise RecipeError(
            "distillation.losses.similarity is of embedders, and so are masked and masked_kl: "
            "weigh another loss"
        )
    if problem != "regression":
        return spec.weights
    if spec.losses is None:
        return Losses(mse=spec.weights.kl, hard=spec.weights.hard)
    if spec.losses.kl:
        raise RecipeError(
            "distillation.losses.kl compares probabilities, and a regression has none: weigh "
            "losses.mse in its place"
        )
    return spec.losses
