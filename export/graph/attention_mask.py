"""Attention's masks without infinities, so that no softmax has to be looked over for NaN.

A row that is masked whole with minus infinity has no softmax, so torch's exporter has two passes
over all scores of every layer put zeros in its place, whatever the mask is made of: an eighth of
the time of a long text. With the least float in place of infinity such a row, which stands for
padding and which nothing reads, has a softmax like any other.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

LEAST = float(np.finfo(np.float32).min)


def finite_masks(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with finite masks and without the passes that look for NaN.

    Returns:
        Another graph; `model` itself where it has infinities that are not those of a mask.
    """
    infinite = {one.name for one in model.graph.initializer if _is_infinite(one)}
    users = [node for node in model.graph.node if infinite.intersection(node.input)]
    makers = {name: node for node in model.graph.node for name in node.output}
    guards = {node.output[0]: node.input[2] for node in model.graph.node if _guards(node, makers)}
    if not guards or any(node.op_type != "Where" for node in users):
        return model
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    for tensor in graph.initializer:
        if tensor.name in infinite:
            shape = numpy_helper.to_array(tensor).shape
            tensor.CopyFrom(numpy_helper.from_array(np.full(shape, LEAST, np.float32), tensor.name))
    kept = [node for node in graph.node if node.output[0] not in guards]
    for node in kept:
        for place, name in enumerate(node.input):
            node.input[place] = guards.get(name, name)
    used = {name for node in kept for name in node.input}
    del graph.node[:]
    graph.node.extend(node for node in kept if node.op_type != "IsNaN" or node.output[0] in used)
    return made


def _is_infinite(tensor: onnx.TensorProto) -> bool:
    if tensor.data_type != TensorProto.FLOAT:
        return False
    value = numpy_helper.to_array(tensor)
    return value.size == 1 and bool(np.isneginf(value).all())


def _guards(node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto]) -> bool:
    """Whether it gives a softmax's own values but where they are NaN."""
    if node.op_type != "Where" or not {node.input[0], node.input[2]} <= makers.keys():
        return False
    test, values = makers[node.input[0]], makers[node.input[2]]
    tests_them = test.op_type == "IsNaN" and test.input[0] == values.output[0]
    return tests_them and values.op_type == "Softmax"
