"""Embedders beside each other: whose nearest texts are the same, and where they are looked for."""

from collections.abc import Sequence

import numpy as np
import pytest

from export.errors import ExportError
from export.evaluate.embedding import EmbeddingModel, Looked, compared
from training.data.labelled import LabelledText
from training.score.neighbours import Vectors

INDEX = ["north", "east"]
TURNED = {"north": (1.0, 0.0), "east": (0.0, 1.0), "up": (0.1, 1.0), "right": (1.0, 0.1)}


def texts(names: Sequence[str]) -> LabelledText:
    """One label each."""
    return LabelledText(list(names), np.arange(len(names)) % 2, ("a", "b"))


def model(name: str, vectors: dict[str, tuple[float, float]]) -> EmbeddingModel:
    """Gives these vectors."""

    def raw(asked: Sequence[str]) -> Vectors:
        return np.array([vectors[text] for text in asked], np.float32)

    return EmbeddingModel(name, {}, None, True, raw)


@pytest.mark.parametrize("asked", [["up", "right"], ["up"]])
def test_the_nearest_are_those_of_the_index(asked: list[str]) -> None:
    """Two models that differ in the index alone find other texts there, be it of one query."""
    looked = Looked(texts(asked), texts(INDEX))
    mine = model("one", {**TURNED, "north": (0.0, 1.0), "east": (1.0, 0.0)})
    one, two = (looked.by(each, None) for each in (mine, model("two", TURNED)))
    said = " ".join(compared(one, two))
    assert "one and two have the same nearest text for 0.0000 of the texts" in said
    assert "the same nearest text for 1.0000" in " ".join(compared(one, one))


def test_a_single_text_has_no_other() -> None:
    """Without an index there is nothing to look in."""
    with pytest.raises(ExportError, match="give more, or --index"):
        Looked(texts(["up"]))
