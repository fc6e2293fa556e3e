"""Strata by hand: how rows are counted, drawn and shared out."""

import numpy as np
import pytest

from training.data.labelled import LabelledText
from training.data.splitting.strata import Strata, allocate, drawn_pool, strata_of


def numbers(targets: list[float]) -> LabelledText:
    """Texts that have a number each."""
    texts = [f"text {row}" for row in range(len(targets))]
    return LabelledText(texts, np.array(targets, np.float32), ("score",), "regression")


def test_many_numbers_are_ten_bins_of_as_many() -> None:
    """Few different ones are each their own."""
    many = numbers([float(row) for row in range(1000)])
    assert strata_of(many, np.arange(1000)).counts.tolist() == [100] * 10 + [0]
    hundred = numbers([float(row % 100) for row in range(1000)])
    assert strata_of(hundred, np.arange(1000)).counts.tolist() == [10] * 100 + [0]
    more = numbers([float(row % 101) for row in range(1010)])
    assert len(strata_of(more, np.arange(1010)).counts) == 11


def test_the_rarest_label_comes_first() -> None:
    """Of labels that are as rare, the first row's; a row with several counts as its rarest."""
    targets = np.array([2, 0, 0, 1, 1, 2, 0])
    one = strata_of(LabelledText([*"abcdefg"], targets, ("x", "y", "z")), np.arange(7))
    assert one.counts.tolist() == [2, 2, 3, 0]
    assert one.rarest.tolist() == [0, 2, 2, 1, 1, 0, 2]
    table = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 1]], np.float32)
    data = LabelledText([*"abcd"], table, ("x", "y", "z"), "multi_label")
    several = strata_of(data, np.arange(4))
    assert several.counts.tolist() == [1, 1, 3, 1]
    assert several.rarest.tolist() == [2, 0, 3, 1]
    assert several.table(data, np.array([1, 2]), np.array([1, 2])).tolist() == [
        [True, False, True, False],
        [False, False, False, True],
    ]


def test_rows_that_are_looked_at_in_parts_are_counted_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The order of labels that are as rare is that of their rows, in whichever part they lie."""
    table = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]], np.float32)
    data = LabelledText([*"abcde"], table, ("x", "y", "z"), "multi_label")
    monkeypatch.setattr("training.data.splitting.strata.AT_ONCE", 2)
    found = strata_of(data, np.arange(5))
    assert found.counts.tolist() == [1, 1, 2, 1]
    assert found.rarest.tolist() == [3, 0, 1, 2, 2]


def test_a_pool_has_each_stratum_by_its_share() -> None:
    """But so many of each at least, where there are; the first of the order, and in it."""
    strata = Strata(np.array([1] * 40 + [0] * 10), np.array([10, 40, 0]))
    order = np.arange(50)[::-1]
    for size, least, few, many in ((10, 1, 2, 8), (10, 4, 4, 8), (11, 1, 3, 9), (10, 99, 10, 40)):
        pool = drawn_pool(strata, order, size, least)
        assert pool.tolist() == [*range(49, 49 - few, -1), *range(39, 39 - many, -1)]


def shared(counts: list[int], size: int, there: list[int] | None = None) -> list[int]:
    """The rows of a set that is drawn of rows with one label each, those of the first first.

    Args:
        counts: of each label.
        there: of each label, rows that may be drawn; all, unless given.
    """
    strata = Strata(np.repeat(np.arange(len(counts)), counts), np.array([*counts, 0]))
    labels = np.repeat(np.arange(len(counts)), there or counts)
    (found,) = allocate(labels[:, np.newaxis] == np.arange(len(counts) + 1), strata, [size])
    return sorted(found.tolist())


@pytest.mark.parametrize(
    ("counts", "size", "rows"),
    [
        ([2, 10], 8, [0, *range(2, 9)]),
        ([4, 8], 6, [0, 1, *range(4, 8)]),
        ([1, 9], 5, [*range(1, 6)]),
        ([4, 4, 4, 4], 2, [0, 4]),  # no more labels than the set has rows
        ([3, 3], 5, [0, 1, 2, 3, 4]),  # the last of a label only where there is nothing else
        ([3, 3], 99, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_labels_are_shared_out_but_not_to_the_last(
    counts: list[int], size: int, rows: list[int]
) -> None:
    """Each by its share, the first rows first, and one of each is left while there are others."""
    assert shared(counts, size) == rows


def test_a_label_that_runs_out_is_made_up_for() -> None:
    """Where only some of the rows may be drawn, the set is as large with others."""
    assert shared([10, 10], 6, there=[1, 10]) == [0, 1, 2, 3, 4, 5]
