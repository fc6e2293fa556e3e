"""INT8 by the token: the arithmetic is that of numpy, row by row, and says nothing of a batch."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.graph.building import FloatArray
from export.quantize.by_token import WEIGHT_BITS, by_column, quantize_by_token
from service.runtime.engine import open_session

GENERATOR = np.random.default_rng(0)
SIZE, WIDTH = 12, 5
WEIGHT = GENERATOR.normal(size=(SIZE, WIDTH)).astype(np.float32)
OTHER = GENERATOR.normal(size=(SIZE, WIDTH)).astype(np.float32)
BIAS = GENERATOR.normal(size=WIDTH).astype(np.float32)
TABLE = GENERATOR.normal(size=(7, SIZE)).astype(np.float32)


def graph_of(
    nodes: list[onnx.NodeProto], axes: list[str | int], **weights: FloatArray
) -> onnx.ModelProto:
    """From `x`, of these axes, to `y`."""
    made = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, axes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def run(model: onnx.ModelProto, folder: Path, value: npt.NDArray[np.generic]) -> FloatArray:
    """What it gives for `x`."""
    path = folder / "small.onnx"
    onnx.save(model, path)
    found: FloatArray = open_session(path, 1, (), WEIGHT_BITS).run(None, {"x": value})[0]
    return found


def by_hand(x: FloatArray, weight: FloatArray) -> FloatArray:
    """A product of rows and columns that are rounded to whole numbers, each by its own scale."""
    rows = np.maximum(np.abs(x).max(axis=-1, keepdims=True), 1e-10) / 127
    columns, whole = by_column(weight)
    found: FloatArray = (np.rint(x / rows) @ whole.astype(np.float32)) * columns * rows
    return found


@pytest.mark.parametrize("axes", [["rows", SIZE], ["batch", "time", SIZE], [None, None, SIZE]])
def test_a_product_is_that_of_its_rows(tmp_path: Path, axes: list[str | int]) -> None:
    """Whatever stands before the last axis, named or not; a row of zeros gives zeros."""
    x = GENERATOR.normal(size=(*(3, 4)[: len(axes) - 1], SIZE)).astype(np.float32)
    x[0] = 0
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    model = quantize_by_token(graph_of([node], axes, w=WEIGHT), ["product"])
    found = run(model, tmp_path, x)
    assert found.shape == (*x.shape[:-1], WIDTH)
    assert found == pytest.approx(by_hand(x, WEIGHT), abs=1e-5)
    assert not found[0].any()


def test_an_outlier_costs_its_own_row_alone(tmp_path: Path) -> None:
    """Others keep their scale, and their answer."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    model = quantize_by_token(graph_of([node], ["rows", SIZE], w=WEIGHT), ["product"])
    x = GENERATOR.normal(size=(3, SIZE)).astype(np.float32)
    loud = x.copy()
    loud[0, 0] = 1e4
    assert (run(model, tmp_path, loud)[1:] == run(model, tmp_path, x)[1:]).all()
    assert (run(model, tmp_path, x[1:2]) == run(model, tmp_path, x)[1:2]).all()


@pytest.mark.parametrize(("kind", "above", "floor"), [("Gelu", 223, 0.1701 / 32), ("Relu", 255, 0)])
def test_what_lies_above_a_least_has_more_of_the_bits(
    tmp_path: Path, kind: str, above: int, floor: float
) -> None:
    """An activation function's numbers are rounded finer, those below 0 and a dead row's too."""
    nodes = [
        helper.make_node(kind, ["x"], ["active"]),
        helper.make_node("MatMul", ["active", "w"], ["y"], name="product"),
    ]
    made = graph_of(nodes, ["rows", SIZE], w=np.eye(SIZE, dtype=np.float32))
    made.opset_import[0].version = 20  # the first with Gelu
    x = GENERATOR.normal(scale=2, size=(400, SIZE)).astype(np.float32)
    x[0] = -0.75  # where Gelu is least
    exact = run(made, tmp_path, x)
    loss = np.abs(run(quantize_by_token(made, ["product"]), tmp_path, x) - exact)
    steps = np.maximum(exact.max(axis=1, keepdims=True) / above, floor)
    assert (loss <= steps / 2 + 1e-6).all()


def test_a_gemm_keeps_its_bias_and_its_turn(tmp_path: Path) -> None:
    """`transB` and `alpha` are in the weights."""
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="product", transB=1, alpha=2.0)
    graph = graph_of([node], ["rows", SIZE], w=np.ascontiguousarray(WEIGHT.T), b=BIAS)
    x = GENERATOR.normal(size=(3, SIZE)).astype(np.float32)
    found = run(quantize_by_token(graph, ["product"]), tmp_path, x)
    assert found == pytest.approx(by_hand(x, 2 * WEIGHT) + BIAS, abs=1e-5)


