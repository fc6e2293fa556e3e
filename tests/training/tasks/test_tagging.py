"""What a tagger's recipe is refused for, before any long work; what is told of its texts."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

import training
from tests.tagged import (
    TYPES,
    student_tagger_recipe,
    tagger_recipe,
    tiny_tagger_checkpoint,
    toy_tags,
)
from tests.tiny import tiny_encoder_checkpoint, word_hub_tokenizer
from training.data.tags.loading import load_tagged_text
from training.data.tags.tagged import labels_of
from training.errors import CheckpointError, RecipeError
from training.recipe.data import Data
from training.recipe.recipe import load_recipe
from training.tasks.tagging import prepare
from training.teach.tags.rows import RowMaker, TagCollator
from training.teach.tags.teacher import open_tagging_teachers, taught_by

RECIPES = Path(training.__file__).parent / "recipes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With texts, a base and a teacher that was never trained."""
    toy_tags(tmp_path / "train.jsonl", 120, 1)
    toy_tags(tmp_path / "test.jsonl", 20, 2)
    tiny_encoder_checkpoint(tmp_path / "base", spread=0.1)
    tiny_tagger_checkpoint(tmp_path / "teacher")
    return tmp_path


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"training": {"choose_by": "accuracy"}}, "choose one of .'entity_f1', 'loss'"),
        ({"training": {"class_weights": "balanced"}}, "weigh the labels of whole texts"),
        ({"distillation": {"losses": {"cosine": 1.0}}}, "learns by hard, kl and mse"),
        ({"distillation": {"augmentation": {"copies": 1}}}, "distillation.transfer"),
        ({"model": {"architecture": "nano"}}, "tags no tokens"),
    ],
)
def test_refused(folder: Path, sections: dict[str, Any], says: str) -> None:
    """With what to do instead."""
    if "distillation" in sections:
        sections = {
            "distillation": {"teacher": str(folder / "teacher"), **sections["distillation"]}
        }
    with pytest.raises(RecipeError, match=says):
        prepare(student_tagger_recipe(folder, **sections), folder / "run", keep=False)


def test_who_can_teach(folder: Path) -> None:
    """A tagger that reads the same tokens; neither a classifier nor one of other tokens."""
    recipe = student_tagger_recipe(folder)
    (teacher,) = open_tagging_teachers(recipe)
    assert taught_by([teacher], teacher.reading, bf16=False)[0].checkpoint is teacher
    tiny_encoder_checkpoint(folder / "classifier")
    spec = {"teacher": str(folder / "classifier")}
    with pytest.raises(CheckpointError, match="is for text-classification"):
        open_tagging_teachers(student_tagger_recipe(folder, distillation=spec))
    tiny_encoder_checkpoint(folder / "other")
    word_hub_tokenizer().save_pretrained(folder / "other")
    model = {"architecture": "encoder", "base": str(folder / "other")}
    with pytest.raises(RecipeError, match="reads other tokens than its student"):
        prepare(student_tagger_recipe(folder, model=model), folder / "run", keep=False)


def test_rows_and_batches(folder: Path) -> None:
    """Logits of each token of both texts; padding and special tokens teach nothing."""
    (checkpoint,) = open_tagging_teachers(student_tagger_recipe(folder))
    teachers = taught_by([checkpoint], checkpoint.reading, bf16=False)
    rows = [{"text": "a film", "spans": []}, {"text": "a good film", "spans": [[2, 6, "praise"]]}]
    (folder / "two.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    data = load_tagged_text(str(folder / "two.jsonl"), Data(), types=TYPES)
    labels = labels_of(TYPES)
    maker = RowMaker(checkpoint.tokenizer, labels, "all", teachers)
    found = maker.rows(data)
    batch = TagCollator(0, len(labels))([found[0], found[1]])
    assert batch["input_ids"].shape == (2, 5)
    assert batch["labels"].tolist() == [[-100, 0, 0, -100, -100], [-100, 0, 3, 0, -100]]
    taught = [[False, True, True, False, False], [False, True, True, True, False]]
    assert batch["taught"].tolist() == taught
    items = checkpoint.tokenizer.encode(list(data.texts))
    for row, logits in enumerate(teachers[0].logits(data.texts, items)):
        got = batch["teacher_logits"][row, : len(logits)].numpy()
        assert (got == logits).all()
    bare = TagCollator(0, len(labels))([maker.rows(data, labelled=False)[1]])
    assert bare["labels"].tolist() == [[-100] * 5]
    assert bare["taught"].tolist() == [taught[1]]


def test_what_is_cut_is_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Words and entities beyond the length that is read."""
    with caplog.at_level(logging.WARNING):
        prepare(tagger_recipe(folder, data={"max_length": 5}), folder / "run", keep=False)
    assert "training texts are longer than data.max_length" in caplog.text
    assert "have no token that is read, and are not learnt" in caplog.text


@pytest.mark.parametrize("name", ["teacher-wnut17", "student-tagger"])
def test_shipped_recipes_read_any_form(folder: Path, name: str) -> None:
    """A CoNLL file has no names of columns, JSON lines have the usual ones."""
    (folder / "train.conll").write_text("good\tB-praise\nfilm\tO\n\nbad\tB-blame\n")
    data = load_recipe(RECIPES / f"{name}.toml").data
    for source in ("train.conll", "train.jsonl"):
        assert load_tagged_text(str(folder / source), data).types == TYPES
