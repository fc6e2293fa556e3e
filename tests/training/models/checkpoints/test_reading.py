"""How checkpoints read: lengths, pads, sides and tokenizers, from their own files."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from export.tasks.hub import Hub
from tests.tiny import (
    POSITIONS,
    tiny_bilstm,
    tiny_encoder,
    tiny_encoder_checkpoint,
    tiny_hub_tokenizer,
)
from tests.zoo.families import SUPPORTED
from training.errors import CheckpointError
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.encoder import keep_layers, new_encoder
from training.models.checkpoints.reading import load_hub_tokenizer, reading_of
from training.teach.lesson import Collator
from training.teach.logits import predict_logits

hf: Any = transformers


def changed_json(path: Path, **values: Any) -> None:
    """Rewrites some keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_positions_behind_the_pad_id_are_none_of_a_texts(tmp_path: Path) -> None:
    """RoBERTa's 66 positions are 64 tokens, whatever its tokenizer says."""
    SUPPORTED["RoBERTa"](tmp_path)
    changed_json(tmp_path / "tokenizer_config.json", model_max_length=512)
    checkpoint = load_checkpoint(str(tmp_path))
    assert checkpoint.max_length == 64
    assert checkpoint.reading.pad_id == 1


@pytest.mark.parametrize(
    ("tokenizer", "recipe", "expected"),
    [(10**30, None, 1024), (600, None, 600), (10**30, 100, 100), (600, 900, 600)],
)
def test_the_owner_says_the_length_and_a_recipe_lowers_it(
    tokenizer: int, recipe: int | None, expected: int
) -> None:
    """Long encoders are not capped, and no recipe reads more than there are positions."""
    hub_tokenizer = tiny_hub_tokenizer()
    hub_tokenizer.model_max_length = tokenizer
    config = tiny_encoder().config
    config.max_position_embeddings = 1024
    model = hf.BertForSequenceClassification(config)
    assert reading_of(hub_tokenizer, model, recipe).max_length == expected


def test_a_bilstm_reads_what_its_recipe_says() -> None:
    """It has no positions: the tokenizer that it took over says nothing of it."""
    assert reading_of(tiny_hub_tokenizer(), tiny_bilstm(), 300).max_length == 300


def test_a_directory_without_tokenizer_is_told(tmp_path: Path) -> None:
    """Transformers would make up a tokenizer of special tokens alone."""
    tiny_encoder_checkpoint(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    with pytest.raises(CheckpointError, match="has no tokenizer files: save the tokenizer"):
        load_checkpoint(str(tmp_path))


def test_a_wrong_path_is_a_wrong_path(tmp_path: Path) -> None:
    """No hub is asked for it."""
    for source in (str(tmp_path / "nowhere"), "./nowhere"):
        with pytest.raises(CheckpointError, match="nothing lies there"):
            load_checkpoint(source)


def test_a_slow_tokenizer_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """Whatever transformers raises for it."""
    SUPPORTED["ALBERT"](tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "spiece.model").write_bytes(b"no such thing")
    with pytest.raises(CheckpointError) as told:
        load_hub_tokenizer(str(tmp_path))
    assert "\n" not in str(told.value)


def test_more_ids_than_rows_are_told() -> None:
    """A text that held one would fail."""
    config = tiny_encoder().config
    config.vocab_size = 40
    with pytest.raises(CheckpointError, match="ids up to 83, and its model knows 40: save it"):
        reading_of(tiny_hub_tokenizer(), hf.BertForSequenceClassification(config))


@pytest.mark.parametrize(
    ("kind", "does"),
    [("MultipleChoice", "chooses among"), ("QuestionAnswering", "answers questions")],
)
def test_other_heads_are_refused(kind: str, does: str, tmp_path: Path) -> None:
    """With what they do; as a base they give their body, and it is said."""
    getattr(hf, f"BertFor{kind}")(tiny_encoder().config).save_pretrained(tmp_path)
    tiny_hub_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=f"no model of a task here: a BertFor{kind} {does}"):
        load_checkpoint(str(tmp_path))


