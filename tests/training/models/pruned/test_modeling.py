"""Pruned encoders: cut as if zeroed, saved and read again, and exported, family by family."""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from export.graph.onnx_graph import to_onnx
from service.runtime.engine import open_session
from tests.tiny import tiny_bilstm, tiny_encoder
from tests.zoo.families import SUPPORTED
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.models.encoder import keep_layers
from training.models.pruned.families import layers_of
from training.models.pruned.modeling import Kept, cut, prunable
from training.teach.attention import last_projections, watched

FAMILY_NAMES = ("BERT", "DistilBERT", "RoBERTa", "XLM-R", "ELECTRA", "MPNet")
KEPT = (Kept([1], range(0, 64, 2)), Kept([0], range(24)))  # other sizes in each layer
BARE = (Kept([1], range(0, 64, 2)), Kept([0], []))  # a layer without a neuron
ways = pytest.mark.parametrize("kept", [KEPT, BARE], ids=["some", "none"])


@pytest.fixture(scope="module", params=FAMILY_NAMES)
def checkpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Checkpoint:
    """A tiny one of a family: two layers of two heads and 64 neurons."""
    folder = tmp_path_factory.mktemp("family") / "checkpoint"
    SUPPORTED[request.param](folder)
    return load_checkpoint(str(folder))


def batch(rows: int = 3, tokens: int = 9) -> dict[str, torch.Tensor]:
    """Texts, the second one shorter."""
    ids = torch.randint(5, 40, (rows, tokens), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, tokens // 2 :] = 0
    return {"input_ids": ids, "attention_mask": mask}


def logits(model: PreTrainedModel, **changes: int) -> torch.Tensor:
    """What a model says of a batch."""
    with torch.inference_mode():
        found: torch.Tensor = model.eval()(**batch(**changes)).logits
    return found


def zeroed(model: PreTrainedModel, kept: Sequence[Kept]) -> PreTrainedModel:
    """A copy of its own size, in which nothing reads what is not kept."""
    found = copy.deepcopy(model)
    for layer, one in zip(layers_of(found), kept, strict=True):
        heads, neurons = torch.zeros(layer.heads), torch.zeros(layer.neurons)
        heads[list(one.heads)], neurons[list(one.neurons)] = 1, 1
        with torch.no_grad():
            layer.context.weight.mul_(heads.repeat_interleave(layer.head_size))
            layer.outer.weight.mul_(neurons)
    return found


def test_uncut_it_says_what_it_said(checkpoint: Checkpoint) -> None:
    """With every head and neuron, and the dropout that it had."""
    model = prunable(checkpoint.model)
    torch.testing.assert_close(logits(model), logits(checkpoint.model))
    assert model.config.model_type == f"pruned-{checkpoint.model.config.model_type}"


@ways
def test_cut_is_zeroed(checkpoint: Checkpoint, kept: Sequence[Kept]) -> None:
    """A model without some heads and neurons says what one says in which nobody reads them."""
    whole = prunable(checkpoint.model)
    model = copy.deepcopy(whole)
    cut(model, kept)
    assert torch.allclose(logits(model), logits(zeroed(whole, kept)), atol=1e-6)
    assert not torch.allclose(logits(model), logits(whole), atol=1e-3)
    assert model.num_parameters() < whole.num_parameters()
    assert [layer.heads for layer in layers_of(model)] == [1, 1]
    assert [layer.neurons for layer in layers_of(model)] == [32, len(kept[1].neurons)]


def test_cuts_add_up(checkpoint: Checkpoint) -> None:
    """A second cut counts among what the first has left; places are of the uncut model."""
    once, twice = (prunable(checkpoint.model), copy.deepcopy(prunable(checkpoint.model)))
    cut(once, KEPT)
    cut(twice, [Kept([0, 1], range(0, 64, 2)), Kept([0], range(32))])
    cut(twice, [Kept([1], range(32)), Kept([0], range(24))])
    torch.testing.assert_close(logits(once), logits(twice))
    assert once.config.kept_heads == twice.config.kept_heads == [[1], [0]]
    assert once.config.kept_neurons == twice.config.kept_neurons == [32, 24]


@ways
def test_round_trip(checkpoint: Checkpoint, kept: Sequence[Kept], tmp_path: Path) -> None:
    """What is saved is read again by `load_checkpoint`, equal in weights, config and reading."""
    model = prunable(checkpoint.model)
    cut(model, kept)
    model.save_pretrained(tmp_path)
    checkpoint.hub_tokenizer.save_pretrained(tmp_path)
    found = load_checkpoint(str(tmp_path))
    torch.testing.assert_close(logits(found.model), logits(model))
    assert found.parameters == model.num_parameters()
    assert found.max_length == checkpoint.max_length
    assert found.labels == checkpoint.labels
    shallow = keep_layers(found.model, [1])
    assert shallow.config.kept_heads == [[0]]
    assert shallow.config.kept_neurons == [len(kept[1].neurons)]


@ways
def test_exported(checkpoint: Checkpoint, kept: Sequence[Kept], tmp_path: Path) -> None:
    """As an ONNX graph, of batches and lengths that were not traced, and of no empty matrix."""
    model = prunable(checkpoint.model)
    cut(model, kept)
    path = tmp_path / "model.onnx"
    graph = to_onnx(model)
    assert all(0 not in one.dims for one in graph.graph.initializer if len(one.dims) > 1)
    path.write_bytes(graph.SerializeToString())
    session = open_session(path, 1)
    for rows, tokens in ((2, 3), (4, 17)):
        given = {name: one.numpy() for name, one in batch(rows, tokens).items()}
        (found,) = session.run(None, given)
        assert np.abs(found - logits(model, rows=rows, tokens=tokens).numpy()).max() < 1e-5


def test_its_attention_is_split_by_the_heads_that_are_left(checkpoint: Checkpoint) -> None:
    """For a loss that compares head with head, of a teacher that is pruned itself, say."""
    model = prunable(checkpoint.model)
    cut(model, KEPT)
    found = last_projections(model, "teacher")
    with watched(found, (3, 9)) as outputs:
        logits(model)
    assert found.split(outputs).query.shape == (3, 1, 9, 16)


def test_what_cannot_be_pruned() -> None:
    """Other families, and models with another head."""
    for model in (tiny_bilstm(), tiny_encoder().bert):
        with pytest.raises(ValueError, match="classifiers and taggers of bert, roberta"):
            prunable(model)


def test_a_layer_is_what_its_family_says(checkpoint: Checkpoint) -> None:
    """Its modules hold all matrices of the layer: none would be forgotten."""
    layers = layers_of(checkpoint.model)
    family = checkpoint.model.base_model
    linear = [m for m in family.modules() if isinstance(m, nn.Linear) and m.in_features in (32, 64)]
    named = [m for one in layers for m in (*one.projections, one.context, one.inner, one.outer)]
    assert {id(one) for one in named} <= {id(one) for one in linear}
    assert len(named) == 12
