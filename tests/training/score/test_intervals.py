"""The intervals of F1 and of a correlation, against values known without drawing."""

import numpy as np
import pytest
from scipy.stats import binom

from training.score.intervals import correlation_interval, f1_interval


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_interval_of_f1_is_the_binomials(confidence: float) -> None:
    """Where all texts have the one label, so many hits of n make an F1 of 2 hits / (n + hits)."""
    n, hits = 400, 320
    said = (np.arange(n) < hits)[:, np.newaxis]
    counts = binom.ppf([(1 - confidence) / 2, (1 + confidence) / 2], n, hits / n)
    found = f1_interval(np.ones((n, 1), dtype=bool), said, confidence)
    assert found == pytest.approx(tuple(2 * counts / (n + counts)), abs=0.002)  # a hit


def test_f1_is_of_the_labels_that_are_there() -> None:
    """One that no text has and none was given does not count; one that was given once does."""
    truth = np.array([[1, 0], [0, 1]] * 20, dtype=bool)
    said = np.roll(truth, 5, axis=0) & truth | (np.arange(40) < 8)[:, np.newaxis]
    absent = np.zeros((40, 1), dtype=bool)
    more, told = (np.concatenate([table, absent], axis=1) for table in (truth, said))
    assert f1_interval(more, told) == f1_interval(truth, said)
    assert f1_interval(np.array([[True, False]]), np.array([[True, True]])) == (0.5, 0.5)
    assert f1_interval(absent, absent) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("r", "n", "low", "high"),
    [
        # By hand: tanh(artanh(1/2) -+ 1.95996 / sqrt(n - 3)).
        (0.5, 28, 0.1560, 0.7358),
        (-0.5, 28, -0.7358, -0.1560),
        (0.5, 4, -0.8876, 0.9868),
        (0.5, 3, -1.0, 1.0),
        (float("nan"), 28, -1.0, 1.0),
        (1.0, 28, 1.0, 1.0),
        (-1.0, 28, -1.0, -1.0),
    ],
)
def test_interval_of_a_correlation_is_fishers(r: float, n: int, low: float, high: float) -> None:
    """It is known from four texts on, and is finite for a perfect correlation."""
    assert correlation_interval(r, n) == pytest.approx((low, high), abs=1e-4)
