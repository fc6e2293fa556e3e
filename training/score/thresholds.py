"""The probability from which each label of a multi-label model is given, fitted for F1.

Numbers alone. Fit on texts that chose nothing, and measure on others: the F1 of the texts that a
threshold was fitted on flatters it.
"""

import numpy as np
import numpy.typing as npt

DEFAULT = 0.5
FEWEST = 10  # texts that have a label, below which its threshold is not fitted: chance would be


def fit_thresholds(
    probabilities: npt.NDArray[np.floating],
    targets: npt.NDArray[np.floating],
    *,
    fewest: int = FEWEST,
) -> tuple[float, ...]:
    """The threshold of the highest F1, label by label.

    Between two probabilities any threshold does the same; taken is the middle, and of several
    that are equally good the one nearest to `DEFAULT`. Of calibrated probabilities the best is
    half the F1 that it reaches (Lipton et al. 2014, arXiv:1402.1892); a loss with class weights
    makes them larger, and the best with them.

    Args:
        probabilities: (n, labels), after the temperature.
        targets: (n, labels) of 0 and 1.
        fewest: a label that fewer texts have, or that fewer have not, keeps `DEFAULT`.

    Returns:
        between 0 and 1, in the order of the labels.
    """
    truth = np.asarray(targets) > 0.5
    return tuple(
        _best(probabilities[:, place].astype(np.float64), truth[:, place], fewest)
        for place in range(truth.shape[1])
    )


def _best(
    probabilities: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_], fewest: int
) -> float:
    have = int(truth.sum())
    if min(have, len(truth) - have) < fewest:
        return DEFAULT
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(truth) + 1) + have)
    # A cut lies between two different probabilities: so many of the highest are given.
    cuts = np.flatnonzero(np.append(ordered[:-1] > ordered[1:], True))
    middles = (ordered[cuts] + np.append(ordered[1:], 0.0)[cuts]) / 2
    best = cuts[f1[cuts] >= f1[cuts].max() - 1e-12]
    middles = middles[np.isin(cuts, best)]
    return float(middles[np.argmin(np.abs(middles - DEFAULT))])
