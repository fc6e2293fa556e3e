"""Two models on the same texts: the difference of their accuracies, and whether it is chance.

Only the texts that one gets right and the other wrong say anything of the difference; two
intervals side by side do not know which those are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Paired:
    """A comparison of two models on `n` texts.

    Attributes:
        only_first: texts that the first alone gets right.
        only_second: texts that the second alone gets right.
        difference: accuracy of the first less that of the second.
        low, high: its interval at 95%, of Tango's score.
        p_value: McNemar's, exact: of a split as uneven, were the two equally good.
    """

    n: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p_value: float


def compare(first: BoolArray, second: BoolArray) -> Paired:
    """Compares two models by which texts each gets right, (n,) both, of the same texts."""
    if len(first) != len(second) or not len(first):
        raise ValueError("a paired comparison needs the same texts twice, one at least")
    lost, gained = int((first & ~second).sum()), int((~first & second).sum())
    low, high = difference_interval(lost, gained, len(first))
    return Paired(
        n=len(first),
        only_first=lost,
        only_second=gained,
        difference=(lost - gained) / len(first),
        low=low,
        high=high,
        p_value=mcnemar(lost, gained),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of McNemar's test (McNemar 1947, by the binomial)."""
    discordant = only_first + only_second
    return 1.0 if not discordant else float(binomtest(only_first, discordant, 0.5).pvalue)


def difference_interval(
    only_first: int, only_second: int, n: int, confidence: float = 0.95
) -> tuple[float, float]:
    """The two-sided score interval of a paired difference (Tango 1998, Stat. Med. 17:891).

    Holds where no text tells the two apart, too: it is then as wide as n allows.
    """
    z = float(norm.ppf((1 + confidence) / 2))

    def score(delta: float) -> float:
        return _score(only_first, only_second, n, delta)

    found = (only_first - only_second) / n
    return _root(score, z, -1.0, found, -1.0), _root(score, -z, found, 1.0, 1.0)


def _score(only_first: int, only_second: int, n: int, delta: float) -> float:
    """Tango's statistic of a difference of `delta`: falls from plus to minus as delta grows."""
    a = 2 * n
    b = -only_first - only_second + (2 * n - only_first + only_second) * delta
    c = -only_second * delta * (1 - delta)
    share = (np.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    spread = n * (2 * share + delta * (1 - delta))
    above = only_first - only_second - n * delta
    if spread <= 0:
        return 0.0 if above == 0 else float(np.copysign(np.inf, above))
    return float(above / np.sqrt(spread))


def _root(
    score: Callable[[float], float], level: float, low: float, high: float, otherwise: float
) -> float:
    edge = 1e-12
    low, high = max(low, -1 + edge), min(high, 1 - edge)
    below, above = score(low) - level, score(high) - level
    if not below > 0 > above:  # the level is not crossed: the interval ends where shares do
        return otherwise
    ends = [value if np.isfinite(score(value)) else value + edge for value in (low, high)]
    return float(brentq(lambda delta: score(delta) - level, *ends, xtol=1e-9))
