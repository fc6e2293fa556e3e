"""How much memory a model takes."""

from pathlib import Path

import pytest

from export.errors import ExportError
from export.measure.memory import memory_of
from tests.service.builders import publish_tiny


def test_a_larger_model_takes_more(tmp_path: Path) -> None:
    """The process grows by its weights, and only by what the model needs."""
    small = publish_tiny(tmp_path, "small")
    labels = tuple(f"label {number}" for number in range(500_000))
    large = publish_tiny(tmp_path, "large", labels=labels, scores={"good": range(len(labels))})
    texts = ["good film", "bad"]
    least, most = memory_of(small, texts), memory_of(large, texts)
    weights = 8 * 4 * len(labels)  # a row for each of the words
    assert 0 <= least < 50e6
    assert most > least + weights


def test_what_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """With the process's own last words."""
    with pytest.raises(ExportError, match="cannot be loaded by itself"):
        memory_of(tmp_path / "nothing" / "1", ["good"])
