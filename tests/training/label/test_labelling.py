"""Labelling: each of few texts has one use, and what was scored is kept."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tqdm.auto import tqdm

from service.runtime.model import Input
from tests.tiny import POSITIVE, toy_texts
from training.data.labelled import LabelledText
from training.label.labelling import distinct, label_texts, outside, split_few
from training.teach.teachers.store import Logits

LABELS = ("negative", "positive")


class Leaning:
    """Tells the toy texts apart, and prefers the second label; stops where it is told to."""

    name, fingerprint, lengths = "leaning", "ab" * 16, [1, 1]

    def __init__(self, stops: int = 10**9) -> None:
        self.asked: list[Input] = []
        self._stops = stops

    def scores(self, texts: Sequence[Input], bar: "tqdm[None] | None" = None) -> Logits:
        """Scores of words."""
        if len(self.asked) >= self._stops:
            raise KeyboardInterrupt
        self.asked += texts
        assert bar is None or bar.total
        good = [any(word in str(text) for word in POSITIVE) for text in texts]
        return np.array([[-3.0, -1.0 if one else -2.5] for one in good], np.float32)

    def content_free(self) -> Logits:
        """It is wrong about itself."""
        return np.array([[-1.0, -1.0]], np.float32)


def labelled(n: int, seed: int) -> LabelledText:
    """Toy texts."""
    rows = toy_texts(n, seed)
    targets = np.array([LABELS.index(label) for _, label in rows], np.int64)
    return LabelledText([text for text, _ in rows], targets, LABELS)


def test_few_labels_choose_and_the_test_does_not(cache: Path) -> None:
    """The prior is that of the texts to label; every way is reported on both sets."""
    texts = [text for text, _ in toy_texts(80, 1)]
    found = label_texts(Leaning(), texts, labelled(16, 2), labelled(40, 3), None)
    assert found.calibration.way in ("batch-mean", "batch-median")
    assert [one.n for one in found.few] == [16] * 4
    assert [one.n for one in found.test] == [40] * 4
    assert found.test[0].right < 30
    assert found.test[2].right == 40
    expected = [any(word in text for word in POSITIVE) for text in texts]
    assert (found.probabilities.argmax(axis=1) == expected).all()
    assert cache.is_dir()


def test_what_was_scored_is_kept(cache: Path) -> None:
    """A run that was stopped asks for the rest alone."""
    texts = [text for text, _ in toy_texts(200, 1)]
    first = Leaning(stops=100)
    with pytest.raises(KeyboardInterrupt):
        label_texts(first, texts, None, None, "none")
    again = Leaning()
    label_texts(again, texts, None, None, "none")
    assert len(first.asked) == 128
    assert len(again.asked) == 72
    assert not {*first.asked} & {*again.asked}
    assert cache.is_dir()


def test_each_of_few_texts_has_one_use() -> None:
    """Examples take turns among the labels; the rest choose."""
    few = labelled(12, 2)
    shots, left = split_few(few, 5, ("bad", "good"))
    assert len(shots) == 5
    assert len(left) == 7
    assert not {shot.text for shot in shots} & {*left.texts}
    assert [shot.word for shot in shots][:4] in (["bad", "good"] * 2, ["good", "bad"] * 2)
    none, all_of_them = split_few(few, 0, LABELS)
    assert none == ()
    assert all_of_them == few


def test_texts_are_labelled_once_and_examples_never() -> None:
    """Blanks make no other text; the test has none of the few."""
    assert distinct(["a  b", "a b", "c", " d"], ["d"]) == ["a b", "c"]
    few, test = labelled(6, 2), labelled(40, 2)
    assert len(outside(test, few)) == 34
