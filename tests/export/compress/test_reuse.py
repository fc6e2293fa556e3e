"""`stillhouse compress` again: what is made anew, what is kept, and what is published."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli import main
from export.measure.served import Logits, served_logits
from service.repository.manifest import read_manifest
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier
from tests.export.compress.conftest import LENIENT, Compress
from tests.export.compress.test_compress import report_of, versions
from tests.tiny import tiny_encoder_checkpoint
from training.data.inputs import hashed
from training.models.checkpoints.checkpoint import load_checkpoint
from training.teach.teachers.teacher import CheckpointTeacher


def reused(place: Path) -> dict[str, bool]:
    """Each stage of the newest report, and whether it was reused."""
    return {step.title: step.reused for step in report_of(place).steps}


def test_an_unchanged_command_publishes_nothing(tmp_path: Path, again: Compress) -> None:
    """The same again runs no stage and publishes nothing, and says what it would."""
    result = again(*LENIENT)
    assert result.exit_code == 0, result.output
    assert "nothing changed: student/1, teacher/1 are what it would publish" in result.stdout
    assert all(reused(tmp_path).values())
    assert versions(tmp_path, "student") == versions(tmp_path, "teacher") == ["1"]
    assert report_of(tmp_path).outcome == "unchanged"


def test_texts_are_read_once_by_each_model(
    compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who judges and who measures share what a model said of the same texts."""
    asked: list[tuple[str, str]] = []

    def counted(model: Classifier, texts: Sequence[Input], **options: Any) -> Logits:
        asked.append((model.manifest.fingerprint, hashed(texts)))
        return served_logits(model, texts, **options)

    for module in ("answers", "figures.measuring"):
        monkeypatch.setattr(f"export.compress.{module}.served_logits", counted)
    result = compress(*LENIENT)
    assert result.exit_code == 0, result.output
    assert len(asked) >= 4  # teacher and student, on the texts that choose and that measure
    assert len(set(asked)) == len(asked)


def test_swapped_labels_train_again(given: Path, tmp_path: Path, again: Compress) -> None:
    """Other labels in the same file are other data: the student is trained on them."""
    data = tmp_path / "train.tsv"
    before = report_of(tmp_path)
    lines = (given / "train.tsv").read_text().splitlines()
    other = {"positive": "negative", "negative": "positive"}
    swapped = [f"{text}\t{other[label]}" for text, label in (x.split("\t") for x in lines[1:])]
    data.write_text("\n".join([lines[0], *swapped]) + "\n")
    result = again(*LENIENT, "--publish-anyway", data=data)
    assert result.exit_code == 0, result.output
    after = report_of(tmp_path)
    assert reused(tmp_path)["train a candidate"] is False
    assert {use.sha256 for use in before.uses}.isdisjoint(use.sha256 for use in after.uses)
    assert "are its labels those of the texts?" in result.output


def test_another_teacher_under_the_same_path(given: Path, tmp_path: Path, again: Compress) -> None:
    """Another teacher in the same place teaches anew, and the report names it.

    A path is no key: the same teacher and the same texts elsewhere are the same.
    """
    teacher = shutil.copytree(given / "teacher", tmp_path / "teacher")
    shutil.copy(given / "train.tsv", tmp_path / "renamed.tsv")
    common = ("--teacher", teacher, *LENIENT, "--publish-anyway")
    assert again(*common, data=tmp_path / "renamed.tsv").exit_code == 0
    assert all(reused(tmp_path).values())
    before = report_of(tmp_path)

    shutil.rmtree(teacher)
    tiny_encoder_checkpoint(teacher, seed=5)
    result = again(*common, data=tmp_path / "renamed.tsv")
    assert result.exit_code == 0, result.output
    after = report_of(tmp_path)
    expected = CheckpointTeacher(load_checkpoint(str(teacher))).fingerprint
    assert after.teacher_sha256 == expected != before.teacher_sha256
    assert reused(tmp_path)["train a candidate"] is False
    assert versions(tmp_path, "teacher") == versions(tmp_path, "student") == ["1", "2"]


