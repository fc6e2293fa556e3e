"""Transformer encoders with a classification head, from a hub id or a local directory."""

import copy
import sys
from collections.abc import Sequence

import torch
from torch import nn
from tqdm.auto import tqdm
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from training.errors import CheckpointError
from training.models.checkpoints.labels import label_names
from training.models.checkpoints.reading import refuse_missing
from training.models.checkpoints.supported import head_of
from training.problem import TRANSFORMERS_NAMES, ProblemType

# What a config says of each layer by itself, such as which attends to all of a text.
LISTED = ("layer_types", "attention_layers", "attention_window", "kept_heads", "kept_neurons")


def new_encoder(
    base: str,
    labels: Sequence[str],
    dropout: float,
    problem: ProblemType = "single_label",
    *,
    of_tokens: bool = False,
) -> PreTrainedModel:
    """A pretrained encoder with a head for `labels`: its own if it has these labels, else fresh.

    Args:
        of_tokens: each token gets a label, and not the text.

    Raises:
        CheckpointError: `base` is not there, or is no model that can classify.
    """
    refuse_missing(base)
    try:
        config = AutoConfig.from_pretrained(base)
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        raise CheckpointError(f"no model to start from at {base!r}: {said}") from error
    head, own = head_of(config), label_names(config)
    config.problem_type = None if of_tokens else TRANSFORMERS_NAMES[problem]
    auto = AutoModelForTokenClassification if of_tokens else AutoModelForSequenceClassification
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout"):
        if hasattr(config, name):
            setattr(config, name, dropout)
    # A base that classifies by other labels gives its body, not its head.
    try:
        found, report = auto.from_pretrained(
            base,
            config=config,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        raise CheckpointError(f"{base!r} cannot classify: {said}") from error
    model: PreTrainedModel = found
    if report["missing_keys"] or report["mismatched_keys"]:
        own_head = "TokenClassification" if of_tokens else "SequenceClassification"
        had = {None: "no head", own_head: f"a head for {len(own)} labels"}
        told = had.get(head, f"a head for {head}")
        tqdm.write(f"{base} has {told}: it gets a fresh one for {len(labels)}", file=sys.stderr)
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
    for name in LISTED:
        values = getattr(config, name, None)
        if isinstance(values, list | tuple) and len(values) == depth:
            setattr(config, name, [values[layer] for layer in layers])
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
