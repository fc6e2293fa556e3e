"""The magnitude mask: the smallest weights of the layers become zeros, and stay zeros.

Its matrices keep their size: a zero is stored and multiplied as any number is.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import (
    PreTrainedModel,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.pytorch_utils import Conv1D


def layer_weights(model: PreTrainedModel) -> list[torch.Tensor]:
    """The matrices of a model's layers.

    Raises:
        ValueError: it has no stack of layers.
    """
    depth = getattr(model.config.get_text_config(), "num_hidden_layers", 0)
    stack = next(
        (m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth), None
    )
    if stack is None:
        raise ValueError(f"a {type(model).__name__} has no stack of layers to mask")
    return [one.weight for one in stack.modules() if isinstance(one, nn.Linear | Conv1D)]


class MagnitudeMask(TrainerCallback):
    """Zeros that an optimiser's steps do not undo.

    Args:
        weights: of which, in each matrix, the share `sparsity` becomes zeros.
    """

    def __init__(self, weights: Sequence[torch.Tensor], sparsity: float) -> None:
        self._weights = weights
        self._masks: list[torch.Tensor] = []
        with torch.no_grad():
            for weight in weights:
                count = round(sparsity * weight.numel())
                smallest = weight.abs().flatten().argsort()[:count]
                weight.view(-1)[smallest] = 0

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Notes what is zero, in a run that is resumed as well."""
        self._masks = [weight.detach() != 0 for weight in self._weights]

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Puts the zeros back."""
        with torch.no_grad():
            for weight, mask in zip(self._weights, self._masks, strict=True):
                weight.mul_(mask)


def sparsity_of(weights: Sequence[torch.Tensor]) -> float:
    """The share of zeros."""
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    return zeros / sum(weight.numel() for weight in weights)
