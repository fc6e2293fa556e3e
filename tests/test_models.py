"""The models that ship: whole, small, right on plain sentences, and the same in any batch."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.repository.routes import read_routes
from service.repository.sources import ModelRepository
from service.runtime.tasks.classification import Classifier

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "models"
SENTENCES = (
    (ROOT / "loadtest" / "traffic" / "sentences.txt").read_text(encoding="utf-8").splitlines()
)
NAMES = ("teacher", "student", "nano")
BOUND = 1e-5  # on the difference of a probability between a text alone and in any batch


@cache
def shipped(name: str) -> Classifier:
    """The newest version of a shipped model."""
    version = ModelRepository(MODELS).versions()[name][-1]
    return Classifier.load(MODELS / name / str(version))


@pytest.mark.parametrize("name", NAMES)
def test_plain_sentences(name: str) -> None:
    """A shipped model is whole by its hashes, and gets sentences right that nobody disputes."""
    model = shipped(name)
    texts = [
        "a wonderful , moving film",
        "dull , clumsy and far too long",
        "one of the best movies of the year",
        "a complete waste of time",
    ]
    logits = model.logits(model.tokenizer.encode(texts))
    found = [model.manifest.labels[index] for index in logits.argmax(axis=1)]
    assert found == ["positive", "negative", "positive", "negative"]


def test_manifests_say_where_models_come_from() -> None:
    """Lineage, scores, parity and licence are stated, and whoever was taught names its teacher."""
    for name in NAMES:
        manifest = shipped(name).manifest
        assert manifest.metrics["sst2-dev"].n == 872
        assert manifest.parity is not None
        assert manifest.lineage.recipe_sha256
        assert manifest.lineage.data_sha256
        assert manifest.lineage.teacher
        assert manifest.licence == "Apache-2.0"
    assert {shipped(name).manifest.precision for name in ("student", "teacher")} == {"int8"}
    quantization = shipped("teacher").manifest.quantization
    assert quantization is not None
    assert (quantization.activations, quantization.weight_bits) == ("token", 8)


def test_sizes() -> None:
    """All that ships is under 60 MiB, the student's graph under 6.5 MB, the teacher's under 24."""
    assert sum(path.stat().st_size for path in MODELS.rglob("*")) < 60 * 2**20
    assert shipped("student").manifest.files["model.onnx"].bytes < 6.5e6
    assert shipped("teacher").manifest.files["model.onnx"].bytes < 24e6


def test_routes_are_readable() -> None:
    """The shipped routes name models that ship."""
    assert read_routes(MODELS).default in {"teacher", "student", "auto"}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.integers(0, len(SENTENCES) - 1), min_size=2, max_size=12))
def test_same_answer_in_any_batch(name: str, rows: list[int]) -> None:
    """A text gets the same answer whatever it is batched and padded with."""
    model = shipped(name)
    encodings = model.tokenizer.encode([SENTENCES[row] for row in rows])
    together = model.probabilities(model.logits(encodings))
    alone = np.concatenate([model.probabilities(model.logits([one])) for one in encodings])
    assert np.abs(together - alone).max() <= BOUND
