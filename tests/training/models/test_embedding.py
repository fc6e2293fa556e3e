"""Embedders as their owners saved them: what is read, what is refused, what is written."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.embedders import owned, tiny_embedder
from tests.tiny import tiny_encoder_checkpoint, toy_texts
from tests.training.builders import STUDENT, changed
from training.errors import CheckpointError
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.checkpoints.saving import save_checkpoint
from training.models.embedding.embedding import SentenceEncoder, pool
from training.recipe.recipe import parse_recipe
from training.teach.embeddings import predict_vectors

TEXTS = [text for text, _ in toy_texts(12, seed=4)]


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize(
    ("mode", "pooling"),
    [("mean", "mean"), ("cls", "cls"), ("max", "max"), ("lasttoken", "last")],
)
def test_the_owners_pooling_is_read_in_both_spellings(
    mode: str, pooling: str, new: bool, tmp_path: Path
) -> None:
    """With what stands beside it."""
    stated = {
        "prompts": {"query": "query: ", "document": None},
        "default_prompt_name": "query",
        "similarity_fn_name": "dot",
        "matryoshka_dims": [8, 16],
    }
    tiny_embedder(tmp_path, mode, new=new, normalize=False, stated=stated)
    checkpoint = load_checkpoint(str(tmp_path))
    found = checkpoint.embedding
    assert checkpoint.task == "feature-extraction"
    assert checkpoint.labels == ()
    assert (found.pooling, found.normalize, found.similarity) == (pooling, False, "dot")
    assert found.prompts == {"query": "query: ", "document": ""}
    assert found.prompted(["a"]) == ["query: a"]
    assert found.dimensions == (16, 8)


def test_a_bare_encoder_is_taken_for_a_mean_and_normalised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And it is said."""
    with caplog.at_level(logging.WARNING):
        found = load_checkpoint(str(tiny_embedder(tmp_path))).embedding
    assert (found.pooling, found.normalize, found.stated) == ("mean", True, False)
    assert "the mean of its tokens, normalised" in caplog.text
    assert "assumed" in found.told()


def test_length_and_case_are_those_of_its_files(tmp_path: Path) -> None:
    """As sentence-transformers reads: its length in place of the tokenizer's."""
    tiny_embedder(tmp_path, "mean", settings={"max_seq_length": 12, "do_lower_case": True})
    backend = json.loads((tmp_path / "tokenizer.json").read_text())
    backend["normalizer"]["lowercase"] = False
    (tmp_path / "tokenizer.json").write_text(json.dumps(backend))
    checkpoint = load_checkpoint(str(tmp_path))
    upper, lower = checkpoint.tokenizer.encode(["GOOD Film", "good film"])
    assert upper.ids == lower.ids
    assert checkpoint.max_length == 12


def test_a_classifier_is_no_embedder_whatever_lies_beside_it(tmp_path: Path) -> None:
    """Cross-encoders have such files too."""
    owned(tiny_encoder_checkpoint(tmp_path), ["mean"])
    assert load_checkpoint(str(tmp_path)).task == "text-classification"


