"""Pruned encoders as transformers' own models: a family's classes, whose config also says what is
kept of each layer.

`kept_heads` lists each layer's heads, by their places in the layer as it was before any were cut,
and `kept_neurons` how many feed-forward neurons each has. The matrices are built that small, so
that `save_pretrained` and `from_pretrained` need nothing else. Knows nothing of what is worth
keeping.
"""  # noqa: D205

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from training.models.pruned.families import FAMILIES, PREFIX, Family, family_of, hf, layers_of

HEADS = {
    "SequenceClassification": AutoModelForSequenceClassification,
    "TokenClassification": AutoModelForTokenClassification,
}


@dataclass(frozen=True)
class Kept:
    """What is kept of one layer, by its places among what the layer has now."""

    heads: Sequence[int]
    neurons: Sequence[int]


def prunable(model: PreTrainedModel) -> PreTrainedModel:
    """A copy of an encoder that can be cut; nothing is yet.

    Raises:
        ValueError: its family cannot be pruned, or it has no head that can be.
    """
    if model.config.model_type.startswith(PREFIX):
        return model
    kind = _KINDS.get((model.config.model_type, type(model).__name__.partition("For")[2]))
    if kind is None:
        raise ValueError(
            f"a {type(model).__name__} cannot be pruned: classifiers and taggers of "
            f"{', '.join(FAMILIES)} can"
        )
    layers = layers_of(model)
    stated = model.config.to_dict()
    stated.pop("model_type")
    config = kind.config_class(
        **stated,
        kept_heads=[list(range(layer.heads)) for layer in layers],
        kept_neurons=[layer.neurons for layer in layers],
    )
    config._attn_implementation = model.config._attn_implementation
    made: PreTrainedModel = kind(config)
    made.load_state_dict(model.state_dict())
    made.train(model.training)
    return made


def cut(model: PreTrainedModel, kept: Sequence[Kept]) -> None:
    """Takes all but what is kept out of a prunable model's matrices.

    Args:
        kept: of each layer; at least a head of each.
    """
    config: Any = model.config
    known = config.kept_heads
    config.kept_heads = [
        [heads[place] for place in one.heads] for heads, one in zip(known, kept, strict=True)
    ]
    config.kept_neurons = [len(one.neurons) for one in kept]
    _cut(model, kept)


def _cut(model: PreTrainedModel, kept: Sequence[Kept]) -> None:
    for layer, heads, one in zip(layers_of(model), model.config.kept_heads, kept, strict=True):
        size = layer.head_size
        places = torch.tensor([head * size + i for head in one.heads for i in range(size)])
        for projection in layer.projections:
            _take(projection, 0, places)
        _take(layer.context, 1, places)
        neurons = torch.tensor(list(one.neurons))
        _take(layer.inner, 0, neurons)
        _take(layer.outer, 1, neurons)
        if not one.neurons:
            layer.outer.__class__ = _BiasAlone
        # Each family counts its heads by some of these names.
        counts = {"num_attention_heads": len(one.heads), "n_heads": len(one.heads),
                  "all_head_size": len(places)}  # fmt: skip
        for name, count in counts.items():
            if hasattr(layer.attention, name):
                setattr(layer.attention, name, count)
        layer.attention.kept_heads = list(heads)


def _take(linear: nn.Linear, axis: int, places: torch.Tensor) -> None:
    """Leaves of a matrix its rows (axis 0, with their bias) or columns at some places."""
    places = places.to(linear.weight.device, torch.long)  # of an empty list it is of floats
    linear.weight = nn.Parameter(linear.weight.detach().index_select(axis, places).contiguous())
    if axis == 0 and linear.bias is not None:
        linear.bias = nn.Parameter(linear.bias.detach()[places].clone())
    linear.out_features, linear.in_features = linear.weight.shape


class _BiasAlone(nn.Linear):
    """Of no neuron: what is left is the bias, the same for each token."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:  # noqa: ARG002  there are none
        """(..., 0) to (width,), which is added to (..., width)."""
        return self.bias


def _of_kept_heads(attention: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """A bias for every head that there was (MPNet's of positions), as one for those kept."""
    states, mask, bias, *rest = given
    if bias is not None:
        bias = bias[:, attention.kept_heads]
    return (states, mask, bias, *rest)


class _Pruned:
    """What a pruned class adds to its family's: matrices as small as its config says."""

    def __init__(self, config: Any, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)  # type: ignore[call-arg]  # of the family
        model: Any = self
        _cut(
            model,
            [
                Kept(heads, range(neurons))
                for heads, neurons in zip(config.kept_heads, config.kept_neurons, strict=True)
            ],
        )
        family = family_of(config.model_type)
        if family is not None and family.biased:
            for layer in layers_of(model):
                layer.attention.register_forward_pre_hook(_of_kept_heads)


def _registered(model_type: str, family: Family) -> dict[tuple[str, str], Any]:
    """Makes a family's config and classes, and tells the auto classes of them."""
    own = {"model_type": PREFIX + model_type, "__module__": __name__}
    config: Any = type(f"Pruned{family.title}Config", (getattr(hf, f"{family.title}Config"),), own)
    AutoConfig.register(config.model_type, config)
    found: dict[tuple[str, str], Any] = {}
    for head, auto in HEADS.items():
        base = getattr(hf, f"{family.title}For{head}")
        kind: Any = type(
            f"Pruned{base.__name__}",
            (_Pruned, base),
            {"config_class": config, "__module__": __name__},
        )
        auto.register(config, kind)
        found[model_type, head] = kind
    return found


_KINDS = {
    key: kind
    for model_type, family in FAMILIES.items()
    for key, kind in _registered(model_type, family).items()
}
