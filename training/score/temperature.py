"""The temperature that makes a classifier's confidence honest, fitted on held-out texts.

The least negative log-likelihood (Guo et al. 2017, arXiv:1706.04599) has no minimum where every
held-out text is right: it would make every confidence 1. So the targets are smoothed as Platt
smooths those of his sigmoid (1999, "Probabilistic Outputs for Support Vector Machines", section
2.2): of n texts the right answer gets (n + 1)/(n + 2), the others share the rest. That is a prior
of one text told right and one told wrong, and no confidence is fitted that n texts cannot show.

The temperature has a prior of its own: it is 1 unless texts show otherwise (its logarithm is normal
around 0). And it is bounded: a model that barely tells labels apart, as one after a few steps of
training, would have differences made large that mean nothing on other texts.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

FloatArray = npt.NDArray[np.floating]
LOWEST, HIGHEST = 0.25, 10.0
SPREAD = 0.5  # of the logarithm, before any text is seen: at 95% between 0.4 and 2.7


def fit_temperature(logits: FloatArray, targets: Sequence[int] | npt.NDArray[np.generic]) -> float:
    """The most probable temperature: of smoothed likelihood and prior together.

    Args:
        logits: (n, labels), of texts that the model was not trained on.
        targets: (n,), class indices; or (n, labels) of 0 and 1 where a text may have several
            labels, each judged by itself.

    Returns:
        between 0.25 and 10; over 1 where the model is too sure of itself.
    """
    truth = np.asarray(targets)
    scores = np.asarray(logits, dtype=np.float64)
    n = len(truth)
    if not n or not np.isfinite(scores).all():
        raise ValueError("a temperature needs texts, and logits that are numbers")
    certain = (n + 1) / (n + 2)
    several = truth.ndim == 2
    if several:
        share = np.where(truth > 0.5, certain, 1 - certain)
    else:
        share = np.full(scores.shape, (1 - certain) / (scores.shape[1] - 1))
        share[np.arange(n), truth.astype(np.int64)] = certain

    def loss(log_temperature: float) -> float:
        scaled = scores / np.exp(log_temperature)
        prior = (log_temperature / SPREAD) ** 2 / 2
        if several:
            each = (share * log_expit(scaled) + (1 - share) * log_expit(-scaled)).mean(axis=1)
        else:
            each = (share * log_softmax(scaled, axis=1)).sum(axis=1)
        return float(prior - each.sum())

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
