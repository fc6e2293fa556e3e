"""`stillhouse train` and `stillhouse distil`, as a user runs them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import main
from tests.training.builders import student_recipe, teacher_recipe
from training.data.loading import load_labelled_text, load_split
from training.recipe.data import Data
from training.recipe.recipe import load_recipe


def run(*arguments: object) -> Result:
    """Runs `stillhouse` in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def recipes(toy: Path, tmp_path: Path) -> Path:
    """A directory with recipes whose data, base and teacher are yet to be given."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    absent = {"data__train": "absent.tsv", "data__test": None}
    teacher = teacher_recipe(toy, model__base="absent", **absent)
    (folder / "teacher.toml").write_text(teacher.to_toml())
    student = student_recipe(toy, Path("absent"), **absent)
    (folder / "student.toml").write_text(student.to_toml())
    return folder


def test_train_then_distil(toy: Path, recipes: Path, tmp_path: Path) -> None:
    """Two commands make a teacher and a student of it, and print what they are worth."""
    data = ["--train", toy / "train.tsv", "--test", toy / "test.tsv"]
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    command = ["train", "--recipe", recipes / "teacher.toml", "--output", teacher, *data]
    trained = run(*command, "--base", toy / "base", "--set", "training.seed=14")
    assert trained.exit_code == 0, trained.output
    metrics = json.loads((teacher / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] > 0.9
    assert f"test: accuracy {metrics['test']['accuracy']:.4f} (" in trained.output
    assert f"{teacher}: {metrics['parameters']:,} parameters" in trained.output
    assert 'base = "' + str(toy / "base") in (teacher / "recipe.toml").read_text()
    assert "seed = 14" in (teacher / "recipe.toml").read_text()

    command = ["distil", "--recipe", recipes / "student.toml", "--output", student, *data]
    distilled = run(*command, "--teacher", teacher)
    assert distilled.exit_code == 0, distilled.output
    assert json.loads((student / "metrics.json").read_text())["test"]["accuracy"] > 0.9
    assert "validation: accuracy" in distilled.output


def test_paths_may_hold_anything(toy: Path, recipes: Path, tmp_path: Path) -> None:
    """A path given as an option is taken as it is, with quotes and backslashes in it."""
    odd = tmp_path / 'a "b" \\c = [1].tsv'
    result = run(
        *("train", "--recipe", recipes / "teacher.toml", "--output", tmp_path / "output"),
        *("--train", odd, "--base", toy / "base"),
    )
    assert result.exit_code == 1
    assert f"Error: no file at {odd}" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "absent.toml"], "no recipe at absent.toml"),
        (["--set", "training.epoch=1"], "training.epoch: Extra inputs"),
        (["--set", "training.epochs"], "should look like training.epochs=1"),
        (["--train", "absent.tsv"], "no file at absent.tsv"),
        (["--base", "nobody/has-this-model"], "nobody/has-this-model"),
        (["--set", "data.choose_size=1000"], "lower data.choose_size"),
        (["--set", "data.validation_size=60"], "validation_size is now choose_size"),
        (["--text-column", "body"], "pass --text-column"),
        (["--output", "."], "exists"),
    ],
)
def test_mistakes_are_told(
    toy: Path, recipes: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """A mistake ends the command with exit code 1 and one error, without a traceback."""
    good = ["--recipe", recipes / "teacher.toml", "--output", tmp_path / "output"]
    result = run("train", *good, "--train", toy / "train.tsv", "--base", toy / "base", *arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.count("Error: ") == 1
    assert message in result.stderr
    assert not (tmp_path / "output").exists()


def test_missing_teacher_is_told(toy: Path, recipes: Path, tmp_path: Path) -> None:
    """A student whose teacher is not there is an error that names the teacher."""
    result = run(
        *("distil", "--recipe", recipes / "student.toml", "--output", tmp_path / "output"),
        *("--train", toy / "train.tsv", "--teacher", tmp_path / "no-teacher"),
    )
    assert result.exit_code == 1
    assert f"Error: there is no {tmp_path / 'no-teacher'}: it is a path" in result.output


def test_distilling_takes_a_teacher(toy: Path, recipes: Path, tmp_path: Path) -> None:
    """A recipe that names no teacher is not trained without one: the error says what to do."""
    result = run(
        *("distil", "--recipe", recipes / "teacher.toml", "--output", tmp_path / "output"),
        *("--train", toy / "train.tsv", "--base", toy / "base"),
    )
    assert result.exit_code == 1
    assert "teacher.toml has no [distillation] section" in result.output
    assert "pass --teacher" in result.output
    assert not (tmp_path / "output").exists()


def test_several_teachers_may_be_named(
    toy: Path, teacher: Path, recipes: Path, tmp_path: Path
) -> None:
    """`--teacher` may be given again, and each one counts."""
    result = run(
        *("distil", "--recipe", recipes / "student.toml", "--output", tmp_path / "output"),
        *("--train", toy / "train.tsv", "--teacher", teacher, "--teacher", tmp_path / "absent"),
    )
    assert result.exit_code == 1
    assert f"Error: there is no {tmp_path / 'absent'}: it is a path" in result.output
    other = tmp_path / 'b "quoted"'
    other.symlink_to(teacher, target_is_directory=True)
    result = run(
        *("distil", "--recipe", recipes / "student.toml", "--output", tmp_path / "output"),
        *("--train", toy / "train.tsv", "--teacher", teacher, "--teacher", other),
        *("--set", "training.epochs=1"),
    )
    assert result.exit_code == 0, result.output
    distillation = load_recipe(tmp_path / "output" / "recipe.toml").distillation
    assert distillation is not None
    assert distillation.teachers == (str(teacher), str(other))


def test_recipe_and_output_are_needed() -> None:
    """Without its two options a command says which is missing."""
    for command in ("train", "distil"):
        result = run(command)
        assert result.exit_code == 2
        assert "Missing option '--recipe'" in result.output


def test_held_out_texts_are_those_that_training_never_saw(
    toy: Path, recipes: Path, tmp_path: Path
) -> None:
    """Each set of a recipe's split can be written and read again; a file is never overwritten."""
    recipe = recipes / "teacher.toml"
    values = {"data.train": str(toy / "train.tsv"), "data.fit_size": 20, "data.measure_size": 20}
    sets = load_split(load_recipe(recipe, named=values).data)
    for part in ("choose", "fit", "measure", "train"):
        output = tmp_path / f"{part}.tsv"
        arguments = ["held-out", "--recipe", recipe, "--train", toy / "train.tsv", "--part", part]
        arguments += ["--set", "data.fit_size=20", "--set", "data.measure_size=20"]
        done = run(*arguments, "--output", output)
        assert done.exit_code == 0, done.output
        assert load_labelled_text(str(output), Data()) == getattr(sets, part)
    again = run(*arguments, "--output", output)
    assert again.exit_code == 1
    assert "train.tsv exists: remove it" in again.output


