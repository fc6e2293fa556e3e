"""A model that computes, while it is asked to, what its export to INT8 by the token will.

Which products: those of linear layers, but for the one that gives the logits, and all embedding
tables but the smallest. Names and weights of the model stay as they are, so that it is saved as any
other.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.activations import ACT2FN
from transformers.pytorch_utils import Conv1D

from training.quantize.rounding import (
    EITHER_SIDE,
    FROM_ZERO,
    GELU,
    TABLE_ROWS,
    Span,
    round_rows,
    round_weights,
)

# What an activation function gives lies above its least, as the export knows.
SPANS: dict[type[nn.Module], Span] = {
    type(ACT2FN["gelu"]): GELU,
    type(ACT2FN["gelu_pytorch_tanh"]): GELU,
    nn.GELU: GELU,
    nn.ReLU: FROM_ZERO,
    nn.Sigmoid: FROM_ZERO,
}


class Imitation:
    """The INT8 arithmetic of a model, to be switched on and off.

    Args:
        last: the layer that gives the logits, which stays in FP32; None: there is none.

    Attributes:
        on: whether it rounds.
    """

    def __init__(self, model: PreTrainedModel, last: nn.Module | None) -> None:
        self.on = False
        self._active: torch.Tensor | None = None  # what an activation function gave last
        self._span = EITHER_SIDE  # of that
        self._changed: list[nn.Module] = []
        self._handles: list[Any] = []
        for module in model.modules():
            if isinstance(module, nn.Linear | Conv1D) and module is not last:
                self._replace(module, self._product(module))
            elif isinstance(module, nn.Embedding) and module.num_embeddings >= TABLE_ROWS:
                self._replace(module, self._table(module))
            elif type(module) in SPANS:
                self._handles.append(module.register_forward_hook(self._note(SPANS[type(module)])))

    def remove(self) -> None:
        """Leaves the model as it was."""
        for module in self._changed:
            del module.forward  # its class's is there again
        for handle in self._handles:
            handle.remove()
        self._changed, self._handles, self._active = [], [], None

    def _replace(self, module: nn.Module, forward: Callable[..., torch.Tensor]) -> None:
        module.forward = forward
        self._changed.append(module)

    def _product(self, module: nn.Linear | Conv1D) -> Callable[[torch.Tensor], torch.Tensor]:
        exact = module.forward
        inputs = 1 if isinstance(module, nn.Linear) else 0  # the weight's axis

        def forward(x: torch.Tensor) -> torch.Tensor:
            if not self.on:
                return exact(x)
            span = self._span if x is self._active else EITHER_SIDE
            weight = round_weights(module.weight, inputs)
            return functional.linear(
                round_rows(x, span), weight if inputs else weight.T, module.bias
            )

        return forward

    def _table(self, module: nn.Embedding) -> Callable[[torch.Tensor], torch.Tensor]:
        exact = module.forward

        def forward(ids: torch.Tensor) -> torch.Tensor:
            found = exact(ids)
            return round_weights(found, -1) if self.on else found

        return forward

    def _note(self, span: Span) -> Callable[..., None]:
        def note(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
            self._active, self._span = output, span

        return note


@contextmanager
def imitating(model: PreTrainedModel) -> Iterator[None]:
    """A model that answers as its INT8 file by the token will; as it was afterwards."""
    imitation = Imitation(model, logits_layer(model))
    imitation.on = True
    try:
        yield
    finally:
        imitation.remove()


def logits_layer(model: PreTrainedModel) -> nn.Module | None:
    """The layer whose output are the logits; None: no layer's are."""
    given: list[tuple[nn.Module, torch.Tensor]] = []

    def keep(module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        given.append((module, output))

    layers = [one for one in model.modules() if isinstance(one, nn.Linear | Conv1D)]
    handles = [layer.register_forward_hook(keep) for layer in layers]
    was_training = model.training
    end = getattr(model.config, "eos_token_id", None)  # which an encoder-decoder looks for
    last = end if isinstance(end, int) else 1
    ids = torch.tensor([[1, 1, 1, last]], device=model.device)
    try:
        with torch.no_grad():
            logits = model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    for layer, output in reversed(given):  # a decoder takes those of one token
        if output.shape[-1] == logits.shape[-1] and torch.isin(logits, output).all():
            return layer
    return None
