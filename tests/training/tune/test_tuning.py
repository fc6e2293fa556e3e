"""Tuning from end to end, on toy data with tiny models."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import optuna
import pytest
from click.testing import CliRunner, Result
from transformers import TrainerControl, TrainerState, TrainingArguments

from cli import main
from tests.tiny import tiny_encoder_checkpoint
from tests.training.builders import student_recipe
from training.errors import RecipeError, StudyError
from training.recipe.recipe import load_recipe, shipped_recipe, with_values
from training.tasks.run import run_recipe
from training.tune.plot import draw
from training.tune.space import drawn_values, load_space
from training.tune.tuning import Plan, Report, tune, work

# A learning rate of 1e-9 learns nothing; the teacher has 32 dimensions, not 64.
SPACE = """
training.learning_rate = { choices = [1e-2, 1e-9] }
distillation.alpha = { low = 0, high = 1 }
"""
SIZES = "model.embedding_size = { choices = [16, 64] }"


def plan(toy: Path, teacher: Path, folder: Path, trials: int, space: str = SPACE) -> Plan:
    """A plan in `folder`, whose test set is not there."""
    recipe = student_recipe(toy, teacher, data__test="never-read.tsv", training__epochs=2)
    (folder / "recipe.toml").write_text(recipe.to_toml())
    (folder / "space.toml").write_text(space)
    return Plan(recipe, load_space(folder / "space.toml", recipe), folder / "study", trials)


def found(folder: Path) -> dict[str, Any]:
    """What the study wrote of itself."""
    result: dict[str, Any] = json.loads((folder / "study" / "study.json").read_text())
    return result


def test_the_better_values_are_found(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """The best recipe is written, hopeless trials are pruned, and the test set is not read."""
    made = plan(toy, teacher, tmp_path, trials=10)
    best = tune(made)
    study = found(tmp_path)
    assert [trial["trial"] for trial in study["trials"]] == list(range(10))
    # The recipe as it is comes first.
    assert study["trials"][0]["values"] == {
        "training.learning_rate": 1e-2,
        "distillation.alpha": 0.5,
    }
    assert best.recipe_accuracy == max(study["trials"][0]["accuracies"])
    assert best.values["training.learning_rate"] == 1e-2
    assert best.accuracy > 0.9
    assert best.accuracy_low < best.accuracy
    assert best.n == 60
    # A trial that learns nothing is stopped at its second evaluation of four.
    pruned = [trial for trial in study["trials"] if trial["state"] == "pruned"]
    hopeless = [t for t in pruned if t["values"]["training.learning_rate"] == 1e-9]
    assert hopeless
    assert {len(trial["accuracies"]) for trial in hopeless} == {2}
    complete = [trial for trial in study["trials"] if trial["state"] == "complete"]
    assert {len(trial["accuracies"]) for trial in complete} == {4}
    assert best.accuracy == max(max(trial["accuracies"]) for trial in complete)
    # What was written is the recipe with those values, its test set untouched.
    written = load_recipe(tmp_path / "study" / "recipe.toml")
    assert written == with_values(made.recipe, best.values)
    assert written.data.test == "never-read.tsv"
    assert (tmp_path / "study" / "history.svg").read_text().rstrip().endswith("</svg>")
    names = {path.name for path in (tmp_path / "study").iterdir()}
    assert names == {"journal.log", "locks", "recipe.toml", "study.json", "history.svg"}


def test_a_trial_is_what_a_run_would_be(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Run in earnest, the best recipe reaches the accuracy that its trial did."""
    best = tune(plan(toy, teacher, tmp_path, trials=1))
    recipe = load_recipe(tmp_path / "study" / "recipe.toml")
    data = recipe.data.model_copy(update={"test": None})
    metrics = run_recipe(recipe.model_copy(update={"data": data}), tmp_path / "student")
    assert metrics["validation"]["accuracy"] == pytest.approx(best.accuracy)


