"""The shapes of a graph's tensors, as seen where it is run at several sizes.

Inference of shapes knows little of what lies behind a reshaping; a run knows all.
"""

from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime

Shape = tuple[int | str, ...]  # sizes that are always the same, and what the others follow

BATCH, TIME, OTHER = "batch", "time", "other"
SIZES = ((2, 3), (5, 3), (2, 7))  # of batch and time


def shapes_of(model: onnx.ModelProto) -> dict[str, Shape]:
    """Every tensor's shape, of a graph whose inputs are int64 (batch, time).

    A tensor whose number of axes differs is left out.
    """
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    names = list(dict.fromkeys(_made(shown.graph)))
    del shown.graph.output[:]
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        shown.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    inputs = [one.name for one in session.get_inputs()]
    seen = []
    for size in SIZES:
        feed = dict.fromkeys(inputs, np.ones(size, np.int64))
        found = [value.shape for value in session.run(names, feed)]
        seen.append([*found, *[size] * len(inputs)])
    shapes = {
        name: tuple(map(_size, *each))
        for name, *each in zip((*names, *inputs), *seen, strict=True)
        if len({len(one) for one in each}) == 1
    }
    return shapes | {one.name: tuple(one.dims) for one in model.graph.initializer}


def _size(at_first: int, at_more_texts: int, at_more_tokens: int) -> int | str:
    """What a size follows: nothing, the batch, the time, or something else."""
    match at_more_texts / at_first, at_more_tokens / at_first:
        case 1, 1:
            return at_first
        case texts, 1 if texts == SIZES[1][0] / SIZES[0][0] and at_first == SIZES[0][0]:
            return BATCH
        case 1, tokens if tokens == SIZES[2][1] / SIZES[0][1] and at_first == SIZES[0][1]:
            return TIME
    return OTHER


def _made(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield from filter(None, node.output)
