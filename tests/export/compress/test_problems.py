"""`stillhouse compress` of teachers that give several labels, or a number."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from service.repository.manifest import read_manifest
from service.repository.routes import read_routes
from tests.export.compress.test_compress import report_of
from tests.tiny import tiny_encoder_checkpoint, toy_emotions, toy_stars
from tests.training.builders import STUDENT, changed, teacher_recipe
from training.recipe.recipe import parse_recipe
from training.tasks.run import run_recipe


@pytest.mark.parametrize(
    ("problem", "write", "column"),
    [("multi_label", toy_emotions, "labels"), ("regression", toy_stars, None)],
)
def test_other_problems(
    tmp_path: Path, problem: str, write: Callable[[Path, int, int], Path], column: str | None
) -> None:
    """The student is trained, measured, told of and published as its teacher's kind asks."""
    write(tmp_path / "train.jsonl", 600, 1)
    base = tiny_encoder_checkpoint(tmp_path / "base", spread=0.1)
    given = {"data__train": str(tmp_path / "train.jsonl"), "data__test": None}
    recipe = teacher_recipe(
        tmp_path,
        model__base=str(base),
        training__batch_size=8,
        data__label_column=column,
        **given,
        **{f"data__{name}_size": 60 for name in ("choose", "fit", "measure")},
    )
    run_recipe(recipe, tmp_path / "teacher")
    open_sizes = {f"data__{name}_size": None for name in ("choose", "fit", "measure")}
    student = changed(STUDENT, distillation__teacher="given", **open_sizes)
    (tmp_path / "student.toml").write_text(parse_recipe(student, "test").to_toml())
    columns = ("--label-column", column) if column else ()
    places = {name: tmp_path / name for name in ("models", "work", "report")}
    result = CliRunner().invoke(
        main,
        [
            *("compress", "--teacher", str(tmp_path / "teacher"), *columns),
            *(
                "--data",
                str(tmp_path / "train.jsonl"),
                "--candidates",
                str(tmp_path / "student.toml"),
            ),
            *("--licence", "MIT", "--publish-anyway", "--keep-fusions"),
            *(part for name, place in places.items() for part in (f"--{name}", str(place))),
        ],
    )
    assert result.exit_code == 0, result.output
    assert read_manifest(tmp_path / "models" / "student" / "1").problem_type == problem
    # What the teacher's recipe held out is held out again: it has seen none of it.
    assert "nothing says that the teacher was not trained" not in result.output
    (tmp_path / "report").rename(tmp_path / "reports")
    report = report_of(tmp_path)
    page = next((tmp_path / "reports").glob("*/report.html")).read_text()
    assert report.measured.teacher.quality > 0.5
    assert report.measured.quality_name in page
    routes = read_routes(tmp_path / "models")
    assert routes.default == ("student" if problem == "regression" else "auto")
    assert (report.cascade is None) == (problem == "regression")
