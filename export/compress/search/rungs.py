"""Successive halving: who is trained on, when all have come as far (Jamieson and Talwalkar 2016).

What is sought is not the best but the cheapest that is good enough, so that those are kept that
come nearest to the target, of those that the texts cannot tell apart the cheapest beside the best,
and no dearer one than a cheaper that is there already.
"""

from collections.abc import Sequence
from dataclasses import dataclass

RUNGS = (0.25, 0.5, 1.0)  # shares of a schedule
LEAST = 2  # are kept
GOOD_ENOUGH = "a cheaper one is good enough already"
AS_GOOD = "cheaper ones are as good, as far as these texts can tell"


@dataclass(frozen=True)
class Standing:
    """A candidate at a rung.

    Attributes:
        place: in the order of what candidates cost, the cheapest first.
        quality: on the texts that choose.
    """

    place: int
    quality: float


def halved(
    all_of_them: Sequence[Standing], target: float, error: float
) -> tuple[list[Standing], dict[int, str]]:
    """Those that go on, in their order, and why each other is left: by its place.

    Args:
        target: the quality that is to be kept.
        error: the standard error of a quality.
    """
    told: dict[int, str] = {}
    left = list(all_of_them)
    there = [one for one in left if one.quality >= target]
    if there:  # half trained, and good enough: what costs more is not needed
        first = min(there, key=lambda one: one.place)
        for one in left:
            if one.place > first.place:
                told[one.place] = GOOD_ENOUGH
        left = [one for one in left if one.place <= first.place]
    wanted = max(LEAST, -(-len(left) // 2))
    ranked = sorted(left, key=lambda one: (one.quality, -one.place), reverse=True)
    if len(ranked) <= wanted:
        return left, told
    best, *others = ranked
    as_good = [one for one in others if one.quality >= ranked[wanted - 1].quality - error]
    going = sorted((best, *sorted(as_good, key=_cost)[: wanted - 1]), key=_cost)
    for one in ranked:
        if one not in going:
            told[one.place] = _left_for(one, going, target)
    return going, told


def _cost(one: Standing) -> int:
    return one.place


def _left_for(one: Standing, going: Sequence[Standing], target: float) -> str:
    if one.quality > min(other.quality for other in going):
        return AS_GOOD
    return f"{100 * (target - one.quality):.1f} points below what is to be kept"