def test_held_out_texts_of_a_file_that_has_changed_are_told(toy: Path, tmp_path: Path) -> None:
    """The checkpoint's record has other texts: it may have learnt what is held out now."""
    recipe = teacher_recipe(toy, data__test=None)
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    sets = load_split(recipe.data)
    record: dict[str, Any] = {
        name: {"sha256": getattr(sets, name).sha256} for name in ("train", "choose", "fit")
    }
    metrics = tmp_path / "metrics.json"
    command = ["held-out", "--recipe", tmp_path / "recipe.toml", "--output"]
    metrics.write_text(json.dumps(record))
    assert "WARNING" not in run(*command, tmp_path / "same.tsv").output
    record["train"] = {"sha256": "of texts that there were"}
    metrics.write_text(json.dumps(record))
    told = run(*command, tmp_path / "changed.tsv")
    assert told.exit_code == 0
    assert f"WARNING: {toy / 'train.tsv'} is not what {tmp_path} was trained on" in told.output
    assert "other texts as train" in told.output
    # A teacher may call the labels something else than the file does.
    record["train"] = {"sha256": sets.train.sha256}
    record["validation"] = {"by_label": {name: {} for name in sets.train.labels}}
    metrics.write_text(json.dumps(record))
    numbers = tmp_path / "numbers.tsv"
    lines = (toy / "train.tsv").read_text()
    numbers.write_text(lines.replace("\tnegative", "\t0").replace("\tpositive", "\t1"))
    numbered = run(*command, tmp_path / "numbered.tsv", "--train", numbers)
    assert "WARNING" not in numbered.output


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("out.csv", "ends in .tsv, .gz allowed"),
        ("out", "ends in .tsv"),
        ("afile/out.tsv", "there is no folder"),
    ],
)
def test_held_out_writes_a_tsv_alone(recipes: Path, tmp_path: Path, place: str, why: str) -> None:
    """Another ending is refused before the texts are read, which are not there."""
    (tmp_path / "afile").touch()
    command = ["held-out", "--recipe", recipes / "teacher.toml", "--output", tmp_path / place]
    refused = run(*command)
    assert refused.exit_code == 1
    assert why in refused.output
    assert not (tmp_path / place).exists()


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_place_that_cannot_be_written_is_told_first(
    recipes: Path, tmp_path: Path, command: str
) -> None:
    """Before the texts are read, which are not there."""
    (tmp_path / "afile").touch()
    (tmp_path / "space.toml").write_text("training.learning_rate = { choices = [1e-2] }")
    option = "--output" if command == "train" else "--study"
    given = [option, tmp_path / "afile" / "below" / "m"]
    if command == "tune":
        given += ["--space", tmp_path / "space.toml", "--trials", 1]
    refused = run(command, "--recipe", recipes / "teacher.toml", *given)
    assert refused.exit_code == 1
    assert refused.output.strip().endswith(
        f"cannot be written: {tmp_path / 'afile'} is no folder; choose another {option}"
    )


