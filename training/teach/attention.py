"""Finds a model's query, key and value projections, by the names that families give them.

They are watched as they leave the projection: what a family does to them later, such as turning
them by their position, is not seen. Knows nothing of losses.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from training.errors import RecipeError

# Three modules, or one whose output holds all three side by side. A new family is a line here.
NAMES = (
    ("query", "key", "value"),  # BERT, RoBERTa, XLM-R, ELECTRA, ALBERT, Longformer, BigBird
    ("q_lin", "k_lin", "v_lin"),  # DistilBERT
    ("q_proj", "k_proj", "v_proj"),  # BART, Llama, Qwen, Mistral
    ("query_proj", "key_proj", "value_proj"),  # DeBERTa-v2 and v3
    ("q", "k", "v"),  # MPNet, T5
    ("q_head", "k_head", "v_head"),  # Funnel
    ("Wqkv",),  # ModernBERT
    ("c_attn",),  # GPT-2
)
ELSEWHERE = ("encoder_attn", "crossattention", "EncDecAttention")  # they look at another text


class Seen(NamedTuple):
    """What a layer's projections gave, each (batch, heads, time, size)."""

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor

    @property
    def heads(self) -> int:
        """Of the queries."""
        return int(self.query.shape[1])

    @property
    def width(self) -> int:
        """Of all heads side by side."""
        return self.heads * int(self.query.shape[-1])

    def cut(self, parts: int) -> "Seen":
        """The same numbers, all heads side by side, cut into so many parts in place of heads."""
        return Seen(*(_cut(states.transpose(1, 2).flatten(2), parts) for states in self))


@dataclass(frozen=True)
class Projections:
    """The projections of one layer.

    Attributes:
        modules: three, or one that is all of them.
        heads: of the queries; keys and values may have fewer, each shared by several queries.
    """

    modules: tuple[nn.Module, ...]
    heads: int

    def split(self, outputs: Sequence[torch.Tensor]) -> Seen:
        """Cuts the modules' outputs, each (batch, time, width), into heads."""
        whole = outputs[0].chunk(3, dim=-1) if len(outputs) == 1 else outputs
        size = whole[0].shape[-1] // self.heads
        return Seen(*(self._heads(states, size) for states in whole))

    def _heads(self, states: torch.Tensor, size: int) -> torch.Tensor:
        batch, time, width = states.shape
        cut = states.view(batch, time, width // size, size).transpose(1, 2)
        return cut.repeat_interleave(self.heads // cut.shape[1], dim=1)


def common_parts(one: Seen, other: Seen) -> int:
    """The most parts that both widths can be cut into, up to the greater number of heads."""
    whole = math.gcd(one.width, other.width)
    most = max(one.heads, other.heads)
    return max(n for n in range(1, most + 1) if whole % n == 0)


def _cut(states: torch.Tensor, parts: int) -> torch.Tensor:
    batch, time, width = states.shape
    return states.view(batch, time, parts, width // parts).transpose(1, 2)


def last_projections(model: PreTrainedModel, who: str) -> Projections:
    """Those of the last layer that looks at its own text.

    Args:
        who: the model's part, for the error.

    Raises:
        RecipeError: none are known.
    """
    # Of several modules by one name the last is the last layer's.
    named = {
        name.rsplit(".", 1)[-1]: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and not any(part in name for part in ELSEWHERE)
    }
    for names in NAMES:
        if all(name in named for name in names):
            modules = tuple(named[name] for name in names)
            pruned = getattr(model.config, "kept_heads", None)  # of each layer
            heads = len(pruned[-1]) if pruned else int(model.config.num_attention_heads)
            return Projections(modules, heads)
    raise RecipeError(
        f"distillation.losses.attention needs query, key and value projections, and the {who}, "
        f"a {type(model).__name__}, has none that are known"
    )


@contextmanager
def watched(
    projections: Projections | None, shape: tuple[int, ...]
) -> Iterator[list[torch.Tensor]]:
    """Collects what the projections give, in their order; it is there when the context ends.

    Args:
        shape: (batch, time) of the texts; what a module gives for something else is passed over.
    """
    modules = projections.modules if projections else ()
    seen: dict[nn.Module, torch.Tensor] = {}
    outputs: list[torch.Tensor] = []

    def keep(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        # DeBERTa also projects its relative positions, by the same modules.
        if tuple(output.shape[:2]) == shape:
            seen[module] = output

    handles = [module.register_forward_hook(keep) for module in modules]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
        outputs += [seen[module] for module in modules if module in seen]
