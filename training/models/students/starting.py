"""Begins a student of ours from the weights of another that has its shape."""

import torch
from transformers import PreTrainedModel

from training.errors import RecipeError
from training.models.checkpoints.checkpoint import Checkpoint

HEAD = "classifier."  # what it answers, of which the other one's labels or vectors are


def begin_from(student: PreTrainedModel, base: Checkpoint) -> None:
    """Gives a new student all weights of a checkpoint but those of its head.

    Args:
        base: an embedder or a classifier, whose tokens the student reads.

    Raises:
        RecipeError: it is of another architecture or shape.
    """
    mine, theirs = student.config, base.model.config
    if mine.model_type != theirs.model_type:
        raise RecipeError(
            f"model.base: {base.source} is a {theirs.model_type}, and the student a "
            f"{mine.model_type}"
        )
    weights = {name: weight for name, weight in base.model.state_dict().items() if HEAD not in name}
    for name, weight in student.state_dict().items():
        if name in weights and weights[name].shape != weight.shape:
            raise RecipeError(
                f"model.base: {name} of {base.source} is {tuple(weights[name].shape)}, and the "
                f"student's {tuple(weight.shape)}: give the recipe the shape of its base"
            )
    with torch.no_grad():
        missing, _ = student.load_state_dict(weights, strict=False)
    if odd := [name for name in missing if HEAD not in name]:
        raise RecipeError(
            f"model.base: {base.source} lacks {odd}: give the recipe the shape of its base"
        )