def test_columns_and_labels_are_options_of_every_command() -> None:
    """Each command that reads data says how to name its columns and labels."""
    for command in ("train", "distil", "tune", "held-out", "export", "calibrate", "compress"):
        shown = run(command, "--help").output
        for option in ("--text-column", "--label-column", "--labels IN_FILE=SERVED", "--config"):
            assert option in shown, (command, option)


def test_options_name_columns_and_labels(toy: Path, recipes: Path, tmp_path: Path) -> None:
    """A file with other columns and labels is read by its options; a wrong pair is told."""
    lines = (toy / "train.tsv").read_text().replace("text\tlabel", "body\tstars")
    path = tmp_path / "other.tsv"
    path.write_text(lines.replace("\tpositive", "\t5=1").replace("\tnegative", "\t1"))
    command = ["held-out", "--recipe", recipes / "teacher.toml", "--train", path, "--output"]
    columns = ["--text-column", "body", "--label-column", "stars"]
    names = ["--labels", "5=1=good", "--labels", "1=bad"]
    assert run(*command, tmp_path / "out.tsv", *columns, *names).exit_code == 0
    written = load_labelled_text(str(tmp_path / "out.tsv"), Data())
    assert written.labels == ("bad", "good")
    wrong = run(*command, tmp_path / "no.tsv", *columns, "--labels", "5")
    assert (wrong.exit_code, "should look like IN_FILE=SERVED" in wrong.output) == (2, True)


@pytest.mark.parametrize(("heavy", "never"), [("positive", "negative"), ("negative", "positive")])
def test_a_label_that_is_never_given_is_shouted(
    toy: Path, recipes: Path, tmp_path: Path, heavy: str, never: str
) -> None:
    """On the screen at the end and in the metrics: here since the other label outweighs it."""
    result = run(
        *("train", "--recipe", recipes / "teacher.toml", "--output", tmp_path / "output"),
        *("--train", toy / "train.tsv", "--test", toy / "test.tsv", "--base", toy / "base"),
        *("--set", "training.epochs=0.5"),
        *("--set", f"training.class_weights={{{heavy}=1000}}"),
    )
    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert metrics["test"]["never_given"] == [never]
    assert metrics["test"]["by_label"][never]["recall"] == 0.0
    assert metrics["test"]["by_label"][heavy]["recall"] == 1.0
    assert f"WARNING: the model never gives {never!r} on the test texts" in result.output
    assert f"the model never gives {never!r} on the test texts" in metrics["warnings"][-1]
