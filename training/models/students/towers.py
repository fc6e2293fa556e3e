"""Two towers: a pair's texts, each read by itself with the same weights, and then compared.

As in InferSent (Conneau et al. 2017, arXiv:1705.02364): both vectors, their difference and their
product. A pair comes as one row of tokens, as its teacher's tokenizer joins it; the first separator
ends the first text. Knows nothing of what reads a text.
"""

import torch
from transformers import PretrainedConfig

TOWERS, JOINED = "towers", "joined"
FEATURES = 4  # vectors that are compared, for each that a tower gives


def is_towers(config: PretrainedConfig) -> bool:
    """Whether a student reads a pair by two towers; else it reads one row of tokens."""
    return getattr(config, "pairs", None) == TOWERS


def apart(
    input_ids: torch.Tensor, attention_mask: torch.Tensor, separator_id: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cuts each row into its two texts.

    Args:
        input_ids: (batch, time); padding on the right.
        attention_mask: (batch, time).
        separator_id: ends the first text, and is a part of it.

    Returns:
        The same two of all first texts and then of all second ones, (2 * batch, longest). A row
        without a separator has its last token for a second text.
    """
    mask = attention_mask.bool()
    ends = (input_ids == separator_id) & mask
    before = ends.cumsum(dim=1) - ends.long()
    first = ((before == 0) & mask).sum(dim=1)
    whole = mask.sum(dim=1)
    second = (whole - first).clamp(min=1)
    times = torch.arange(input_ids.shape[1], device=input_ids.device)
    moved = torch.minimum(times + first[:, None], whole[:, None] - 1)
    lengths = torch.cat([first, second])
    longest = int(lengths.max())
    ids = torch.cat([input_ids, input_ids.gather(1, moved)])[:, :longest]
    return ids, (times[:longest] < lengths[:, None]).long()


def compared(vectors: torch.Tensor) -> torch.Tensor:
    """What a head reads of the vectors of `apart`'s texts.

    Args:
        vectors: (2 * batch, width).

    Returns:
        (batch, 4 * width): both, the absolute difference, and the product.
    """
    one, two = vectors.chunk(2)
    return torch.cat([one, two, (one - two).abs(), one * two], dim=-1)
