"""scikit-learn's classifiers, fitted to n-grams by TF-IDF, each as one weight a n-gram and label.

Of one label a text the weights give logits whose softmax is what scikit-learn calls the
probabilities, where it has some; of several labels a text each logit is a yes or no of its own.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from training.linear.ngrams import Floats, Ints, Matrix

STEPS = 200  # at most, of the solvers that take some

Binary = Callable[[Ints], tuple[Floats, float]]


@dataclass(frozen=True)
class Weights:
    """What a classifier computes: `values @ weight + bias`.

    Attributes:
        weight: (n-grams, labels).
        bias: (labels,).
    """

    weight: Floats
    bias: Floats

    def logits(self, values: Matrix) -> Floats:
        """(texts, labels)."""
        found: Floats = values @ self.weight + self.bias
        return found


@dataclass(frozen=True)
class Rows:
    """What is learnt from.

    Attributes:
        counted: (texts, n-grams) of 0 and 1.
        values: the same by TF-IDF.
        targets: (texts,) places of labels; or (texts, labels) of 0 and 1.
        labels: how many.
    """

    counted: Matrix
    values: Matrix
    targets: Ints
    labels: int

    @property
    def several(self) -> bool:
        """Whether a text may have several labels."""
        return self.targets.ndim == 2

    def having(self, label: int) -> Ints:
        """Which texts have a label, (texts,) of 0 and 1."""
        has = self.targets[:, label] if self.several else self.targets == label
        return has.astype(np.int64)


def naive_bayes(rows: Rows, smoothing: float) -> Weights:
    """Multinomial naive Bayes (McCallum and Nigam 1998)."""

    def binary(targets: Ints) -> tuple[Floats, float]:
        model = MultinomialNB(alpha=smoothing).fit(rows.values, targets)
        weight, bias = model.feature_log_prob_, model.class_log_prior_
        return weight[1] - weight[0], float(bias[1] - bias[0])

    if _is_binary(rows):
        return _each(rows, binary)
    model = MultinomialNB(alpha=smoothing).fit(rows.values, rows.targets)
    return _placed(rows, model.classes_, model.feature_log_prob_.T, model.class_log_prior_)


def logistic(rows: Rows, inverse_penalty: float) -> Weights:
    """Logistic regression, multinomial where one label of several is given."""
    settings = {"C": inverse_penalty, "max_iter": STEPS}

    def binary(targets: Ints) -> tuple[Floats, float]:
        with _unconverged():
            model = LogisticRegression(**settings).fit(rows.values, targets)
        return model.coef_[0], float(model.intercept_[0])

    if _is_binary(rows):
        return _each(rows, binary)
    with _unconverged():
        model = LogisticRegression(**settings).fit(rows.values, rows.targets)
    return _placed(rows, model.classes_, model.coef_.T, model.intercept_)


def nb_svm(rows: Rows, smoothing: float, inverse_penalty: float, seed: int) -> Weights:
    """A linear SVM over values times log-count ratios (Wang and Manning 2012, ACL P12-2018).

    One label against the rest, each with ratios of its own.
    """
    every = np.asarray(rows.counted.sum(axis=0)).ravel()

    def binary(targets: Ints) -> tuple[Floats, float]:
        own = rows.counted.T @ targets
        with_label, without = own + smoothing, every - own + smoothing
        ratios = np.log(with_label / with_label.sum()) - np.log(without / without.sum())
        model = LinearSVC(C=inverse_penalty, random_state=seed, max_iter=STEPS)
        with _unconverged():
            model.fit((rows.values @ scipy.sparse.diags(ratios)).tocsr(), targets)
        return model.coef_[0] * ratios, float(model.intercept_[0])

    return _each(rows, binary)


def _is_binary(rows: Rows) -> bool:
    """Whether each label is a yes or no: of several a text, or where no more than two are there."""
    return rows.several or len(np.unique(rows.targets)) <= 2


def _each(rows: Rows, binary: Binary) -> Weights:
    """A classifier for each label by itself, and of two labels one classifier."""

    def one(label: int) -> tuple[Floats, float]:
        targets = rows.having(label)
        has = int(targets.sum())
        if 0 < has < len(targets):
            return binary(targets)
        # Nothing tells a label that no text has, or all have.
        odds = (has + 0.5) / (len(targets) - has + 0.5)
        return np.zeros(rows.values.shape[1]), float(np.log(odds))

    if not rows.several and rows.labels == 2:
        weight, bias = one(1)
        return Weights(np.column_stack([-weight, weight]) / 2, np.array([-bias, bias]) / 2)
    found = [one(label) for label in range(rows.labels)]
    return Weights(
        np.column_stack([weight for weight, _ in found]), np.array([bias for _, bias in found])
    )


def _placed(rows: Rows, present: Ints, weight: Floats, bias: Floats) -> Weights:
    """Logits of all labels, 0 on average, from those of the labels that texts have.

    Args:
        present: places of the labels.
        weight: (n-grams, present).
        bias: (present,).
    """
    whole = np.zeros((len(weight), rows.labels))
    whole[:, present] = weight - weight.mean(axis=1, keepdims=True)
    # What no text has is never the highest: of the others one is 0 or more.
    rare = np.full(rows.labels, -np.log(2 * len(rows.targets) + 1))
    rare[present] = bias - bias.mean()
    return Weights(whole, rare)


@contextmanager
def _unconverged() -> Iterator[None]:
    """A solver may stop early: the texts that choose say what it is worth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
