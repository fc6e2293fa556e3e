"""INT8 models: smaller, close to what they were, and with constant scales the same in any batch."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from transformers import BertConfig, BertForSequenceClassification

from export.errors import ExportError
from export.graph.onnx_graph import store_in_int8, to_onnx
from export.measure.gate import Gate
from export.measure.reference import reference_logits
from export.measure.served import served_logits
from export.quantize.int8 import Int8, int8_graph
from export.quantize.quantization import Activations, Method, quantizer
from service.repository.sections import Quantization
from service.runtime.engine import open_session
from service.runtime.tasks.classification import Classifier
from tests.export.builders import LENIENT, TEXTS, batch_difference, served
from tests.tiny import POSITIONS, tiny_checkpoint, tiny_tokenizer, toy_texts
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.students.bilstm import BiLstmConfig, BiLstmForSequenceClassification

VOCABULARY = tiny_tokenizer().get_vocab_size()
CALIBRATION = [*TEXTS[:6], *(text for text, _ in toy_texts(30, seed=4))]
KINDS = ["encoder", "bilstm"]
ACTIVATIONS: tuple[Activations, ...] = ("token", "static", "dynamic")


def model_of(kind: str) -> Checkpoint:
    """A random model large enough that its weights outweigh its graph."""
    torch.manual_seed(0)
    if kind == "encoder":
        config = BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=256,
            max_position_embeddings=POSITIONS,
            initializer_range=0.1,
        )
        return tiny_checkpoint(BertForSequenceClassification(config).eval())
    shape = BiLstmConfig(
        vocab_size=VOCABULARY, embedding_size=64, hidden_size=96, num_hidden_layers=2
    )
    model = BiLstmForSequenceClassification(shape)
    model.train(False)
    return tiny_checkpoint(model)


@pytest.fixture(scope="module")
def checkpoints() -> dict[str, Checkpoint]:
    """One of each kind."""
    return {kind: model_of(kind) for kind in KINDS}


def in_int8_of(
    checkpoint: Checkpoint, plan: Int8, gate: Gate = LENIENT
) -> tuple[onnx.ModelProto, Quantization]:
    """A checkpoint's graph in INT8."""
    graph = to_onnx(checkpoint.model, pinned=plan.activations != "dynamic")
    return int8_graph(graph, checkpoint.tokenizer, plan, gate)


@pytest.fixture(scope="module")
def graphs(checkpoints: dict[str, Checkpoint]) -> dict[tuple[str, str], onnx.ModelProto]:
    """Each kind by each way of quantising."""
    made: dict[tuple[str, str], onnx.ModelProto] = {}
    for kind, checkpoint in checkpoints.items():
        for activations in ACTIVATIONS:
            plan = Int8(activations, texts=lambda: CALIBRATION)
            made[kind, activations], _ = in_int8_of(checkpoint, plan)
        made[kind, "weight-only"] = store_in_int8(to_onnx(checkpoint.model))
    return made


@pytest.fixture(scope="module")
def classifiers(
    graphs: dict[tuple[str, str], onnx.ModelProto],
    checkpoints: dict[str, Checkpoint],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[tuple[str, str], Classifier]:
    """The same, as the service runs them."""
    return {
        key: served(graph, checkpoints[key[0]], tmp_path_factory.mktemp("served"))
        for key, graph in graphs.items()
    }


every = pytest.mark.parametrize(
    ("kind", "how"), [(kind, how) for kind in KINDS for how in (*ACTIVATIONS, "weight-only")]
)
in_int8 = pytest.mark.parametrize(("kind", "how"), [(k, how) for k in KINDS for how in ACTIVATIONS])
fixed = pytest.mark.parametrize(
    ("kind", "how"), [(kind, how) for kind in KINDS for how in ("token", "static", "weight-only")]
)


@every
def test_file_is_a_quarter(
    graphs: dict[tuple[str, str], onnx.ModelProto],
    checkpoints: dict[str, Checkpoint],
    kind: str,
    how: str,
) -> None:
    """INT8 takes a quarter of the bytes of FP32, and a little for the scales."""
    assert graphs[kind, how].ByteSize() < 0.4 * to_onnx(checkpoints[kind].model).ByteSize()


@every
def test_every_large_weight_is_quantized(
    graphs: dict[tuple[str, str], onnx.ModelProto], kind: str, how: str
) -> None:
    """Embeddings, matrix products and LSTMs all store 8 bits."""
    left = [
        tensor.name
        for tensor in graphs[kind, how].graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) > 10_000
    ]
    assert left == []


@in_int8
def test_products_keep_seven_bits(
    graphs: dict[tuple[str, str], onnx.ModelProto], kind: str, how: str
) -> None:
    """The reduced range, with which no CPU's 8-bit product saturates; tables may use all.

    By the token they have eight, of which the manifest tells the service.
    """
    graph = graphs[kind, how].graph
    tables = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    weights = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8
        and np.prod(tensor.dims) > 1000
        and tensor.name not in tables
    ]
    assert len(weights) >= 4
    most = 127 if how == "token" else 64
    assert all(most / 2 < np.abs(weight.astype(int)).max() <= most for weight in weights)


