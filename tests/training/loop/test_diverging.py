"""A training that comes to numbers that are none ends with an error, and writes nothing."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.training.builders import student_recipe, teacher_recipe
from training.data.labelled import LabelledText
from training.errors import RecipeError, StudyError
from training.loop.metrics import scores_of
from training.models.checkpoints.saving import spelt
from training.recipe.recipe import Recipe
from training.tasks.run import run_recipe
from training.tune.space import load_space
from training.tune.tuning import Plan, tune

RATE = 1e30


def diverging(toy: Path) -> Recipe:
    """A recipe whose first steps leave no finite weight."""
    return teacher_recipe(toy, training__learning_rate=RATE, training__epochs=1)


def test_it_is_an_error_and_writes_no_checkpoint(toy: Path, tmp_path: Path) -> None:
    """At the first evaluation; the message says what to lower, and what to remove."""
    output = tmp_path / "m"
    with pytest.raises(RecipeError, match=r"diverged.*training\.learning_rate \(1e\+30") as raised:
        run_recipe(diverging(toy), output)
    assert f"remove {output}.run" in str(raised.value)
    assert not output.exists()


def test_one_that_ends_before_an_evaluation(toy: Path, tmp_path: Path) -> None:
    """The weights themselves are looked at before they are scored and saved."""
    recipe = diverging(toy)
    rare = recipe.training.model_copy(update={"evaluations_per_epoch": 0.1})
    with pytest.raises(RecipeError, match=r"diverged"):
        run_recipe(recipe.model_copy(update={"training": rare}), tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_logits_that_are_no_numbers_have_no_scores(wrong: float) -> None:
    """The first label of all would else be given for each text."""
    data = LabelledText(["a", "b"], np.array([0, 1]), ("x", "y"))
    with pytest.raises(RecipeError, match="1 of 2 texts"):
        scores_of(np.array([[0.0, 1.0], [wrong, 0.0]]), data)


def test_a_trial_has_failed(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """With its reason, and it is nobody's best."""
    recipe = student_recipe(toy, teacher, training__epochs=1, data__test=None)
    (tmp_path / "space.toml").write_text(f"training.learning_rate = {{ choices = [{RATE}] }}")
    space = load_space(tmp_path / "space.toml", recipe)
    with pytest.raises(StudyError, match="no trial was completed"):
        tune(Plan(recipe, space, tmp_path / "study", 1))
    (trial,) = json.loads((tmp_path / "study" / "study.json").read_text())["trials"]
    assert trial["state"] == "failed"
    assert "diverged" in trial["reason"]


def test_metrics_are_json() -> None:
    """A number of the log that is not finite, as one step's gradient may have, is null."""
    assert json.loads(spelt({"log": [{"grad_norm": float("nan"), "loss": 0.5}], "n": 3})) == {
        "log": [{"grad_norm": None, "loss": 0.5}],
        "n": 3,
    }