def test_products_of_one_input_are_one(tmp_path: Path) -> None:
    """As queries, keys and values are; each has its own width and its own bias."""
    narrow = np.ascontiguousarray(OTHER[:, :2])
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["left"], name="one"),
        helper.make_node("Sub", ["b", "c"], ["late"]),  # what only the second product waits for
        helper.make_node("Gemm", ["x", "v", "late"], ["right"], name="two"),
        helper.make_node("Concat", ["left", "right"], ["y"], axis=1),
    ]
    graph = graph_of(nodes, ["rows", SIZE], w=WEIGHT, v=narrow, b=BIAS[:2], c=BIAS[2:4])
    model = quantize_by_token(graph, ["one", "two"])
    kinds = [node.op_type for node in model.graph.node]
    assert (kinds.count("QuantizeLinear"), kinds.count("MatMulIntegerToFloat")) == (1, 1)
    assert not {"w", "v"} & {one.name for one in model.graph.initializer}
    x = GENERATOR.normal(size=(3, SIZE)).astype(np.float32)
    expected = [by_hand(x, WEIGHT), by_hand(x, narrow) + BIAS[:2] - BIAS[2:4]]
    assert run(model, tmp_path, x) == pytest.approx(np.concatenate(expected, axis=1), abs=1e-5)


def test_what_stands_for_zero_is_made_once(tmp_path: Path) -> None:
    """Of all tensors of a text's tokens, also behind a reshaping, which hides what they are."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["x"]),
        helper.make_node("MatMul", ["x", "w"], ["wide"], name="one"),
        helper.make_node("Shape", ["ids"], ["start"], end=2),
        helper.make_node("Concat", ["start", "two"], ["shape"], axis=0),
        helper.make_node("Reshape", ["wide", "shape"], ["heads"]),
        helper.make_node("Transpose", ["heads"], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("Concat", ["start", "all"], ["flat"], axis=0),
        helper.make_node("Reshape", ["turned", "flat"], ["back"]),
        helper.make_node("MatMul", ["back", "v"], ["y"], name="two"),
    ]
    square = GENERATOR.normal(size=(SIZE, SIZE)).astype(np.float32)
    graph = graph_of(nodes, ["batch", "time"], table=TABLE, w=square, v=WEIGHT)
    for name, sizes in (("two", [2, SIZE // 2]), ("all", [SIZE])):
        graph.graph.initializer.append(numpy_helper.from_array(np.array(sizes), name))
    graph.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    graph.graph.input[0].name = "ids"
    model = quantize_by_token(graph, ["one", "two"])
    kinds = [node.op_type for node in model.graph.node]
    assert (kinds.count("QuantizeLinear"), kinds.count("ConstantOfShape")) == (2, 1)
    ids = np.array([[1, 2, 3], [4, 5, 6]])
    path = tmp_path / "small.onnx"
    onnx.save(model, path)
    wide = by_hand(TABLE[ids], square).reshape(2, 3, 2, SIZE // 2)
    back = np.swapaxes(wide, 2, 3).reshape(2, 3, SIZE)
    found = open_session(path, 1, (), WEIGHT_BITS).run(None, {"ids": ids})[0]
    assert found == pytest.approx(by_hand(back, WEIGHT), abs=1e-4)


def test_what_is_not_named_stays(tmp_path: Path) -> None:
    """The graph that was given does too."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    given = graph_of([node], ["rows", SIZE], w=WEIGHT)
    x = GENERATOR.normal(size=(3, SIZE)).astype(np.float32)
    assert run(quantize_by_token(given, []), tmp_path, x) == pytest.approx(x @ WEIGHT, abs=1e-5)
    quantize_by_token(given, ["product"])
    assert [node.op_type for node in given.graph.node] == ["MatMul"]


def test_a_table_has_a_scale_for_each_row(tmp_path: Path) -> None:
    """A rare token's small vector is not rounded by the largest of all."""
    table = TABLE * np.logspace(-3, 1, len(TABLE), dtype=np.float32)[:, np.newaxis]
    node = helper.make_node("Gather", ["table", "x"], ["y"], name="lookup")
    graph = graph_of([node], ["rows"], table=table)
    graph.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    model = quantize_by_token(graph, ["lookup"])
    found = run(model, tmp_path, np.arange(len(table)))
    most = np.abs(table).max(axis=1, keepdims=True)
    assert (np.abs(found - table) <= most / 127 / 2 + 1e-9).all()
