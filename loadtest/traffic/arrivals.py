"""When the requests of an open loop arrive: a point process with the profile's rate.

The times are made from the profile alone, before and regardless of any answer: that is what
makes the loop open, and a stall of the service visible (G. Tene, "How NOT to measure latency").
"""

import math
import random
from collections.abc import Iterator, Sequence

from loadtest.load import Open, Segment


def intended_times(
    schedule: Open, chance: random.Random, index: int = 0, count: int = 1
) -> Iterator[float]:
    """Yields the times at which requests are to be sent, ascending.

    The rate may change over time. `constant` arrivals are as evenly spaced as it lets them be;
    `poisson` ones are those of a Poisson process of unit rate, moved through the inverse of the
    profile's integral (Cinlar 1975). `count` processes share the arrivals: together they send
    what one alone would, exactly so for constant ones, in distribution for Poisson.

    Args:
        chance: decides Poisson arrivals.
        index: which of the `count` processes this is, from 0.

    Yields:
        seconds since the schedule's start.
    """
    steps = _poisson(chance, count) if schedule.arrivals == "poisson" else _even(index, count)
    starts = _starts(schedule.segments)
    place = 0
    for due in steps:
        while place < len(starts) and due >= starts[place][1] + schedule.segments[place].requests:
            place += 1
        if place == len(starts):
            return
        second, requests = starts[place]
        yield second + _time_in(schedule.segments[place], due - requests)


def _starts(segments: Sequence[Segment]) -> list[tuple[int, float]]:
    """Of each segment the second, and the arrivals before it."""
    found = []
    second, requests = 0, 0.0
    for segment in segments:
        found.append((second, requests))
        second += segment.seconds
        requests += segment.requests
    return found


def _time_in(segment: Segment, requests: float) -> float:
    """When so many have arrived in a segment: the root of first*t + slope*t*t/2 = requests."""
    if requests <= 0:
        return 0.0
    slope = (segment.last - segment.first) / segment.seconds
    root = math.sqrt(max(0.0, segment.first**2 + 2 * slope * requests))
    return min(2 * requests / (segment.first + root), float(segment.seconds))


def _poisson(chance: random.Random, count: int) -> Iterator[float]:
    due = 0.0
    while True:
        due += chance.expovariate(1.0) * count
        yield due


def _even(index: int, count: int) -> Iterator[float]:
    due = index + 0.5
    while True:
        yield due
        due += count