@every
def test_logits_stay_close(
    classifiers: dict[tuple[str, str], Classifier],
    checkpoints: dict[str, Checkpoint],
    kind: str,
    how: str,
) -> None:
    """Against the spread of the logits over texts the error is small, and it is not nothing."""
    expected = reference_logits(checkpoints[kind], TEXTS)
    found = served_logits(classifiers[kind, how], TEXTS)
    error = np.abs(expected - found).max()
    assert 1e-6 < error < 0.5 * (expected.max(axis=0) - expected.min(axis=0)).min()
    margin = np.abs(expected[:, 0] - expected[:, 1])
    sure = margin > 2 * error
    assert sure.sum() > len(TEXTS) // 3
    assert (expected.argmax(axis=1) == found.argmax(axis=1))[sure].all()


WORDS = st.lists(st.sampled_from(["good", "dull", "film", "the", "qx", "!"]), min_size=1).map(
    " ".join
)


@fixed
@given(texts=st.lists(WORDS, min_size=2, max_size=8))
def test_a_batch_changes_no_answer(
    classifiers: dict[tuple[str, str], Classifier], kind: str, how: str, texts: list[str]
) -> None:
    """With constant scales a text has the same logits whatever it is batched and padded with."""
    classifier = classifiers[kind, how]
    encodings = classifier.tokenizer.encode(texts)
    alone = np.concatenate([classifier.logits([one]) for one in encodings])
    assert np.abs(classifier.logits(encodings) - alone).max() <= 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_dynamic_scales_let_a_batch_change_answers(
    classifiers: dict[tuple[str, str], Classifier], kind: str
) -> None:
    """The difference that constant scales do away with is there, and is seen, but is small."""
    assert 1e-5 < batch_difference(classifiers[kind, "dynamic"], TEXTS) < 0.05
    assert batch_difference(classifiers[kind, "static"], TEXTS) <= 1e-5


def test_only_products_need_calibration(checkpoints: dict[str, Checkpoint]) -> None:
    """An encoder needs ranges; a Bi-LSTM's are pinned, so texts are not even asked for."""

    def refuse() -> list[str]:
        raise AssertionError

    gate = Gate(None, 1.0, 0.0)
    _, record = in_int8_of(checkpoints["bilstm"], Int8("static", texts=refuse), gate)
    assert (record.activations, record.calibration, record.texts) == ("static", None, None)
    plan = Int8("static", method="percentile", texts=lambda: CALIBRATION[:5])
    _, record = in_int8_of(checkpoints["encoder"], plan, gate)
    assert (record.activations, record.calibration, record.texts) == ("static", "percentile", 5)


def test_ranges_are_needed(checkpoints: dict[str, Checkpoint]) -> None:
    """Static quantisation of an encoder without any text is an error that says what to give."""
    with pytest.raises(ExportError, match="give some with --calibration"):
        in_int8_of(checkpoints["encoder"], Int8("static"))
    with quantizer(to_onnx(checkpoints["encoder"].model), "static") as ready:
        assert ready.needs_ranges
        with pytest.raises(ExportError, match="give some with --calibration"):
            ready.quantized(ready.nodes)


def convolution() -> onnx.ModelProto:
    """A table, a convolution over time, its maximum, and a classifier."""
    random = np.random.default_rng(0)
    weights = {
        "table": random.normal(size=(VOCABULARY, 32)),
        "filters": random.normal(size=(24, 32, 3)),
        "classes": random.normal(size=(24, 2)),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["embedded"]),
        helper.make_node("Transpose", ["embedded"], ["channels"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["channels", "filters"], ["answers"], pads=[1, 1]),
        helper.make_node("ReduceMax", ["answers"], ["pooled"], axes=[2], keepdims=0),
        helper.make_node("MatMul", ["pooled", "classes"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "convolution",
        [helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["batch", "time"])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_convolutions_are_quantised_with_static_scales(tmp_path: Path, method: Method) -> None:
    """Calibrated on texts of many lengths, by any method, a convolution is in INT8, and close."""
    random = np.random.default_rng(1)
    feeds = [{"input_ids": random.integers(0, VOCABULARY, (1, length))} for length in range(3, 20)]
    with quantizer(convolution(), "static") as ready:
        assert [name.split("_")[0] for name in ready.nodes] == ["Gather", "Conv"]
        ready.calibrate(feeds, method)
        models = {"exact": ready.quantized([]), "int8": ready.quantized(ready.nodes)}
    logits = {}
    for name, model in models.items():
        onnx.save(model, tmp_path / name)
        session = open_session(tmp_path / name, 1)
        logits[name] = np.concatenate([session.run(None, feed)[0] for feed in feeds])
    error = np.abs(logits["int8"] - logits["exact"]).max()
    assert 0 < error < 0.2 * logits["exact"].std()
    kinds = {
        tensor.data_type for tensor in models["int8"].graph.initializer if len(tensor.dims) == 3
    }
    assert kinds == {onnx.TensorProto.INT8}
    with quantizer(convolution(), "dynamic") as ready:
        assert [name.split("_")[0] for name in ready.nodes] == ["Gather"]


def test_nodes_left_out_stay_exact(checkpoints: dict[str, Checkpoint], tmp_path: Path) -> None:
    """Without any node the graph computes what it did, and with one only that one is in INT8."""
    checkpoint = checkpoints["encoder"]
    expected = reference_logits(checkpoint, TEXTS)
    with quantizer(to_onnx(checkpoint.model), "dynamic") as ready:
        none, one = ready.quantized([]), ready.quantized(ready.nodes[-1:])
    found = served_logits(served(none, checkpoint, tmp_path / "none"), TEXTS)
    assert np.abs(found - expected).max() < 1e-5
    integers = [node.op_type for node in one.graph.node if node.op_type == "MatMulInteger"]
    assert len(integers) == 1
