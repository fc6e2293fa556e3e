"""Labelled text as a value: what it is equal to, its rows, its hash."""

import numpy as np
import pyarrow as pa
import pytest

from training.data.labelled import LabelledText, unlabelled
from training.data.texts import TextColumn


def test_equality_is_of_the_values() -> None:
    """Sets are equal by their values, NaN too; other kinds of targets, or shapes, are refused."""
    scores = np.array([0.5, np.nan], np.float32)
    one = LabelledText(["a", "b"], scores, ("score",), "regression")
    assert one == LabelledText(("a", "b"), scores.copy(), ("score",), "regression")
    assert one != LabelledText(["a", "b"], scores[::-1], ("score",), "regression")
    assert one != "a"
    many = LabelledText(["a", "b"], np.eye(2, dtype=np.float32), ("x", "y"), "multi_label")
    assert many.select([1]) == LabelledText(["b"], many.targets[1:], ("x", "y"), "multi_label")
    assert len({one.sha256, many.sha256, one.select([1]).sha256, many.select([1]).sha256}) == 4
    with pytest.raises(ValueError, match=r"single_label targets of \(2,\) int64 are needed"):
        LabelledText(["a", "b"], scores, ("x", "y"))
    with pytest.raises(ValueError, match=r"multi_label targets of \(2, 2\) float32"):
        LabelledText(["a", "b"], scores, ("x", "y"), "multi_label")


def test_texts_on_disk_are_texts() -> None:
    """A column of a file is read as a list is, whole, by slices, and after rows are selected."""
    texts = [f"text {row}" for row in range(10)]
    column = TextColumn(pa.chunked_array([texts[:3], texts[3:]]))
    data = LabelledText(column, np.arange(10) % 2, ("a", "b"))
    picked = data.select([7, 2, 2])
    assert (list(column), column[2:9:3], column[-1]) == (texts, texts[2:9:3], texts[-1])
    assert isinstance(picked.texts, TextColumn)
    assert (list(picked.texts), picked.texts[1:]) == (
        [texts[7], texts[2], texts[2]],
        [texts[2]] * 2,
    )
    assert picked == LabelledText([texts[7], texts[2], texts[2]], np.array([1, 0, 0]), ("a", "b"))
    assert data.select([1]).sha256 != data.select([2]).sha256
    with pytest.raises(IndexError):
        column[10]


def test_unlabelled_rows_have_no_label() -> None:
    """Of every problem there are rows that nobody labelled; their hash is of the texts."""
    one = unlabelled(["a"], ("x", "y"))
    many = unlabelled(["a"], ("x", "y"), "multi_label")
    score = unlabelled(["a"], ("score",), "regression")
    assert (one.targets.tolist(), many.targets.shape, score.targets.shape) == ([-100], (1, 2), (1,))
    assert np.isnan(many.targets).all()
    assert one.sha256 == many.sha256 == score.sha256 != unlabelled(["b"], ("x", "y")).sha256
