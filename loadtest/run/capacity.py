"""Finds the most requests a second within an objective.

Rates double until one breaks it; then the gap between the best and the worst is halved, in
proportion, until it is small. Knows nothing of how a rate is measured: whoever calls it says.
"""

import math
from collections.abc import Callable, Sequence

from loadtest.results import Capacity, Step

LEAST_RATE = 0.1  # requests per second; a service below it has no capacity to speak of
LONGEST_STEP = 60  # seconds


def find_capacity(
    measure: Callable[[float], Step],
    first: float,
    highest: float,
    precision: float,
    *,
    model: str,
    objective: str,
) -> Capacity:
    """Searches.

    Args:
        measure: puts a rate on the service, and says what it broke.
        first: the rate that is tried first.
        highest: the rate beyond which nothing is tried.
        precision: the search ends when the lowest broken rate is at most this share above the
            highest kept one.
    """
    steps: list[Step] = []
    kept = 0.0
    broken = math.inf
    rate = min(first, highest)
    while rate >= LEAST_RATE and not any(step.rate == rate for step in steps):
        step = measure(rate)
        steps.append(step)
        if step.broken:
            broken = rate
        else:
            kept = rate
        if kept and broken / kept <= 1 + precision:
            break
        rate = _next_rate(kept, broken, highest)
        rate = highest if rate >= highest else min(_rounded(rate), highest)
    return Capacity(model, objective, kept, _end(steps, kept, broken), tuple(steps))


def _next_rate(kept: float, broken: float, highest: float) -> float:
    if not kept:
        return broken / 2
    if math.isinf(broken):
        return min(kept * 2, highest)
    return math.sqrt(kept * broken)


def _rounded(rate: float) -> float:
    """To three digits: a rate that a person can say."""
    return float(f"{rate:.3g}")


def _end(steps: Sequence[Step], kept: float, broken: float) -> str:
    if math.isinf(broken):
        return "highest" if kept else "objective"
    worst = next(step for step in steps if step.rate == broken)
    return "generator" if worst.run.generator_bound else "objective"


def step_seconds(rate: float, least: int, samples: int) -> int:
    """How long a step of some rate lasts: long enough for so many requests, within reason."""
    return min(max(least, math.ceil(samples / rate)), max(least, LONGEST_STEP))
