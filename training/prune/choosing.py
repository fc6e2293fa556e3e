"""Which heads and neurons are kept, by what they matter."""

from collections.abc import Sequence

import torch

from training.models.pruned.modeling import Kept
from training.prune.importance import Scores
from training.recipe.pruning import Pruning

STEP = 16  # neurons are kept by so many: products of other sizes leave a processor's lanes empty


def kept_of(scores: Sequence[Scores], spec: Pruning, done: float = 1.0) -> list[Kept]:
    """What is kept of each layer.

    Args:
        scores: of each layer.
        done: how much of the cutting that the recipe asks for.
    """
    across = spec.allocation == "model"
    shares = [1 - (1 - share) * done for share in (spec.heads, spec.neurons)]
    heads = _chosen([one.heads for one in scores], shares[0], 1, across)
    neurons = _chosen([one.neurons for one in scores], shares[1], STEP, across)
    return [Kept(*one) for one in zip(heads, neurons, strict=True)]


def _chosen(
    scores: Sequence[torch.Tensor], share: float, step: int, across: bool
) -> list[list[int]]:
    counts = [share * len(one) for one in scores]
    if across:
        every = torch.cat(list(scores))
        bound = every.sort(descending=True).values[max(1, round(share * len(every))) - 1]
        counts = [float((one >= bound).sum()) for one in scores]
    return [
        _best(one, _stepped(count, len(one), step))
        for one, count in zip(scores, counts, strict=True)
    ]


def _stepped(count: float, most: int, step: int) -> int:
    """The nearest number that goes by steps, at least one step and at most all."""
    return most if count >= most else min(max(round(count / step), 1) * step, most)


def _best(scores: torch.Tensor, count: int) -> list[int]:
    """The places of the highest, in ascending order."""
    order = scores.sort(descending=True, stable=True).indices
    return sorted(order[:count].tolist())
