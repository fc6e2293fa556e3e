"""A pruned encoder published: the service answers with it, in FP32 and in INT8."""

from pathlib import Path

import numpy as np
import pytest

from export.measure.gate import Gate
from export.measure.reference import reference_logits
from export.publish.publish import publish
from service.runtime.tasks.classification import Classifier
from tests.export.builders import LENIENT, STRICT, labelled, request
from tests.tiny import tiny_encoder, tiny_hub_tokenizer
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.models.pruned.modeling import Kept, cut, prunable
from training.models.pruned.vocabulary import shrink_table, smaller_tokenizer, tokens_to_keep


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    """A tiny encoder with half of its heads, other neurons in each layer, and fewer tokens."""
    model, tokenizer = prunable(tiny_encoder()), tiny_hub_tokenizer()
    cut(model, [Kept([1], range(0, 64, 2)), Kept([0], range(24))])
    kept = tokens_to_keep(tokenizer, model, {}, least=1, general=10)
    shrink_table(model, kept)
    model.save_pretrained(tmp_path / "pruned")
    smaller_tokenizer(tokenizer, kept).save_pretrained(tmp_path / "pruned")
    return load_checkpoint(str(tmp_path / "pruned"))


@pytest.mark.parametrize(
    ("precision", "gate", "far"), [("fp32", STRICT, 1e-4), ("int8", LENIENT, 0.5)]
)
def test_published(
    checkpoint: Checkpoint, tmp_path: Path, precision: str, gate: Gate, far: float
) -> None:
    """As transformers answers, FP32 within the limit and INT8 rounded; the size is told."""
    manifest = publish(checkpoint, tmp_path / "models", request(gate, precision=precision))
    served = Classifier.load(tmp_path / "models" / "tiny" / "1")
    assert manifest.parameters == checkpoint.parameters < tiny_encoder().num_parameters()
    texts = [*labelled(n=10, seed=3).texts, "zzz unseen", "電影"]
    found = served.logits(served.tokenizer.encode(texts))
    difference = np.abs(found - reference_logits(checkpoint, texts)).max()
    assert difference < far
    assert bool(difference > 1e-4) is (precision == "int8")
