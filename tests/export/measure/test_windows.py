"""Long texts read in windows: by the service as by transformers, and measured as they are read."""

from pathlib import Path

import numpy as np
import pytest

from export.graph.onnx_graph import to_onnx
from export.measure.comparison import compare
from export.measure.reference import Reference, reference_logits
from export.measure.served import served_logits
from export.publish.publish import publish
from service.errors import InvalidInput
from service.repository.sections import Windows
from tests.export.builders import STRICT, TEXTS, labelled, request, served
from tests.tiny import POSITIONS, tiny_checkpoint, tiny_encoder, tiny_hub_tokenizer
from training.data.labelled import LabelledText
from training.models.checkpoints.checkpoint import Checkpoint
from training.teach.logits import predict_logits

MEAN = Windows(stride=8, pooling="mean")
LONG = "a good film and then a bad one, dull and far too long " * 12


def reading(side: str) -> Checkpoint:
    """A checkpoint whose owner cuts long texts at one side."""
    tokenizer = tiny_hub_tokenizer()
    tokenizer.truncation_side = tokenizer.init_kwargs["truncation_side"] = side
    return Checkpoint(side, tiny_encoder(), tokenizer, None, None)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("pooling", ["mean", "max", "first"])
def test_the_service_reads_the_tokenizers_own_windows(
    side: str, pooling: str, tmp_path: Path
) -> None:
    """Token for token, whichever end is first, and training's own run has the same logits."""
    checkpoint = reading(side)
    windows = Windows.model_validate({"stride": 8, "pooling": pooling})
    classifier = served(to_onnx(checkpoint.model), checkpoint, tmp_path)
    classifier.manifest = classifier.manifest.model_copy(update={"windows": windows})
    found = compare(checkpoint, classifier, [*TEXTS, LONG], None)
    assert found.misread == ()
    assert 0 < found.max_logit_difference < 1e-4
    assert found.max_batch_difference < 1e-5
    expected = served_logits(classifier, [*TEXTS, LONG])
    trained = predict_logits(
        checkpoint.model, checkpoint.tokenizer, [*TEXTS, LONG], batch_size=3, windows=windows
    )
    assert np.abs(trained - expected).max() < 1e-4


def test_windows_are_pooled_as_they_say() -> None:
    """By hand, of the logits of each window alone."""
    checkpoint = tiny_checkpoint(tiny_encoder())
    (parts,) = Reference(checkpoint, MEAN).encode([LONG])
    assert len(parts) > 2
    assert all(len(part["input_ids"]) == POSITIONS for part in parts[:-1])
    assert parts[0]["input_ids"][-9:-1] == parts[1]["input_ids"][1:9]  # what they share
    each = np.concatenate([Reference(checkpoint).logits([[part]]) for part in parts])
    for pooling, expected in (("mean", each.mean(0)), ("max", each.max(0)), ("first", each[0])):
        windows = Windows.model_validate({"stride": 8, "pooling": pooling})
        assert np.abs(reference_logits(checkpoint, [LONG], windows)[0] - expected).max() < 1e-5
    assert np.abs(each.mean(0) - each[0]).max() > 1e-3  # it does make a difference


def test_what_is_published_is_measured_in_windows(tmp_path: Path) -> None:
    """The manifest says how it reads, and its scores and its comparison are of that reading."""
    checkpoint = tiny_checkpoint(tiny_encoder())
    texts = [f"{LONG} {text}" for text in labelled(n=20).texts]
    truth = reference_logits(checkpoint, texts, MEAN).argmax(axis=1)
    data = LabelledText(texts, truth, ("negative", "positive"))
    manifest = publish(checkpoint, tmp_path, request(STRICT, sets={"long": data}, windows=MEAN))
    assert manifest.windows == MEAN
    assert manifest.metrics["long"].accuracy == 1.0
    assert manifest.parity is not None
    assert manifest.parity.agreement == 1.0
    wide = Windows(stride=POSITIONS - 2)
    with pytest.raises(InvalidInput, match="stride of 62 is too much"):
        publish(checkpoint, tmp_path, request(windows=wide))
