"""Finds the lowest threshold of a chain that keeps a promise, and draws what each would give.

One threshold serves all hops. It is lowered step by step while the counts show that the promise
is kept, and the search stops at the first that does not: fixed-sequence testing, so that looking
at many thresholds costs no confidence (Learn then Test, Angelopoulos et al. 2021,
arXiv:2110.01052). The thresholds are quantiles of the confidences, and no label has a say in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.cascade.bounds import Limit
from export.cascade.judging import BoolArray, FloatArray, Judged
from service.repository.fits import Point

STEPS = 200
ASK_ALWAYS = 1.01  # over any confidence: every text goes to the last model

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """Of each threshold: the texts that the last model alone gets right, or the chain alone."""

    lost: IntArray
    gained: IntArray


def lowest_threshold(judged: Judged, limit: Limit) -> tuple[float, float]:
    """The lowest threshold that is shown to keep a promise, and the bound on its loss."""
    n = judged.right.shape[1]
    thresholds = np.array([ASK_ALWAYS, *candidates(judged)])
    counts = count(judged, thresholds)
    shown = limit.shown(counts.lost, counts.gained, n)
    chosen = max(0, first_failing(shown) - 1)
    bound = limit.bound(int(counts.lost[chosen]), int(counts.gained[chosen]), n)
    return float(thresholds[chosen]), bound


def first_failing(shown: BoolArray) -> int:
    """The place of the first test that fails; their number, where none does."""
    return len(shown) if shown.all() else int(np.argmin(shown))


def count(judged: Judged, thresholds: FloatArray) -> Counts:
    """What the chain loses and gains against its last model.

    Args:
        thresholds: (thresholds,), strictest first.
    """
    last = judged.right[-1]
    until = np.full(len(last), len(thresholds))  # the place from which a model before answers
    lost, gained = np.zeros((2, len(thresholds) + 1), np.int64)
    for sure, right in zip(judged.confidence[:-1], judged.right[:-1], strict=True):
        begins = np.searchsorted(-thresholds, -sure)  # the first that is not over it
        for found, which in ((lost, last & ~right), (gained, right & ~last)):
            rows = which & (begins < until)
            found += np.bincount(begins[rows], minlength=len(found))
            found -= np.bincount(until[rows], minlength=len(found))
        until = np.minimum(until, begins)
    return Counts(np.cumsum(lost)[:-1], np.cumsum(gained)[:-1])


def chain_right(judged: Judged, threshold: float) -> BoolArray:
    """Whether the chain is right, text by text: the first model that is sure answers."""
    sure = judged.confidence >= threshold
    sure[-1] = True
    who = sure.argmax(axis=0)
    answers: BoolArray = judged.right[who, np.arange(judged.right.shape[1])]
    return answers


def curve(judged: Judged) -> list[Point]:
    """Accuracy against the share that the last model answers, strictest threshold first."""
    points = []
    for threshold in [ASK_ALWAYS, *candidates(judged)[:: STEPS // 50], 0.0]:
        points.append(
            Point(
                threshold=round(threshold, 6),
                escalated=round(float(reach(judged, threshold)[-1]), 6),
                accuracy=round(float(chain_right(judged, threshold).mean()), 6),
            )
        )
    return points


def reach(judged: Judged, threshold: float) -> FloatArray:
    """Share of all texts that comes to each model of the chain."""
    unsure = judged.confidence[:-1] < threshold
    reached: FloatArray = np.logical_and.accumulate(unsure, axis=0).mean(axis=1)
    return np.concatenate([[1.0], reached])


def candidates(judged: Judged) -> Sequence[float]:
    """Thresholds to test, strictest first: quantiles of the confidences, chosen before looking
    at any label, as the test's validity asks.
    """  # noqa: D205
    seen = judged.confidence[:-1].ravel()
    found = np.unique(np.quantile(seen, np.linspace(0, 1, STEPS, endpoint=False)))
    return [float(value) for value in found[::-1]]
