"""Which task a recipe is of."""

from pathlib import Path

import pytest
from transformers import BertForTokenClassification

from tests.tiny import tiny_encoder, tiny_encoder_checkpoint, tiny_hub_tokenizer
from tests.training.builders import student_recipe, teacher_recipe
from training.errors import CheckpointError
from training.tasks.tasks import task_of_recipe
from training.teach.teachers.opening import open_teacher


def test_the_recipe_says_it_or_its_teacher(tmp_path: Path) -> None:
    """By the recipe, else by the teacher's own head, else it is text classification."""
    tagger = tmp_path / "tagger"
    BertForTokenClassification(tiny_encoder().config).save_pretrained(tagger)
    tiny_hub_tokenizer().save_pretrained(tagger)
    classifier = tiny_encoder_checkpoint(tmp_path / "classifier")
    assert task_of_recipe(teacher_recipe(tmp_path)) == "text-classification"
    assert task_of_recipe(student_recipe(tmp_path, classifier)) == "text-classification"
    assert task_of_recipe(student_recipe(tmp_path, tagger)) == "token-classification"
    other = student_recipe(tmp_path, tagger, task="feature-extraction")
    assert task_of_recipe(other) == "feature-extraction"
    with pytest.raises(CheckpointError, match="the recipe is for text-classification, and"):
        open_teacher(str(tagger))
