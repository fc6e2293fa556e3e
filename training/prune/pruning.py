"""What a recipe's `[pruning]` does to a model, from before its training until after it."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import datasets
import numpy as np
from transformers import PreTrainedModel, TrainerCallback

from training.errors import RecipeError
from training.models.pruned.families import FAMILIES, family_of, layers_of
from training.models.pruned.modeling import cut
from training.problem import ProblemType
from training.prune.choosing import kept_of
from training.prune.gates import Gates
from training.prune.gradual import GradualCuts
from training.prune.importance import Batch, Scores, by_gradient, by_magnitude
from training.prune.losses import drawn_loss, labels_loss
from training.prune.masking import MagnitudeMask, layer_weights, sparsity_of
from training.prune.reconstruction import reconstruct
from training.recipe.recipe import Recipe

Collate = Callable[[list[dict[str, Any]]], Batch]
NO_TIME = "zeros are stored and multiplied as any number is: no smaller file, and no less time"


@dataclass
class Cutting:
    """The cutting of one model.

    Attributes:
        callbacks: that the Trainer calls.
        gates: of cuts that are made while it trains.
        told: what the metrics say of it.
    """

    model: PreTrainedModel
    callbacks: list[TrainerCallback] = field(default_factory=list)
    gates: Gates | None = None
    told: dict[str, Any] = field(default_factory=dict)

    def finish(self) -> None:
        """Takes out what was shut off, and counts what is left."""
        if self.gates is not None:
            self.gates.cut_out(self.model)
            self.gates = None
        if not self.told:
            return
        self.told["parameters"] = self.model.num_parameters()
        if "mask" in self.told["kind"]:
            self.told["sparsity_of_layers"] = round(sparsity_of(layer_weights(self.model)), 4)
            self.told["sparsity"] = round(sparsity_of([*self.model.parameters()]), 4)
            return
        layers = layers_of(self.model)
        self.told["layer_parameters"] = _layer_parameters(self.model)
        self.told["heads"] = [layer.heads for layer in layers]
        self.told["neurons"] = [layer.neurons for layer in layers]


def refuse_unprunable(recipe: Recipe, model: PreTrainedModel) -> None:
    """Refuses what cannot be cut, before any long work.

    Raises:
        RecipeError: which models can.
    """
    spec = recipe.pruning
    if spec is None:
        return
    if spec.kind == "mask":
        try:
            layer_weights(model)
        except ValueError as error:
            raise RecipeError(f"pruning: {error}") from error
    whole = spec.kind == "mask" and spec.vocabulary == "all"
    if not whole and family_of(model.config.model_type) is None:
        raise RecipeError(
            f"[pruning] cuts encoders of {', '.join(FAMILIES)}, and this is a "
            f"{model.config.model_type}: leave the section out, or take another base"
        )


def begin(
    recipe: Recipe,
    model: PreTrainedModel,
    rows: datasets.Dataset,
    collate: Collate,
    problem: ProblemType = "single_label",
    *,
    of_tokens: bool = False,
    vocabulary_before: int | None = None,
    resumed: bool = False,
) -> Cutting:
    """Cuts what is cut before the training; of later cuts, makes the callbacks.

    Args:
        rows: that the model will learn from.
        collate: makes a batch of some of them.
        of_tokens: each token has a label, and not the text.
        vocabulary_before: rows that the table had; None: it still has them.
        resumed: the model's weights come from an unfinished run.
    """
    spec, cutting = recipe.pruning, Cutting(model)
    if spec is None:
        return cutting
    cutting.told = {"kind": spec.kind, "parameters_before": model.num_parameters()}
    if vocabulary_before is not None:
        table: Any = model.get_input_embeddings().weight
        cutting.told["vocabulary_before"] = vocabulary_before
        cutting.told["vocabulary"] = len(table)
        cutting.told["parameters_before"] += (vocabulary_before - len(table)) * table.shape[1]
    if spec.kind == "mask":
        assert spec.sparsity is not None
        cutting.told["note"] = NO_TIME
        cutting.callbacks.append(MagnitudeMask(layer_weights(model), spec.sparsity))
        return cutting
    cutting.told["layer_parameters_before"] = _layer_parameters(model)
    if not spec.cuts_layers:
        return cutting

    def drawn(seed: int) -> Iterator[Batch]:
        chance = np.random.default_rng(seed)
        size = min(recipe.training.batch_size, len(rows))
        places = chance.permutation(len(rows))[: spec.batches * size]
        some = sorted((rows[int(place)] for place in places), key=lambda row: len(row["input_ids"]))
        for start in chance.permutation(range(0, len(some), size)):  # a batch is of like lengths
            yield collate(some[start : start + size])

    def scores(number: int) -> list[Scores]:
        if spec.importance == "magnitude":
            return by_magnitude(model)
        seed = recipe.training.seed + number
        batches = drawn(seed)
        if spec.importance == "taylor":
            loss = labels_loss(problem, of_tokens=of_tokens)
            return by_gradient(model, batches, loss, power=1)
        assert recipe.distillation is not None
        loss = drawn_loss(recipe.distillation, problem, seed, of_tokens=of_tokens)
        return by_gradient(model, batches, loss, power=2)

    if spec.cuts == 1:
        whole = copy.deepcopy(model) if spec.reconstruction and not resumed else None
        cut(model, kept_of(scores(1), spec))
        if whole is not None:
            reconstruct(model, whole, drawn(recipe.training.seed))
    else:
        cutting.gates = Gates(model)
        cutting.callbacks.append(GradualCuts(spec, cutting.gates, scores))
    return cutting


def _layer_parameters(model: PreTrainedModel) -> int:
    """Of the layers alone: neither tables nor heads."""
    family = family_of(model.config.model_type)
    assert family is not None
    stack = model.base_model.get_submodule(family.layers)
    return sum(one.numel() for one in stack.parameters())
