"""How models begin: from a base, from chosen layers of it, or from the teacher."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AlbertConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    PretrainedConfig,
)

from tests.tiny import tiny_bilstm, tiny_encoder, tiny_hub_tokenizer, word_hub_tokenizer
from tests.training.builders import TEACHER, changed
from training.errors import RecipeError
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.models.encoder import keep_layers
from training.models.initialization import new_model
from training.models.students.base import load_base
from training.recipe.recipe import Recipe, parse_recipe

LABELS = ("negative", "positive")
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 96,
}
DEEP = BertConfig(num_hidden_layers=6, max_position_embeddings=64, initializer_range=0.5, **SHAPE)
INPUTS = {
    "input_ids": torch.tensor([[2, 9, 8, 3]]),
    "attention_mask": torch.ones(1, 4, dtype=torch.long),
}


def saved(folder: Path, config: PretrainedConfig = DEEP, **tokenizer: Any) -> Checkpoint:
    """A random classifier on disk, with LABELS."""
    config.id2label, config.label2id = dict(enumerate(LABELS)), {"negative": 0, "positive": 1}
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    (word_hub_tokenizer() if tokenizer else tiny_hub_tokenizer()).save_pretrained(folder)
    return load_checkpoint(str(folder))


def recipe(**changes: Any) -> Recipe:
    """An encoder's recipe, with a teacher."""
    return parse_recipe(
        changed(TEACHER, data__train="t.tsv", distillation__teacher="t", **changes), "test"
    )


def test_a_student_takes_the_teachers_layers(tmp_path: Path) -> None:
    """Without a base, the chosen layers, the embeddings and the head are the teacher's own."""
    teacher = saved(tmp_path / "teacher")
    model, tokenizer = new_model(recipe(model__layers=[0, 3, 5]), LABELS, teacher)
    assert model.config.num_hidden_layers == 3
    mine, theirs = model.state_dict(), teacher.model.state_dict()
    for place, layer in enumerate((0, 3, 5)):
        old, new = f"bert.encoder.layer.{layer}.", f"bert.encoder.layer.{place}."
        names = [name.removeprefix(old) for name in theirs if name.startswith(old)]
        assert names
        assert all(torch.equal(mine[new + name], theirs[old + name]) for name in names)
    rest = [name for name in theirs if ".layer." not in name]
    assert {"classifier.weight", "bert.embeddings.word_embeddings.weight"} <= set(rest)
    assert all(torch.equal(mine[name], theirs[name]) for name in rest)
    assert len(mine) == len(theirs) - 3 * len(names)
    assert tokenizer("good")["input_ids"] == teacher.hub_tokenizer("good")["input_ids"]


@torch.no_grad()
def test_a_whole_copy_is_the_teacher(tmp_path: Path) -> None:
    """With every layer, named or not, the student answers as the teacher does."""
    teacher = saved(tmp_path / "teacher")
    expected = teacher.model(**INPUTS).logits
    for changes in ({}, {"model__layers": list(range(6))}):
        model, _ = new_model(recipe(**changes), LABELS, teacher)
        assert torch.allclose(model.eval()(**INPUTS).logits, expected, atol=1e-6)
    shallow, _ = new_model(recipe(model__layers=[0, 1, 2]), LABELS, teacher)
    assert not torch.allclose(shallow.eval()(**INPUTS).logits, expected, atol=1e-3)


@torch.no_grad()
def test_a_shallower_copy_is_read_back_as_it_is(tmp_path: Path) -> None:
    """What is saved has the chosen layers only, in every family, and gives the same logits."""
    configs = (DEEP, DistilBertConfig(vocab_size=96, dim=32, n_layers=4, n_heads=2, hidden_dim=48))
    for place, config in enumerate(configs):
        model = keep_layers(saved(tmp_path / f"{place}", config).model, (1, 3)).eval()
        model.save_pretrained(tmp_path / f"shallow-{place}")
        back = AutoModelForSequenceClassification.from_pretrained(tmp_path / f"shallow-{place}")
        assert back.config.num_hidden_layers == 2
        found, expected = (m.eval()(**INPUTS).logits for m in (back, model))
        assert torch.allclose(found, expected, atol=1e-6)


def test_layers_may_be_a_bases(tmp_path: Path) -> None:
    """With a base the layers and the tokeniser are its own, whoever teaches."""
    teacher = saved(tmp_path / "teacher", tiny_encoder().config)
    base = saved(tmp_path / "base", words=True)
    spec = recipe(model__base=base.source, model__layers=[2, 4], model__dropout=0.25)
    model, tokenizer = new_model(spec, LABELS, teacher)
    name = "bert.encoder.layer.{}.output.dense.weight"
    mine, theirs = model.state_dict(), base.model.state_dict()
    for place, layer in enumerate((2, 4)):
        assert torch.equal(mine[name.format(place)], theirs[name.format(layer)])
    assert tokenizer.mask_token == "<mask>"
    assert {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)} == {0.25}


def test_layers_that_are_not_there_are_told(tmp_path: Path) -> None:
    """A layer beyond the last, and an encoder whose layers share weights, are errors."""
    teacher = saved(tmp_path / "deep")
    with pytest.raises(RecipeError, match=r"model\.layers: .*layers are 0 to 5, not 6"):
        new_model(recipe(model__layers=[0, 6]), LABELS, teacher)
    shared = saved(
        tmp_path / "shared", AlbertConfig(num_hidden_layers=6, embedding_size=16, **SHAPE)
    )
    with pytest.raises(RecipeError, match=r"model\.layers: .*Albert.* has no stack of layers"):
        new_model(recipe(model__layers=[0]), LABELS, shared)


def test_an_encoder_needs_an_encoder_to_start_from(tmp_path: Path) -> None:
    """A teacher of another kind is no start for an encoder: a base must be given."""
    teacher = Checkpoint(str(tmp_path), tiny_bilstm(), tiny_hub_tokenizer(), None, None)
    for found in (teacher, None):
        with pytest.raises(RecipeError, match=r"model\.base is missing"):
            new_model(recipe(), LABELS, found)


@pytest.mark.parametrize("architecture", ["bilstm", "nano"])
@pytest.mark.parametrize("start", ["teacher", "contextual"])
def test_a_student_without_a_checkpoint_as_its_teacher_has_a_base(
    tmp_path: Path, architecture: str, start: str
) -> None:
    """Any encoder's body gives its tokenizer and embeddings, whatever it was trained for."""
    BertForMaskedLM(DEEP).save_pretrained(tmp_path)
    tiny_hub_tokenizer().save_pretrained(tmp_path)
    model = {"architecture": architecture, "embedding_size": 8, "initial_embeddings": start}
    values = recipe().model_dump(mode="json", exclude_none=True)
    values["model"] = {**model, "base": str(tmp_path)}
    student, tokenizer = new_model(parse_recipe(values, "test"), LABELS, None)
    assert tokenizer.get_vocab() == tiny_hub_tokenizer().get_vocab()
    assert student.config.vocab_size == load_base(str(tmp_path)).tokenizer.highest_id + 1
    table = student.state_dict()["embedding.weight"]
    assert table.shape[1] == 8
    assert float(table.std()) > 0

    del values["model"]["base"]
    with pytest.raises(RecipeError, match=r"set model\.base .--base. to an encoder"):
        new_model(parse_recipe(values, "test"), LABELS, None)
