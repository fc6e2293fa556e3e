"""Successive halving: who is trained on, when all have come as far (Jamieson and Talwalkar 2016).

What is sought is not the best but the cheapest that is good enough, so that those are kept that
come nearest to the target, and no dearer one than a cheaper that is there already.
"""

from collections.abc import Sequence
from dataclasses import dataclass

RUNGS = (0.25, 0.5, 1.0)  # shares of a schedule
LEAST = 2  # are kept
GOOD_ENOUGH = "a cheaper one is good enough already"


@dataclass(frozen=True)
class Standing:
    """A candidate at a rung.

    Attributes:
        place: in the order of what candidates cost, the cheapest first.
        quality: on the texts that choose.
    """

    place: int
    quality: float


def halved(all_of_them: Sequence[Standing], target: float) -> tuple[list[Standing], dict[int, str]]:
    """Those that go on, in their order, and why each other is left: by its place.

    Args:
        target: the quality that is to be kept.
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
    for one in ranked[wanted:]:
        told[one.place] = f"{100 * (target - one.quality):.1f} points below what is to be kept"
    going = sorted(ranked[:wanted], key=lambda one: one.place)
    return going, told
