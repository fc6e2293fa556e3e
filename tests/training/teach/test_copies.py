"""Altered copies in a student's lesson: how many there are where a recipe leaves it open."""

import json
from pathlib import Path

import pytest

from tests.tiny import toy_data
from tests.training.builders import student_recipe
from training.recipe.recipe import load_recipe
from training.recipe.teaching import Augmentation
from training.tasks.run import run_recipe


def test_copies_are_chosen_by_the_size_and_written(
    toy: Path, teacher: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A section that leaves all open is filled in, told, and saved as it was done."""
    toy_data(tmp_path / "few.tsv", 100, seed=8)
    recipe = student_recipe(
        toy,
        teacher,
        data__train=str(tmp_path / "few.tsv"),
        training__epochs=1,
        distillation__augmentation={},
    )
    metrics = run_recipe(recipe, tmp_path / "student")
    n = metrics["train"]["n"]
    assert n < metrics["train"]["augmented_n"] <= 20 * n
    saved = load_recipe(tmp_path / "student" / "recipe.toml").distillation
    assert saved is not None
    assert saved.augmentation == Augmentation(copies=20, mask_probability=0.1)
    assert "copies is not given: 20 of each text" in caplog.text


def test_soft_labels_are_of_no_copies(
    toy: Path, teacher: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file says nothing of texts that it does not hold, so none are made by default."""
    rows = [line.split("\t") for line in (toy / "train.tsv").read_text().splitlines()[1:]]
    with (tmp_path / "soft.jsonl").open("w") as file:
        for text, label in rows:
            yes = 0.9 if label == "positive" else 0.1
            file.write(json.dumps({"text": text, "negative": 1 - yes, "positive": yes}) + "\n")
    teachers = [str(teacher), str(tmp_path / "soft.jsonl")]
    recipe = student_recipe(
        toy, teacher, distillation__teacher=teachers, distillation__augmentation={}
    )
    metrics = run_recipe(recipe, tmp_path / "student")
    assert metrics["train"]["augmented_n"] == 0
    assert "copies is not given: 0 of each text" in caplog.text
