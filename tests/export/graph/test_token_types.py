"""Token types of a graph that is not told them: one row in place of a lookup of each token's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BigBirdConfig,
    BigBirdForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from export.graph.onnx_graph import to_onnx
from export.graph.token_types import TABLE, one_type
from export.quantize.quantization import quantizer
from service.runtime.engine import open_session

SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "hidden_size": 16,
    "intermediate_size": 32,
    "pad_token_id": 0,
    "type_vocab_size": 3,
    "initializer_range": 0.5,  # wide, so that texts and types differ
}
MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "bert": lambda: BertForSequenceClassification(BertConfig(**SIZES)),
    "roberta": lambda: RobertaForSequenceClassification(RobertaConfig(**SIZES)),
    "electra": lambda: ElectraForSequenceClassification(ElectraConfig(**SIZES, embedding_size=8)),
    "big_bird": lambda: BigBirdForSequenceClassification(
        BigBirdConfig(**SIZES, attention_type="original_full")
    ),
}
IDS = torch.tensor([[2, 5, 6, 7, 3], [2, 7, 3, 0, 0]])


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    """Of a family that has token types."""
    torch.manual_seed(1)
    made: PreTrainedModel = MODELS[request.param]().eval()
    return made


def answers(graph: onnx.ModelProto, place: Path, **more: torch.Tensor) -> Any:
    """Logits of both texts."""
    onnx.save(graph, place / "model.onnx")
    given = {"input_ids": IDS, "attention_mask": (IDS > 0).long(), **more}
    feed = {name: tensor.numpy() for name, tensor in given.items()}
    return open_session(place / "model.onnx", 1).run(None, feed)[0]


def test_a_row_is_added(model: PreTrainedModel, tmp_path: Path) -> None:
    """The same answers, and no lookup; the model keeps its table."""
    name = f"{model.base_model_prefix}.embeddings.{TABLE}.weight"
    table = dict(model.named_parameters())[name]
    graph = to_onnx(model)
    assert dict(model.named_parameters())[name] is table
    with torch.inference_mode():
        expected = model(IDS, attention_mask=(IDS > 0).long()).logits.numpy()
    assert answers(graph, tmp_path) == pytest.approx(expected, abs=1e-5)
    shapes = {one.name: tuple(one.dims) for one in graph.graph.initializer}
    assert tuple(table.shape) not in shapes.values()
    looked_up = [shapes.get(one.input[0]) for one in graph.graph.node if one.op_type == "Gather"]
    assert len([shape for shape in looked_up if shape and len(shape) == 2]) <= 2  # words, positions


def test_types_that_are_told_are_read(model: PreTrainedModel, tmp_path: Path) -> None:
    """A graph that takes them has the whole table."""
    graph = to_onnx(model, token_types=True)
    first, second = torch.zeros_like(IDS), torch.ones_like(IDS)
    with torch.inference_mode():
        mask = (IDS > 0).long()
        expected = model(IDS, attention_mask=mask, token_type_ids=second).logits.numpy()
    found = answers(graph, tmp_path, token_type_ids=second)
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.abs(found - answers(graph, tmp_path, token_type_ids=first)).max() > 1e-4
    tables = {node.name: node.input[0] for node in graph.graph.node if node.op_type == "Gather"}
    types = {name for name, table in tables.items() if TABLE in table}
    with quantizer(graph, "token") as ready:  # so small a table stays in FP32, the words' does not
        assert types
        assert tables.keys() & set(ready.nodes)
        assert not types & set(ready.nodes)


def test_it_is_as_it_was_after_an_error(model: PreTrainedModel) -> None:
    """Whoever goes on with the model goes on with its own table."""
    names = list(model.state_dict())
    with pytest.raises(KeyError), one_type(model):
        raise KeyError
    assert list(model.state_dict()) == names
