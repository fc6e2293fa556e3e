"""Graphs against torch, through the service's own classifier."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from transformers import BertForTokenClassification, PretrainedConfig, PreTrainedModel

from export.errors import ExportError
from export.graph import onnx_graph
from export.graph.onnx_graph import store_in_half, store_in_int8, to_onnx, weights_sha256
from export.measure.reference import reference_logits
from export.measure.served import served_logits
from tests.export.builders import TEXTS, served
from tests.tiny import tiny_bilstm, tiny_checkpoint, tiny_encoder, tiny_nano
from training.models.checkpoints.checkpoint import Checkpoint

BILSTMS = [(pooling, layers) for pooling in ("last", "max", "mean") for layers in (1, 2)]
NANOS = [("nano", width) for width in (1, 2, 3, 4, 5)]
THREE = ("bad", "middling", "good")


@pytest.fixture(scope="module", params=["encoder", *BILSTMS, *NANOS], ids=str)
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    """A random model of every shape, of three labels."""
    if request.param == "encoder":
        return tiny_checkpoint(tiny_encoder(THREE))
    if request.param in NANOS:
        return tiny_checkpoint(tiny_nano(THREE, width=request.param[1]))
    pooling, layers = request.param
    return tiny_checkpoint(tiny_bilstm(THREE, pooling=pooling, layers=layers))


@pytest.fixture(scope="module")
def graph(checkpoint: Checkpoint) -> onnx.ModelProto:
    """Its graph."""
    return to_onnx(checkpoint.model)


def test_graph_agrees_with_torch(
    checkpoint: Checkpoint, graph: onnx.ModelProto, tmp_path: Path
) -> None:
    """Served in padded batches, every text has the logits that torch gives it alone."""
    expected = reference_logits(checkpoint, TEXTS)
    found = served_logits(served(graph, checkpoint, tmp_path), TEXTS)
    assert expected.shape == found.shape == (len(TEXTS), 3)
    assert expected.std(axis=0).min() > 0.05  # the texts do differ
    assert np.abs(expected - found).max() < 1e-4


def test_axes_are_dynamic(graph: onnx.ModelProto) -> None:
    """Two inputs of free batch and time, one output, whatever the model."""
    inputs = {
        value.name: [axis.dim_param for axis in value.type.tensor_type.shape.dim]
        for value in graph.graph.input
    }
    assert inputs == {name: ["batch", "time"] for name in ("input_ids", "attention_mask")}
    assert [value.name for value in graph.graph.output] == ["logits"]


def test_token_types_and_tokens(tmp_path: Path) -> None:
    """An encoder may take token types; a tagger has logits of every token."""
    ids = np.array([[2, 5, 6, 3, 7, 3]], dtype=np.int64)
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    types = {"token_type_ids": np.array([[0, 0, 0, 0, 1, 1]], dtype=np.int64)}
    classifier = tiny_encoder().eval()
    tagger = BertForTokenClassification(tiny_encoder(THREE).config).eval()
    for model, asked, shape in ((classifier, types, (1, 2)), (tagger, {}, (1, 6, 3))):
        onnx.save(to_onnx(model, token_types=bool(asked)), tmp_path / "model.onnx")
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
        given = {**feed, **asked}
        assert [one.name for one in session.get_inputs()] == list(given)
        (found,) = session.run(["logits"], given)
        with torch.inference_mode():
            expected = model(**{name: torch.from_numpy(one) for name, one in given.items()}).logits
        assert found.shape == shape
        assert np.abs(found - expected.numpy()).max() < 1e-4
    with torch.inference_mode():
        untyped = classifier(**{name: torch.from_numpy(one) for name, one in feed.items()}).logits
        typed = classifier(
            **{name: torch.from_numpy(one) for name, one in {**feed, **types}.items()}
        ).logits
    assert (untyped - typed).abs().max() > 1e-3  # the types do count


def test_a_model_is_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks gets the same graph; of what has learnt since, or takes types, another."""
    traced = []

    def encoder_graph(module: torch.nn.Module, *arguments: Any) -> onnx.ModelProto:
        """In place of a trace, which takes seconds."""
        traced.append(arguments)
        graph = onnx.ModelProto(doc_string=weights_sha256(module))
        graph.graph.node.add(op_type="Identity")
        return graph

    monkeypatch.setattr(onnx_graph, "encoder_graph", encoder_graph)
    model = tiny_encoder().eval()
    first = to_onnx(model)
    whole = first.SerializeToString(deterministic=True)
    del first.graph.node[:]  # a caller's own, to do with as he likes
    assert to_onnx(model).SerializeToString(deterministic=True) == whole
    assert len(traced) == 1
    with torch.no_grad():
        model.classifier.bias += 1
    assert to_onnx(model).SerializeToString(deterministic=True) != whole
    assert len(traced) == 2
    to_onnx(model, token_types=True)
    assert len(traced) == 3


