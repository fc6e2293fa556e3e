"""Heads and neurons shut off while a model trains, to be cut out when it has.

The gates are part of the model while it trains, so that the Trainer saves and resumes them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from training.models.pruned.families import layers_of
from training.models.pruned.modeling import Kept, cut
from training.prune.importance import Scores

NAME = "pruning_gates"
CUT = -1.0  # the score of what is shut off: below all others


class Gates(nn.Module):
    """Zeros and ones that the outputs of a model's heads and neurons are multiplied by.

    Args:
        model: gets them.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self._handles: list[Any] = []
        for place, layer in enumerate(layers_of(model)):
            self.register_buffer(f"heads_{place}", torch.ones(layer.heads))
            self.register_buffer(f"neurons_{place}", torch.ones(layer.neurons))
            for linear, name, size in (
                (layer.context, f"heads_{place}", layer.head_size),
                (layer.outer, f"neurons_{place}", 1),
            ):
                self._handles.append(linear.register_forward_pre_hook(self._hook(name, size)))
        self._layers = len(layers_of(model))
        model.add_module(NAME, self)

    def shut(self, kept: Sequence[Kept]) -> None:
        """Shuts all but what is kept."""
        for place, one in enumerate(kept):
            for name, places in (("heads", one.heads), ("neurons", one.neurons)):
                gate: torch.Tensor = getattr(self, f"{name}_{place}")
                gate.zero_()
                gate[list(places)] = 1

    def scored(self, scores: Sequence[Scores]) -> list[Scores]:
        """The scores, with what is shut below all that is open."""
        return [
            Scores(
                one.heads.masked_fill(getattr(self, f"heads_{place}") == 0, CUT),
                one.neurons.masked_fill(getattr(self, f"neurons_{place}") == 0, CUT),
            )
            for place, one in enumerate(scores)
        ]

    def cut_out(self, model: PreTrainedModel) -> None:
        """Takes what is shut out of the matrices, and the gates out of the model."""
        for handle in self._handles:
            handle.remove()
        delattr(model, NAME)
        open_ = [
            [getattr(self, f"{name}_{place}").nonzero().flatten().tolist() for name in NAMES]
            for place in range(self._layers)
        ]
        cut(model, [Kept(*one) for one in open_])

    def _hook(
        self, name: str, size: int
    ) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], tuple[torch.Tensor]]:
        def hook(_: nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
            gate: torch.Tensor = getattr(self, name)
            return (given[0] * gate.repeat_interleave(size).to(given[0].dtype),)

        return hook


NAMES = ("heads", "neurons")
