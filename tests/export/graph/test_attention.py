"""Attention written out: fewer nodes, the same numbers, and no model that stays another."""

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
    GPT2Config,
    GPT2ForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedModel,
)

from export.graph.attention import NAME, written_out
from export.graph.onnx_graph import to_onnx
from service.runtime.engine import open_session
from tests.tiny import tiny_encoder

SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "pad_token_id": 0,
    "hidden_size": 32,
    "intermediate_size": 64,
    "initializer_range": 0.5,  # wide, so that texts differ
}
IDS = torch.tensor([[2, 5, 6, 7, 8, 9, 3], [2, 7, 3, 0, 0, 0, 0]])
MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "bert": lambda: BertForSequenceClassification(BertConfig(**SIZES)),
    "local": lambda: ModernBertForSequenceClassification(
        ModernBertConfig(
            **SIZES,
            local_attention=4,
            layer_types=["sliding_attention", "full_attention"],
            bos_token_id=2,
            eos_token_id=3,
            cls_token_id=2,
            sep_token_id=3,
        )
    ),
    "causal": lambda: GPT2ForSequenceClassification(
        GPT2Config(
            vocab_size=40, n_embd=32, n_layer=2, n_head=4, pad_token_id=0, initializer_range=0.5
        )
    ),
    "shared keys": lambda: LlamaForSequenceClassification(
        LlamaConfig(**SIZES, num_key_value_heads=2)
    ),
}


def logits(model: PreTrainedModel) -> torch.Tensor:
    """Of both texts."""
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=IDS, attention_mask=(IDS > 0).long()).logits
    return found


@pytest.mark.parametrize("kind", MODELS)
def test_the_numbers_are_those_of_torch(kind: str) -> None:
    """Padding, windows, an order of tokens and keys that heads share: each as it is without."""
    torch.manual_seed(1)
    model = MODELS[kind]().eval()
    before, attends = logits(model), model.config._attn_implementation
    with written_out(model):
        assert model.config._attn_implementation == NAME
        inside = logits(model)
    assert (before[0] - before[1]).abs().max() > 1e-4  # the texts do differ
    assert (inside - before).abs().max() < 1e-5
    assert model.config._attn_implementation == attends == "sdpa"
    assert (logits(model) == before).all()


def test_what_cannot_change_stays() -> None:
    """A model that attends in its own way, as one that is asked for its weights does."""
    model = MODELS["bert"]().eval()
    model.set_attn_implementation("eager")
    with written_out(torch.nn.Sequential(model)):
        assert model.config._attn_implementation == "eager"


def test_it_is_as_it_was_after_an_error() -> None:
    """Whoever goes on with the model goes on with its own."""
    model = tiny_encoder()
    with pytest.raises(KeyError), written_out(model):
        raise KeyError
    assert model.config._attn_implementation == "sdpa"


def test_nodes_are_those_of_the_arithmetic(tmp_path: Path) -> None:
    """Of each layer the keys are turned once; the mask comes from no range."""
    model = tiny_encoder().eval()
    graph = to_onnx(model)
    kinds = [node.op_type for node in graph.graph.node]
    layers = model.config.num_hidden_layers
    assert kinds.count("Softmax") == layers
    assert kinds.count("Transpose") == 4 * layers
    assert not {"Range", "GatherND", "IsNaN"} & set(kinds)
    onnx.save(graph, tmp_path / "model.onnx")
    whole, none = np.array([[2, 5, 6, 3]]), np.zeros((1, 4), np.int64)
    feed = {"input_ids": whole, "attention_mask": none}
    assert np.isfinite(open_session(tmp_path / "model.onnx", 1).run(None, feed)[0]).all()
