"""The nano as an ONNX graph, built node by node: fewer nodes than a tracer leaves."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.graph.building import arrays, checked_graph
from export.graph.towers import FEATURES, IDS, MASK, Initializers, apart, compared
from training.models.checkpoints.labels import outputs_of
from training.models.students.nano import NanoForSequenceClassification
from training.models.students.towers import is_towers


def nano_graph(model: NanoForSequenceClassification, output: str = "logits") -> onnx.ModelProto:
    """Builds the graph: `input_ids`, `attention_mask` (batch, time) to `output`."""
    width = model.config.width
    towers = is_towers(model.config)
    ids, mask = (IDS, MASK) if towers else ("input_ids", "attention_mask")
    initializers: Initializers = {
        **arrays(model),
        "lowest": np.array(np.finfo(np.float32).min, dtype=np.float32),
        "channel_axis": np.array([1], dtype=np.int64),
        "last_axis": np.array([2], dtype=np.int64),
    }
    nodes = apart(model.config.separator_id, initializers) if towers else []
    nodes += [
        helper.make_node("Gather", ["embedding.weight", ids], ["embedded"]),
        helper.make_node("Cast", [mask], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last_axis"], ["mask_column"]),
        # Padding is zero, as is what lies beyond the ends of a text that stands alone.
        helper.make_node("Mul", ["embedded", "mask_column"], ["tokens"]),
        helper.make_node("Transpose", ["tokens"], ["channels"], perm=[0, 2, 1]),
        helper.make_node(
            "Conv",
            ["channels", "convolution.weight", "convolution.bias"],
            ["answers"],
            kernel_shape=[width],
            pads=[(width - 1) // 2, width // 2],
        ),
        helper.make_node("Cast", [mask], ["is_token"], to=TensorProto.BOOL),
        helper.make_node("Unsqueeze", ["is_token", "channel_axis"], ["is_token_row"]),
        helper.make_node("Where", ["is_token_row", "answers", "lowest"], ["masked"]),
        helper.make_node("ReduceMax", ["masked"], ["strongest"], axes=[2], keepdims=0),
        helper.make_node("Relu", ["strongest"], ["pooled"]),
        *(compared("pooled") if towers else []),
        helper.make_node(
            "Gemm",
            [FEATURES if towers else "pooled", "classifier.weight", "classifier.bias"],
            [output],
            name="classifier",
            transB=1,
        ),
    ]
    return checked_graph("nano", nodes, initializers, ["batch", outputs_of(model.config)], output)
