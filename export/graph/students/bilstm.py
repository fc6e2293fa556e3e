"""The Bi-LSTM as an ONNX graph, built node by node.

`torch.onnx` freezes the time axis of a bidirectional LSTM or reads its padding; the ONNX
`LSTM` operator takes `sequence_lens`, so that padding is never read in either direction.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from export.graph.building import FloatArray, arrays, checked_graph
from export.graph.students.pinning import PINS, initial_states, pin
from export.graph.towers import FEATURES, IDS, MASK, apart, compared
from training.models.checkpoints.labels import outputs_of
from training.models.students.bilstm import BiLstm, BiLstmForTokenClassification
from training.models.students.towers import is_towers


def bilstm_graph(model: BiLstm, *, pinned: bool = False, output: str = "logits") -> onnx.ModelProto:
    """Builds the graph: `input_ids`, `attention_mask` (batch, time) to `output`.

    Of a classifier (batch, labels), of a tagger (batch, time, labels).

    Args:
        pinned: the same function with fixed ranges of activations, to be quantised.
        output: what the last layer's numbers are called.
    """
    config = model.config
    weights = arrays(model)
    hidden = config.hidden_size
    if pinned:
        weights = pin(weights, hidden, config.num_hidden_layers)
    initializers: dict[str, npt.NDArray[np.generic]] = {
        "embedding": weights["embedding.weight"],
        "classifier.weight": weights["classifier.weight"],
        "classifier.bias": weights["classifier.bias"],
        "time_axis_1": np.array([1], dtype=np.int64),
        "merge_directions": np.array([0, 0, -1], dtype=np.int64),
    }
    towers = is_towers(config)
    ids, mask = (IDS, MASK) if towers else ("input_ids", "attention_mask")
    nodes = apart(config.separator_id, initializers) if towers else []
    nodes += [
        # Time comes first for the LSTM operator; ids are cheaper to transpose than vectors.
        helper.make_node("Transpose", [ids], ["ids_by_time"], perm=[1, 0]),
        helper.make_node("Gather", ["embedding", "ids_by_time"], ["states_0"], name="embedding"),
        helper.make_node("ReduceSum", [mask, "time_axis_1"], ["lengths"], keepdims=0),
        helper.make_node("Cast", ["lengths"], ["sequence_lens"], to=TensorProto.INT32),
    ]
    states = []
    if pinned:
        nodes += _initial_states(hidden, initializers)
        states = ["initial_h", "initial_c"]
        hidden += PINS
    for layer in range(config.num_hidden_layers):
        for kind, value in zip("WRB", _layer_weights(weights, layer), strict=True):
            initializers[f"lstm.{layer}.{kind}"] = value
        nodes += [
            helper.make_node(
                "LSTM",
                [
                    f"states_{layer}",
                    *(f"lstm.{layer}.{kind}" for kind in "WRB"),
                    "sequence_lens",
                    *states,
                ],
                [f"directions_{layer}", f"last_{layer}"],
                name=f"lstm.{layer}",
                hidden_size=hidden,
                direction="bidirectional",
            ),
            helper.make_node(
                "Transpose", [f"directions_{layer}"], [f"apart_{layer}"], perm=[0, 2, 1, 3]
            ),
            helper.make_node(
                "Reshape", [f"apart_{layer}", "merge_directions"], [f"states_{layer + 1}"]
            ),
        ]
    labels = outputs_of(config)
    if isinstance(model, BiLstmForTokenClassification):
        nodes += _each_token(config.num_hidden_layers, initializers)
        return checked_graph("bilstm", nodes, initializers, ["batch", "time", labels])
    nodes += _pooling(config.pooling, config.num_hidden_layers, mask, initializers)
    nodes += compared("pooled") if towers else []
    nodes.append(
        helper.make_node(
            "Gemm",
            [FEATURES if towers else "pooled", "classifier.weight", "classifier.bias"],
            [output],
            name="classifier",
            transB=1,
        )
    )
    return checked_graph("bilstm", nodes, initializers, ["batch", labels], output)


def _initial_states(
    hidden: int, initializers: dict[str, npt.NDArray[np.generic]]
) -> list[onnx.NodeProto]:
    """Nodes that give every text and direction the same `initial_h` and `initial_c`."""
    initializers["one_h"], initializers["one_c"] = initial_states(hidden)
    initializers["directions"] = np.array([2], dtype=np.int64)
    initializers["units"] = np.array([hidden + PINS], dtype=np.int64)
    return [
        helper.make_node("Shape", ["lengths"], ["batch_size"]),
        helper.make_node("Concat", ["directions", "batch_size", "units"], ["all"], axis=0),
        helper.make_node("Expand", ["one_h", "all"], ["initial_h"]),
        helper.make_node("Expand", ["one_c", "all"], ["initial_c"]),
    ]


def _layer_weights(
    weights: dict[str, FloatArray], layer: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """W (2, 4H, inputs), R (2, 4H, H) and B (2, 8H), forward then backward."""
    stacked: dict[str, list[FloatArray]] = {"W": [], "R": [], "B": []}
    for suffix in ("", "_reverse"):
        named = {
            kind: _reorder_gates(weights[f"lstm.{kind}_l{layer}{suffix}"])
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        stacked["W"].append(named["weight_ih"])
        stacked["R"].append(named["weight_hh"])
        stacked["B"].append(np.concatenate([named["bias_ih"], named["bias_hh"]]))
    return np.stack(stacked["W"]), np.stack(stacked["R"]), np.stack(stacked["B"])


def _reorder_gates(value: FloatArray) -> FloatArray:
    """Torch has input, forget, cell, output; ONNX has input, output, forget, cell."""
    gate_in, gate_forget, gate_cell, gate_out = np.split(value, 4)
    return np.concatenate([gate_in, gate_out, gate_forget, gate_cell])


def _each_token(
    layers: int, initializers: dict[str, npt.NDArray[np.generic]]
) -> list[onnx.NodeProto]:
    """Nodes from the last layer's states, time first, to the logits of each token."""
    initializers["classifier.weight"] = np.ascontiguousarray(initializers["classifier.weight"].T)
    return [
        helper.make_node("Transpose", [f"states_{layers}"], ["states"], perm=[1, 0, 2]),
        helper.make_node(
            "MatMul", ["states", "classifier.weight"], ["unbiased"], name="classifier"
        ),
        helper.make_node("Add", ["unbiased", "classifier.bias"], ["logits"]),
    ]


