"""How much each head and each feed-forward neuron of an encoder matters.

By its weights, or by what a batch's loss says of a gate on it, a factor of 1 that its output is
multiplied by. For each text by itself:

- Taylor: the gradient's absolute value, what leaving it out changes to first order (Michel et al.
  2019, arXiv:1905.10650).
- Distillation: the gradient's square, where labels are drawn from the teacher's probabilities: the
  diagonal of the Fisher information, which is what leaving it out adds to the KL to second order
  (Kwon et al. 2022, arXiv:2204.09656). The first order is nothing in a student that still says what
  its teacher says.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from training.models.pruned.families import Layer, layers_of

Batch = dict[str, torch.Tensor]
Loss = Callable[[torch.Tensor, Batch], torch.Tensor]  # of logits and a batch, summed over texts


@dataclass(frozen=True)
class Scores:
    """What each head, (heads,), and each neuron, (neurons,), of a layer matters."""

    heads: torch.Tensor
    neurons: torch.Tensor


def by_magnitude(model: PreTrainedModel) -> list[Scores]:
    """The norm of all weights that would be cut with each."""
    found = []
    with torch.no_grad():
        for layer in layers_of(model):
            rows = sum(_squares(one.weight, 1) for one in layer.projections)
            heads = (rows + _squares(layer.context.weight, 0)).view(layer.heads, -1).sum(dim=1)
            neurons = _squares(layer.inner.weight, 1) + _squares(layer.outer.weight, 0)
            found.append(Scores(heads.sqrt(), neurons.sqrt()))
    return found


def by_gradient(
    model: PreTrainedModel, batches: Iterable[Batch], loss: Loss, *, power: int
) -> list[Scores]:
    """The mean over texts of the gates' gradients, as absolute values or squared.

    Args:
        batches: what the model reads, and what `loss` does.
        power: 1 or 2.
    """
    layers = layers_of(model)
    sums: list[torch.Tensor] = []
    texts = 0
    before = model.training
    model.eval()  # what dropout would leave out is no sign of what matters
    device = next(model.parameters()).device
    for batch in batches:
        given = {name: value.to(device) for name, value in batch.items()}
        read = {name: given[name] for name in READ if name in given}
        with gated(layers) as gates:
            logits = model(**read).logits
        gradients = torch.autograd.grad(loss(logits.float(), given), gates)
        parts = [(one.abs() ** power).sum(dim=0).flatten() for one in gradients]
        sums = parts if not sums else [a + b for a, b in zip(sums, parts, strict=True)]
        texts += len(logits)
    model.train(before)
    means = [one / texts for one in sums]
    return [Scores(*pair) for pair in zip(means[::2], means[1::2], strict=True)]


READ = ("input_ids", "attention_mask", "token_type_ids")


@contextmanager
def gated(layers: Iterable[Layer]) -> Iterator[list[torch.Tensor]]:
    """Puts a gate on each head and neuron of each text, while the context lasts.

    Yields:
        The gates of the last run, (texts, 1, heads) and (texts, 1, neurons) of each layer.
    """
    gates: list[torch.Tensor] = []

    def gate(each: int) -> Callable[[nn.Module, tuple[Any, ...]], tuple[torch.Tensor]]:
        def hook(_: nn.Module, given: tuple[Any, ...]) -> tuple[torch.Tensor]:
            (states,) = given
            shape = len(states), 1, states.shape[-1] // each
            made = torch.ones(shape, device=states.device, requires_grad=True)
            gates.append(made)
            return (states * made.repeat_interleave(each, dim=-1),)

        return hook

    handles = []
    for layer in layers:
        handles.append(layer.context.register_forward_pre_hook(gate(layer.head_size)))
        handles.append(layer.outer.register_forward_pre_hook(gate(1)))
    try:
        yield gates
    finally:
        for handle in handles:
            handle.remove()


def _squares(weight: torch.Tensor, axis: int) -> torch.Tensor:
    return weight.square().sum(dim=axis)