@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("words", [1, 6, 50])
def test_any_shape_runs(
    checkpoint: Checkpoint, graph: onnx.ModelProto, tmp_path: Path, batch: int, words: int
) -> None:
    """Batches of any size, of texts of any length, are answered."""
    classifier = served(graph, checkpoint, tmp_path)
    encodings = classifier.tokenizer.encode(["film " * words] * batch)
    logits = classifier.logits(encodings)
    assert logits.shape == (batch, 3)
    assert np.abs(logits - logits[0]).max() < 1e-5


def test_padding_changes_no_answer(
    checkpoint: Checkpoint, graph: onnx.ModelProto, tmp_path: Path
) -> None:
    """A text alone, beside a long one, and with other ids for padding has the same logits."""
    classifier = served(graph, checkpoint, tmp_path)
    short, long = classifier.tokenizer.encode(["a good film", "film " * 50])
    alone = classifier.logits([short])[0]
    padded = classifier.logits([long, short])[1]
    assert np.abs(alone - padded).max() < 1e-5
    classifier.tokenizer.pad_id = 9
    assert np.abs(alone - classifier.logits([long, short])[1]).max() < 1e-5


@pytest.mark.parametrize(("store", "most"), [(store_in_half, 0.02), (store_in_int8, 0.1)])
def test_stored_weights_stay_close(
    checkpoint: Checkpoint,
    graph: onnx.ModelProto,
    tmp_path: Path,
    store: Callable[[onnx.ModelProto], onnx.ModelProto],
    most: float,
) -> None:
    """Weights stored in fewer bits change the logits by rounding only, and the graph not at all."""
    before = graph.SerializeToString()
    small = store(graph)
    assert graph.SerializeToString() == before
    expected = reference_logits(checkpoint, TEXTS)
    found = served_logits(served(small, checkpoint, tmp_path), TEXTS)
    assert 0 < np.abs(expected - found).max() < most


def test_half_is_half(tmp_path: Path) -> None:
    """Where weights outweigh the graph around them the file is half as large."""
    model = tiny_bilstm()
    model.embedding = torch.nn.Embedding(20_000, 16)
    graph = to_onnx(model)
    sizes = []
    for kind, found in (("float", graph), ("half", store_in_half(graph))):
        onnx.save(found, tmp_path / kind)
        sizes.append((tmp_path / kind).stat().st_size)
    assert sizes[1] / sizes[0] == pytest.approx(0.5, abs=0.02)


def test_int8_storage_is_folded_at_load(tmp_path: Path) -> None:
    """The service runs the FP32 operators alone: nothing is widened again for every request."""
    onnx.save(store_in_int8(to_onnx(tiny_bilstm())), tmp_path / "small.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(tmp_path / "small.onnx"), options)
    loaded = onnx.load(tmp_path / "loaded.onnx").graph
    integers = [t.name for t in loaded.initializer if t.data_type == onnx.TensorProto.INT8]
    assert integers == []


def test_weights_too_large_for_half_are_told() -> None:
    """A weight that would become infinite is an error that says what to do instead."""
    model = tiny_bilstm()
    with torch.no_grad():
        model.embedding.weight[3, 3] = 1e6
    with pytest.raises(ExportError, match="embedding does not fit FP16: use --weights float32"):
        store_in_half(to_onnx(model))


class UnknownConfig(PretrainedConfig):
    """An architecture that nobody can export."""

    model_type = "unknown"


class UnknownModel(PreTrainedModel):
    """A model of it."""

    config_class = UnknownConfig


def test_unknown_architectures_are_told() -> None:
    """An architecture that has no export is an error that names it."""
    with pytest.raises(ExportError, match="no ONNX export for 'unknown'"):
        to_onnx(UnknownModel(UnknownConfig()))
