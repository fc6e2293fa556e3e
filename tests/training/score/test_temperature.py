"""The temperature: what it does to honest, too sure and perfect models."""

import numpy as np
import pytest

from training.score.scores import expected_calibration_error, sigmoid, softmax
from training.score.temperature import fit_temperature


def honest(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of three classes, and labels drawn by their softmax."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (n, 3))
    draws = random.random((n, 1)) > softmax(logits).cumsum(axis=1)[:, :-1]
    return logits, draws.sum(axis=1)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_it_undoes_what_made_a_model_dishonest(factor: float) -> None:
    """Logits that are so many times too sure get about that temperature."""
    logits, targets = honest(4000)
    found = fit_temperature(factor * logits, targets)
    assert found == pytest.approx(factor, rel=0.1)
    scaled = softmax(factor * logits / found)
    assert expected_calibration_error(scaled, targets) < 0.03


@pytest.mark.parametrize("n", [50, 500, 5000])
def test_perfect_validation_makes_no_certainty(n: int) -> None:
    """Where every text is right, the fitted confidence is what n texts can show, and no more."""
    logits = np.tile([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]], (n // 2, 1))
    temperature = fit_temperature(logits, np.arange(n) % 2)
    shown = (n + 1) / (n + 2)
    assert 0.9 < softmax(logits / temperature).max() <= shown + 1e-4
    assert temperature < 1


@pytest.mark.parametrize(("n", "least", "most"), [(5, 0.9, 1.0), (20, 0.7, 0.95), (400, 0.25, 0.5)])
def test_few_texts_move_it_little(n: int, least: float, most: float) -> None:
    """A barely trained model that is right by a hair is made surer as far as texts show it."""
    random = np.random.default_rng(3)
    targets = np.arange(n) % 2
    margins = random.normal(0.15, 0.1, n)
    logits = np.where(targets[:, np.newaxis] == np.arange(2), margins[:, np.newaxis] / 2, 0.0)
    assert least <= fit_temperature(logits, targets) <= most


def test_a_perfect_model_that_is_sure_already_is_left_less_sure() -> None:
    """Fifty right answers show no confidence of 1 - 1e-9."""
    logits = np.tile([[20.0, 0.0]], (50, 1))
    assert fit_temperature(logits, np.zeros(50, dtype=int)) > 3


def test_several_labels_are_judged_one_by_one() -> None:
    """Of a text with several labels, each is a decision of its own."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (3000, 4))
    targets = (random.random(logits.shape) < sigmoid(logits)).astype(np.float32)
    assert fit_temperature(3 * logits, targets) == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize(("logits", "expected"), [([0.05, 0.0], 0.25), ([0.0, 99.0], 10.0)])
def test_it_has_bounds(logits: list[float], expected: float) -> None:
    """However unsure a model is of what is right, or sure of what is wrong."""
    found = fit_temperature(np.tile([logits], (900, 1)), np.zeros(900, dtype=int))
    assert found == pytest.approx(expected, rel=1e-3)


def test_what_cannot_be_fitted() -> None:
    """No texts, and logits that are no numbers."""
    with pytest.raises(ValueError, match="needs texts"):
        fit_temperature(np.zeros((0, 2)), [])
    with pytest.raises(ValueError, match="logits that are numbers"):
        fit_temperature(np.array([[np.nan, 0.0]]), [0])
