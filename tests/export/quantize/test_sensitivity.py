"""A node that INT8 spoils is found and left out, and the manifest says so."""

from pathlib import Path

import numpy as np
import pytest
import torch

from export.errors import GateError
from export.graph.onnx_graph import to_onnx
from export.measure.gate import Gate
from export.publish.publish import publish
from export.quantize.int8 import Int8
from export.quantize.sensitivity import agreement_of
from service.runtime.tasks.classification import Classifier
from tests.export.builders import labelled, request
from tests.tiny import tiny_bilstm, tiny_checkpoint, toy_texts
from training.models.students.bilstm import BiLstmForSequenceClassification

BAD = "lstm.1"
GATE = Gate(max_logit_difference=None, max_accuracy_drop=0.2, min_agreement=0.9)
CALIBRATION = [text for text, _ in toy_texts(40, seed=77)]


def spoilt() -> BiLstmForSequenceClassification:
    """A Bi-LSTM with weights, on an input that is 0, before which INT8 rounds all others to 0."""
    model = tiny_bilstm(layers=2)
    lstm = dict(model.lstm.named_parameters())
    hidden = model.config.hidden_size
    with torch.no_grad():
        lstm["bias_ih_l0"][3 * hidden] = -40  # the output gate of the first unit is shut
        for name in ("weight_ih_l1", "weight_ih_l1_reverse"):
            lstm[name][:, 0] = 1e4
    return model


def plan(sensitivity: bool) -> Int8:
    """INT8 with the texts above."""
    return Int8("static", texts=lambda: CALIBRATION, sensitivity=sensitivity)


def test_a_bad_node_is_left_out(tmp_path: Path) -> None:
    """Quantised whole a model is refused and nothing is written; without its bad node it passes."""
    checkpoint = tiny_checkpoint(spoilt())
    sets = {"toy": labelled(100)}
    whole = request(GATE, precision="int8", sets=sets, int8=plan(False))
    with pytest.raises(GateError, match="not published: agreement"):
        publish(checkpoint, tmp_path, whole)
    assert list(tmp_path.rglob("*")) == []
    found = request(GATE, precision="int8", sets=sets, int8=plan(True))
    manifest = publish(checkpoint, tmp_path, found)
    assert manifest == Classifier.load(tmp_path / "tiny" / "1").manifest
    assert manifest.parity is not None
    assert manifest.parity.agreement >= 0.9
    quantization = manifest.quantization
    assert quantization is not None
    assert quantization.left_out == (BAD,)
    assert quantization.texts == len(CALIBRATION)
    assert {error.node for error in quantization.errors} == {"embedding", "lstm.0", BAD}
    errors = [error.rms_logit_difference for error in quantization.errors]
    assert quantization.errors[0].node == BAD
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 5 * errors[1] > 0


def test_each_kind_of_answer_is_compared() -> None:
    """One number by its distance, several labels each by itself, tokens one by one."""
    one = np.array([[5.0], [-5.0], [4.0], [-4.0]], np.float32)
    assert agreement_of(to_onnx(spoilt()), GATE, "regression").share(-one, one) == 0.0
    assert agreement_of(to_onnx(spoilt()), GATE, "regression").share(one + 0.1, one) == 1.0
    many = np.array([[3.0, 2.0], [3.0, -2.0]], np.float32)
    other = np.array([[3.0, -2.0], [3.0, -2.0]], np.float32)
    assert agreement_of(to_onnx(spoilt()), GATE, "multi_label").share(other, many) == 0.5
    assert agreement_of(to_onnx(spoilt()), GATE, "single_label").share(other, many) == 1.0


def test_nothing_is_left_out_of_a_model_within_the_gate(tmp_path: Path) -> None:
    """Where INT8 is good enough as it is, the table is written and every node is quantised."""
    made = request(GATE, precision="int8", int8=plan(True))
    found = publish(tiny_checkpoint(tiny_bilstm(layers=1)), tmp_path, made).quantization
    assert found is not None
    assert {error.node for error in found.errors} == {"embedding", "lstm.0"}
    assert found.left_out == ()
    assert found.calibration is None  # the ranges are pinned


def test_a_gate_that_nothing_keeps(tmp_path: Path) -> None:
    """Where no node can be quantised within the gate, that is what the error says."""
    impossible = Gate(max_logit_difference=None, max_accuracy_drop=1.0, min_agreement=1.1)
    made = request(impossible, precision="int8", int8=plan(True))
    with pytest.raises(GateError, match="whatever is left out"):
        publish(tiny_checkpoint(tiny_bilstm()), tmp_path, made)
    assert list(tmp_path.rglob("*")) == []
