"""Paired comparisons, against their definitions and by simulation."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from training.score.paired import compare, difference_interval, mcnemar


def score_statistic(lost: int, gained: int, n: int, delta: float) -> float:
    """Tango's statistic by its definition: the likelihood's maximum is searched, not solved."""

    def unlikely(share: float) -> float:  # of `gained`; that of `lost` is delta more
        parts = [(lost, share + delta), (gained, share), (n - lost - gained, 1 - 2 * share - delta)]
        return -float(sum(count * np.log(max(part, 1e-300)) for count, part in parts if count))

    bounds = (max(0.0, -delta), (1 - delta) / 2)
    share = minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x
    return float((lost - gained - n * delta) / np.sqrt(n * (2 * share + delta * (1 - delta))))


@pytest.mark.parametrize(
    ("lost", "gained", "n"), [(6, 1, 40), (3, 2, 1000), (9, 4, 32), (0, 5, 60), (20, 20, 100)]
)
def test_interval_is_tangos(lost: int, gained: int, n: int) -> None:
    """At each end, the statistic is the normal's 2.5% point; swapped models swap the ends."""
    low, high = difference_interval(lost, gained, n)
    z = norm.ppf(0.975)
    assert score_statistic(lost, gained, n, low) == pytest.approx(z, abs=1e-3)
    assert score_statistic(lost, gained, n, high) == pytest.approx(-z, abs=1e-3)
    assert difference_interval(gained, lost, n) == pytest.approx((-high, -low), abs=1e-6)


@pytest.mark.parametrize("confidence", [0.5, 0.95])
@pytest.mark.parametrize("n", [1, 10, 206, 5000])
def test_no_difference_seen_is_as_sure_as_n_allows(n: int, confidence: float) -> None:
    """Where the two never differ the interval is Wilson's of none in n."""
    z = norm.ppf((1 + confidence) / 2)
    low, high = difference_interval(0, 0, n, confidence)
    assert (low, high) == pytest.approx((-(z**2) / (n + z**2), z**2 / (n + z**2)), abs=1e-6)


def test_ends_where_shares_end() -> None:
    """All lost, or all gained, is a difference of 1 at most."""
    assert difference_interval(10, 0, 10)[1] == 1.0
    assert difference_interval(0, 10, 10)[0] == -1.0


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Over many sets of texts, the true difference lies within 95% of intervals."""
    random = np.random.default_rng(3)
    drawn = random.multinomial(200, [0.06, 0.03, 0.91], size=400)
    held = [
        low <= 0.03 <= high
        for low, high in (difference_interval(lost, gained, 200) for lost, gained, _ in drawn)
    ]
    assert np.mean(held) > 0.92


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    # By hand: twice the binomial tail at 1/2. 9 and 4: 2 * P(X <= 4 of 13).
    [(0, 0, 1.0), (1, 0, 1.0), (6, 0, 2 / 64), (9, 4, 2 * 1093 / 8192), (5, 5, 1.0)],
)
def test_mcnemar_is_exact(first: int, second: int, expected: float) -> None:
    """The p-value is the binomial's."""
    assert mcnemar(first, second) == pytest.approx(expected)
    assert mcnemar(second, first) == pytest.approx(expected)


def test_comparison_counts_the_texts_that_differ() -> None:
    """Which texts each gets right is what counts."""
    first = np.array([1, 1, 1, 0, 0, 1, 1], dtype=bool)
    second = np.array([1, 0, 0, 1, 0, 1, 1], dtype=bool)
    found = compare(first, second)
    assert (found.n, found.only_first, found.only_second) == (7, 2, 1)
    assert found.difference == pytest.approx(1 / 7)
    assert (found.low, found.high) == difference_interval(2, 1, 7)
    assert found.p_value == mcnemar(2, 1)
    with pytest.raises(ValueError, match="the same texts"):
        compare(first, second[:3])
