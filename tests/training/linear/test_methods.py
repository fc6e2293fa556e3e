"""The methods' weights, against what scikit-learn's own estimators say of the same values."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from training.linear.methods import Rows, Weights, logistic, naive_bayes, nb_svm

SEED = 13


def rows(labels: int, n: int = 120, seed: int = 0) -> Rows:
    """Random n-grams of which the first few tell the label."""
    chosen = np.random.default_rng(seed)
    targets = chosen.integers(0, labels, n)
    counted = (chosen.random((n, 30)) < 0.2).astype(np.float64)
    counted[np.arange(n), targets] = chosen.random(n) < 0.8
    return made(counted, targets, labels)


def made(counted: npt.NDArray[Any], targets: npt.NDArray[Any], labels: int) -> Rows:
    """Rows whose values are of length 1."""
    lengths = np.maximum(np.linalg.norm(counted, axis=1, keepdims=True), 1)
    values = scipy.sparse.csr_matrix(counted / lengths)
    return Rows(scipy.sparse.csr_matrix(counted), values, targets, labels)


def several() -> Rows:
    """Rows of three labels, of which a text may have none or all; no text has the last."""
    one = rows(3)
    has = np.asarray(one.counted[:, :3].todense()).astype(np.int64)
    has[:, 2] = 0
    return made(np.asarray(one.counted.todense()), has, 3)


def same_probabilities(weights: Weights, data: Rows, expected: npt.NDArray[Any]) -> None:
    """Softmax of the logits, against log-probabilities."""
    np.testing.assert_allclose(
        log_softmax(weights.logits(data.values), axis=1), expected, atol=1e-9
    )


@pytest.mark.parametrize("labels", [2, 4])
def test_naive_bayes_is_scikit_learns(labels: int) -> None:
    """Its logits' softmax is the joint probability, normalised."""
    data = rows(labels)
    theirs = MultinomialNB(alpha=0.3).fit(data.values, data.targets)
    same_probabilities(naive_bayes(data, 0.3), data, theirs.predict_log_proba(data.values))


@pytest.mark.parametrize("labels", [2, 4])
def test_logistic_is_scikit_learns(labels: int) -> None:
    """Of two labels one number is fitted, of more a multinomial."""
    data = rows(labels)
    theirs = LogisticRegression(C=5.0, max_iter=1000).fit(data.values, data.targets)
    same_probabilities(logistic(data, 5.0), data, theirs.predict_log_proba(data.values))


@pytest.mark.parametrize("labels", [2, 3])
def test_nb_svm_learns_what_tells(labels: int) -> None:
    """An n-gram that tells a label weighs most for it, and few texts are mistaken."""
    data = rows(labels)
    weights = nb_svm(data, 1.0, 1.0, SEED)
    assert weights.weight[:labels].argmax(axis=1).tolist() == list(range(labels))
    assert (weights.logits(data.values).argmax(axis=1) == data.targets).mean() > 0.8


def test_nb_svm_has_the_ratios_of_the_paper() -> None:
    """Each n-gram is multiplied by r, equation 2 of the paper, before the SVM and after it."""
    data = rows(2)
    counted, values = data.counted.toarray(), data.values.toarray()
    with_label = 0.5 + counted[data.targets == 1].sum(axis=0)
    without = 0.5 + counted[data.targets == 0].sum(axis=0)
    ratios = np.log((with_label / with_label.sum()) / (without / without.sum()))
    theirs = LinearSVC(C=2.0, random_state=SEED).fit(values * ratios, data.targets)
    expected = theirs.decision_function(values * ratios)
    found = nb_svm(data, 0.5, 2.0, SEED).logits(data.values)
    np.testing.assert_allclose(found @ [-1, 1], expected, atol=1e-4)


def test_each_of_several_labels_is_a_yes_or_no() -> None:
    """As one against the rest; a label that no text has is never given."""
    data = several()
    theirs = OneVsRestClassifier(LogisticRegression(C=5.0, max_iter=1000))
    theirs.fit(data.values, data.targets[:, :2])
    found = logistic(data, 5.0).logits(data.values)
    np.testing.assert_allclose(found[:, :2], theirs.decision_function(data.values), atol=1e-9)
    bayes = MultinomialNB(alpha=0.3).fit(data.values, data.having(1))
    odds = bayes.predict_log_proba(data.values) @ [-1, 1]
    for method in (naive_bayes(data, 0.3), nb_svm(data, 1.0, 1.0, SEED)):
        assert (method.logits(data.values)[:, 2] < -4).all()
    np.testing.assert_allclose(naive_bayes(data, 0.3).logits(data.values)[:, 1], odds, atol=1e-9)


@pytest.mark.parametrize("present", [2, 3])
def test_a_label_that_no_text_has_is_never_given(present: int) -> None:
    """A teacher may have more labels than the texts; and one may be between the others."""
    data = rows(present)
    moved = Rows(data.counted, data.values, np.array([0, 2, 3])[data.targets], 4)
    for weights in (naive_bayes(moved, 1.0), logistic(moved, 1.0), nb_svm(moved, 1.0, 1.0, SEED)):
        given = weights.logits(moved.values).argmax(axis=1)
        assert set(given.tolist()) == set(np.unique(moved.targets).tolist())
