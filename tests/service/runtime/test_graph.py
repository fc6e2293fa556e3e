"""Which files a graph reads is seen wherever in it the tensor stands."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from service.runtime.graph import files_read
from tests.service.builders import sum_graph

MODELS = Path(__file__).parents[3] / "models"


def outside(location: str) -> TensorProto:
    """A tensor that lies in another file."""
    tensor = TensorProto(name=location, data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="offset", value="0")
    tensor.external_data.add(key="location", value=location)
    return tensor


def _initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(outside("a/b.bin"))


def _sparse(model: onnx.ModelProto) -> None:
    sparse = onnx.SparseTensorProto(values=outside("a/b.bin"), indices=outside("a/b.bin"))
    model.graph.sparse_initializer.append(sparse)


def _constant(model: onnx.ModelProto) -> None:
    model.graph.node.add(op_type="Constant").attribute.add(name="value", t=outside("a/b.bin"))


def _listed(model: onnx.ModelProto) -> None:
    model.graph.node.add(op_type="X").attribute.add(name="x", tensors=[outside("a/b.bin")])


def _branch(model: onnx.ModelProto) -> None:
    inner = onnx.GraphProto(name="inner", initializer=[outside("a/b.bin")])
    branch = onnx.GraphProto(name="branch")
    branch.node.add(op_type="If").attribute.add(name="then_branch", g=inner)
    model.graph.node.add(op_type="If").attribute.add(name="then_branch", graphs=[branch])


def _function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["x"], value=outside("a/b.bin"))
    function = helper.make_function("d", "f", [], ["x"], [node], [helper.make_opsetid("", 17)])
    model.functions.append(function)


def _training(model: onnx.ModelProto) -> None:
    graph = onnx.GraphProto(initializer=[outside("a/b.bin")])
    model.training_info.append(onnx.TrainingInfoProto(algorithm=graph))


@pytest.mark.parametrize(
    "place", [_initializer, _sparse, _constant, _listed, _branch, _function, _training]
)
def test_a_tensor_elsewhere_is_seen(
    tmp_path: Path, place: Callable[[onnx.ModelProto], None]
) -> None:
    """In an initializer, an attribute, a branch within a branch, or a function."""
    model = sum_graph(np.ones((8, 2), dtype=np.float32))
    (tmp_path / "plain").write_bytes(model.SerializeToString())
    assert files_read(tmp_path / "plain") == set()
    place(model)
    (tmp_path / "model").write_bytes(model.SerializeToString())
    assert files_read(tmp_path / "model") == {"a/b.bin"}


def test_the_shipped_graphs_read_nothing_else() -> None:
    """They are real graphs, of real exporters."""
    graphs = list(MODELS.glob("*/*/model.onnx"))
    assert len(graphs) >= 3
    assert [files_read(graph) for graph in graphs] == [set()] * len(graphs)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a model at all",
        b"\x3a\x7f",  # a graph longer than the file
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a length without end
        b"\x09\x00",  # eight bytes, of which there is one
        b"\x3b",  # a group
    ],
)
def test_what_is_no_graph_is_an_error(tmp_path: Path, content: bytes) -> None:
    """And ends."""
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ValueError, match=r"not ONNX|empty file"):
        files_read(tmp_path / "model")


def test_a_graph_cut_anywhere_is_an_error_or_harmless(tmp_path: Path) -> None:
    """No cut raises anything else."""
    model = sum_graph(np.ones((8, 2), dtype=np.float32))
    _branch(model)
    whole = model.SerializeToString()
    refused = 0
    for end in range(1, len(whole)):
        (tmp_path / "model").write_bytes(whole[:end])
        try:
            files_read(tmp_path / "model")
        except ValueError:
            refused += 1
    assert refused > 0.9 * len(whole)
