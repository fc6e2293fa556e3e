"""Other settings for a candidate that nearly keeps the promise.

They are a few, drawn from a small grid by a seed, so that a search that goes on finds what it has
trained. A handful is too few to estimate from what the next should be.
"""

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

MOST = 4  # settings that are tried of one candidate


def variants(
    choices: Mapping[str, Sequence[Any]], own: Mapping[str, Any], seed: int
) -> list[dict[str, Any]]:
    """Settings that differ from the recipe's own, and from each other.

    Args:
        choices: of each key, by its dotted name.
        own: the recipe's values.

    Returns:
        of each setting what it changes.
    """
    axes = [
        [own[key], *(value for value in values if value != own[key])]
        for key, values in choices.items()
    ]
    _, *others = itertools.product(*axes)  # the first is the recipe's own
    drawn = random.Random(seed).sample(others, min(MOST, len(others)))  # noqa: S311  no secret
    return [
        {key: value for key, value in zip(choices, values, strict=True) if value != own[key]}
        for values in drawn
    ]