def test_a_base_with_another_head_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A head for other labels is not kept; one for these is, without a word."""
    tiny_encoder_checkpoint(tmp_path, ("a", "b", "c"))
    new_encoder(str(tmp_path), ("a", "b", "c"), 0.1)
    assert "fresh" not in capsys.readouterr().err
    model = new_encoder(str(tmp_path), ("x", "y"), 0.1)
    assert "has a head for 3 labels: it gets a fresh one for 2" in capsys.readouterr().err
    assert model.config.num_labels == 2


def test_the_hash_is_of_weights_and_config(tmp_path: Path) -> None:
    """Other label names over the same weights are another model."""
    tiny_encoder_checkpoint(tmp_path)
    first = load_checkpoint(str(tmp_path))
    assert load_checkpoint(str(tmp_path)).sha256 == first.sha256
    changed_json(tmp_path / "config.json", id2label={0: "down", 1: "up"})
    assert load_checkpoint(str(tmp_path)).sha256 != first.sha256


def test_the_reading_has_a_hash_of_its_own(tmp_path: Path) -> None:
    """Of length, pad, rules, side, and what special tokens in a text are."""
    tiny_encoder_checkpoint(tmp_path)
    found = {load_checkpoint(str(tmp_path)).reading.sha256}
    found.add(load_checkpoint(str(tmp_path), 32).reading.sha256)
    changed_json(tmp_path / "tokenizer_config.json", truncation_side="left")
    found.add(load_checkpoint(str(tmp_path)).reading.sha256)
    found.add(load_checkpoint(str(tmp_path), special_tokens="parsed").reading.sha256)
    assert len(found) == 4


def test_weights_saved_in_half_are_read_in_full(tmp_path: Path) -> None:
    """Transformers 5 would keep them in half."""
    tiny_encoder().half().save_pretrained(tmp_path)
    tiny_hub_tokenizer().save_pretrained(tmp_path)
    assert load_checkpoint(str(tmp_path)).model.dtype == torch.float32


@pytest.mark.parametrize(
    ("family", "ends"), [("GPT-2", "<|endoftext|>"), ("Qwen2", "<|endoftext|>"), ("BART", "</s>")]
)
def test_the_token_that_answers_is_found_by_the_mask(
    family: str, ends: str, tmp_path: Path
) -> None:
    """Texts that hold the token which fills batches, or ends texts, answer as they do alone."""
    SUPPORTED[family](tmp_path)
    checkpoint = load_checkpoint(str(tmp_path), special_tokens="parsed")
    texts = ["good", f"a dull film {ends}", f"{ends} the cast {ends} is great and warm", ends]
    expected = Hub(str(tmp_path), checkpoint.max_length, special_tokens="parsed").logits(texts)
    found = predict_logits(checkpoint.model, checkpoint.tokenizer, texts)
    assert np.abs(found - expected).max() < 1e-5


def test_left_padding_is_not_read_by_a_bilstm() -> None:
    """Whatever side the owner padded, a batch of ours is padded on the right."""
    folder_tokenizer = tiny_hub_tokenizer()
    folder_tokenizer.padding_side = "left"
    model = tiny_bilstm()
    reading = reading_of(folder_tokenizer, model, POSITIONS)
    assert folder_tokenizer.padding_side == "right"
    items = reading.tokenizer.encode(["good", "a film with a warm and clever plot"])
    rows = [{"input_ids": item.ids, "attention_mask": [1] * len(item)} for item in items]
    batch = Collator(folder_tokenizer, None)([dict(row) for row in rows])
    with torch.inference_mode():
        together = model(**batch).logits[0]
        alone = model(**{name: torch.tensor([row]) for name, row in rows[0].items()}).logits[0]
    assert torch.allclose(together, alone, atol=1e-5)


def test_chosen_layers_keep_their_kind_of_attention(tmp_path: Path) -> None:
    """ModernBERT's layers attend to all of a text or to a window, each as it was trained."""
    SUPPORTED["ModernBERT"](tmp_path)
    model = load_checkpoint(str(tmp_path)).model
    kinds = model.config.layer_types
    assert len(set(kinds)) == 2
    shallow = keep_layers(model, (1, 2))
    assert shallow.config.layer_types == kinds[1:]
    shallow.save_pretrained(tmp_path / "shallow")
    again = hf.AutoConfig.from_pretrained(tmp_path / "shallow")
    assert again.layer_types == kinds[1:]


def test_checkpoints_of_transformers_4_and_5_are_one(tmp_path: Path) -> None:
    """The same ids, logits and hashes."""
    five, four = tmp_path / "five", tmp_path / "four"
    SUPPORTED["RoBERTa"](five)
    SUPPORTED["RoBERTa, as by transformers 4"](four)
    shutil.copy(five / "model.safetensors", four)
    first, second = load_checkpoint(str(five)), load_checkpoint(str(four))
    assert first.sha256 == second.sha256
    assert first.reading.sha256 == second.reading.sha256
