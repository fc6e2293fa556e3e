"""The nano in INT8: published, served, and the same in any batch."""

from pathlib import Path

import numpy as np
import onnx

from export.publish.publish import publish
from service.repository.manifest import MODEL_FILE
from service.runtime.tasks.classification import Classifier
from tests.export.builders import LENIENT, TEXTS, request
from tests.tiny import tiny_checkpoint, tiny_nano
from training.models.students.nano import NanoConfig, NanoForSequenceClassification


def test_int8_table_takes_a_byte_a_weight(tmp_path: Path) -> None:
    """The embedding table, nearly all of a nano, is stored in 8 bits."""
    names = {0: "negative", 1: "positive"}
    shape = NanoConfig(vocab_size=5000, filters=8, width=1, id2label=names)
    large = NanoForSequenceClassification(shape)
    large.train(False)
    publish(tiny_checkpoint(large), tmp_path, request(LENIENT, precision="int8"))
    path = tmp_path / "tiny" / "1" / MODEL_FILE
    size = large.embedding.weight.numel()
    stored = [t for t in onnx.load(path).graph.initializer if np.prod(t.dims) == size]
    assert len(stored) == 1
    assert stored[0].data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    assert size < path.stat().st_size < 1.05 * size


def test_int8_is_close_in_any_company(tmp_path: Path) -> None:
    """Rounding is small beside what texts differ by, and padding hardly matters."""
    model = tiny_checkpoint(tiny_nano())
    publish(model, tmp_path, request())
    publish(model, tmp_path, request(LENIENT, precision="int8"))
    plain, rounded = (Classifier.load(tmp_path / "tiny" / name) for name in ("1", "2"))
    encodings = plain.tokenizer.encode(TEXTS)
    expected, together = plain.logits(encodings), rounded.logits(encodings)
    alone = np.concatenate([rounded.logits([one]) for one in encodings])
    spread = (expected.max(axis=0) - expected.min(axis=0)).min()
    assert 0 < np.abs(expected - together).max() < 0.1 * spread
    assert np.abs(alone - together).max() < 0.05
