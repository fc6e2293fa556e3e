"""Nearest texts, whose they are, and which of them are kept."""

import numpy as np
import pytest

from training.score.neighbours import components, cosines, kept, nearest, normalized, retrieval

VECTORS = np.random.default_rng(3).normal(size=(60, 8)).astype(np.float32)


def test_the_nearest_is_by_cosine_and_never_itself() -> None:
    """As of every pair by itself; the length of a vector does not count."""
    even = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    similar = even @ even.T
    np.fill_diagonal(similar, -2)
    lengths = np.linspace(0.1, 9, len(VECTORS), dtype=np.float32)[:, np.newaxis]
    found = nearest(VECTORS * lengths, depth=3)
    np.testing.assert_array_equal(found, np.argsort(-similar, axis=1)[:, :3])
    np.testing.assert_array_equal(nearest(VECTORS[:5], VECTORS)[:, 0], np.arange(5))


def test_more_than_one_chunk_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The diagonal moves along."""
    whole = nearest(VECTORS, depth=4)
    monkeypatch.setattr("training.score.neighbours.AT_ONCE", 7)
    np.testing.assert_array_equal(nearest(VECTORS, depth=4), whole)


def test_kept_are_those_whose_nearest_is_the_same() -> None:
    """All by a turn of the space; of a single text nothing is said."""
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0].astype(np.float32)
    assert kept(VECTORS, VECTORS @ turn).all()
    assert not kept(VECTORS, VECTORS[::-1].copy()).all()
    assert len(kept(VECTORS[:1], VECTORS[:1])) == 0


def test_retrieval_by_hand() -> None:
    """Two labels on a circle: precision at the nearest, and MAP@10."""
    angles = np.array([0.0, 0.1, 0.25, 3.0, 3.1])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    labels = np.array([0, 0, 1, 1, 1])
    found = retrieval(vectors, labels)
    assert found.hits.tolist() == [True, True, False, True, True]
    share, low, high = found.neighbours
    assert share == 0.8
    assert low < share < high
    # Of the third, the texts of its label come third and fourth; of the others as seen above.
    precisions = [1.0, 1.0, (1 / 3 + 2 / 4) / 2, 1.0, 1.0]
    assert found.mean_average_precision == pytest.approx(np.mean(precisions))


def test_an_index_of_other_texts_is_looked_through_whole() -> None:
    """A text's own copy counts there, as it is another text."""
    found = retrieval(VECTORS[:4], np.array([0, 1, 0, 1]), VECTORS, np.arange(60) % 2)
    assert found.hits.all()


def test_shorter_vectors_keep_what_they_can() -> None:
    """Vectors that lie in a plane lose nothing in two numbers."""
    plane = VECTORS[:, :2] @ np.random.default_rng(2).normal(size=(2, 8)).astype(np.float32)
    short = plane @ components(plane, 2)
    similar = normalized(plane) @ normalized(plane).T
    np.testing.assert_allclose(normalized(short) @ normalized(short).T, similar, atol=1e-5)
    assert cosines(plane, plane).min() == pytest.approx(1)
