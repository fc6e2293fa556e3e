"""Scores against values worked out by hand or known from the literature."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.score.intervals import f1_interval, wilson_interval
from training.score.scores import (
    FloatArray,
    confusion,
    expected_calibration_error,
    score,
    score_multi_label,
    score_regression,
    sigmoid,
    softmax,
)

LOGITS = st.lists(
    st.lists(st.floats(-50, 50), min_size=3, max_size=3), min_size=1, max_size=20
).map(np.array)


def test_scores_of_a_small_set() -> None:
    """Accuracy and macro F1 are those of the confusion matrix."""
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    found = score(probabilities, np.array([0, 0, 1, 1]))
    assert (found.n, found.accuracy) == (4, 0.75)
    # Class 0: precision 2/3, recall 1, F1 0.8. Class 1: precision 1, recall 1/2, F1 2/3.
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert (found.accuracy_low, found.accuracy_high) == wilson_interval(3, 4)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        # Newcombe 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # and the mirror image of one of them
        (28, 29, 0.8282, 0.9939),
    ],
)
def test_wilson_interval(right: int, n: int, low: float, high: float) -> None:
    """The interval equals published values."""
    assert wilson_interval(right, n) == pytest.approx((low, high), abs=6e-5)


@given(n=st.integers(1, 10_000), share=st.floats(0, 1))
def test_wilson_interval_holds_the_share(n: int, share: float) -> None:
    """The interval holds the observed share and stays between 0 and 1."""
    right = round(n * share)
    low, high = wilson_interval(right, n)
    assert -1e-12 <= low <= right / n + 1e-12
    assert right / n - 1e-12 <= high <= 1 + 1e-12


@pytest.mark.parametrize(
    ("confidences", "right", "expected"),
    [
        ([1.0, 1.0], [True, True], 0.0),
        ([1.0, 1.0], [False, False], 1.0),
        ([0.75] * 4, [True, True, True, False], 0.0),
        ([0.9, 0.9], [True, False], 0.4),
        # Two bins of two each: |0.5 - 0.6| and |1 - 0.9|, weighed alike.
        ([0.6, 0.6, 0.9, 0.9], [True, False, True, True], 0.1),
        # Over- and underconfidence in one bin cancel: 0.91 and 0.92 lie in the same.
        ([0.91, 0.92], [True, False], 0.415),
        # The fifteen bins: 10/15 lies between these two, and 14/15 between those.
        ([0.66, 0.67], [True, False], 0.505),
        ([0.9, 0.95], [True, False], 0.525),
    ],
)
def test_calibration_error(confidences: list[float], right: list[bool], expected: float) -> None:
    """The error is the gap of accuracy and confidence of each bin, weighed by its size."""
    probabilities = np.array([[value, 1 - value] for value in confidences])
    targets = np.array([0 if value else 1 for value in right])
    assert expected_calibration_error(probabilities, targets) == pytest.approx(expected)


def test_softmax_of_large_logits() -> None:
    """Logits that overflow exp, of either sign, give finite probabilities; so does one row."""
    assert softmax(np.array([1000.0, 1000.0])).tolist() == [0.5, 0.5]
    logits = np.array([[1000.0, 1000.0], [-1000.0, 0.0], [1e30, -1e30]])
    assert softmax(logits).tolist() == [[0.5, 0.5], [0.0, 1.0], [1.0, 0.0]]


@given(logits=LOGITS, shift=st.floats(-100, 100))
def test_softmax_is_a_distribution(logits: FloatArray, shift: float) -> None:
    """Rows sum to one, a constant changes nothing, and log ratios are differences of logits."""
    found = softmax(logits)
    assert np.allclose(found.sum(axis=1), 1)
    assert np.allclose(found, softmax(logits + shift))
    assert np.allclose(np.log(found[:, 0] / found[:, 1]), logits[:, 0] - logits[:, 1], atol=1e-6)


@given(logits=LOGITS)
def test_calibration_error_is_a_share(logits: FloatArray) -> None:
    """Whatever the predictions, the error lies between 0 and 1."""
    targets = np.arange(len(logits)) % 3
    assert 0 <= expected_calibration_error(softmax(logits), targets) <= 1


def test_scores_by_label() -> None:
    """Each label has its n, precision, recall with Wilson's interval, and F1."""
    probabilities = np.eye(4)[[0, 0, 0, 1, 1, 2]]
    found = score(probabilities, np.array([0, 0, 1, 1, 1, 1]))
    zero, one, two, absent = found.by_label
    assert (zero.n, zero.recall) == (2, 1.0)
    assert zero.precision == pytest.approx(2 / 3)
    assert (one.n, one.precision, one.recall) == (4, 1.0, 0.5)
    assert (one.recall_low, one.recall_high) == wilson_interval(2, 4)
    assert one.f1 == pytest.approx(2 / 3)
    assert (two.n, two.given, two.precision, two.recall, two.f1) == (0, 1, 0.0, None, 0.0)
    assert (absent.n, absent.given, absent.precision, absent.recall) == (0, 0, None, None)
    assert absent.f1 == 0.0
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3 + 0) / 3)  # of what is there at all
    assert confusion(probabilities.argmax(axis=1), np.array([0, 0, 1, 1, 1, 1]), 4).tolist() == [
        [2, 0, 0, 0],
        [1, 2, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]


def test_a_label_that_is_never_given_is_named() -> None:
    """One that texts have and no answer gives is told; one that no text has is not."""
    found = score(np.eye(3)[[0, 0, 0]], np.array([0, 1, 0]))
    assert found.never_given(("a", "b", "c")) == ["b"]
    with pytest.raises(ValueError, match="longer"):
        found.never_given(("a", "b"))


def test_scores_of_several_labels() -> None:
    """A text is right where all its labels are; micro F1 counts every decision."""
    probabilities = np.array([[0.9, 0.2], [0.8, 0.7], [0.1, 0.4]])
    targets = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    found = score_multi_label(probabilities, targets, probabilities >= 0.5)
    assert found.n == 3
    assert found.accuracy == pytest.approx(1 / 3)
    assert found.micro_f1 == pytest.approx(2 * 2 / (3 + 3))
    assert (found.by_label[1].precision, found.by_label[1].recall) == (0.0, 0.0)
    assert found.macro_f1 == pytest.approx((1 + 0) / 2)
    # Decisions by confidence: 0.9 right, 0.8 right (no) and right (yes), 0.7 wrong, 0.9, 0.6 wrong.
    assert found.ece == pytest.approx((0.1 * 2 + 0.2 * 2 + 0.7 + 0.6) / 6)


def test_scores_of_no_labels() -> None:
    """Where no text has a label and none was given, every text is right and every F1 is 0."""
    nothing = np.zeros((4, 2))
    found = score_multi_label(nothing + 0.1, nothing, nothing > 0)
    assert (found.accuracy, found.micro_f1, found.macro_f1) == (1.0, 0.0, 0.0)


def test_a_no_is_as_sure_as_its_yes_is_not() -> None:
    """Of 0.9 and 0.1 both, one right and one wrong: in one bin, at a confidence of 0.9."""
    probabilities, targets = np.array([[0.9, 0.1]]), np.array([[1.0, 1.0]])
    found = score_multi_label(probabilities, targets, probabilities >= 0.5)
    assert found.ece == pytest.approx(0.4)


def test_scores_of_numbers() -> None:
    """Correlations and the mean error are by their definitions; a constant has no correlation."""
    found = score_regression(np.array([1.0, 2.0, 3.0, 5.0]), np.array([1.0, 2.0, 4.0, 3.0]))
    assert found.mean_absolute_error == pytest.approx(0.75)
    assert found.spearman == pytest.approx(0.8)
    assert found.pearson == pytest.approx(np.corrcoef([1, 2, 3, 5], [1, 2, 4, 3])[0, 1])
    assert None not in (found.pearson_low, found.pearson, found.pearson_high)
    assert found.pearson_low < found.pearson < found.pearson_high  # type: ignore[operator]  # above
    small = score_regression(np.array([0.1, 0.2, 0.3, 0.5]), np.array([0.1, 0.2, 0.4, 0.3]))
    assert (small.pearson, small.spearman) == pytest.approx((found.pearson, found.spearman))
    assert score_regression(np.ones(5), np.arange(5.0)).pearson is None
    assert score_regression(np.arange(5.0), np.ones(5)).pearson is None
    two = score_regression(np.array([1.0, 2.0]), np.array([3.0, 1.0]))
    assert two.pearson == pytest.approx(-1.0)
    assert (two.pearson_low, two.pearson_high) == (-1.0, 1.0)


def test_interval_of_f1_narrows_with_n() -> None:
    """It holds the F1 that was seen, is the same each time, and a quarter as wide at 16 times n."""
    truth = np.array([[1, 0], [0, 1]] * 20, dtype=bool)
    said = truth.copy()
    said[:8] = ~said[:8]
    few = f1_interval(truth, said)
    many = f1_interval(np.tile(truth, (16, 1)), np.tile(said, (16, 1)))
    assert few[0] < 0.8 < few[1]
    assert many[1] - many[0] == pytest.approx((few[1] - few[0]) / 4, rel=0.15)
    assert few == f1_interval(truth, said)


def test_sigmoid_of_large_logits() -> None:
    """Neither sign overflows."""
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
    assert sigmoid(np.array([-0.5, 0.5])) == pytest.approx([0.37754, 0.62246], abs=1e-5)
