"""Parameters, zeros and bytes, counted by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from export.bench.weights import (
    checkpoint_bytes,
    counted_in_graph,
    counted_in_modules,
    graph_bytes,
)
from tests.tiny import tiny_encoder_checkpoint


def graph_of(nodes: list[onnx.NodeProto], **constants: Any) -> onnx.ModelProto:
    """A graph with these constants; nobody runs it."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "counted",
        [value("x", TensorProto.FLOAT, ["rows", 2])],
        [value("y", TensorProto.FLOAT, ["rows", 4])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_zeros_of_a_graph_are_those_of_its_matrices(tmp_path: Path) -> None:
    """A bias is a parameter, and no matrix; places and shapes are no weights."""
    model = graph_of(
        [
            helper.make_node("MatMul", ["x", "w"], ["m"]),
            helper.make_node("Add", ["m", "b"], ["y"]),
        ],
        w=np.array([[0, 1, 2, 0], [3, 0, 4, 5]], np.float32),
        b=np.zeros(4, np.float32),
        axes=np.array([0, 0], np.int64),
    )
    onnx.save(model, tmp_path / "model.onnx")
    found = counted_in_graph(tmp_path / "model.onnx")
    assert found.parameters == 12
    assert found.sparsity == 3 / 8


def test_zeros_of_8_bits_are_told_by_their_zero_point(tmp_path: Path) -> None:
    """Of each column its own; scales and zero points are no parameters."""
    model = graph_of(
        [
            helper.make_node("DequantizeLinear", ["w", "s", "z"], ["f"], axis=1),
            helper.make_node("MatMul", ["x", "f"], ["y"]),
        ],
        w=np.array([[128, 0, 7, 9], [1, 128, 7, 128]], np.uint8),
        s=np.full(4, 0.1, np.float32),
        z=np.array([128, 128, 7, 128], np.uint8),
    )
    onnx.save(model, tmp_path / "model.onnx")
    found = counted_in_graph(tmp_path / "model.onnx")
    assert found.parameters == 8
    assert found.sparsity == 5 / 8


def test_zeros_of_an_lstm_in_8_bits(tmp_path: Path) -> None:
    """Its zero points are of each direction and column."""
    weights = np.zeros((2, 3, 4), np.uint8)
    weights[1] = 9
    model = graph_of(
        [
            helper.make_node(
                "DynamicQuantizeLSTM",
                ["x", "w", "r", "", "", "", "", "", "ws", "wz", "rs", "rz"],
                ["y"],
                domain="com.microsoft",
            )
        ],
        w=weights,
        r=np.ones((2, 1, 4), np.uint8),
        ws=np.ones((2, 4), np.float32),
        wz=np.array([[0, 0, 0, 1], [9, 8, 8, 8]], np.uint8),
        rs=np.ones((2, 4), np.float32),
        rz=np.ones((2, 4), np.uint8),
    )
    onnx.save(model, tmp_path / "model.onnx")
    found = counted_in_graph(tmp_path / "model.onnx")
    assert found.parameters == 24 + 8
    assert found.sparsity == (9 + 3 + 8) / 32


def test_external_data_counts(tmp_path: Path) -> None:
    """A file beside the graph is one of its files."""
    model = graph_of([helper.make_node("MatMul", ["x", "w"], ["y"])], w=np.ones((2, 4), np.float32))
    onnx.save(
        model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0
    )
    assert counted_in_graph(tmp_path / "m.onnx").parameters == 8
    sizes = [(tmp_path / name).stat().st_size for name in ("m.onnx", "m.data")]
    assert graph_bytes(tmp_path / "m.onnx") == sum(sizes)
    assert sizes[1] >= 32


def test_zeros_of_torch() -> None:
    """A mask's zeros are counted, and a bias is no matrix."""
    first, second = torch.nn.Linear(4, 2), torch.nn.Linear(2, 2)
    with torch.no_grad():
        for layer in (first, second):
            layer.weight.fill_(1)
            layer.bias.fill_(0)
        first.weight[0] = 0
    model = torch.nn.Sequential(first, second)
    assert counted_in_modules(model) == 4 / 12


def test_bytes_of_a_checkpoint(tmp_path: Path) -> None:
    """Of its weights, and not of its tokenizer."""
    tiny_encoder_checkpoint(tmp_path)
    assert checkpoint_bytes(str(tmp_path)) == (tmp_path / "model.safetensors").stat().st_size
