"""INT8 by the token: every row of a product's input has a scale of its own.

A row is quantised to unsigned 8 bits by its largest magnitude, multiplied with weights that are
scaled by column, and the result is multiplied with the row's scale. So nothing is calibrated, an
outlier costs no other token anything, and no answer depends on its batch. An input that several
products share is quantised once. Weights have all of 8 bits, of which a CPU without VNNI has to be
told (`service.runtime.engine`); so have embedding tables, with a scale for each token.

All in operators that ONNX Runtime has.
"""

from collections.abc import Collection, Sequence
from itertools import starmap
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from export.graph.building import FloatArray
from export.graph.files import is_large
from training.quantize.rounding import (
    EITHER_SIDE,
    FROM_ZERO,
    GELU,
    TINY,
    WEIGHT_MOST,
    Span,
)

WEIGHT_BITS = 8
OPSET, IR = 21, 10  # the first in which a scale is of a block
MICROSOFT = "com.microsoft"
PREFIX = "by_token."

Shape = tuple[str | int, ...]

# What an activation function gives lies above its least, so more of the 8 bits are for the rest.
ABOVE = {"Gelu": GELU, "Relu": FROM_ZERO, "Sigmoid": FROM_ZERO}


class _Row(NamedTuple):
    """A product's input, quantised: names in the graph.

    Attributes:
        values: unsigned 8 bits, of the input's shape.
        zero: what stands for 0 among them.
        scales: of each row, its last axis 1, to multiply results with.
    """

    values: str
    zero: str
    scales: str


def quantize_by_token(model: onnx.ModelProto, nodes: Collection[str]) -> onnx.ModelProto:
    """A graph with some of its products and embedding tables in INT8.

    Args:
        nodes: names of MatMul and Gemm nodes with constant weights of two axes, and of Gather nodes
            of a constant table.

    Returns:
        Another graph; what is not named is as it was.
    """
    return _Rewriting(model, frozenset(nodes)).result()


