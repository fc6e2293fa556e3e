"""Thresholds by label: those of the highest F1, and none from too few texts."""

import numpy as np
import numpy.typing as npt
import pytest

from training.score.thresholds import fit_thresholds


def f1(given: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    """As it is defined."""
    whole = given.sum() + truth.sum()
    return float(2 * (given & truth).sum() / whole) if whole else 0.0


def test_no_threshold_is_better() -> None:
    """Of all that there are, over many labels of random probabilities."""
    random = np.random.default_rng(0)
    truth = random.random((300, 8)) < np.linspace(0.1, 0.9, 8)
    logits = random.normal(truth * 1.5, 1.0) - 1
    probabilities = (1 / (1 + np.exp(-logits))).round(2)  # many are equal
    found = fit_thresholds(probabilities, truth.astype(np.float32))
    for place, threshold in enumerate(found):
        column, wanted = probabilities[:, place], truth[:, place]
        best = max(f1(column >= at, wanted) for at in np.append(np.unique(column), 2.0))
        assert f1(column >= np.float32(threshold), wanted) == pytest.approx(best)


def test_equally_good_thresholds_give_the_nearest_to_a_half() -> None:
    """Perfect probabilities leave a wide gap, in the middle of which it lies."""
    truth = np.array([[1.0]] * 10 + [[0.0]] * 10)
    assert fit_thresholds(np.where(truth > 0, 0.9, 0.3), truth)[0] == pytest.approx(0.6)
    assert fit_thresholds(np.where(truth > 0, 0.2, 0.1), truth)[0] == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("first", "second", "third", "expected"),
    [((0.95, 0.6), (0.5, 0.35), 0.25, 0.55), ((0.99, 0.95), (0.85, 0.5), 0.4, 0.45)],
)
def test_of_two_cuts_the_nearer_to_a_half_is_taken(
    first: tuple[float, float], second: tuple[float, float], third: float, expected: float
) -> None:
    """Six of six and nine of fourteen are an F1 of 3/4 both, where ten texts have the label."""
    ranked = np.concatenate(
        [np.linspace(*first, 6), np.linspace(*second, 8), np.linspace(third, 0.1, 10)]
    )
    truth = np.isin(np.arange(24), [*range(6), 11, 12, 13, 17])
    found = fit_thresholds(ranked[:, np.newaxis], truth[:, np.newaxis].astype(np.float32))
    assert found == pytest.approx((expected,))


def test_a_label_may_be_given_to_every_text() -> None:
    """Where that is best the threshold lies half-way from the lowest probability to nothing."""
    truth = (np.arange(40) >= 10)[:, np.newaxis]
    probabilities = np.linspace(0.9, 0.2, 40)[:, np.newaxis]
    assert fit_thresholds(probabilities, truth.astype(np.float32)) == pytest.approx((0.1,))


def test_too_few_texts_fit_nothing() -> None:
    """A label that nine texts have, that all but nine have, or that none has keeps a half."""
    rows = np.arange(100)[:, np.newaxis]
    truth = np.concatenate([rows < 9, rows < 91, rows < 0, rows < 10], axis=1)
    probabilities = np.repeat(np.linspace(0.4, 0.01, 100)[:, np.newaxis], 4, axis=1)
    found = fit_thresholds(probabilities, truth.astype(np.float32))
    assert found[:3] == (0.5,) * 3
    assert 0.3 < found[3] < 0.4
