"""Students of pairs as graphs, in the service's own runtime, and in INT8."""

from pathlib import Path

import numpy as np
import pytest

from export.publish.publish import publish
from export.quantize.int8 import Int8
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier
from tests.export.builders import LABELS, LENIENT, request
from tests.tiny import tiny_bilstm, tiny_checkpoint, tiny_nano, toy_pairs
from training.data.labelled import LabelledText
from training.teach.logits import predict_logits

ROWS = toy_pairs(24, seed=5)
PAIRS: list[Input] = [pair for pair, _ in ROWS]
DATA = LabelledText(PAIRS, np.array([LABELS.index(label) for _, label in ROWS]), LABELS)
TO_FIT = Int8(texts=lambda: [pair for pair, _ in toy_pairs(24, seed=6)])


@pytest.mark.parametrize(
    "model",
    [
        *(tiny_bilstm(pairs="towers", pooling=pooling) for pooling in ("last", "mean", "max")),
        tiny_bilstm(pairs="joined"),
        tiny_nano(pairs="towers"),
        tiny_nano(pairs="joined"),
    ],
    ids=lambda model: f"{type(model).__name__[:6]}-{model.config.pairs}",
)
def test_a_student_of_pairs_is_served_as_it_was_trained(model: object, tmp_path: Path) -> None:
    """Its graph takes no token types, and gives torch's logits alone, in batches and cut."""
    checkpoint = tiny_checkpoint(model, pairs=True)  # type: ignore[arg-type]  # one of those
    manifest = publish(checkpoint, tmp_path, request(sets={"toy": DATA}))
    assert manifest.pairs
    assert manifest.inputs == ("input_ids", "attention_mask")
    assert manifest.parity is not None
    assert manifest.parity.max_logit_difference < 1e-4
    asked = request(LENIENT, precision="int8", sets={"toy": DATA}, int8=TO_FIT)
    publish(checkpoint, tmp_path, asked)
    rounded = Classifier.load(tmp_path / "tiny" / "2")
    items = rounded.encode(PAIRS)
    expected = predict_logits(checkpoint.model, checkpoint.tokenizer, PAIRS)
    together = rounded.logits(items)
    alone = np.concatenate([rounded.logits([item]) for item in items])
    spread = (expected.max(axis=0) - expected.min(axis=0)).min()
    assert 0 < np.abs(expected - together).max() < 0.2 * spread
    assert np.abs(alone - together).max() < 0.05