def _pooling(
    pooling: str, layers: int, mask: str, initializers: dict[str, npt.NDArray[np.generic]]
) -> list[onnx.NodeProto]:
    """Nodes from the last layer to `pooled` (batch, 2H). States of padding are zero."""
    states = f"states_{layers}"
    if pooling == "last":
        return [
            helper.make_node("Transpose", [f"last_{layers - 1}"], ["last_apart"], perm=[1, 0, 2]),
            helper.make_node("Flatten", ["last_apart"], ["pooled"]),
        ]
    if pooling == "mean":
        initializers["time_axis_0"] = np.array([0], dtype=np.int64)
        initializers["last_axis"] = np.array([-1], dtype=np.int64)
        return [
            helper.make_node("ReduceSum", [states, "time_axis_0"], ["summed"], keepdims=0),
            helper.make_node("Cast", ["lengths"], ["count"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["count", "last_axis"], ["count_column"]),
            helper.make_node("Div", ["summed", "count_column"], ["pooled"]),
        ]
    initializers["last_axis"] = np.array([2], dtype=np.int64)
    initializers["minus_infinity"] = np.array(np.finfo(np.float32).min, dtype=np.float32)
    return [
        helper.make_node("Transpose", [mask], ["mask_by_time"], perm=[1, 0]),
        helper.make_node("Cast", ["mask_by_time"], ["is_token"], to=TensorProto.BOOL),
        helper.make_node("Unsqueeze", ["is_token", "last_axis"], ["is_token_column"]),
        helper.make_node("Where", ["is_token_column", states, "minus_infinity"], ["masked"]),
        helper.make_node("ReduceMax", ["masked"], ["pooled"], axes=[0], keepdims=0),
    ]
