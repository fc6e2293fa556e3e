"""Embedders: vectors equal to numpy's, whatever they are batched with, and what they mean."""

from pathlib import Path

import numpy as np
import pytest

from service.errors import FileError
from service.repository.sections import Windows
from service.runtime.model import Item
from service.runtime.tasks.embedding import Embedder, Embedding, normalized
from service.runtime.tasks.loading import load_model
from service.runtime.tasks.outputs import Regression
from tests.service.builders import edit_manifest
from tests.service.embedders import SIZE, expected, publish_embedder

TEXTS = ["good", "bad film", "a fine good film of some length", "bad bad bad"]


@pytest.fixture
def model(tmp_path: Path) -> Embedder:
    """The tiny embedder in memory."""
    found = load_model(publish_embedder(tmp_path))
    assert isinstance(found, Embedder)
    return found


def test_vectors_are_numpys(model: Embedder) -> None:
    """Pooled by the graph over a text's own tokens, alone and in a padded batch; not normalised."""
    items = model.encode(TEXTS)
    together = model.run(items)
    for text, item, output in zip(TEXTS, items, together, strict=True):
        (alone,) = model.run([item])
        np.testing.assert_allclose(output.vector, expected(text, normalize=False), atol=1e-6)
        np.testing.assert_allclose(alone.vector, output.vector, atol=1e-6)
        assert output.vector.base is None  # its batch is not kept with it


def test_embeddings_are_normalised_as_the_manifest_says(model: Embedder, tmp_path: Path) -> None:
    """What export measures is what the service gives."""
    raw = load_model(publish_embedder(tmp_path, "raw", normalize=False))
    assert isinstance(raw, Embedder)
    for one, normalize in ((model, True), (raw, False)):
        wanted = [expected(text, normalize=normalize) for text in TEXTS]
        np.testing.assert_allclose(one.embeddings(one.encode(TEXTS)), wanted, atol=1e-6)


def test_a_vector_of_zeros_stays_one() -> None:
    """It has no direction, and is no error."""
    found = normalized(np.zeros((2, 3), np.float32))
    assert found.dtype == np.float32
    assert not found.any()


def windows(*lengths: int) -> Item:
    """An item of so many windows, each of so many tokens."""
    first, *more = (Item([4] * length, truncated=False) for length in lengths)
    return Item(first.ids, truncated=False, more=tuple(more))


def test_windows_are_pooled(model: Embedder) -> None:
    """The mean counts every token alike; the greatest and the first are what they are called."""
    outputs = [Embedding(np.array(row, np.float32)) for row in ([1, -2], [4, 7], [0, 0])]
    item = windows(6, 2, 4)
    found = {
        pooling: model.joined(item, outputs, Windows(stride=0, pooling=pooling)).vector.tolist()
        for pooling in ("mean", "max", "first")
    }
    mean = found.pop("mean")
    assert mean == pytest.approx([(6 * 1 + 2 * 4) / 12, (6 * -2 + 2 * 7) / 12])
    assert found == {"max": [4, 7], "first": [1, -2]}
    assert model.joined(item, outputs, Windows(stride=0)).vector.dtype == np.float32


def test_an_embedder_is_sure_of_nothing() -> None:
    """It says no label; another agrees where its vector points nearly the same way."""
    one = Embedding(np.array([1, 0], np.float32))
    assert (one.confidence, one.said(()), one.word(())) == (1.0, (), "embedding")
    near, far = (Embedding(np.array(row, np.float32)) for row in ([9, 2.5], [1, 0.4]))
    assert one.agrees((), near, ())
    assert not one.agrees((), far, ())
    assert not one.agrees((), Embedding(np.array([1, 0, 0], np.float32)), ())
    assert not one.agrees((), Regression(1.0), ())


def test_vectors_that_are_not_finite_are_an_error(model: Embedder) -> None:
    """They fail the request."""
    broken = Embedder(model.manifest, model.tokenizer, model._session)
    broken.output = lambda items: np.full((len(items), SIZE), np.nan, np.float32)  # type: ignore[method-assign]  # what a graph gives that overflows
    with pytest.raises(ValueError, match="not finite"):
        broken.run(model.encode(["good"]))


def test_another_size_than_the_manifest_says_is_refused(tmp_path: Path) -> None:
    """It is seen when the version is loaded."""
    directory = publish_embedder(tmp_path)
    edit_manifest(directory, embedding_size=SIZE + 1)
    with pytest.raises(FileError, match=r"give embeddings of \(1, 8\), not \(1, 9\)"):
        load_model(directory)
