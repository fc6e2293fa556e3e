"""`stillhouse compress`: from a teacher and text to a published student and a report."""

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli import main
from export.compress.report import pareto_front
from export.compress.results import Candidate, Report
from service.repository.manifest import read_manifest
from service.runtime.tasks.classification import Classifier
from tests.tiny import tiny_encoder_checkpoint, toy_data
from tests.training.builders import STUDENT, changed, teacher_recipe
from training.loop.trainer import run_recipe
from training.recipe.recipe import parse_recipe
from training.score.scores import expected_calibration_error, fit_temperature, softmax


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained teacher, texts and a student's recipe; not to be changed."""
    folder = tmp_path_factory.mktemp("given")
    toy_data(folder / "train.tsv", 400, seed=1)
    toy_data(folder / "test.tsv", 200, seed=2)
    tiny_encoder_checkpoint(folder / "base", spread=0.02)
    run_recipe(teacher_recipe(folder), folder / "teacher")
    recipe = changed(STUDENT, data__train="given", distillation__teacher="given")
    (folder / "student.toml").write_text(parse_recipe(recipe, "test").to_toml())
    return folder


def run(given: Path, place: Path, *arguments: object) -> Result:
    """Runs `stillhouse compress` in this process, all its output under `place`."""
    common = [
        *("--teacher", given / "teacher", "--data", given / "train.tsv"),
        *("--student", given / "student.toml", "--models", place / "models"),
        *("--work", place / "work", "--report", place / "reports"),
    ]
    return CliRunner().invoke(main, ["compress", *map(str, [*common, *arguments])])


def test_from_teacher_to_published_student(given: Path, tmp_path: Path) -> None:
    """It publishes an INT8 student that works, and reports figures that can be had again."""
    result = run(given, tmp_path, "--test", given / "test.tsv", "--min-agreement", "0.9")
    assert result.exit_code == 0, result.output
    classifier = Classifier.load(tmp_path / "models" / "student" / "1")
    assert classifier.manifest.precision == "int8"
    (folder,) = (tmp_path / "reports").iterdir()
    report = Report.model_validate_json((folder / "report.json").read_bytes())
    teacher, exact, small = report.candidates
    assert [one.title for one in report.candidates] == [
        "teacher FP32",
        "student FP32",
        "student INT8",
    ]
    assert report.measured_on == "test"
    assert small.n == 200
    assert small.accuracy > 0.9
    assert teacher.agreement == 1.0
    assert small.bytes < exact.bytes
    assert small.accuracy_low < small.accuracy < small.accuracy_high
    assert report.disagreed == round((1 - small.agreement) * small.n)
    assert classifier.manifest.temperature == pytest.approx(small.temperature)
    assert classifier.manifest.metrics["test"].accuracy == pytest.approx(small.accuracy)
    page = (folder / "report.html").read_text()
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
    assert "<svg" in page
    assert not list((tmp_path / "work").glob(".candidates-*"))


def test_second_run_reuses_the_checkpoint(given: Path, tmp_path: Path) -> None:
    """The same command again trains nothing, and publishes the next version beside the first."""
    options = ("--min-agreement", "0.8", "--max-accuracy-drop", "0.2")
    assert run(given, tmp_path, *options).exit_code == 0
    checkpoint = tmp_path / "work" / "student" / "metrics.json"
    before = checkpoint.stat().st_mtime_ns
    result = run(given, tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert checkpoint.stat().st_mtime_ns == before
    assert sorted(path.name for path in (tmp_path / "models" / "student").iterdir()) == ["1", "2"]
    assert len(list((tmp_path / "reports").iterdir())) == 2
    other = run(given, tmp_path, "--set", "training.epochs=1")
    assert other.exit_code == 1
    assert "made by another recipe" in other.output


def test_gate_publishes_nothing(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INT8 outside the gate is not published, and the command fails."""
    monkeypatch.setattr("export.measure.parity.SAME_IN_ANY_BATCH", -1.0)  # nothing is within it
    result = run(given, tmp_path)
    assert result.exit_code == 1
    assert "not published:" in result.output
    assert "a batch moves a probability by" in result.output
    assert not list((tmp_path / "reports").glob("*"))
    assert not list((tmp_path / "models").glob("student/*"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--labels", "positive=yes"), "the teacher has ('negative', 'positive')"),
        (("--labels", "positive"), "should look like"),
        (("--student", "nonsense"), "no recipe student-nonsense ships; there are ["),
        (("--teacher", "nowhere"), "no sequence classifier at 'nowhere'"),
        (("--data", "nowhere.tsv"), "nowhere.tsv"),
    ],
)
def test_what_cannot_be_used(given: Path, tmp_path: Path, options: tuple[str], says: str) -> None:
    """Bad input is told before anything is trained or published."""
    result = run(given, tmp_path, *options)
    assert result.exit_code != 0
    assert says in result.output
    assert not (tmp_path / "models").exists()
    assert not (tmp_path / "work" / "student").exists()


def test_labels_follow_the_teachers_order(given: Path, tmp_path: Path) -> None:
    """Labels mapped in any order come out in the order of the teacher's logits."""
    renamed = (given / "train.tsv").read_text().replace("\tpositive", "\t1")
    (tmp_path / "train.tsv").write_text(renamed.replace("\tnegative", "\t0"))
    result = run(
        given,
        tmp_path,
        *("--data", tmp_path / "train.tsv", "--labels", "1=positive", "--labels", "0=negative"),
        *("--min-agreement", "0.8", "--max-accuracy-drop", "0.2"),
    )
    assert result.exit_code == 0, result.output
    manifest = read_manifest(tmp_path / "models" / "student" / "1")
    assert manifest.labels == ("negative", "positive")
    (report,) = (tmp_path / "reports").glob("*/report.json")
    assert Report.model_validate_json(report.read_bytes()).candidates[2].accuracy > 0.9


def test_temperature_calibrates() -> None:
    """Logits that are three times too sure get a temperature near three, and a smaller ECE."""
    random = np.random.default_rng(0)
    honest = random.normal(0, 1.5, (4000, 2))
    share = softmax(honest)[:, 1]
    targets = (random.random(len(share)) < share).astype(np.int64)
    temperature = fit_temperature(3 * honest, targets.tolist())
    assert temperature == pytest.approx(3, rel=0.1)
    assert expected_calibration_error(
        softmax(3 * honest / temperature), targets
    ) < expected_calibration_error(softmax(3 * honest), targets)


def test_pareto_front() -> None:
    """What is both slower and no better than another is not on the front."""

    def one(p50_ms: float, accuracy: float) -> Candidate:
        values = dict.fromkeys(Candidate.model_fields, 0)
        return Candidate.model_validate(
            {**values, "role": "x", "precision": "y", "p50_ms": p50_ms, "accuracy": accuracy}
        )

    fast, middle, worse, best = one(1, 0.8), one(2, 0.9), one(3, 0.9), one(4, 0.95)
    assert pareto_front([best, worse, middle, fast]) == [fast, middle, best]
