"""What a classifier's logits mean: scores, ranking, labels, confidence."""

from pathlib import Path

import numpy as np
import pytest

from service.runtime.tasks.classification import Classifier
from service.runtime.tasks.outputs import (
    Classification,
    Function,
    Regression,
    Said,
    near,
    ranked,
    scores_of,
)
from tests.service.builders import publish_tiny

ONE = Classification([2.0, -1.0, 0.0], [0.7, 0.1, 0.2], 0.7, None)
MANY = Classification([2.0, -1.0, 0.0], [0.9, 0.3, 0.5], 0.6, (0, 2))
NUMBER = Regression(3.5)


@pytest.mark.parametrize(
    ("output", "function", "expected"),
    [
        (ONE, None, [0.7, 0.1, 0.2]),
        (ONE, "softmax", [0.7, 0.1, 0.2]),
        (ONE, "none", [2.0, -1.0, 0.0]),
        (ONE, "sigmoid", [0.880797, 0.268941, 0.5]),
        (MANY, None, [0.9, 0.3, 0.5]),
        (MANY, "sigmoid", [0.9, 0.3, 0.5]),
        (MANY, "softmax", [0.843795, 0.042010, 0.114195]),
        (NUMBER, None, [3.5]),
        (NUMBER, "none", [3.5]),
        (NUMBER, "sigmoid", [0.970688]),
        (NUMBER, "softmax", [1.0]),
    ],
)
def test_scores(output: Said, function: Function | None, expected: list[float]) -> None:
    """A model's own function is its own probabilities; another one is of its logits."""
    assert scores_of(output, function) == pytest.approx(expected, abs=1e-6)


def test_scores_of_large_logits_are_finite() -> None:
    """Neither exponential overflows."""
    large = Classification([900.0, -900.0], [1.0, 0.0], 1.0, None)
    assert scores_of(large, "sigmoid") == pytest.approx([1.0, 0.0])
    assert scores_of(large._replace(given=()), "softmax") == pytest.approx([1.0, 0.0])


def test_ranking_is_stable() -> None:
    """Equal scores stand in the order of the labels."""
    assert ranked([0.1, 0.4, 0.4, 0.1]) == [1, 2, 0, 3]
    assert ranked([0.1, 0.4, 0.4, 0.1], 3) == [1, 2, 0]
    assert ranked([0.1], 5) == [0]


def test_what_it_says() -> None:
    """The best label; with several all that it gives, which may be none."""
    labels = ("a", "b", "c")
    assert ONE.said(labels) == ("a",)
    assert MANY.said(labels) == ("a", "c")
    assert MANY._replace(given=()).said(labels) == ()
    assert NUMBER.said(("stars",)) == ()


def test_who_agrees() -> None:
    """The same labels whatever their order; numbers a twentieth apart; never one and the other."""
    labels, turned = ("a", "b", "c"), ("c", "b", "a")
    assert MANY.agrees(labels, MANY, turned)
    assert not ONE.agrees(labels, ONE, turned)
    assert NUMBER.agrees(("stars",), Regression(3.67), ("points",))
    assert not NUMBER.agrees(("stars",), Regression(3.7), ("stars",))
    assert near(0.0, 0.05)
    assert near(-200.0, -208.0)
    assert not near(0.5, 0.56)
    nothing = MANY._replace(given=())
    assert not NUMBER.agrees(("stars",), nothing, labels)
    assert not nothing.agrees(labels, NUMBER, ("stars",))


def classified(model: Classifier, *texts: str) -> list[Classification]:
    """What a classifier says of texts in one batch."""
    found = model.run(model.encode(texts))
    return [output for output in found if isinstance(output, Classification)]


def test_temperature_softens(tmp_path: Path) -> None:
    """Confidence follows it, and the label does not."""
    publish_tiny(tmp_path, "sharp")
    publish_tiny(tmp_path, "soft", temperature=4.0)
    sharp, soft = (Classifier.load(tmp_path / name / "1") for name in ("sharp", "soft"))
    (one,), (other,) = (classified(model, "good") for model in (sharp, soft))
    assert one.confidence == pytest.approx(1 / (1 + np.exp(-4)))
    assert other.confidence == pytest.approx(1 / (1 + np.exp(-1)))
    assert one.logits == other.logits
    assert one.best == other.best


def test_several_labels(tmp_path: Path) -> None:
    """Each by its own threshold; the confidence is that of the label closest to its own."""
    directory = publish_tiny(
        tmp_path,
        labels=("a", "b", "c"),
        scores={"good": (2.0, 2.0, -2.0), "bad": (-4.0, -4.0, -4.0)},
        problem_type="multi_label",
        thresholds=(0.5, 0.9, 0.5),
    )
    model = Classifier.load(directory)
    good, bad = classified(model, "good", "bad")
    assert (good.given, bad.given) == ((0,), ())
    assert good.confidence == pytest.approx(0.5 + (0.9 - 0.880797) / 0.9 / 2, abs=1e-5)


def test_a_number(tmp_path: Path) -> None:
    """The logit itself; nothing makes a share of it."""
    scores = {"good": (2.5,), "bad": (-40.0,)}
    directory = publish_tiny(tmp_path, labels=("stars",), scores=scores, problem_type="regression")
    model = Classifier.load(directory)
    assert model.run(model.encode(["good good", "bad"])) == [Regression(5.0), Regression(-40.0)]
    assert model.probabilities(model.logits(model.encode(["good"]))).tolist() == [[2.5]]


def test_a_text_of_nothing_is_answered(tmp_path: Path) -> None:
    """Alone and in a batch."""
    model = Classifier.load(publish_tiny(tmp_path))
    model.tokenizer._backend.post_processor = None  # no special tokens
    (alone,) = classified(model, "\x01")
    first, _ = classified(model, "\x01", "good film")
    assert first.probabilities == pytest.approx(alone.probabilities)
