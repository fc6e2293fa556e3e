"""A trained teacher and texts, made once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from tests.tiny import tiny_encoder_checkpoint, toy_data
from tests.training.builders import STUDENT, changed, teacher_recipe
from training.recipe.recipe import parse_recipe
from training.tasks.run import run_recipe

Compress = Callable[..., Result]
LENIENT = (
    *("--min-agreement", "0.8", "--max-accuracy-drop", "0.2"),
    *("--max-accuracy-loss", "0.1"),
)


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained teacher, texts and a student's recipe; not to be changed."""
    folder = tmp_path_factory.mktemp("given")
    toy_data(folder / "train.tsv", 600, seed=1)
    toy_data(folder / "test.tsv", 200, seed=2)
    tiny_encoder_checkpoint(folder / "base", spread=0.02)
    run_recipe(teacher_recipe(folder), folder / "teacher")
    sizes = {f"data__{name}_size": 60 for name in ("choose", "fit", "measure")}
    recipe = changed(STUDENT, data__train="given", distillation__teacher="given", **sizes)
    (folder / "student.toml").write_text(parse_recipe(recipe, "test").to_toml())
    return folder


def command(given: Path, place: Path, data: object, *arguments: object) -> Result:
    """Runs `stillhouse compress` in this process, all its output under `place`."""
    common = [
        *("--teacher", given / "teacher", *(("--data", data) if data else ())),
        *(
            "--licence",
            "MIT",
            "--keep-fusions",
            "--candidates",
            given / "student.toml",
            "--models",
            place / "models",
        ),
        *("--work", place / "work", "--report", place / "reports"),
    ]
    return CliRunner().invoke(main, ["compress", *map(str, [*common, *arguments])])


@pytest.fixture(scope="session")
def done(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place where the command ran once with `LENIENT` alone; not to be changed."""
    place = tmp_path_factory.mktemp("done")
    result = command(given, place, given / "train.tsv", *LENIENT)
    assert result.exit_code == 0, result.output
    return place


@pytest.fixture(scope="session")
def known(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stages that check and export the teacher; not to be changed."""
    place = tmp_path_factory.mktemp("known")
    command(given, place, given / "train.tsv", *LENIENT, "--test", given / "test.tsv")
    for folder in (place / "work").iterdir():
        if not folder.name.startswith(("check-", "export-")):
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    for student in {path.parents[1] for path in place.glob("work/export-*/*/tiny-student")}:
        shutil.rmtree(student)
    return place / "work"


@pytest.fixture
def compress(given: Path, known: Path, tmp_path: Path) -> Compress:
    """Runs the command under `tmp_path`, where nothing is yet but what is known of the teacher."""
    shutil.copytree(known, tmp_path / "work")

    def run(*arguments: object, data: object = given / "train.tsv") -> Result:
        return command(given, tmp_path, data, *arguments)

    return run


@pytest.fixture
def again(done: Path, tmp_path: Path, compress: Compress) -> Compress:
    """Runs it where it ran before: with the results of its stages, its models and report."""
    shutil.rmtree(tmp_path / "work")
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    return compress
