"""Two towers: a row of a pair is cut into its texts, whatever pads it and however it is joined."""

import numpy as np
import pytest
import torch

from service.runtime.model import Pair
from tests.tiny import tiny_bilstm, tiny_checkpoint, tiny_nano, toy_pairs
from training.models.students.towers import apart, compared
from training.teach.logits import predict_logits

SEPARATOR = 3
PAIRS = [pair for pair, _ in toy_pairs(12, seed=3)]


@pytest.mark.parametrize(
    ("row", "first", "second"),
    [
        ([2, 7, 8, 3, 9, 3], [2, 7, 8, 3], [9, 3]),  # as BERT joins a pair
        ([0, 7, 3, 3, 8, 9, 9, 3], [0, 7, 3], [3, 8, 9, 9, 3]),  # as RoBERTa does
        ([7, 8], [7, 8], [8]),  # not joined at all: its last token stands for a second text
        ([7, 3], [7, 3], [3]),
    ],
)
def test_a_row_is_cut_at_its_first_separator(
    row: list[int], first: list[int], second: list[int]
) -> None:
    """Padding is a part of neither, be its id that of the separator."""
    ids = torch.tensor([[*row, *[SEPARATOR] * (9 - len(row))], [2, 5, 3, 5, 5, 5, 5, 5, 3]])
    mask = torch.tensor([[1] * len(row) + [0] * (9 - len(row)), [1] * 9])
    found, kept = apart(ids, mask, SEPARATOR)
    texts = [one[is_read.bool()].tolist() for one, is_read in zip(found, kept, strict=True)]
    assert texts == [first, [2, 5, 3], second, [5, 5, 5, 5, 5, 3]]
    assert found.shape == kept.shape == (4, max(len(first), len(second), 6))


def test_what_is_compared_is_both_and_how_they_differ() -> None:
    """Their absolute difference, and their product."""
    assert compared(torch.tensor([[2.0], [5.0]])).tolist() == [[2, 5, 3, 10]]


@pytest.mark.parametrize("model", [tiny_bilstm(pairs="towers"), tiny_nano(pairs="towers")])
def test_a_tower_reads_a_text_as_it_is_alone(model: torch.nn.Module) -> None:
    """Whatever it is batched with; the other text matters, and so does the order."""
    checkpoint = tiny_checkpoint(model, pairs=True)  # type: ignore[arg-type]  # one of those
    tokenizer = checkpoint.tokenizer

    def logits(*pairs: Pair) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return predict_logits(checkpoint.model, tokenizer, pairs)

    together = logits(*PAIRS)
    np.testing.assert_allclose(together, np.concatenate([logits(one) for one in PAIRS]), atol=1e-6)
    turned = logits(*(Pair(pair.text_pair, pair.text) for pair in PAIRS))
    assert np.abs(together - turned).max() > 0.01
    assert np.abs(np.diff(logits(*(Pair(PAIRS[0].text, one.text) for one in PAIRS)).T)).max() > 0.01