def test_a_head_of_before_is_no_classifier_beside_such_files(tmp_path: Path) -> None:
    """An embedder that was trained from a masked language model may still be called one."""
    tiny_embedder(tmp_path, "mean")
    config = json.loads((tmp_path / "config.json").read_text())
    config["architectures"] = ["BertForMaskedLM"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load_checkpoint(str(tmp_path)).task == "feature-extraction"


@pytest.mark.parametrize(
    ("modes", "options", "words"),
    [
        (["weightedmean"], {}, "pools by weightedmean: served here is one of mean, cls, max, last"),
        (["mean", "max"], {}, "pools by mean and max|pools by max and mean"),
        (["mean", "cls"], {"new": True}, "pools by mean and cls"),
        (["mean"], {"kinds": ["Transformer", "Pooling", "LayerNorm"]}, "goes through LayerNorm"),
        (["mean"], {"kinds": ["StaticEmbedding", "Pooling"]}, "goes through StaticEmbedding"),
        (["mean"], {"kinds": ["Transformer", "Pooling", "Normalize", "Dense"]}, "in this order"),
        (
            ["mean"],
            {"dense": [nn.Linear(32, 8)], "dense_config": {"use_residual": True}},
            "a Dense with a residual",
        ),
        (
            ["mean"],
            {"dense": [nn.Linear(32, 8)], "dense_config": {"activation_function": "mine.Odd"}},
            "a Dense with mine.Odd",
        ),
        (["mean"], {"stated": {"default_prompt_name": "query"}}, "default prompt is 'query'"),
        (
            ["mean"],
            {"stated": {"prompts": {"query": "q: "}}, "include_prompt": False},
            "leaves its prompts out of the pooling",
        ),
        (["mean"], {"settings": {"transformer_task": "fill-mask"}}, "no embedder of texts"),
    ],
)
def test_what_cannot_be_served_as_it_was_trained_is_refused_by_name(
    modes: list[str], options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """In one line."""
    tiny_embedder(tmp_path)
    owned(tmp_path, modes, **options)
    with pytest.raises(CheckpointError, match=words) as raised:
        load_checkpoint(str(tmp_path))
    assert "\n" not in str(raised.value)


def test_pooling_never_looks_at_padding() -> None:
    """Each by numpy, text by text."""
    states = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1)) - 3
    lengths = [5, 2, 1]
    mask = torch.tensor([[1] * n + [0] * (5 - n) for n in lengths])
    for row, n in enumerate(lengths):
        own = states[row, :n].numpy()
        wanted = {"mean": own.mean(axis=0), "cls": own[0], "max": own.max(axis=0), "last": own[-1]}
        for pooling, vector in wanted.items():
            found = pool(states, mask, pooling)[row].numpy()  # type: ignore[arg-type]  # its keys
            np.testing.assert_allclose(found, vector, atol=1e-6)


def test_projections_are_part_of_the_vector(tmp_path: Path) -> None:
    """In their order, each with its activation; and they are part of what the checkpoint is."""
    torch.manual_seed(0)
    layers = [nn.Linear(32, 16), nn.Linear(16, 8)]
    plain = load_checkpoint(str(tiny_embedder(tmp_path / "plain", "mean")))
    dense = load_checkpoint(str(tiny_embedder(tmp_path / "dense", "mean", dense=layers)))
    before = predict_vectors(SentenceEncoder(plain.model, plain.embedding), plain.tokenizer, TEXTS)
    encoder = SentenceEncoder(dense.model, dense.embedding)
    after = predict_vectors(encoder, dense.tokenizer, TEXTS)
    with torch.inference_mode():
        wanted = torch.from_numpy(before)
        for layer in layers:
            wanted = layer(wanted).tanh()
    np.testing.assert_allclose(after, wanted.numpy(), atol=1e-6)
    assert encoder.size == 8
    assert dense.parameters == plain.parameters + 32 * 16 + 16 + 16 * 8 + 8
    assert dense.fingerprint != plain.fingerprint


def test_what_is_saved_is_read_again_as_it_was(tmp_path: Path) -> None:
    """And by sentence-transformers too: the files are those that the reading tests write."""
    stated = {"prompts": {"query": "q: "}, "default_prompt_name": "query"}
    first = load_checkpoint(str(tiny_embedder(tmp_path / "a", "cls", stated=stated)))
    recipe = parse_recipe(
        changed(STUDENT, data__train="t", distillation__teacher="t"), "saved"
    ).model_copy(update={"name": "saved"})
    save_checkpoint(tmp_path / "b", first.model, first.hub_tokenizer, recipe, {}, first.embedding)
    second = load_checkpoint(str(tmp_path / "b"))
    assert second.embedding.pooling == "cls"
    assert second.embedding.prompts == {"query": "q: "}
    assert second.embedding.default_prompt == "query"
    assert second.max_length == recipe.data.max_length
