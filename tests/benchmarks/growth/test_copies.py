"""Copies are models that the service accepts, and say nothing that is no longer true."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.growth.copies import Change, CopyUnfit, copy, set_classes
from service.runtime.tasks.classification import Classifier
from tests.benchmarks.growth.builders import MODELS


def shipped(name: str) -> Path:
    """The one version that ships."""
    (version,) = (MODELS / name).glob("[0-9]*")
    return version


@pytest.mark.parametrize("name", ["nano", "student", "teacher"])
def test_a_copy_with_other_classes_answers(name: str, tmp_path: Path) -> None:
    """Whatever the model is made of; its answers are of chance, so its scores are not kept."""
    model = Classifier.load(copy(shipped(name), Change("wide", classes=77), tmp_path))
    assert (model.manifest.name, len(model.manifest.labels)) == ("wide", 77)
    assert (model.manifest.metrics, model.manifest.parity) == ({}, None)
    logits = model.logits(model.tokenizer.encode(["a good film", "dull and far too long"]))
    assert logits.shape == (2, 77)
    assert np.isfinite(logits).all()
    assert np.abs(logits[0] - logits[1]).max() > 1e-3  # the text still matters


def test_the_weights_are_the_same_each_time(tmp_path: Path) -> None:
    """Two rounds measure the same model."""
    for name in ("a", "b"):
        copy(shipped("nano"), Change("nano", classes=5), tmp_path / name)
    one, two = (path.read_bytes() for path in sorted(tmp_path.rglob("model.onnx")))
    assert one == two


@pytest.mark.parametrize("name", ["nano", "student", "teacher"])
def test_a_copy_reads_longer_texts(name: str, tmp_path: Path) -> None:
    """All of the 512 tokens."""
    model = Classifier.load(copy(shipped(name), Change(name, max_length=512), tmp_path))
    (encoding,) = model.tokenizer.encode(["film " * 510])
    assert (len(encoding), encoding.truncated) == (512, False)
    assert np.isfinite(model.logits([encoding])).all()


def graph(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """A model of three features and two logits, with weights and a bias in half precision."""
    weights = {"w": np.ones((3, 2), np.float16), "b": np.zeros(2, np.float16)}
    return helper.make_model(
        helper.make_graph(
            list(nodes),
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
    )


WIDEN = [
    helper.make_node("Cast", ["w"], ["wide_w"], to=TensorProto.FLOAT),
    helper.make_node("Cast", ["b"], ["wide_b"], to=TensorProto.FLOAT),
]


@pytest.mark.parametrize(
    "nodes",
    [
        [helper.make_node("Gemm", ["x", "wide_w", "wide_b"], ["logits"])],
        [helper.make_node("MatMul", ["x", "wide_w"], ["logits"])],
        [
            helper.make_node("MatMul", ["x", "wide_w"], ["product"]),
            helper.make_node("Add", ["product", "wide_b"], ["logits"]),
        ],
    ],
)
def test_weights_that_are_widened_are_replaced(nodes: list[onnx.NodeProto]) -> None:
    """With or without a bias, the new layer is whole."""
    model = graph(*WIDEN, *nodes)
    set_classes(model, 7, seed=1)
    onnx.checker.check_model(model, full_check=True)
    assert model.graph.output[0].type.tensor_type.shape.dim[1].dim_value == 7


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [
                helper.make_node("MatMul", ["x", "wide_w"], ["product"]),
                helper.make_node("Relu", ["product"], ["logits"]),
            ],
            "come from Relu",
        ),
        (
            [
                helper.make_node("Abs", ["wide_w"], ["made"]),
                helper.make_node("MatMul", ["x", "made"], ["logits"]),
            ],
            "weights are computed",
        ),
    ],
)
def test_other_classifiers_are_refused(nodes: list[onnx.NodeProto], message: str) -> None:
    """With what to do."""
    with pytest.raises(CopyUnfit, match=rf"{message}.*leave `classes` out"):
        set_classes(graph(*WIDEN, *nodes), 7, seed=1)