class _Rewriting:
    def __init__(self, model: onnx.ModelProto, nodes: frozenset[str]) -> None:
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        self._chosen = nodes
        self._weights = {one.name: one for one in self._model.graph.initializer}
        self._shapes = _shapes(model)
        self._spans = _spans(model.graph)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._rows: dict[str, _Row] = {}
        self._zeros_of: dict[tuple[Shape, int], str] = {}

    def result(self) -> onnx.ModelProto:
        """The graph, rewritten."""
        graph = self._model.graph
        for node in graph.node:
            if node.name not in self._chosen:
                self._nodes.append(node)
            elif node.op_type == "Gather":
                self._table(node)
            else:
                self._product(node)
        del graph.node[:]
        graph.node.extend(self._nodes)
        used = {name for node in self._nodes for name in node.input}
        kept = [one for one in graph.initializer if one.name in used]
        del graph.initializer[:]
        graph.initializer.extend([*kept, *self._constants.values()])
        known = {one.domain: one.version for one in self._model.opset_import}
        versions = {**known, "": max(known[""], OPSET), MICROSOFT: known.get(MICROSOFT, 1)}
        del self._model.opset_import[:]
        self._model.opset_import.extend(starmap(helper.make_opsetid, versions.items()))
        self._model.ir_version = max(self._model.ir_version, IR)
        return self._model

    def _product(self, node: onnx.NodeProto) -> None:
        weight = numpy_helper.to_array(self._weights[node.input[1]]).astype(np.float32)
        settings = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if settings.get("transB"):
            weight = weight.T
        scales, whole = by_column(weight * np.float32(settings.get("alpha", 1.0)))
        row, name = self._row(node.input[0], len(weight)), PREFIX + node.name
        product = self._add(
            "MatMulIntegerToFloat",
            [
                row.values,
                self._constant(f"{name}.weight", whole),
                self._constant(f"{PREFIX}one", np.float32(1)),
                self._constant(f"{name}.scales", scales),
                row.zero,
            ],
            f"{name}.product",
            domain=MICROSOFT,
        )
        has_bias = node.op_type == "Gemm" and len(node.input) > 2
        out = f"{name}.scaled" if has_bias else node.output[0]
        self._add("Mul", [product, row.scales], out)
        if has_bias:
            self._add("Add", [out, node.input[2]], node.output[0])

    def _row(self, name: str, size: int) -> _Row:
        """An input of products, quantised; once, however many share it."""
        if name in self._rows:
            return self._rows[name]
        own = f"{PREFIX}{name}"
        span = self._spans.get(name, EITHER_SIDE)
        share = self._constant(f"{PREFIX}share.{span.above}", np.float32(1 / span.above))
        scales = self._add("Mul", [self._largest(name, span, own), share], f"{own}.scales")
        values = self._add(
            "QuantizeLinear",
            [name, scales, self._zeros(name, scales, span.zero)],
            f"{own}.values",
            axis=-1,
            block_size=size,
        )
        zero = self._constant(f"{PREFIX}zero.{span.zero}", np.uint8(span.zero))
        self._rows[name] = _Row(values, zero, scales)
        return self._rows[name]

    def _largest(self, name: str, span: Span, own: str) -> str:
        """What the whole numbers above 0 reach to, for each row; so far that none is below them."""
        last = self._constant(f"{PREFIX}last", np.array([-1], np.int64))
        reach = [self._add("ReduceMax", [name, last], f"{own}.most")]
        known = TINY
        if span.least is None:
            least = self._add("ReduceMin", [name, last], f"{own}.least")
            reach.append(self._add("Neg", [least], f"{own}.below"))
        elif span.zero:
            known = -span.least / span.zero
        floor = self._constant(f"{PREFIX}floor.{span.zero}", np.float32(known * span.above))
        return self._add("Max", [*reach, floor], f"{own}.largest")

    def _zeros(self, name: str, scales: str, zero: int) -> str:
        """What stands for 0, for each row; once for all tensors of as many rows."""
        shape = self._shapes.get(name, (name,))[:-1] or (name,)
        if (shape, zero) not in self._zeros_of:
            rows = self._add("Shape", [scales], f"{scales}.shape.{zero}")
            value = helper.make_tensor("value", TensorProto.UINT8, [1], [zero])
            made = self._add("ConstantOfShape", [rows], f"{scales}.zeros", value=value)
            self._zeros_of[shape, zero] = made
        return self._zeros_of[shape, zero]

    def _table(self, node: onnx.NodeProto) -> None:
        """An embedding table: each token's row has its own scale."""
        name = PREFIX + node.name
        scales, whole = by_column(
            numpy_helper.to_array(self._weights[node.input[0]]).astype(np.float32).T
        )
        rows = self._constant(f"{name}.table", np.ascontiguousarray(whole.T))
        each = self._constant(f"{name}.scales", scales[:, np.newaxis])
        found = self._add("Gather", [rows, node.input[1]], f"{name}.row", axis=0)
        wide = self._add("Cast", [found], f"{name}.wide", to=TensorProto.FLOAT)
        scale = self._add("Gather", [each, node.input[1]], f"{name}.scale", axis=0)
        self._add("Mul", [wide, scale], node.output[0])

    def _add(self, kind: str, inputs: Sequence[str], output: str, **settings: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **settings))
        return output

    def _constant(self, name: str, value: npt.NDArray[np.generic] | np.generic) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name


def by_column(weight: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int8]]:
    """Scales and whole numbers of a matrix, (columns,) and (rows, columns)."""
    scales = (np.abs(weight).max(axis=0) / WEIGHT_MOST).astype(np.float32)
    scales[scales == 0] = 1
    return scales, np.rint(weight / scales).astype(np.int8)


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """What is known of each tensor's shape: sizes, and the names of axes that are none.

    A tensor that has an axis without a name is left out.
    """
    found: dict[str, Shape] = {}
    if is_large(model):  # shapes are inferred of what one message holds
        return found
    inferred = shape_inference.infer_shapes(model).graph
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        shape = tuple(one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim)
        if shape and all(shape):
            found[value.name] = shape
    return found


def _spans(graph: onnx.GraphProto) -> dict[str, Span]:
    """Of what activation functions give."""
    return {node.output[0]: ABOVE[node.op_type] for node in graph.node if node.op_type in ABOVE}
