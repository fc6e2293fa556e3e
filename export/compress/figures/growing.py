"""What twice the text would be worth, by what the second half of it was worth to a linear model.

Learning curves bend, so that it is an estimate from above; a linear model gains more from text than
a pretrained one does, and less than a small one that starts from nothing.
"""

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from training.data.labelled import LabelledText

HALVES = 3  # drawn, whose mean is taken
MOST_TEXTS = 20_000  # that are learnt from


def gain_of_doubling(train: LabelledText, judged: LabelledText, seed: int) -> float | None:
    """Accuracy of a linear model on all texts less its accuracy on half of them.

    Args:
        train: that it learns from.
        judged: that its accuracy is of.

    Returns:
        a share; None where the texts are pairs, or have several labels or a number.
    """
    if train.problem != "single_label" or train.pairs:
        return None
    draw = np.random.default_rng(seed)
    rows = draw.permutation(len(train))[:MOST_TEXTS]
    half = len(rows) // 2
    whole = _accuracy(train, rows, judged)
    parts = [_accuracy(train, draw.permutation(rows)[:half], judged) for _ in range(HALVES)]
    return whole - float(np.mean(parts))


def _accuracy(train: LabelledText, rows: npt.NDArray[np.int64], judged: LabelledText) -> float:
    targets = np.asarray(train.targets)[rows]
    if len(set(targets.tolist())) < 2:  # nothing is learnt of one label
        return float((np.asarray(judged.targets) == targets[0]).mean())
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+"),  # noqa: S106
        LogisticRegression(C=10.0, max_iter=200),
    )
    model.fit([str(text) for text in train.select(rows).texts], targets)
    return float(model.score([str(text) for text in judged.texts], np.asarray(judged.targets)))