def test_values_that_do_not_fit_together_are_recorded(
    toy: Path, teacher: Path, tmp_path: Path
) -> None:
    """A trial that cannot be trained has failed, with its reason, and the others go on."""
    made = plan(toy, teacher, tmp_path, trials=6, space=SIZES)
    tune(made)
    trials = found(tmp_path)["trials"]
    assert len(trials) == 6
    for trial in trials:
        too_large = trial["values"]["model.embedding_size"] == 64
        assert (trial["state"] == "failed") == too_large
        reason = "model.embedding_size: cannot project 32 embedding dimensions up to 64"
        assert trial["reason"] == (reason if too_large else None)
    # A study where nothing could be trained says where the reasons are.
    (tmp_path / "none").mkdir()
    none = plan(toy, teacher, tmp_path / "none", 2, "model.embedding_size = { choices = [64] }")
    with pytest.raises(StudyError, match=r"no trial was completed: .*study\.json has the reasons"):
        tune(none)
    assert [trial["state"] for trial in found(tmp_path / "none")["trials"]] == ["failed"] * 2


def test_a_study_goes_on_with_two_workers(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """A study is gone on with by other processes, up to the trials asked for in all."""
    tune(plan(toy, teacher, tmp_path, trials=2))
    before = found(tmp_path)["trials"]
    tune(plan(toy, teacher, tmp_path, trials=5), jobs=2)
    after = found(tmp_path)["trials"]
    assert after[:2] == before
    assert len(after) == 5
    assert len({str(trial["values"]) for trial in after}) == 5
    tune(plan(toy, teacher, tmp_path, trials=5))  # there is nothing left to do
    assert found(tmp_path)["trials"] == after


def test_a_stop_loses_no_trial(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """A trial that is interrupted is tried again by the next run."""

    def stop() -> None:
        raise KeyboardInterrupt

    made = plan(toy, teacher, tmp_path, trials=2)
    made.directory.mkdir()
    with pytest.raises(KeyboardInterrupt):
        work(made, stop)
    (stopped,) = (trial for trial in made.open().trials() if trial.state.is_finished())
    assert stopped.user_attrs["reason"] == "KeyboardInterrupt: "
    tune(made)
    trials = found(tmp_path)["trials"]
    assert [trial["state"] for trial in trials] == ["complete"] * 2
    assert trials[0]["values"] == drawn_values(stopped.params)


def test_changed_studies_are_refused(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Another recipe, space or data does not mix with a study's trials."""
    first = plan(toy, teacher, tmp_path, trials=1)
    tune(first)
    other_space = plan(toy, teacher, tmp_path, trials=2, space=SIZES)
    with pytest.raises(StudyError, match="is a study of another search space: "):
        tune(other_space)
    recipe = with_values(first.recipe, {"training.batch_size": 8})
    with pytest.raises(StudyError, match="is a study of another recipe: "):
        tune(Plan(recipe, first.space, first.directory, 2))
    # The same path with other data in it.
    copied = tmp_path / "train.tsv"
    copied.write_text((toy / "train.tsv").read_text())
    recipe = with_values(first.recipe, {"data.train": str(copied)})
    moved = Plan(recipe, first.space, tmp_path / "moved", 1)
    tune(moved)
    copied.write_text("\n".join(copied.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(StudyError, match="is a study of another data or teacher: "):
        tune(moved)


def test_the_picture_shows_each_trial(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Trials are marked by how they ended, in the history and over each value."""
    made = plan(toy, teacher, tmp_path, 8, f"{SPACE}\n{SIZES}")
    tune(made)
    trials = made.open().settled()
    figure = draw(trials, made.space, n=60)
    history, curves, *slices = figure.axes
    counts = {
        str(points.get_label()): len(points.get_offsets())  # type: ignore[arg-type]  # an array
        for points in history.collections
    }
    states = [trial["state"] for trial in found(tmp_path)["trials"]]
    assert counts == {state: states.count(state) for state in dict.fromkeys(states)}
    assert counts.keys() >= {"complete", "failed"}
    assert len(curves.lines) == len(trials) - states.count("failed")
    assert [axes.get_xlabel() for axes in slices] == list(made.space)


def run(*arguments: object) -> Result:
    """Runs `stillhouse tune` in this process."""
    return CliRunner().invoke(main, ["tune", *map(str, arguments)])


def test_the_command(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """The command takes paths and values as `distil` does, and says what was found."""
    plan(toy, teacher, tmp_path, trials=1)
    good = [
        *("--recipe", tmp_path / "recipe.toml", "--space", tmp_path / "space.toml"),
        *("--study", tmp_path / "study", "--trials", 2),
        *("--train", toy / "train.tsv", "--test", "absent.tsv", "--teacher", teacher),
    ]
    done = run(*good, "--set", "training.epochs=1")
    assert done.exit_code == 0, done.output
    assert re.search(r"^trial 0: accuracy \d\.\d{4} \(training\.learning_rate 0\.01, ", done.stdout)
    assert re.search(r"^best: trial \d, validation accuracy .*, n 60\)$", done.stdout, re.MULTILINE)
    assert "the recipe as it was: " in done.stdout
    written = load_recipe(tmp_path / "study" / "recipe.toml")
    assert (written.data.test, written.training.epochs) == ("absent.tsv", 1)

    wrong = tmp_path / "wrong.toml"
    wrong.write_text("model.layerz = { low = 1, high = 2 }")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for arguments, message in (
        (["--set", "training.epochs=3"], "is a study of another recipe"),
        (["--space", wrong], "model.layerz: 1 cannot be used"),
        (["--space", "absent.toml"], "no search space at absent.toml"),
        (["--recipe", "absent.toml"], "no recipe at absent.toml"),
        (["--train", "absent.tsv"], "no file at absent.tsv"),
        (["--teacher", "absent", "--study", tmp_path / "new"], "no checkpoint at"),
        (["--set", "task='token-classification'"], "tune is for text-classification, not for"),
        # Said before the search space is read: no space would do.
        (
            ["--set", "task='token-classification'", "--space", "absent.toml"],
            "compare their metrics.json",
        ),
        (["--study", tmp_path / "full"], "full holds no study"),
        (["--study", wrong], "wrong.toml holds no study"),
    ):
        refused = run(*good, *arguments)
        assert refused.exit_code == 1, arguments
        assert refused.stderr.count("Error: ") == 1
        assert message in refused.stderr
    assert not (tmp_path / "new").exists()
    assert run(*good, "--trials", 0).exit_code == 2


def test_a_trial_counts_what_is_kept() -> None:
    """By the score that chooses, and nothing from before the last cut or the rounding."""
    trial = optuna.create_study().ask()
    report = Report(trial, lambda: None)
    arguments = cast("TrainingArguments", SimpleNamespace(metric_for_best_model="macro_f1"))
    state = TrainerState()

    def evaluate(macro_f1: float, accuracy: float) -> None:
        found = {"eval_macro_f1": macro_f1, "eval_accuracy": accuracy}
        report.on_evaluate(arguments, state, TrainerControl(), metrics=found)
        state.best_metric = max(macro_f1, state.best_metric or 0)

    evaluate(0.8, 0.90)
    evaluate(0.7, 0.95)
    assert report.kept == 0.90
    state.best_metric = None  # it is cut
    evaluate(0.5, 0.6)
    evaluate(0.6, 0.7)
    assert report.kept == 0.7


def test_a_regression_is_refused_before_any_trial(tmp_path: Path) -> None:
    """It has no accuracy, and no trial could have one."""
    stars = tmp_path / "stars.tsv"
    stars.write_text("text\tlabel\n" + "\n".join(f"w{n}\t{n}.5" for n in range(60)))
    base = tiny_encoder_checkpoint(tmp_path / "base")
    values = {"data.train": str(stars), "model.base": str(base)}
    recipe = with_values(load_recipe(shipped_recipe("minimal")), values)
    space = tmp_path / "space.toml"
    space.write_text("training.learning_rate = { choices = [1e-2, 1e-9] }")
    with pytest.raises(RecipeError, match="which a regression has not"):
        tune(Plan(recipe, load_space(space, recipe), tmp_path / "study", 1))
    assert not (tmp_path / "study").exists()


def test_a_rate_that_is_left_open_is_each_trials_own(toy: Path, tmp_path: Path) -> None:
    """It follows the width, which may be tuned; what is written leaves it open too."""
    base = tiny_encoder_checkpoint(tmp_path / "base")
    recipe = with_values(
        load_recipe(shipped_recipe("minimal")),
        {"data.train": str(toy / "train.tsv"), "model.base": str(base), "training.epochs": 1},
    )
    space = tmp_path / "space.toml"
    space.write_text("training.warmup_ratio = { choices = [0.0, 0.1] }")
    tune(Plan(recipe, load_space(space, recipe), tmp_path / "study", 1))
    written = load_recipe(tmp_path / "study" / "recipe.toml").training
    assert written.learning_rate is None
    assert written.epochs == 1
