"""What training is judged by, by problem."""

import numpy as np
import pytest

from training.data.labelled import LabelledText
from training.loop.metrics import measured, scores_of
from training.score.told import line, warnings

LOGITS = np.array([[2.0, -1.0, 0.0], [3.0, 1.0, -2.0], [1.0, 2.0, 0.5], [4.0, 0.0, 1.0]])


def test_one_label() -> None:
    """Accuracy, and F1 averaged over the labels that are there or were given."""
    found = measured(LOGITS, np.array([0, 0, 1, 2]), "single_label")
    assert found == {"accuracy": 0.75, "macro_f1": pytest.approx((0.8 + 1 + 0) / 3)}
    alone = measured(LOGITS[:2], np.array([0, 0]), "single_label")
    assert alone == {"accuracy": 1.0, "macro_f1": 1.0}


def test_several_labels() -> None:
    """A label is given from a probability of a half; accuracy is of whole texts."""
    targets = np.array([[1, 0, 1], [1, 0, 0], [1, 1, 1], [1, 0, 0]], dtype=np.float32)
    found = measured(LOGITS, targets, "multi_label")
    assert found["accuracy"] == 0.5
    assert found["macro_f1"] == pytest.approx((1 + 2 / 4 + 4 / 5) / 3)
    assert found["micro_f1"] == pytest.approx(2 * 7 / (7 + 10))


def test_a_number() -> None:
    """Correlation and the mean distance; a constant model has no correlation."""
    targets = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    found = measured(np.array([[2.0], [4.0], [6.0]]), targets, "regression")
    assert found == {"pearson": pytest.approx(1.0), "mean_absolute_error": 2.0}
    assert measured(np.ones((3, 1)), targets, "regression")["pearson"] == 0.0


def test_scores_name_what_is_never_given() -> None:
    """Beside the scores of each label by its name; the sentence says what may help."""
    data = LabelledText([*"abcd"], np.array([0, 0, 1, 2]), ("x", "y", "z"))
    found = scores_of(LOGITS, data)
    assert (found["n"], found["never_given"]) == (4, ["z"])
    assert found["by_label"]["x"]["recall"] == 1.0
    assert found["by_label"]["z"]["precision"] is None
    assert found["sha256"] == data.sha256
    (warning,) = warnings("the test texts", found["never_given"])
    assert "never gives 'z' on the test texts, though texts there have it: give" in warning
    assert 'class_weights = "balanced"' in warning
    (weighed,) = warnings("the test texts", found["never_given"], weighed=True)
    assert weighed.endswith("give it more such texts")
    assert "never gives 'x', 'z' on" in warnings("", ["x", "z"])[0]
    assert "though texts there have them: give" in warnings("", ["x", "z"])[0]
    assert warnings("the test texts", []) == []


def test_scores_in_a_line() -> None:
    """Each problem's own, with interval and n."""
    one = LabelledText([*"abcd"], np.array([0, 0, 1, 2]), ("x", "y", "z"))
    assert line(scores_of(LOGITS, one)).startswith(
        "accuracy 0.7500 (0.3006 to 0.9544), macro F1 0.6"
    )
    table = np.array([[1, 0, 1], [1, 0, 0], [1, 1, 1], [1, 0, 0]], dtype=np.float32)
    several = LabelledText([*"abcd"], table, ("x", "y", "z"), "multi_label")
    said = line(scores_of(LOGITS, several))
    assert said.startswith("macro F1 0.7667, micro F1 0.8235, all labels right 0.5000 (")
    numbers = LabelledText([*"abcd"], np.arange(4, dtype=np.float32), ("x",), "regression")
    said = line(scores_of(LOGITS[:, :1], numbers))
    assert said.startswith("Pearson 0.4000 (")
    assert said.endswith("mean absolute error 1.5 (n 4)")
    constant = line(scores_of(np.ones((4, 1)), numbers))
    assert constant.startswith("Pearson unknown, for one side does not vary, mean absolute")
