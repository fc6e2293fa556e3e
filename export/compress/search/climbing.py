"""Climbing: who is trained where the budget holds no look at all of them.

What costs less is taken to keep less, so that the one in the middle says in which half the cheapest
is that keeps the promise: of seven, three are trained. One that misses the promise by no more than
the error of its loss leaves in the one that costs the next less.
"""


def between(count: int, jobs: int) -> list[int]:
    """The places that cut so many candidates into even parts: one for each that trains at a time.

    Args:
        count: of candidates, in the order of what they cost; at least one.
        jobs: that train at a time.
    """
    tried = min(jobs, count)
    return [part * (count + 1) // (tried + 1) - 1 for part in range(1, tried + 1)]


def rounds(count: int, jobs: int) -> int:
    """How often some are trained until so many are told apart."""
    found = 0
    while count:
        count //= min(jobs, count) + 1
        found += 1
    return found
