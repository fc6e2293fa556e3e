"""Where the families that can be pruned keep heads and feed-forward neurons.

A new family is a line here. Knows nothing of what is worth keeping.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import transformers
from torch import nn
from transformers import PreTrainedModel

hf: Any = transformers  # its models are found by name


@dataclass(frozen=True)
class Family:
    """The names of modules, those of a layer as seen from the layer.

    Attributes:
        title: of transformers' classes.
        layers: the stack, as seen from the model without its head.
        attention: the module that counts heads.
        projections: of queries, keys and values.
        context: takes what the heads found, side by side.
        context_norm: reads the sum of that and of what the heads read.
        inner: gives the neurons.
        outer: takes them.
        outer_norm: reads the sum of that and of what the neurons read.
        biased: whether the attention is given a bias for each head from outside the layer.
    """

    title: str
    layers: str = "encoder.layer"
    attention: str = "attention.self"
    projections: tuple[str, str, str] = (
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
    )
    context: str = "attention.output.dense"
    context_norm: str = "attention.output.LayerNorm"
    inner: str = "intermediate.dense"
    outer: str = "output.dense"
    outer_norm: str = "output.LayerNorm"
    biased: bool = False


FAMILIES = {
    "bert": Family("Bert"),
    "roberta": Family("Roberta"),
    "xlm-roberta": Family("XLMRoberta"),
    "electra": Family("Electra"),
    "distilbert": Family(
        "DistilBert",
        layers="transformer.layer",
        attention="attention",
        projections=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
        context="attention.out_lin",
        context_norm="sa_layer_norm",
        inner="ffn.lin1",
        outer="ffn.lin2",
        outer_norm="output_layer_norm",
    ),
    "mpnet": Family(
        "MPNet",
        attention="attention.attn",
        projections=("attention.attn.q", "attention.attn.k", "attention.attn.v"),
        context="attention.attn.o",
        context_norm="attention.LayerNorm",
        biased=True,
    ),
}
PREFIX = "pruned-"  # of the model types that `training.models.pruned.modeling` registers


def family_of(model_type: str) -> Family | None:
    """The family of a model type, pruned already or not; None: it cannot be pruned."""
    return FAMILIES.get(model_type.removeprefix(PREFIX))


@dataclass(frozen=True)
class Layer:
    """The modules of one layer that heads and neurons are cut out of."""

    attention: Any
    projections: Sequence[nn.Linear]
    context: nn.Linear
    context_norm: nn.Module
    inner: nn.Linear
    outer: nn.Linear
    outer_norm: nn.Module

    @property
    def head_size(self) -> int:
        """Numbers of a head."""
        return int(self.attention.attention_head_size)

    @property
    def heads(self) -> int:
        """How many there are."""
        return self.context.in_features // self.head_size

    @property
    def neurons(self) -> int:
        """How many there are."""
        return self.outer.in_features


def layers_of(model: PreTrainedModel) -> list[Layer]:
    """The layers of a model whose family can be pruned, from the embeddings up."""
    family = family_of(model.config.model_type)
    assert family is not None
    stack: Any = model.base_model.get_submodule(family.layers)
    parts = ("context", "context_norm", "inner", "outer", "outer_norm")
    return [
        Layer(
            layer.get_submodule(family.attention),
            [layer.get_submodule(name) for name in family.projections],
            *(layer.get_submodule(getattr(family, part)) for part in parts),
        )
        for layer in stack
    ]
