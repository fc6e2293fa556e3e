"""Other tests of the same differences, that were tried and lost: see docs/experiments.md.

Each says of the counts, or of the texts in their order, whether a loss at the limit is refused.
By Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (2023).
"""

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

BETS = 20
MOST = 0.75  # of the largest bet that cannot lose all, and of 1 in Bernstein's interval

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


def grid_kelly(
    lost: npt.ArrayLike, gained: npt.ArrayLike, n: int, limit: float, confidence: float
) -> BoolArray:
    """The wealth of a mixture of constant bets that the loss is below the limit; of any order."""
    plus, minus = (np.asarray(one, np.float64)[..., np.newaxis] for one in (lost, gained))
    bets = (np.arange(BETS) + 0.5) / BETS / (1 - limit)
    wealth = (
        plus * np.log1p(-bets * (1 - limit))
        + minus * np.log1p(bets * (1 + limit))
        + (n - plus - minus) * np.log1p(bets * limit)
    )
    rich: BoolArray = logsumexp(wealth, axis=-1) - np.log(BETS) >= -np.log(1 - confidence)
    return rich


def betting(differences: FloatArray, limit: float, confidence: float) -> BoolArray:
    """One side of the hedged capital process, with predictable plug-in bets.

    Args:
        differences: (tests, texts), each 1 (lost), 0 or -1 (gained).
    """
    n = differences.shape[1]
    bets = np.sqrt(2 * -np.log(1 - confidence) / (n * _variances(differences)))
    bets = np.minimum(bets, MOST / (1 - limit))
    wealth = np.cumsum(np.log1p(bets * (limit - differences)), axis=1)
    rich: BoolArray = wealth.max(axis=1) >= -np.log(1 - confidence)
    return rich


def bernstein(differences: FloatArray, limit: float, confidence: float) -> BoolArray:
    """The predictable plug-in empirical Bernstein interval of values between 0 and 1.

    Args:
        differences: as in `betting`.
    """
    n, level = differences.shape[1], -np.log(1 - confidence)
    values = (differences + 1) / 2
    before = _means(values)
    bets = np.minimum(np.sqrt(2 * level / (n * _variances(values))), MOST)
    spread = 4 * (values - before) ** 2 * (-np.log1p(-bets) - bets) / 4
    bound = ((bets * values).sum(axis=1) + level + spread.sum(axis=1)) / bets.sum(axis=1)
    within: BoolArray = bound <= (limit + 1) / 2
    return within


def _means(values: FloatArray) -> FloatArray:
    """Of the values before each, with one of a half (or 0) before them all."""
    seen = np.arange(1, values.shape[1] + 1)
    first = 0.5 if values.min() >= 0 and values.max() <= 1 else 0.0
    means: FloatArray = (first + np.cumsum(values, axis=1) - values) / seen
    return means


def _variances(values: FloatArray) -> FloatArray:
    """Of the values before each, with a text of a small variance before them all."""
    seen = np.arange(1, values.shape[1] + 1)
    means = (np.cumsum(values, axis=1)) / seen
    squares = np.cumsum((values - means) ** 2, axis=1)
    before = np.hstack([np.zeros((len(values), 1)), squares[:, :-1]])
    variances: FloatArray = (0.01 + before) / seen
    return variances
