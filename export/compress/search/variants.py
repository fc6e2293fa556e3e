"""Other settings for a candidate that nearly keeps the promise.

They are a few, drawn by a seed, so that a search that goes on finds what it has trained. A handful
is too few to estimate from what the next should be. First one value changes at a time.
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
        choices: of each key, by its dotted name; the one to be tried first, first.
        own: the recipe's values.

    Returns:
        of each setting what it changes.
    """
    draw = random.Random(seed)  # noqa: S311  no secret
    others = {
        key: [{key: value} for value in draw.sample(values, len(values)) if value != own[key]]
        for key, values in choices.items()
    }
    turns = itertools.zip_longest(*others.values())
    found = [one for turn in turns for one in turn if one is not None]
    pairs = [
        {**one, **other}
        for first, second in itertools.combinations(others.values(), 2)
        for one, other in itertools.product(first, second)
    ]
    return (found + draw.sample(pairs, len(pairs)))[:MOST]
