"""What a cascade promises, and whether counts of texts show that it is kept.

Three promises, with a limit and a confidence each:

- accuracy: the chain's accuracy is less than the limit below the last model's. Texts that the
  chain gains make up for texts that it loses (`paired`).
- lost texts: the chain answers less than the limit of all texts wrongly that the last model
  answers rightly. None that it gains counts (Clopper and Pearson 1934).
- disagreement: less than the limit of all texts get another label than the last model's. It needs
  no labels; the same bound.

Whoever keeps the third keeps the second, and whoever keeps the second the first.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from export.cascade.paired import difference_bound, refuses
from export.errors import ExportError
from service.repository.fits import Promise

SEQUENCE = "fixed sequence"
METHODS: dict[Promise, str] = {
    "accuracy": f"exact score test of paired differences, {SEQUENCE}",
    "lost-texts": f"clopper-pearson, {SEQUENCE}",
    "disagreement": f"clopper-pearson, {SEQUENCE}",
}

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    """A promise that is to be shown.

    Attributes:
        share: of the texts: half a point is 0.005.
        confidence: the probability that it is kept.
    """

    share: float
    confidence: float
    promise: Promise = "accuracy"

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or not 0 < self.confidence < 1:
            raise ExportError("--max-accuracy-loss and --confidence lie between 0 and 1")

    @property
    def texts_needed(self) -> int:
        """The fewest texts that show it, if nothing is lost."""
        fewest = int(np.ceil(np.log(1 - self.confidence) / np.log(1 - self.share)))
        if self.shows_none_lost(fewest):
            return fewest
        more = range(fewest + 1, 4 * fewest)
        return more[bisect_left(more, True, key=self.shows_none_lost)]

    def shows_none_lost(self, n: int) -> bool:
        """Whether `n` texts of which none is lost and none gained show it."""
        none = np.zeros(1, np.int64)
        return bool(self.shown(none, none, n)[0])

    def refuse_few(self, n: int) -> None:
        """Raises ExportError, which says how many it takes, where `n` texts cannot show it."""
        if n < self.texts_needed:
            kind = "texts" if self.promise == "disagreement" else "labelled texts"
            raise ExportError(
                f"{n} {kind} cannot show a loss of at most {self.share} with confidence "
                f"{self.confidence}: it takes {self.texts_needed}, or --max-accuracy-loss "
                f"{least_loss(n, self.confidence, self.promise):g}; more texts can be held out of "
                "the training data before the models are trained"
            )

    def shown(self, lost: IntArray, gained: IntArray, n: int) -> BoolArray:
        """Whether counts of `n` texts show that it is kept."""
        if self.promise == "accuracy":
            return refuses(lost, gained, n, self.share, self.confidence)
        kept: BoolArray = share_bound(lost, n, self.confidence) <= self.share
        return kept

    def bound(self, lost: int, gained: int, n: int) -> float:
        """What counts that show it bound the loss by; of the promise's kind.

        It is of one threshold alone. Of one that was chosen by it the limit is what is promised.
        """
        if self.promise == "accuracy":
            return difference_bound(lost, gained, n, self.confidence, below=self.share)
        return float(share_bound(lost, n, self.confidence))


def share_bound(count: npt.ArrayLike, n: int, confidence: float) -> FloatArray:
    """Clopper and Pearson's upper bound on a share, of `count` seen in `n`."""
    seen = np.minimum(count, n - 1)
    bound: FloatArray = np.where(
        np.asarray(count) < n, beta.ppf(confidence, seen + 1, n - seen), 1.0
    )
    return bound


def least_loss(n: int, confidence: float, promise: Promise = "accuracy") -> float:
    """The least loss that `n` texts show if nothing is lost, rounded up to a ten-thousandth."""
    least: float = 1 - (1 - confidence) ** (1 / n)
    steps = range(min(math.ceil(least * 1e4), 9_999), 10_000)
    if Limit(steps[0] / 1e4, confidence, promise).shows_none_lost(n):
        return steps[0] / 1e4
    shown = bisect_left(
        steps, True, key=lambda step: Limit(step / 1e4, confidence, promise).shows_none_lost(n)
    )
    return steps[min(shown, len(steps) - 1)] / 1e4
