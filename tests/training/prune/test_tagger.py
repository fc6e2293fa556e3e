"""Taggers are pruned as classifiers are, in their own vocabulary."""

from pathlib import Path
from typing import Any

import pytest

from tests.tagged import student_tagger_recipe, tiny_tagger_checkpoint, toy_tags
from training.errors import RecipeError
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.pruned.families import layers_of
from training.tasks.run import run_recipe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With texts and a teacher that was never trained."""
    toy_tags(tmp_path / "train.jsonl", 120, 1)
    toy_tags(tmp_path / "test.jsonl", 20, 2)
    tiny_tagger_checkpoint(tmp_path / "teacher")
    return tmp_path


@pytest.mark.parametrize("importance", ["taylor", "distillation"])
def test_a_tagger_is_cut(folder: Path, importance: str) -> None:
    """By its labels or its teacher, token by token; and it is read again as a tagger."""
    pruning: dict[str, Any] = {"heads": 0.5, "neurons": 0.5, "importance": importance, "cuts": 2}
    recipe = student_tagger_recipe(
        folder,
        model={"architecture": "encoder", "dropout": 0.0},
        training={"epochs": 1, "learning_rate": 1e-3},
        pruning=pruning,
    )
    metrics = run_recipe(recipe, folder / "student")
    found = load_checkpoint(str(folder / "student"))
    assert found.task == "token-classification"
    assert metrics["pruning"]["heads"] == [one.heads for one in layers_of(found.model)] == [1, 1]
    assert metrics["pruning"]["parameters"] == found.parameters


def test_its_vocabulary_stays(folder: Path) -> None:
    """It learns of each token what its teacher says of it: both have to read the same ones."""
    with pytest.raises(RecipeError, match='in one vocabulary: take "all"'):
        run_recipe(
            student_tagger_recipe(
                folder,
                model={"architecture": "encoder", "dropout": 0.0},
                pruning={"vocabulary": "data"},
            ),
            folder / "student",
        )
