"""Scores of predictions against labels. Numbers in, numbers out; no torch, no model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.stats import binomtest
from sklearn.metrics import f1_score

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Scores:
    """How good a set of predictions is; shares are between 0 and 1."""

    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    ece: float


def score(probabilities: FloatArray, targets: IntArray) -> Scores:
    """Scores single-label predictions.

    Args:
        probabilities: (n, classes), rows that sum to 1.
        targets: (n,), class indices.
    """
    predicted = probabilities.argmax(axis=1)
    n = len(targets)
    right = int((predicted == targets).sum())
    low, high = wilson_interval(right, n)
    return Scores(
        n=n,
        accuracy=right / n,
        accuracy_low=low,
        accuracy_high=high,
        macro_f1=float(f1_score(targets, predicted, average="macro")),
        ece=expected_calibration_error(probabilities, targets),
    )


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share (Wilson 1927)."""
    interval = binomtest(right, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


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


def fit_temperature(logits: FloatArray, targets: Sequence[int]) -> float:
    """The temperature of the least negative log-likelihood (Guo et al. 2017, arXiv:1706.04599).

    Args:
        logits: (n, classes), of texts that the model was not trained on.
        targets: (n,), class indices.

    Returns:
        between 0.05 and 20; over 1 where the model is too sure of itself.
    """
    rows = np.arange(len(targets))

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        return -float(scaled[rows, list(targets)].mean())

    bounds = (np.log(0.05), np.log(20.0))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
