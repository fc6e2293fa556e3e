"""Graphs that compute of their last layer what is read: the same answers, less work."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from export.graph.building import FloatArray
from export.graph.first_token import first_token_alone
from export.graph.onnx_graph import to_onnx

SIZE, LAYERS = 16, 2
COMMON: dict[str, Any] = {
    "hidden_size": SIZE,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 30,
    "num_labels": 3,
}
IDS = np.array([[2, 5, 7, 9, 3], [2, 6, 3, 0, 0]])
FEED = {"input_ids": IDS, "attention_mask": (IDS > 0).astype(np.int64)}


def bert() -> PreTrainedModel:
    """A pooler after the first token."""
    return BertForSequenceClassification(BertConfig(**COMMON))


def roberta() -> PreTrainedModel:
    """A head of its own, and positions that count from the padding's."""
    return RobertaForSequenceClassification(RobertaConfig(**COMMON))


def distilbert() -> PreTrainedModel:
    """No token types."""
    config = DistilBertConfig(dim=SIZE, n_layers=LAYERS, n_heads=2, hidden_dim=24, vocab_size=30)
    return DistilBertForSequenceClassification(config)


def run(model: onnx.ModelProto, names: list[str]) -> list[FloatArray]:
    """What tensors of a graph hold for the two texts."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        shown.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found: list[FloatArray] = session.run(names, FEED)
    return found


@pytest.mark.parametrize("build", [bert, roberta, distilbert])
def test_the_answer_stays_and_the_work_goes(build: Callable[[], PreTrainedModel]) -> None:
    """The last layer's output and its two feed-forward products are of one token, and its query."""
    torch.manual_seed(0)
    model = build().eval()
    with torch.no_grad():
        said = model(**{name: torch.tensor(one) for name, one in FEED.items()}).logits.numpy()
    graph = to_onnx(model)
    assert run(graph, ["logits"])[0] == pytest.approx(said, abs=1e-5)
    constant = {one.name for one in graph.graph.initializer}
    products = [
        node.output[0]
        for node in graph.graph.node
        if node.op_type == "MatMul" and node.input[1] in constant
    ]
    tokens = [value.shape[1] for value in run(graph, products)]
    assert sorted(tokens) == [1] * 4 + [IDS.shape[1]] * (6 * LAYERS - 4)


def test_what_reads_every_token_stays() -> None:
    """A tagger's graph is the one that was given."""
    graph = to_onnx(BertForTokenClassification(BertConfig(**COMMON)).eval())
    assert first_token_alone(graph) is graph


def small(*nodes: onnx.NodeProto, **weights: npt.NDArray[Any]) -> onnx.ModelProto:
    """From `input_ids` (batch, time), looked up in a table, to `y`."""
    table = np.arange(120, dtype=np.float32).reshape(30, 4)
    zero = np.array(0, np.int64)
    constants: dict[str, npt.NDArray[Any]] = {"table": table, "zero": zero, **weights}
    made = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["x"]), *nodes],
        "small",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "time"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def answers(model: onnx.ModelProto) -> FloatArray:
    """Of the two texts."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: FloatArray = session.run(None, {"input_ids": IDS})[0]
    return found


def test_what_another_reads_whole_is_made_whole() -> None:
    """The sum over all tokens is not that of the first."""
    node = helper.make_node
    model = small(
        node("Mul", ["x", "x"], ["square"]),
        node("Gather", ["square", "zero"], ["first"], axis=1),
        node("ReduceSum", ["square", "one"], ["sum"], keepdims=0),
        node("Add", ["first", "sum"], ["y"]),
        one=np.array([1], np.int64),
    )
    assert (answers(first_token_alone(model)) == answers(model)).all()


def test_what_mixes_tokens_is_not_cut() -> None:
    """A transposition that puts the tokens last, a sum of neighbours over them, and back."""
    node = helper.make_node
    model = small(
        node("Transpose", ["x"], ["turned"], perm=[0, 2, 1]),
        node("CumSum", ["turned", "two"], ["mixed"], reverse=1),
        node("Transpose", ["mixed"], ["back"], perm=[0, 2, 1]),
        node("Gather", ["back", "zero"], ["y"], axis=1),
        two=np.array(2, np.int64),
    )
    assert (answers(first_token_alone(model)) == answers(model)).all()