def test_what_breaks_the_promise_is_not_published(tmp_path: Path, compress: Compress) -> None:
    """It is told first, with a report and the option that publishes; the training is kept."""
    spoilt = ("--set", "training.learning_rate=1e-9", *LENIENT)
    result = compress(*spoilt)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("None keeps the promise: tiny-student ")
    assert any(line.startswith("what would help: more loss: --max-acc") for line in lines)
    assert any("the second half gained a linear model" in line for line in lines)
    report = report_of(tmp_path)
    assert report.outcome == "refused"
    assert report.headline == lines[0]
    assert not report.verdict.keeps
    assert not (tmp_path / "models").exists()
    anyway = compress(*spoilt, "--publish-anyway")
    assert anyway.exit_code == 0, anyway.output
    assert reused(tmp_path)["train a candidate"]
    assert "warning: the student is far below its teacher" in anyway.output
    assert versions(tmp_path, "student") == ["1"]


def test_int8_outside_the_gate_is_not_taken(
    tmp_path: Path, again: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FP32 is, and the report says why."""
    monkeypatch.setattr("export.measure.gate.SAME_IN_ANY_BATCH", -1.0)  # nothing is within it
    shutil.rmtree(tmp_path / "models")
    result = again(*LENIENT)
    assert result.exit_code == 0, result.output
    assert "tiny-student INT8 against its checkpoint, so that it is not taken: " in result.output
    assert read_manifest(tmp_path / "models" / "student" / "1").precision == "fp32"


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, again: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is stopped says how to go on, and what was done before the stop is kept."""

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("export.compress.flow.measured", stopped)
    shutil.rmtree(next((tmp_path / "work").glob("measure-*")))
    result = again(*LENIENT)
    assert result.exit_code == 130
    assert "the same command goes on from where it was stopped" in result.output
    monkeypatch.undo()
    assert again(*LENIENT).exit_code == 0
    assert [title for title, kept in reused(tmp_path).items() if not kept] == ["measure"]


def test_routes_of_others_stay(tmp_path: Path, again: Compress) -> None:
    """A default that is there stays, and a cascade of other models under the name too.

    The report says that its own is not published, and a second time that nothing was.
    """
    routes = tmp_path / "models" / "routes.toml"
    routes.write_text(routes.read_text().replace('default = "auto"', 'default = "student"'))
    before = routes.read_text()
    result = again(*LENIENT, "--name", "other")
    assert result.exit_code == 0, result.output
    warnings = report_of(tmp_path).warnings
    assert any(line.startswith("auto asks student → teacher, as before") for line in warnings)
    assert report_of(tmp_path).outcome == "published"
    assert again(*LENIENT, "--name", "other").exit_code == 0
    assert report_of(tmp_path).outcome == "unchanged"
    assert routes.read_text() == before
    assert versions(tmp_path, "other") == ["1"]


def test_a_name_of_another_model_is_refused(given: Path, tmp_path: Path, again: Compress) -> None:
    """A model of other labels is not replaced under its name, and nothing is done for it."""
    other = tmp_path / "models" / "teacher" / "1" / "manifest.json"
    other.write_text(other.read_text().replace('"positive"', '"favourable"'))
    result = again("--test", given / "test.tsv", *LENIENT)
    assert result.exit_code == 1
    assert "--teacher-name" in result.output
    assert versions(tmp_path, "teacher") == ["1"]


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option: str) -> None:
    """Both spellings of help work, of a command and of the whole."""
    assert "Every stage keeps its result." in CliRunner().invoke(main, ["compress", option]).output
    assert "compress" in CliRunner().invoke(main, [option]).output


def test_a_licence_that_is_put_right_is_published(tmp_path: Path, again: Compress) -> None:
    """A version of the wrong licence does not stay the newest because it answers alike."""
    result = again(*LENIENT, "--licence", "BSD-3-Clause")
    assert result.exit_code == 0, result.output
    assert versions(tmp_path, "student") == versions(tmp_path, "teacher") == ["1", "2"]
    assert reused(tmp_path)["train a candidate"] is True


def test_a_name_that_a_candidate_has(compress: Compress) -> None:
    """It is refused before any work: both may be published."""
    for option in ("--teacher-name", "--cascade-name"):
        result = compress(*LENIENT, option, "tiny-student")
        assert result.exit_code == 1
        assert f"a candidate is called 'tiny-student' too: give another {option}" in result.output
