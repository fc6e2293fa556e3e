"""Tests of the scores of entities: the numbers are those of seqeval 1.2.2 on the same tags."""

import pytest

from training.data.tags.schemes import Chunk, chunks_of
from training.score.entities import f1_drop, score_entities

TRUE = ["B-a I-a O B-b", "O B-a O O", "B-b I-b B-b O", "O O O O"]
GIVEN = ["B-a I-a O B-a", "O B-a I-a O", "B-b I-b B-b O", "O I-b O O"]


def entities(rows: list[str]) -> list[list[Chunk]]:
    """Of tags."""
    return [chunks_of(row.split()) for row in rows]


def test_as_seqeval() -> None:
    """Precision, recall and F1 over all entities, and of each type."""
    found = score_entities(entities(TRUE), entities(GIVEN), ("a", "b"))
    assert (found.n, found.entities) == (4, 5)
    assert found.entity_precision == pytest.approx(0.5)
    assert found.entity_recall == pytest.approx(0.6)
    assert found.entity_f1 == pytest.approx(0.5454545454545454)
    first, second = found.by_type
    assert (first.n, first.given, first.precision, first.recall) == (2, 3, 1 / 3, 0.5)
    assert (second.n, second.given, second.precision, second.recall) == (3, 3, 2 / 3, 2 / 3)
    assert found.macro_f1 == pytest.approx((0.4 + 2 / 3) / 2)
    assert found.texts_right == 0.25
    assert found.entity_f1_low < found.entity_f1 < found.entity_f1_high


def test_types_that_are_never_found() -> None:
    """They are named; one that no text has is not."""
    found = score_entities(entities(["B-a B-b"]), entities(["B-a O"]), ("a", "b", "c"))
    assert found.never_given(("a", "b", "c")) == ["b"]


def test_a_drop_is_paired() -> None:
    """One model against itself: no drop, and an interval of no width; worse is a drop."""
    true, given = entities(TRUE * 20), entities(GIVEN * 20)
    assert f1_drop(true, given, given) == (0.0, 0.0, 0.0)
    drop, low, high = f1_drop(true, true, given)
    assert drop == pytest.approx(1 - 0.5454545454545454)
    assert 0 < low < drop < high < 1
