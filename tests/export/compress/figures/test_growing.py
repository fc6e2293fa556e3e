"""What twice the text is estimated to gain."""

import numpy as np

from export.compress.figures.growing import gain_of_doubling
from training.data.labelled import LabelledText


def texts_of(words: int, n: int, seed: int) -> LabelledText:
    """Texts of one word each, that has one of two labels: each word has to be seen to be known."""
    drawn = np.random.default_rng(seed).integers(words, size=n)
    return LabelledText([f"w{word}" for word in drawn], drawn % 2, ("even", "odd"))


def test_what_is_not_known_yet_is_gained() -> None:
    """Where half of the texts show half of the words, the other half is worth much."""
    gain = gain_of_doubling(texts_of(300, 300, 1), texts_of(300, 1000, 2), seed=3)
    assert gain is not None
    assert 0.08 < gain < 0.2  # of 1 - 1/e words seen against 1 - 1/e^(1/2), half by chance


def test_what_is_known_already_gains_nothing() -> None:
    """Where half of the texts show all, the other half is worth nothing."""
    assert gain_of_doubling(texts_of(4, 200, 1), texts_of(4, 500, 2), seed=3) == 0.0


def test_of_numbers_nothing_is_said() -> None:
    """A regression has no accuracy."""
    numbers = LabelledText(["a", "b"], np.zeros(2, np.float32), ("x",), "regression")
    assert gain_of_doubling(numbers, numbers, seed=3) is None
