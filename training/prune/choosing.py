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
    heads = _chosen([one.heads for one in scores], shares[0], 1, across, 0.0)
    neurons = _chosen([one.neurons for one in scores], shares[1], STEP, across, spec.least)
    return [Kept(*one) for one in zip(heads, neurons, strict=True)]


def _chosen(
    scores: Sequence[torch.Tensor], share: float, step: int, across: bool, least: float
) -> list[list[int]]:
    counts = _across(scores, share, least) if across else [share * len(one) for one in scores]
    return [
        [] if count is None else _best(one, _stepped(count, len(one), step))
        for one, count in zip(scores, counts, strict=True)
    ]


def _across(scores: Sequence[torch.Tensor], share: float, least: float) -> list[float | None]:
    """How many of each layer are among the highest of all; None: it would keep too few."""
    total = max(1, round(share * sum(len(one) for one in scores)))
    staying = dict(enumerate(scores))
    while True:
        every = torch.cat(list(staying.values())).sort(descending=True).values
        bound = every[min(total, len(every)) - 1]
        counts = {place: float((one >= bound).sum()) for place, one in staying.items()}
        fewest = min(counts, key=lambda place: counts[place] / len(scores[place]))
        if counts[fewest] >= least * len(scores[fewest]) or len(staying) == 1:
            return [counts.get(place) for place in range(len(scores))]
        del staying[fewest]


def _stepped(count: float, most: int, step: int) -> int:
    """The nearest number that goes by steps, at least one step and at most all."""
    return most if count >= most else min(max(round(count / step), 1) * step, most)


def _best(scores: torch.Tensor, count: int) -> list[int]:
    """The places of the highest, in ascending order."""
    order = scores.sort(descending=True, stable=True).indices
    return sorted(order[:count].tolist())
