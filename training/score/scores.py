"""Scores of predictions against labels, by kind of problem. No torch, no model, no names.

`score` is of one label a text, `score_multi_label` of several, `score_regression` of a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import pearsonr, spearmanr

from training.score.intervals import correlation_interval, f1_interval, wilson_interval

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LabelScores:
    """How well one label is told; the interval is Wilson's at 95%.

    `precision` is None where the label was never given, `recall` where no text has it.
    """

    n: int
    given: int
    precision: float | None
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    f1: float


@dataclass(frozen=True)
class Scores:
    """How good a classifier's predictions are; shares are between 0 and 1.

    Of several labels a text, `accuracy` is the share of texts all of whose labels are right.

    Attributes:
        by_label: in the order of the logits.
        micro_f1: of several labels a text; of one it is the accuracy, and None here.
    """

    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    macro_f1_low: float
    macro_f1_high: float
    ece: float
    by_label: tuple[LabelScores, ...]
    micro_f1: float | None = None

    def never_given(self, labels: Sequence[str]) -> list[str]:
        """The labels that texts have and no prediction gives."""
        pairs = zip(labels, self.by_label, strict=True)
        return [label for label, found in pairs if found.n and not found.given]


@dataclass(frozen=True)
class RegressionScores:
    """How good predicted numbers are; the interval of Pearson's correlation is Fisher's.

    A correlation is None where one side does not vary.
    """

    n: int
    pearson: float | None
    pearson_low: float | None
    pearson_high: float | None
    spearman: float | None
    mean_absolute_error: float


def score(probabilities: FloatArray, targets: IntArray) -> Scores:
    """Scores single-label predictions.

    Args:
        probabilities: (n, classes), rows that sum to 1.
        targets: (n,), class indices.
    """
    targets = np.asarray(targets)
    classes = np.arange(probabilities.shape[1])
    true = targets[:, np.newaxis] == classes
    predicted = probabilities.argmax(axis=1)[:, np.newaxis] == classes
    return _scores(true, predicted, expected_calibration_error(probabilities, targets))


def score_multi_label(probabilities: FloatArray, targets: FloatArray, given: BoolArray) -> Scores:
    """Scores predictions of several labels a text, or none.

    The calibration error is over every decision, of each label of each text.

    Args:
        probabilities: (n, labels), each label by itself.
        targets: (n, labels) of 0 and 1.
        given: (n, labels), the labels that were given: those over their thresholds.
    """
    true = np.asarray(targets) > 0.5
    flat = probabilities.reshape(-1)
    decisions = np.stack([1 - flat, flat], axis=1)
    ece = expected_calibration_error(decisions, true.reshape(-1).astype(np.int64))
    whole = int(true.sum() + given.sum())
    micro = 2 * int((true & given).sum()) / whole if whole else 0.0
    return _scores(true, given, ece, micro)


def score_regression(values: FloatArray, targets: FloatArray) -> RegressionScores:
    """Scores predicted numbers.

    Args:
        values: (n,), as predicted.
        targets: (n,), as they should be.
    """
    values = np.asarray(values, dtype=np.float64)
    targets = np.asarray(targets, dtype=np.float64)
    n = len(targets)
    pearson = spearman = None
    low, high = None, None
    if n > 1 and np.ptp(values) > 0 and np.ptp(targets) > 0:
        pearson = float(pearsonr(values, targets).statistic)
        spearman = float(spearmanr(values, targets).statistic)
        low, high = correlation_interval(pearson, n)
    return RegressionScores(
        n=n,
        pearson=pearson,
        pearson_low=low,
        pearson_high=high,
        spearman=spearman,
        mean_absolute_error=float(np.abs(values - targets).mean()),
    )


def _scores(
    true: BoolArray, predicted: BoolArray, ece: float, micro_f1: float | None = None
) -> Scores:
    n = len(true)
    right = int((true == predicted).all(axis=1).sum())
    low, high = wilson_interval(right, n)
    by_label = tuple(map(_label_scores, true.T, predicted.T))
    # A label that no text has and none was given says nothing of the model.
    seen = [found.f1 for found in by_label if found.n or found.given]
    f1_low, f1_high = f1_interval(true, predicted)
    return Scores(
        n=n,
        accuracy=right / n,
        accuracy_low=low,
        accuracy_high=high,
        macro_f1=float(np.mean(seen)) if seen else 0.0,
        macro_f1_low=f1_low,
        macro_f1_high=f1_high,
        ece=ece,
        by_label=by_label,
        micro_f1=micro_f1,
    )


def _label_scores(true: BoolArray, predicted: BoolArray) -> LabelScores:
    hits, n, given = int((true & predicted).sum()), int(true.sum()), int(predicted.sum())
    low, high = wilson_interval(hits, n) if n else (None, None)
    return LabelScores(
        n=n,
        given=given,
        precision=hits / given if given else None,
        recall=hits / n if n else None,
        recall_low=low,
        recall_high=high,
        f1=2 * hits / (n + given) if n + given else 0.0,
    )


def confusion(predicted: IntArray, targets: IntArray, labels: int) -> IntArray:
    """How many texts of each label were given each.

    Returns:
        (labels, labels): a row for each true label.
    """
    counts: IntArray = np.zeros((labels, labels), dtype=np.int64)
    np.add.at(counts, (np.asarray(targets), np.asarray(predicted)), 1)
    return counts


def expected_calibration_error(
    probabilities: FloatArray, targets: IntArray, bins: int = 15
) -> float:
    """ECE over equal-width confidence bins (Guo et al. 2017, arXiv:1706.04599)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for index in range(bins):
        inside = bin_of == index
        if inside.any():
            error += float(inside.mean() * abs(right[inside].mean() - confidence[inside].mean()))
    return error


def softmax(logits: FloatArray) -> FloatArray:
    """Softmax over the last axis, safe for large logits."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: FloatArray = shifted / shifted.sum(axis=-1, keepdims=True)
    return probabilities


def sigmoid(logits: FloatArray) -> FloatArray:
    """The logistic function, safe for large logits of either sign."""
    small = np.exp(-np.abs(logits))
    probabilities: FloatArray = np.where(logits >= 0, 1, small) / (1 + small)
    return probabilities
