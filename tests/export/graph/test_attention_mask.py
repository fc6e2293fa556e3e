"""Masks without infinities: what stands for padding has a softmax like any other."""

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.graph.attention_mask import finite_masks
from export.graph.building import FloatArray

SCORES = np.array([[[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]]], np.float32)
MASK = np.array([[[True, True, False], [True, False, False]]])


def graph_of(least: float, *more: onnx.NodeProto) -> onnx.ModelProto:
    """A masked softmax as torch's exporter writes it, from `scores` and `mask` to `y`."""
    node = helper.make_node
    nodes = [
        node("Where", ["mask", "zero", "least"], ["bias"]),
        node("Add", ["scores", "bias"], ["masked"]),
        node("Softmax", ["masked"], ["soft"], axis=-1),
        node("IsNaN", ["soft"], ["bad"]),
        node("Where", ["bad", "zero", "soft"], ["sound"]),
        node("Add", ["sound", "zero"], ["y"]),
        *more,
    ]
    made = helper.make_graph(
        nodes,
        "masked",
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["b", "q", "k"]),
            helper.make_tensor_value_info("mask", TensorProto.BOOL, ["b", "q", "k"]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.array(0, np.float32), "zero"),
            numpy_helper.from_array(np.array(least, np.float32), "least"),
        ],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def run(model: onnx.ModelProto, mask: npt.NDArray[np.bool_]) -> FloatArray:
    """What it gives."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: FloatArray = session.run(["y"], {"scores": SCORES, "mask": mask})[0]
    return found


@pytest.mark.parametrize("least", [-np.inf, float(np.finfo(np.float32).min)])
def test_the_look_for_nan_goes(least: float) -> None:
    """Rows that have a token to look at are as they were; a row without one is finite."""
    given = graph_of(least)
    made = finite_masks(given)
    assert {node.op_type for node in made.graph.node} == {"Where", "Add", "Softmax"}
    assert (run(made, MASK) == run(given, MASK)).all()
    assert np.isfinite(run(made, np.zeros_like(MASK))).all()


def test_another_infinity_stays() -> None:
    """It may be the model's own."""
    other = helper.make_node("Max", ["scores", "least"], ["unused"])
    given = graph_of(-np.inf, other)
    assert finite_masks(given) is given
