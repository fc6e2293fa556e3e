"""`stillhouse train` and `stillhouse distil`, as a user runs them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from tests.training.builders import student_recipe, teacher_recipe
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
        (["--set", "data.validation_size=1000"], "lower validation_size"),
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
    assert f"Error: no sequence classifier at '{tmp_path / 'no-teacher'}'" in result.output


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
    assert f"Error: no sequence classifier at '{tmp_path / 'absent'}'" in result.output
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
    """The held-out texts are the recipe's validation split, and a file is never overwritten."""
    output = tmp_path / "held-out.tsv"
    recipe = recipes / "teacher.toml"
    arguments = ["held-out", "--recipe", recipe, "--train", toy / "train.tsv", "--output", output]
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    size = load_recipe(recipe).data.validation_size
    rows = output.read_text().splitlines()
    assert rows[0] == "label\ttext"
    assert len(rows) == size + 1
    again = run(*arguments)
    assert again.exit_code == 1
    assert "File exists" in again.output
