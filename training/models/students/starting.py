"""Begins a student of ours from the weights of another that has its shape and its tokens."""

import torch
from transformers import PreTrainedModel

from training.errors import RecipeError
from training.models.checkpoint import Checkpoint, load_checkpoint

HEAD = "classifier."  # what it answers, of which the other one's labels or vectors are


def begin_from(student: PreTrainedModel, base: str, teacher: Checkpoint) -> None:
    """Gives a new student all weights of a checkpoint but those of its head.

    Args:
        base: directory or hub id of the checkpoint: an embedder or a classifier.
        teacher: whose tokens the student reads.

    Raises:
        CheckpointError: it is not there.
        RecipeError: it is of another architecture, shape or tokens.
    """
    found = load_checkpoint(base)
    mine, theirs = student.config, found.model.config
    if mine.model_type != theirs.model_type:
        raise RecipeError(
            f"model.base: {base} is a {theirs.model_type}, and the student a {mine.model_type}"
        )
    if found.hub_tokenizer.get_vocab() != teacher.hub_tokenizer.get_vocab():
        raise RecipeError(
            f"model.base: {base} reads other tokens than the teacher {teacher.source}: make one "
            "with a teacher of the same tokenizer"
        )
    weights = {
        name: weight for name, weight in found.model.state_dict().items() if HEAD not in name
    }
    for name, weight in student.state_dict().items():
        if name in weights and weights[name].shape != weight.shape:
            raise RecipeError(
                f"model.base: {name} of {base} is {tuple(weights[name].shape)}, and the student's "
                f"{tuple(weight.shape)}: give the recipe the shape of its base"
            )
    with torch.no_grad():
        missing, _ = student.load_state_dict(weights, strict=False)
    if odd := [name for name in missing if HEAD not in name]:
        raise RecipeError(f"model.base: {base} lacks {odd}: give the recipe the shape of its base")
