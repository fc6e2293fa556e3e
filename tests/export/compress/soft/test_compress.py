"""`stillhouse compress` of a file of soft labels: from labels and texts to a published model."""

from pathlib import Path

import pytest

from service.repository.manifest import read_manifest
from service.repository.routes import read_routes
from tests.export.compress.soft.conftest import Compress, labelled, softly
from tests.export.compress.test_compress import report_of
from tests.export.compress.test_reuse import reused
from tests.tiny import tiny_bilstm, tiny_encoder_checkpoint, tiny_hub_tokenizer, toy_texts


def test_from_labels_to_answers(done: Path) -> None:
    """It publishes a student and no teacher, judged against the labels' own accuracy."""
    assert [path.name for path in (done / "models").iterdir() if path.is_dir()] == ["student"]
    assert read_routes(done / "models").default == "student"
    report = report_of(done)
    found = report.measured
    assert found.labels is not None
    right = 0.5 * sum(
        (line.split("\t")[1] < line.split("\t")[2]) == (label == "positive")
        for line, (_, label) in zip(
            softly(toy_texts(900, 1)).splitlines()[501:701], toy_texts(900, 1)[500:700], strict=True
        )
    )
    assert found.labels.quality == pytest.approx(right / 100)
    assert found.student is not None
    assert found.student.comparison is not None
    lost = found.labels.quality - found.student.quality
    assert report.verdict.keeps
    assert report.verdict.loss == pytest.approx(lost)
    assert found.student.comparison.loss == pytest.approx(lost)
    assert found.student.agreement == pytest.approx(1 - found.disagreed / 200)
    manifest = read_manifest(done / "models" / "student" / "1")
    assert manifest.metrics["test"] == found.student.metrics


def test_what_is_said(done: Path) -> None:
    """Times are the encoder's, and what the promise is against stands in every output."""
    report, output = report_of(done), (done / "output.txt").read_text()
    page = next((done / "reports").glob("*/report.html")).read_text()
    found = report.measured
    assert found.student is not None
    assert report.verdict.than == "the encoder of --base in FP32"
    assert report.verdict.faster == pytest.approx(found.reference.mean_ms / found.student.mean_ms)
    assert found.reference.metrics.accuracy is None  # it is untrained
    assert found.reference.parameters > 10_000
    promise = f"The promise is against the labels of soft.tsv: accuracy {found.teacher.quality:.4f}"
    for place in (output, page):
        assert promise in place
        assert "smaller than the encoder of --base in FP32" in place
        assert "no cascade: " in place
    assert "the soft labels</td>" in page
    assert "reference" not in output
    assert report.labelled_by == "people"


def test_the_same_again(tmp_path: Path, again: Compress) -> None:
    """It runs nothing; labels that have changed are learnt from anew."""
    assert again().exit_code == 0
    assert set(reused(tmp_path).values()) == {True}
    assert report_of(tmp_path).outcome == "unchanged"
    (tmp_path / "soft.tsv").write_text(softly(toy_texts(900, 1), 1.0))
    result = again("--teacher", tmp_path / "soft.tsv")
    assert result.exit_code == 0, result.output
    stages = reused(tmp_path)
    assert not any(stages[title] for title in ("train a candidate", "judge", "measure"))


def test_a_file_that_lies_elsewhere(given: Path, tmp_path: Path, again: Compress) -> None:
    """Its content counts, and no path."""
    (tmp_path / "moved.tsv").write_text((given / "soft.tsv").read_text())
    assert again("--teacher", tmp_path / "moved.tsv").exit_code == 0
    assert set(reused(tmp_path).values()) == {True}


@pytest.mark.parametrize("unlabelled", [True, False])
def test_labels_of_nobody_else(
    given: Path, tmp_path: Path, compress: Compress, unlabelled: bool
) -> None:
    """Where the file alone labels, agreement is what is promised, and it is said."""
    hard = tmp_path / "hard.tsv"
    rows = [line.split("\t") for line in (given / "soft.tsv").read_text().splitlines()[1:601]]
    hard.write_text(labelled([(row[0], "negpos"[3 * (row[1] < row[2]) :][:3]) for row in rows]))
    hard.write_text(hard.read_text().replace("\tneg", "\tnegative").replace("\tpos", "\tpositive"))
    texts = ("--data", None, "--unlabelled", hard) if unlabelled else ("--data", hard)
    result = compress(*texts, "--max-accuracy-loss", 0.3)
    assert result.exit_code == 0, result.output
    report = report_of(tmp_path)
    assert report.labelled_by == "teacher"
    assert report.measured.teacher.quality == 1.0
    student = report.measured.student
    assert student is not None
    assert student.quality == student.agreement
    assert "The promise is against agreement with the labels of soft.tsv" in result.output


def test_chosen_by_agreement(given: Path, tmp_path: Path, compress: Compress) -> None:
    """A test set that people labelled is measured on, and how candidates were chosen is told."""
    result = compress(
        *("--data", None, "--unlabelled", given / "more.tsv", "--test", given / "test.tsv"),
        *("--max-accuracy-loss", 0.3),
    )
    report = report_of(tmp_path)
    assert report.labelled_by == "people"
    assert report.promise is not None
    assert "chosen by agreement with the file" in report.promise
    assert report.promise in result.output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--base", None), "is a file of soft labels, which is no model: give --base"),
        (("--candidates", "pruned"), "pruned: it cuts heads and neurons out of the teacher, and"),
        (("--candidates", "teacher"), "teacher: it is the teacher in INT8, and the teacher is a"),
        (("--candidates", "layers-9"), "layers-9: the encoder of --base has 2 layers"),
        (("--test", "others.tsv"), "says nothing of 40 of 40 texts of --test, the first is"),
        (("--data", "others.tsv"), "says nothing of 40 of 40 texts of --data, the first is"),
        (("--unlabelled", "others.tsv"), "says nothing of 40 of 40 texts of "),
        (("--teacher", "swapped.tsv"), "right on 9.4% of 500 texts of --data, and always giving"),
        (("--report", "others.tsv/r"), "--report others.tsv/r cannot be written: "),
        (("--work", "others.tsv/below"), "/others.tsv is no folder"),
        (("--teacher", "nowhere.tsv"), "no file of soft labels at nowhere.tsv"),
        (("--base", "nowhere/at/all"), "there is no nowhere/at/all"),
        (("--base", "bilstm"), "bilstm is no encoder"),
        (("--teacher", "model"), "--base is for a teacher that is a file of soft labels"),
        (("--teacher", "model", "--base", None, "--candidates", "encoder"), "encoder: an encoder"),
    ],
)
def test_what_cannot_be_used(
    given: Path,
    tmp_path: Path,
    compress: Compress,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str],
    says: str,
) -> None:
    """It is told before anything is exported or trained."""
    (tmp_path / "others.tsv").write_text((given / "others.tsv").read_text())
    rows = (given / "soft.tsv").read_text().splitlines()[1:]
    (tmp_path / "swapped.tsv").write_text("\n".join(("text\tpositive\tnegative", *rows)))
    tiny_bilstm().save_pretrained(tmp_path / "bilstm")
    tiny_hub_tokenizer().save_pretrained(tmp_path / "bilstm")
    tiny_encoder_checkpoint(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    result = compress(*options)
    assert result.exit_code != 0
    assert says in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "models").exists()
    assert not list((tmp_path / "work").glob("[!.]*"))
