"""Intervals of shares and of what is made of them. Numbers in, numbers out."""

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, norm

BoolArray = npt.NDArray[np.bool_]
DRAWS = 1000
SEED = 13


def wilson_interval(right: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's two-sided interval of a share (Wilson 1927)."""
    interval = binomtest(right, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def f1_interval(
    true: BoolArray, predicted: BoolArray, confidence: float = 0.95
) -> tuple[float, float]:
    """The percentile bootstrap's interval of macro F1 (Efron and Tibshirani 1993, chapter 13).

    Args:
        true: (n, labels), the labels that each text has.
        predicted: (n, labels), those that it was given.
    """
    # Texts that were told alike count together, so that a million cost no more than a thousand.
    both = np.concatenate([true, predicted], axis=1).astype(bool)
    kinds, times = np.unique(both, axis=0, return_counts=True)
    had, given = np.split(kinds.astype(np.float64), 2, axis=1)
    n = len(true)
    weights = np.random.default_rng(SEED).multinomial(n, times / n, size=DRAWS).astype(np.float64)
    hits, whole = weights @ (had * given), weights @ (had + given)
    f1 = np.divide(2 * hits, whole, out=np.zeros_like(hits), where=whole > 0)
    found = f1.sum(axis=1) / np.maximum((whole > 0).sum(axis=1), 1)  # of the labels that are there
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def correlation_interval(r: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Fisher's interval of Pearson's correlation (Fisher 1921); all of it where n is below 4."""
    if n < 4 or not np.isfinite(r):
        return -1.0, 1.0
    z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    step = norm.ppf((1 + confidence) / 2) / np.sqrt(n - 3)
    return float(np.tanh(z - step)), float(np.tanh(z + step))
