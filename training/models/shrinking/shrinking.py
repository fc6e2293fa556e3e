"""Makes an encoder shallower, or of its own family a new one that is narrower.

A narrower one has fresh layers. What it is given of its base is the tables of embeddings, turned
so that what varies most among the words is kept (principal components).
"""

import copy
from typing import cast

import torch
from torch import nn
from transformers import PreTrainedModel

from training.errors import RecipeError
from training.models.encoder import LISTED, keep_layers
from training.models.shrinking.shape import INTERMEDIATE, settled
from training.recipe.models import EncoderModel


def shaped(model: PreTrainedModel, spec: EncoderModel) -> PreTrainedModel:
    """The encoder in the shape that a recipe asks for.

    Raises:
        RecipeError: it cannot have that shape.
    """
    spec = settled(spec, model.config)
    if spec.width is not None:
        return narrowed(model, spec)
    if spec.layers is None:
        return model
    try:
        return keep_layers(model, spec.layers)
    except ValueError as error:
        raise RecipeError(f"model.layers: {error}") from error


def narrowed(model: PreTrainedModel, spec: EncoderModel) -> PreTrainedModel:
    """A new encoder of the same family and tokens, with its base's embeddings made narrow.

    Args:
        spec: with nothing left open, see `settled`.

    Raises:
        RecipeError: there is no model of that shape in the family.
    """
    config = copy.deepcopy(model.config)
    assert spec.width is not None
    assert isinstance(spec.depth, int)
    for name in LISTED:
        each = getattr(config, name, None)
        if isinstance(each, list | tuple) and len(each) == model.config.num_hidden_layers:
            if spec.depth > len(each):
                raise RecipeError(f"model.depth: the base says what {len(each)} layers are")
            setattr(config, name, each[: spec.depth])
    config.hidden_size, config.num_hidden_layers = spec.width, spec.depth
    config.num_attention_heads = spec.heads
    for name in INTERMEDIATE:
        if hasattr(config, name):
            setattr(config, name, spec.intermediate)
    if hasattr(config, "pooler_hidden_size"):  # DeBERTa's
        config.pooler_hidden_size = spec.width
    if getattr(config, "num_key_value_heads", None):
        config.num_key_value_heads = spec.heads
    if getattr(config, "head_dim", None):
        config.head_dim = spec.width // (spec.heads or 1)
    try:
        small = type(model)(config)
    except (ValueError, RuntimeError) as error:
        said = str(error).strip().splitlines()[0]
        raise RecipeError(
            f"model.width: no {type(model).__name__} of that shape: {said}"
        ) from error
    _give_embeddings(model, small)
    return small


@torch.no_grad()
def _give_embeddings(model: PreTrainedModel, small: PreTrainedModel) -> None:
    """Gives every table of embeddings what it can hold of the base's, all turned alike."""
    words = cast(torch.Tensor, model.get_input_embeddings().weight).float()
    narrow = cast(torch.Tensor, small.get_input_embeddings().weight).shape[1]
    turn = _directions(words, narrow)
    mine = dict(small.named_modules())
    for name, module in model.named_modules():
        table = mine.get(name)
        if not isinstance(module, nn.Embedding) or not isinstance(table, nn.Embedding):
            continue
        if table.weight.shape == module.weight.shape:
            table.weight.copy_(module.weight)
        elif module.weight.shape[1] == words.shape[1] and table.weight.shape[1] == narrow:
            turned = module.weight.float() @ turn
            table.weight[:, : turned.shape[1]] = turned  # a wider one keeps the rest as it was
            if table.padding_idx is not None:
                table.weight[table.padding_idx] = 0


def _directions(table: torch.Tensor, size: int) -> torch.Tensor:
    """The directions in which rows vary most, (width, size); of a wider one all, as they are."""
    if size >= table.shape[1]:
        return torch.eye(table.shape[1], device=table.device)
    centred = table - table.mean(dim=0)
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    found: torch.Tensor = vectors[:, -size:]
    return found
