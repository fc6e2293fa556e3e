"""Words and their hashes, by hand."""

import numpy as np
import pytest

from training.data.splitting.spans import Spans, keys_of


@pytest.mark.parametrize(
    ("text", "words", "unspaced"),
    [
        ("A fine, FINE film!", 4, False),
        ("Déjà vu", 2, False),  # not all that is no ASCII is without spaces
        ("\u8fd9\u90e8 film", 3, True),
        ("\u0e01\u0e02\u0e03", 3, True),
        ("...", 1, False),
        ("", 1, False),
    ],
)
def test_words_of_a_text(text: str, words: int, unspaced: bool) -> None:
    """Those between spaces, or each character of a language that has none."""
    found = Spans.of(["before", text])
    assert found.lengths.tolist() == [1, words]
    assert found.unspaced.tolist() == [False, unspaced]


def test_windows_are_the_runs_of_each_text() -> None:
    """Equal runs have equal hashes wherever they are; none reaches into the next text."""
    spans = Spans.of(["a b a b", "b a", "c"])
    hashes, begins, owners = spans.windows(2)
    assert begins.tolist() == [0, 1, 2, 4]
    assert owners.tolist() == [0, 0, 0, 1]
    assert hashes[[0, 1]].tolist() == hashes[[2, 3]].tolist() == keys_of(["A b!", "B, a"]).tolist()
    assert len(np.unique(hashes)) == 2
