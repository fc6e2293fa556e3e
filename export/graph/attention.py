"""Attention as a graph computes it soonest: no node but those that its arithmetic is made of.

What torch's exporter makes of its own attention turns the keys in ten nodes in place of one and
builds each mask from ranges, in twenty, which a short text waits for (docs/experiments.md).
Transformers lets a model be traced with another attention, which is written out here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import bidirectional_mask_function, sdpa_mask

NAME, TORCHS = "stillhouse_export", "sdpa"
Mask = Callable[..., Any]
LEAST = torch.finfo(torch.float32).min  # finite, so that no softmax is NaN


@contextmanager
def written_out(module: torch.nn.Module) -> Iterator[None]:
    """Has the models in a module attend so that use torch's; the others stay as they are."""
    models = [one for one in module.modules() if isinstance(one, PreTrainedModel)]
    names = [one.config._attn_implementation for one in models]
    try:
        for one, name in zip(models, names, strict=True):
            if name == TORCHS and one._can_set_attn_implementation():
                one.set_attn_implementation(NAME)
        yield
    finally:
        for one, name in zip(models, names, strict=True):
            one.config._attn_implementation = name


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Of tensors (batch, heads, time, size); torch's own where there is more to it than padding."""
    is_more = any(one is not None and one is not False for one in more.values())
    if is_more or mask is None or mask.dtype == torch.bool or key.shape[1] != query.shape[1]:
        return sdpa_attention_forward(
            module, query, key, value, mask, dropout=dropout, scaling=scaling, **more
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = torch.matmul(query, key.transpose(2, 3)) * scale + mask
    return torch.matmul(torch.softmax(scores, -1), value).transpose(1, 2), None


def _mask(
    *, mask_function: Mask, attention_mask: torch.Tensor | None, **more: Any
) -> torch.Tensor | None:
    """Of a padding: float (batch, 1, 1, time), to add; of anything else torch's own."""
    if mask_function is bidirectional_mask_function and attention_mask is not None:
        unread = ~attention_mask.bool()[:, None, None, :]
        return unread * torch.tensor(LEAST)
    return sdpa_mask(mask_function=mask_function, attention_mask=attention_mask, **more)


AttentionInterface.register(NAME, _attend)
AttentionMaskInterface.register(NAME, _mask)
