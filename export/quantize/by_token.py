"""INT8 by the token: every row of a product's input has a scale of its own.

A row is quantised to unsigned 8 bits by its largest magnitude, multiplied with weights that are
scaled by column, and the result is multiplied with the row's scale. So nothing is calibrated, an
outlier costs no other token anything, and no answer depends on its batch. An input that several
products share is quantised once, and they are one product, which is split. Weights have all of 8
bits, of which a CPU without VNNI has to be told (`service.runtime.engine`); so have embedding
tables, with a scale for each token.

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
from export.graph.shapes import OTHER, Shape, shapes_of
from training.quantize.rounding import (
    EITHER_SIDE,
    FROM_ZERO,
    GELU,
    WEIGHT_MOST,
    Span,
)

WEIGHT_BITS = 8
OPSET, IR = 21, 10  # the first in which a scale is of a block
MICROSOFT = "com.microsoft"
PREFIX = "by_token."

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
        shared: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            if node.name in self._chosen and node.op_type != "Gather":
                shared.setdefault(node.input[0], []).append(node)
        for node in graph.node:
            if node.name not in self._chosen:
                self._nodes.append(node)
            elif node.op_type == "Gather":
                self._table(node)
            else:
                if products := shared.pop(node.input[0], []):  # the first of those of one input
                    self._products(products)
                if _has_bias(node):
                    self._add("Add", [_scaled(node), node.input[2]], node.output[0])
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

    def _products(self, nodes: Sequence[onnx.NodeProto]) -> None:
        """Those of one input, as one."""
        weights = [self._weight(node) for node in nodes]
        weight = np.concatenate(weights, axis=1)
        scales, whole = by_column(weight)
        row, name = self._row(nodes[0].input[0], len(weight)), PREFIX + nodes[0].name
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
        outs = [_scaled(node) for node in nodes]
        if len(nodes) == 1:
            self._add("Mul", [product, row.scales], outs[0])
            return
        scaled = self._add("Mul", [product, row.scales], f"{name}.together")
        widths = np.array([one.shape[1] for one in weights], np.int64)
        inputs = [scaled, self._constant(f"{name}.widths", widths)]
        self._nodes.append(helper.make_node("Split", inputs, outs, name=f"{name}.split", axis=-1))

    def _weight(self, node: onnx.NodeProto) -> FloatArray:
        """A product's, (rows, columns), as it multiplies."""
        weight = numpy_helper.to_array(self._weights[node.input[1]]).astype(np.float32)
        settings = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        alpha = np.float32(settings.get("alpha", 1.0))
        return alpha * (weight.T if settings.get("transB") else weight)

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
        """What the whole numbers above 0 reach to, for each row; so far that none is below them.

        0 of a row of zeros: whatever its numbers become, they are multiplied by that in the end.
        """
        last = self._constant(f"{PREFIX}last", np.array([-1], np.int64))
        either = self._add("Abs", [name], f"{own}.either") if span.least is None else name
        most = self._add("ReduceMax", [either, last], f"{own}.most")
        if not span.least:
            return most
        known = np.float32(-span.least / span.zero * span.above)
        floor = self._constant(f"{PREFIX}floor.{span.zero}", known)
        return self._add("Max", [most, floor], f"{own}.largest")

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


def _has_bias(node: onnx.NodeProto) -> bool:
    return node.op_type == "Gemm" and len(node.input) > 2


def _scaled(node: onnx.NodeProto) -> str:
    """What a product without its bias is called."""
    return f"{PREFIX}{node.name}.scaled" if _has_bias(node) else node.output[0]


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """What is known of each tensor's shape: sizes, and the names of axes that are none.

    A tensor that has an axis without a name is left out.
    """
    if is_large(model):  # neither way takes more than one message holds
        return {}
    if all(_takes_tokens(one) for one in model.graph.input):
        return {name: shape for name, shape in shapes_of(model).items() if OTHER not in shape}
    found: dict[str, Shape] = {}
    inferred = shape_inference.infer_shapes(model).graph
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        shape = tuple(one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim)
        if shape and all(shape):
            found[value.name] = shape
    return found


def _takes_tokens(given: onnx.ValueInfoProto) -> bool:
    """Whether an input has a whole number of each token."""
    kind = given.type.tensor_type
    return kind.elem_type == TensorProto.INT64 and len(kind.shape.dim) == 2


def _spans(graph: onnx.GraphProto) -> dict[str, Span]:
    """Of what activation functions give."""
    return {node.output[0]: ABOVE[node.op_type] for node in graph.node if node.op_type in ABOVE}
