"""A node that INT8 spoils is found and left out, and the manifest says so."""

from pathlib import Path

import pytest
import torch
from transformers import BertForSequenceClassification

from export.errors import GateError
from export.int8 import Int8
from export.parity import Gate
from export.publish import publish
from export.quantization import Activations
from service.classifier import Classifier
from tests.export.builders import labelled, request
from tests.tiny import tiny_bilstm, tiny_checkpoint, tiny_encoder, toy_texts

BAD = "/bert/encoder/layer.1/intermediate/dense/MatMul"
GATE = Gate(max_logit_difference=None, max_accuracy_drop=0.2, min_agreement=0.8)
CALIBRATION = [text for text, _ in toy_texts(40, seed=77)]


def spoilt() -> BertForSequenceClassification:
    """An encoder with weights that nothing reads, so large that INT8 rounds the others to zero."""
    model = tiny_encoder()
    layer = model.bert.encoder.layer[1]
    with torch.no_grad():
        layer.attention.output.LayerNorm.weight[0] = 0
        layer.attention.output.LayerNorm.bias[0] = 0
        layer.intermediate.dense.weight[:, 0] = 1e4
    return model


def plan(sensitivity: bool, activations: Activations = "static") -> Int8:
    """INT8 with the texts above."""
    return Int8(activations, texts=lambda: CALIBRATION, sensitivity=sensitivity)


@pytest.mark.parametrize("activations", ["static", "dynamic"])
def test_a_bad_node_is_left_out(tmp_path: Path, activations: Activations) -> None:
    """Quantised whole, the model is refused and nothing is written; without its bad node it is not."""
    checkpoint = tiny_checkpoint(spoilt())
    sets = {"toy": labelled(100)}
    whole = request(GATE, precision="int8", sets=sets, int8=plan(False, activations))
    with pytest.raises(GateError, match="not published: agreement"):
        publish(checkpoint, tmp_path, whole)
    assert list(tmp_path.rglob("*")) == []
    found = request(GATE, precision="int8", sets=sets, int8=plan(True, activations))
    manifest = publish(checkpoint, tmp_path, found)
    assert manifest == Classifier.load(tmp_path / "tiny" / "1").manifest
    assert manifest.parity is not None
    assert manifest.parity.agreement >= 0.8
    quantization = manifest.quantization
    assert quantization is not None
    assert quantization.left_out == (BAD,)
    assert quantization.texts == len(CALIBRATION)
    errors = [error.rms_logit_difference for error in quantization.errors]
    assert quantization.errors[0].node == BAD
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 5 * errors[1] > 0
    assert len(errors) == 16  # three tables, six products a layer, the pooler


def test_nothing_is_left_out_of_a_model_within_the_gate(tmp_path: Path) -> None:
    """Where INT8 is good enough as it is, the table is written and every node is quantised."""
    made = request(GATE, precision="int8", int8=plan(True))
    found = publish(tiny_checkpoint(tiny_bilstm()), tmp_path, made).quantization
    assert found is not None
    assert {error.node for error in found.errors} == {"embedding", "lstm.0", "lstm.1"}
    assert found.left_out == ()
    assert found.calibration is None  # the ranges are pinned


def test_a_gate_that_nothing_keeps(tmp_path: Path) -> None:
    """Where no node can be quantised within the gate, that is what the error says."""
    impossible = Gate(max_logit_difference=0.0, max_accuracy_drop=1.0, min_agreement=0.0)
    made = request(impossible, precision="int8", int8=plan(True))
    with pytest.raises(GateError, match="whatever is left out"):
        publish(tiny_checkpoint(tiny_bilstm()), tmp_path, made)
    assert list(tmp_path.rglob("*")) == []
