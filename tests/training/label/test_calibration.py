"""Priors: what a model prefers unread is taken from its answers, and few labels choose how."""

import numpy as np
import pytest

from training.errors import DataError
from training.label.calibration import LEAST_BATCH, calibrations, chosen, tried, with_temperature

RANDOM = np.random.default_rng(3)
TARGETS = RANDOM.integers(0, 2, 400)
LEAN = np.array([0.0, 3.0])  # towards the second label, whatever is read


def leaning(targets: np.ndarray, noise: float = 0.6) -> np.ndarray:
    """Scores of a model that tells labels apart, and leans."""
    told = np.where(targets[:, None] == [0, 1], 1.0, 0.0)
    return np.asarray(told + LEAN + RANDOM.normal(0, noise, (len(targets), 2)) - 5)


SCORES = leaning(TARGETS)
FREE = np.tile(LEAN, (3, 1)) - 4


def test_each_way_takes_the_lean_away() -> None:
    """Uncalibrated nearly every text gets one label; by a prior most get their own."""
    found = calibrations([1, 1], FREE, SCORES)
    right = {one.name: tried(one, SCORES, TARGETS).right / 400 for one in found}
    assert right["none"] < 0.6
    assert min(right[way] for way in ("content-free", "batch-mean", "batch-median")) > 0.8
    assert all(np.allclose(np.exp(one.log_probabilities(SCORES)).sum(axis=1), 1) for one in found)


def test_few_labels_choose_where_they_speak_clearly() -> None:
    """Of a batch with one rare label the prior is wrong, and a few labels show it."""
    rare = (RANDOM.random(400) < 0.04).astype(np.int64)
    scores = leaning(rare, noise=0.2)
    found = calibrations([1, 1], FREE, scores)
    by_way = {one.way: tried(one, scores, rare).right / 400 for one in found}
    assert by_way["batch-mean"] < 0.9 < by_way["content-free"]
    assert chosen(found, None, scores[:24], rare[:24]).way == "content-free"
    assert chosen(found, "none", scores[:24], rare[:24]).way == "none"


def test_few_labels_that_say_little_change_nothing() -> None:
    """By chance another way is right of a few more of a dozen texts."""
    found = calibrations([1, 1], FREE + np.array([0.4, 0.0]), SCORES)
    few = [leaning(TARGETS[start : start + 12]) for start in range(0, 240, 12)]
    targets = [TARGETS[start : start + 12] for start in range(0, 240, 12)]
    losses = [[tried(c, f, t).loss for c in found] for f, t in zip(few, targets, strict=True)]
    assert any(np.argmin(one) < 2 for one in losses)  # a rule of the least loss would be misled
    ways = [chosen(found, None, f, t).way for f, t in zip(few, targets, strict=True)]
    assert ways.count("batch-mean") >= 18
    three = chosen(found, None, few[0][:3], targets[0][:3])
    assert three.way == "batch-mean"


def test_a_temperature_makes_few_labels_likely() -> None:
    """It moves no text to another label."""
    (plain, *_) = calibrations([1, 1], FREE, SCORES * 20)
    fitted = with_temperature(plain, SCORES * 20, TARGETS)
    assert fitted.temperature > 1
    one, two = (tried(c, SCORES * 20, TARGETS) for c in (plain, fitted))
    assert one.right == two.right
    assert two.loss < one.loss


def test_long_words_are_weighed_by_the_token_as_well() -> None:
    """A sum makes the label of a long word the less likely one; a mean does not."""
    targets = TARGETS[:100]
    scores = np.where(targets[:, None] == [0, 1], -1.0, -2.0) * [1, 4]
    found = calibrations([1, 4], FREE, scores)
    assert {one.name for one in found} >= {"none", "none, by the token"}
    by_name = {one.name: tried(one, scores, targets).right for one in found}
    assert by_name["none, by the token"] == 100
    assert by_name["none"] < 70


def test_a_batch_that_is_too_small_is_no_prior() -> None:
    """Of few texts the prior would be their labels."""
    few = calibrations([1, 1], FREE, SCORES[: LEAST_BATCH - 1])
    assert {one.way for one in few} == {"none", "content-free"}
    with pytest.raises(DataError, match="wants 30"):
        chosen(few, "batch-mean", SCORES[:4], TARGETS[:4])
    with pytest.raises(DataError, match="--few"):
        chosen(few, None, SCORES[:0], TARGETS[:0])
