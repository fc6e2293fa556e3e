"""Transformer encoders with a classification head, from a hub id or a local directory."""

import copy
from collections.abc import Sequence

from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel


def new_encoder(base: str, labels: Sequence[str], dropout: float) -> PreTrainedModel:
    """A pretrained encoder with a head for `labels`, fresh unless `base` has one of that size."""
    config = AutoConfig.from_pretrained(base)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout"):
        if hasattr(config, name):
            setattr(config, name, dropout)
    # A base that classifies by other labels gives its body, not its head.
    model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
        base, config=config, ignore_mismatched_sizes=True
    )
    return model


def keep_layers(model: PreTrainedModel, layers: Sequence[int]) -> PreTrainedModel:
    """A shallower copy of an encoder: some of its layers, and all that is around them.

    Args:
        layers: which to keep, counted from 0 at the embeddings.

    Raises:
        ValueError: the encoder has no such layers, or no plain stack of layers at all.
    """
    depth = getattr(model.config, "num_hidden_layers", 0)
    stacks = [
        f"{name}."
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == depth
    ]
    if not stacks:
        raise ValueError(f"a {type(model).__name__} has no stack of layers to choose from")
    if max(layers) >= depth:
        raise ValueError(f"the encoder's layers are 0 to {depth - 1}, not {max(layers)}")
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = len(layers)
    shallow = type(model)(config)
    every = model.state_dict()
    kept = {}
    for name in shallow.state_dict():
        source = name
        if name.startswith(stacks[0]):
            place, rest = name.removeprefix(stacks[0]).split(".", 1)
            source = f"{stacks[0]}{layers[int(place)]}.{rest}"
        kept[name] = every[source]
    shallow.load_state_dict(kept)
    return shallow
