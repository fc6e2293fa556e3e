"""Whether one model's accuracy is within a limit of another's on the same texts: an exact test.

Each text is lost (the other model alone is right), gained (this one alone is) or neither, so the
counts of lost and gained are a trinomial sample. Its score statistic (Tango 1998) orders what may
be seen, and its critical value is such that the chance of seeing so little, computed exactly, is
within the level whatever the share of texts that the two decide differently: an unconditional
test, as of Hsueh, Liu and Chen (2001). No normal approximation is left in it. Where nothing is
gained it allows as many texts lost as Clopper and Pearson's bound does.

The score rises with each text lost and falls with each gained, so that of all losses at the limit
or over it those at the limit are the worst case. What is left to search is the share decided
differently. It is searched up to a half, on a grid that is closer where texts are more; and since
nothing is shown where over a fifth of the texts are decided differently, larger shares are out.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, gammaln, xlog1py, xlogy

MOST_DIFFERING = 0.2  # of the texts; with more, nothing is shown
LARGEST_SHARE = 0.5  # that is searched
GRID, LARGEST_GRID = 6, 512  # points for each square root of a text, and in all
WIDTH = 8  # standard deviations that are summed over; what lies beyond is less than rounding
ROUNDING = 1e-9  # of a score
PRECISION = 1e-4  # of a critical value, and of a bound as a share of itself

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def score(lost: npt.ArrayLike, gained: npt.ArrayLike, n: int, limit: float) -> FloatArray:
    """The score statistic of "the loss is `limit`": the lower, the less is lost.

    Args:
        lost, gained: counts of `n` texts; broadcast.
        limit: of the difference of the two accuracies, above 0.
    """
    plus, minus = np.asarray(lost, np.float64), np.asarray(gained, np.float64)
    # The share gained that is likeliest where the loss is `limit`: a quadratic's greater root.
    linear = 2 * n * limit - (plus + minus) * (1 + limit) + 2 * minus * limit
    constant = -minus * limit * (1 - limit)
    share = (np.sqrt(linear**2 - 8 * n * constant) - linear) / (4 * n)
    found: FloatArray = (plus - minus - n * limit) / np.sqrt(
        n * (2 * share + limit - limit * limit)
    )
    return found


@lru_cache(maxsize=256)
def critical_score(n: int, limit: float, confidence: float) -> float:
    """The score at or under which a loss of `limit` or more is refused, with that confidence."""
    low, high = -3.0 - np.sqrt(n * limit), 0.0
    while high - low > PRECISION:
        middle = (low + high) / 2
        if _is_over(n, limit, middle, 1 - confidence):
            high = middle
        else:
            low = middle
    return float(low)


def refuses(
    lost: npt.ArrayLike, gained: npt.ArrayLike, n: int, limit: float, confidence: float
) -> npt.NDArray[np.bool_]:
    """Whether the counts show, with that confidence, that the loss is below `limit`.

    Args:
        lost, gained: counts of `n` texts; broadcast.
    """
    few = np.asarray(lost) + np.asarray(gained) <= MOST_DIFFERING * n
    low = score(lost, gained, n, limit) <= critical_score(n, limit, confidence)
    found: npt.NDArray[np.bool_] = few & low
    return found


def difference_bound(lost: int, gained: int, n: int, confidence: float, *, below: float) -> float:
    """The least loss that the test refuses, so that the true one is below it.

    Args:
        below: a loss that it refuses.
    """
    low, high = max(0.0, (lost - gained) / n), below
    while high - low > PRECISION * below:
        middle = (low + high) / 2
        seen = float(score(lost, gained, n, middle))
        if _is_over(n, middle, seen, 1 - confidence):
            low = middle
        else:
            high = middle
    return high


def largest_chance(n: int, limit: float, critical: float, points: int | None = None) -> float:
    """The chance that a loss of `limit` is refused by `critical`, at the share that is worst.

    Args:
        points: of the grid; None: by `n`.
    """
    return max(_chances(n, limit, critical, points))


def _is_over(n: int, limit: float, critical: float, level: float) -> bool:
    """Whether the largest chance is over a level."""
    return any(chance > level for chance in _chances(n, limit, critical))


def _chances(n: int, limit: float, critical: float, points: int | None = None) -> Iterator[float]:
    points = points or min(LARGEST_GRID, int(GRID * np.sqrt(n)) + GRID)
    top = max(limit, LARGEST_SHARE)
    yield float(bdtr(int(MOST_DIFFERING * n), n, top))
    most = _most_lost(n, limit, critical)
    for root in np.linspace(np.sqrt(limit), np.sqrt(top), points):
        yield _chance(n, limit, most, float(root**2))


def _chance(n: int, limit: float, most: IntArray, differing: float) -> float:
    """The chance of no more texts lost than `most` has by those gained, the loss being `limit`."""
    gain = max(0.0, (differing - limit) / 2)
    reach = WIDTH * (np.sqrt(n * gain) + 2)
    first, last = max(0, int(n * gain - reach)), min(n, int(n * gain + reach))
    gained = np.arange(first, last + 1)
    gained = gained[most[gained] >= 0]
    within = bdtr(most[gained], n - gained, (gain + limit) / (1 - gain))
    return float(_binomial(gained, n, gain) @ within)


def _binomial(count: IntArray, n: int, share: float) -> FloatArray:
    """The chance of each count of `n`, without the checks of `scipy.stats`, which took longer."""
    ways = gammaln(n + 1) - gammaln(count + 1) - gammaln(n - count + 1)
    found: FloatArray = np.exp(ways + xlogy(count, share) + xlog1py(n - count, -share))
    return found


def _most_lost(n: int, limit: float, critical: float) -> IntArray:
    """By the number gained, the most texts lost whose score is `critical` or less; -1: none."""
    gained = np.arange(n + 1)
    low, high = np.full(n + 1, -1), n - gained + 1
    while (high - low > 1).any():
        middle = (low + high) // 2
        within = score(np.maximum(middle, 0), gained, n, limit) <= critical + ROUNDING
        within &= middle >= 0
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return low
