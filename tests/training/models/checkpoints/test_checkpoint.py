"""Checkpoint directories: written whole, read back, refused where they are not classifiers."""

import json
from pathlib import Path

import pytest
import torch
from transformers import BertForMaskedLM, BertForTokenClassification, BertModel

from tests.tiny import (
    POSITIONS,
    tiny_bilstm,
    tiny_encoder,
    tiny_encoder_checkpoint,
    tiny_hub_tokenizer,
    tiny_nano,
)
from tests.training.builders import TEACHER, changed
from training.errors import CheckpointError, RecipeError
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.checkpoints.reading import load_hub_tokenizer
from training.models.checkpoints.saving import save_checkpoint
from training.recipe.recipe import parse_recipe

RECIPE = parse_recipe(
    changed(TEACHER, data__train="t.tsv", model__base="b", data__max_length=12), "test"
)
METRICS = {"validation": {"accuracy": 0.5}}
TASKS = {
    "classifier": "text-classification",
    "tagger": "token-classification",
    "encoder": "feature-extraction",
}


@pytest.mark.parametrize(
    "model",
    [tiny_encoder(), tiny_bilstm(), tiny_nano()],
    ids=["encoder", "bilstm", "nano"],
)
def test_round_trip(tmp_path: Path, model: torch.nn.Module) -> None:
    """Weights, labels, tokeniser, recipe and metrics of every kind of model come back."""
    target = tmp_path / "deep" / "checkpoint"
    save_checkpoint(target, model, tiny_hub_tokenizer(), RECIPE, METRICS)  # type: ignore[arg-type]
    assert {path.name for path in target.iterdir()} >= {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "recipe.toml",
        "metrics.json",
    }
    assert [path.name for path in target.parent.iterdir()] == ["checkpoint"]
    back = load_checkpoint(str(target))
    assert (back.recipe, back.metrics) == (RECIPE, METRICS)
    assert back.labels == ("negative", "positive")
    assert back.max_length == 12
    assert not back.model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, back.model.state_dict()[name])
    (encoding,) = back.tokenizer.encode(["good film"])
    assert encoding.ids == tiny_hub_tokenizer()("good film")["input_ids"]


def test_a_result_is_never_overwritten(tmp_path: Path) -> None:
    """Where something is already, nothing is written and nothing is lost."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mine.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="here exists"):
        save_checkpoint(tmp_path / "here", tiny_bilstm(), tiny_hub_tokenizer(), RECIPE, METRICS)
    assert [path.name for path in tmp_path.rglob("*")] == ["here", "mine.txt"]


def test_metrics_are_plain_json(tmp_path: Path) -> None:
    """Other programs can read metrics.json."""
    save_checkpoint(tmp_path / "c", tiny_bilstm(), tiny_hub_tokenizer(), RECIPE, METRICS)
    assert json.loads((tmp_path / "c" / "metrics.json").read_text()) == METRICS


def test_checkpoint_from_elsewhere(tmp_path: Path) -> None:
    """Without a recipe, the model reads as many tokens as it has positions."""
    found = load_checkpoint(str(tiny_encoder_checkpoint(tmp_path, ("b", "a", "c"))))
    assert (found.recipe, found.metrics) == (None, None)
    assert found.labels == ("b", "a", "c")
    assert found.max_length == POSITIONS


def test_positions_limit_the_length(tmp_path: Path) -> None:
    """A tokeniser that names no maximum does not let a text run over the model's positions."""
    tiny_encoder_checkpoint(tmp_path)
    config = tmp_path / "tokenizer_config.json"
    values = {k: v for k, v in json.loads(config.read_text()).items() if k != "model_max_length"}
    config.write_text(json.dumps(values))
    assert load_hub_tokenizer(str(tmp_path)).model_max_length > 10**9
    assert load_checkpoint(str(tmp_path)).max_length == POSITIONS


def test_labels_are_ordered_by_logit(tmp_path: Path) -> None:
    """Eleven labels come in the order of their numbers, not of their spelling."""
    labels = tuple(f"label {index}" for index in range(11))
    assert load_checkpoint(str(tiny_encoder_checkpoint(tmp_path, labels))).labels == labels


def test_hash_is_of_the_weights(tmp_path: Path) -> None:
    """Equal weights have one hash wherever they lie; one changed number has another."""
    first, second = (
        load_checkpoint(str(tiny_encoder_checkpoint(tmp_path / name))) for name in "ab"
    )
    before = first.sha256
    assert before == second.sha256
    with torch.no_grad():
        next(first.model.parameters()).view(-1)[0] += 1e-3
    assert first.sha256 != before


def test_absent_checkpoints_are_told(tmp_path: Path) -> None:
    """A path or hub id that cannot be had is an error that names it."""
    for source in (str(tmp_path / "absent"), "nobody/has-this-model", str(tmp_path)):
        with pytest.raises(CheckpointError, match=source):
            load_checkpoint(source)
        with pytest.raises(CheckpointError, match=source):
            load_hub_tokenizer(source)


def test_each_head_has_its_task(tmp_path: Path) -> None:
    """A checkpoint is read as what it is, and whoever needs another is told."""
    tiny_encoder_checkpoint(tmp_path / "classifier")
    config = tiny_encoder(("O", "B-x")).config
    for name, kind in (("tagger", BertForTokenClassification), ("encoder", BertModel)):
        kind(config).save_pretrained(tmp_path / name)
        tiny_hub_tokenizer().save_pretrained(tmp_path / name)
    found = {name: load_checkpoint(str(tmp_path / name)) for name in TASKS}
    assert {name: one.task for name, one in found.items()} == TASKS
    assert found["tagger"].labels == ("O", "B-x")
    assert found["encoder"].labels == ()
    assert found["tagger"].require("token-classification", "it") is found["tagger"]
    with pytest.raises(CheckpointError, match=r"compress is for text-classification, and .*tagger"):
        found["tagger"].require("text-classification", "compress")


def test_a_head_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Transformers would make it up at random."""
    model = BertForMaskedLM(tiny_encoder().config)
    model.save_pretrained(tmp_path)
    tiny_hub_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"no sequence classifier.*classifier\.weight"):
        load_checkpoint(str(tmp_path))


def test_a_broken_recipe_is_told(tmp_path: Path) -> None:
    """A checkpoint whose recipe was spoilt is an error that names the file."""
    tiny_encoder_checkpoint(tmp_path)
    (tmp_path / "recipe.toml").write_text("name = ")
    with pytest.raises(RecipeError, match=r"recipe\.toml is not TOML"):
        load_checkpoint(str(tmp_path))


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    """As half a download: an error of one line that names the checkpoint."""
    weights = tiny_encoder_checkpoint(tmp_path / "half") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match=r"no sequence classifier at .*half"):
        load_checkpoint(str(tmp_path / "half"))


def test_a_file_is_no_checkpoint(tmp_path: Path) -> None:
    """Data under --teacher, for example."""
    (tmp_path / "data.tsv").write_text("text\tlabel\n")
    with pytest.raises(CheckpointError, match=r"data\.tsv is a file: a checkpoint is a directory"):
        load_checkpoint(str(tmp_path / "data.tsv"))


def test_labels_that_repeat_are_told(tmp_path: Path) -> None:
    """No answer could say which of the two is meant."""
    tiny_encoder_checkpoint(tmp_path, ("a", "b", "a"))
    with pytest.raises(CheckpointError, match="several outputs the label 'a'"):
        load_checkpoint(str(tmp_path))
