"""What a model prefers before it has read a text, taken from its scores; and which way is chosen.

A prior is what is subtracted from the log-probabilities of the labels: what inputs without content
get (Zhao et al. 2021, arXiv:2102.09690), or what texts get on the whole (batch calibration, Zhou et
al. 2023, arXiv:2309.17249). Numbers in, numbers out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, logsumexp

from training.errors import DataError
from training.score.temperature import fit_temperature

Way = Literal["none", "content-free", "batch-mean", "batch-median"]
WAYS: tuple[Way, ...] = get_args(Way)
PREFERRED: tuple[Way, ...] = ("batch-mean", "batch-median", "content-free", "none")
CLEARLY = 2.0  # standard errors
LEAST_FEW = 8  # labelled texts that may speak against the preferred way
LEAST_BATCH = 30  # texts that a batch's prior is taken from

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Calibration:
    """How scores become log-probabilities of labels.

    Attributes:
        way: where the prior is from.
        per_token: scores are means over a word's tokens, and not sums.
        temperature: that log-probabilities are divided by.
        lengths: tokens of each label's word.
        prior: (labels,), subtracted.
    """

    way: Way
    per_token: bool
    temperature: float
    lengths: tuple[int, ...]
    prior: tuple[float, ...]

    @property
    def name(self) -> str:
        """As a user is told it."""
        return f"{self.way}, by the token" if self.per_token else self.way

    def log_probabilities(self, scores: FloatArray) -> FloatArray:
        """(texts, labels), of rows that are 1 together as probabilities."""
        shifted = _normal(scores, self.lengths, per_token=self.per_token) - np.array(self.prior)
        found: FloatArray = log_softmax(shifted / self.temperature, axis=1)
        return found


@dataclass(frozen=True)
class Trial:
    """A calibration on labelled texts: what it gets right, and how surely.

    Attributes:
        right: texts whose label is the likeliest.
        n: texts.
        loss: mean negative log-likelihood.
    """

    calibration: Calibration
    right: int
    n: int
    loss: float


def calibrations(
    lengths: Sequence[int], content_free: FloatArray, batch: FloatArray
) -> list[Calibration]:
    """Every calibration that the scores allow, without a temperature; the plainest first.

    Args:
        content_free: scores of inputs that say nothing, (inputs, labels).
        batch: scores of the texts to label; too few of them are no prior.
    """
    forms = [False] if len(set(lengths)) == 1 else [False, True]
    ways = WAYS if len(batch) >= LEAST_BATCH else WAYS[:2]
    return [
        Calibration(
            way,
            per_token,
            1.0,
            tuple(lengths),
            tuple(
                _prior(
                    way, *(_normal(s, lengths, per_token=per_token) for s in (content_free, batch))
                )
            ),
        )
        for way in ways
        for per_token in forms
    ]


def tried(calibration: Calibration, scores: FloatArray, targets: IntArray) -> Trial:
    """A calibration on labelled texts."""
    given = calibration.log_probabilities(scores).argmax(axis=1)
    loss = float(_losses(calibration, scores, targets).mean())
    return Trial(calibration, int((given == targets).sum()), len(targets), loss)


def with_temperature(
    calibration: Calibration, scores: FloatArray, targets: IntArray
) -> Calibration:
    """The calibration with the temperature at which the labels of few texts are likeliest."""
    temperature = fit_temperature(calibration.log_probabilities(scores), targets)
    fields = {**calibration.__dict__, "temperature": temperature}
    return Calibration(**fields)


def chosen(
    found: Sequence[Calibration], way: Way | None, scores: FloatArray, targets: IntArray
) -> Calibration:
    """The calibration that few labelled texts speak for, with the temperature that suits it.

    Few texts are easily wrong about it, and priors of a batch are the best of the ways in most
    settings that their authors compared. So the first of `PREFERRED` stays, unless another has a
    lower loss on these texts by `CLEARLY` standard errors of the paired difference.

    Args:
        way: that a user asked for; None: any.
        scores: of the labelled texts; without any, the calibration that was asked for.

    Raises:
        DataError: the texts to label are too few for the way that was asked for, or nothing was
            asked for and there is no labelled text.
    """
    able = [one for one in found if way in (None, one.way)]
    if not able:
        raise DataError(
            f"--calibration {way} takes the prior from the texts to label, and wants "
            f"{LEAST_BATCH} of them or more: give more texts, or --calibration content-free"
        )
    if not len(targets):
        if way is None:
            raise DataError("nothing says which calibration is best: give --few, or name one")
        return able[0]
    able.sort(key=lambda one: (PREFERRED.index(one.way), one.per_token))
    fitted = [with_temperature(one, scores, targets) for one in able]
    losses = [_losses(one, scores, targets) for one in fitted]
    better = [place for place in range(len(fitted)) if _clearly(losses[0] - losses[place])]
    return fitted[min(better, key=lambda place: float(losses[place].mean()), default=0)]


def _losses(calibration: Calibration, scores: FloatArray, targets: IntArray) -> FloatArray:
    """The negative log-likelihood of each text's label."""
    found: FloatArray = -calibration.log_probabilities(scores)[np.arange(len(targets)), targets]
    return found


def _clearly(gains: FloatArray) -> bool:
    """Whether a mean of paired differences is above 0 beyond what chance would make it."""
    if len(gains) < LEAST_FEW:
        return False
    error = float(gains.std(ddof=1)) / np.sqrt(len(gains))
    return bool(0 < CLEARLY * error < float(gains.mean()))


def _normal(scores: FloatArray, lengths: Sequence[int], *, per_token: bool) -> FloatArray:
    """Log-probabilities of the labels among themselves."""
    shaped = scores / np.array(lengths) if per_token else scores
    found: FloatArray = log_softmax(np.asarray(shaped, np.float64), axis=1)
    return found


def _prior(way: Way, content_free: FloatArray, batch: FloatArray) -> list[float]:
    if way == "none":
        return [0.0] * content_free.shape[1]
    if way == "content-free":
        found = logsumexp(content_free, axis=0) - np.log(len(content_free))
    elif way == "batch-mean":
        found = batch.mean(axis=0)
    else:
        found = np.median(batch, axis=0)
    return [float(one) for one in found]
