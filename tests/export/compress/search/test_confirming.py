"""The choice of the search, judged once more by the texts that are measured on."""

import dataclasses
from pathlib import Path

import pytest

from export.compress.exporting import Staged
from export.compress.search.judging import Judge, Judged
from service.repository.manifest import read_manifest
from tests.export.compress.conftest import LENIENT, Compress
from tests.export.compress.test_compress import report_of, versions

LOST = 0.5


@pytest.fixture
def second(given: Path, tmp_path: Path) -> Path:
    """The recipe of the tests' student under another name."""
    recipe = tmp_path / "second.toml"
    text = (given / "student.toml").read_text()
    recipe.write_text(text.replace('name = "tiny-student"', 'name = "second"'))
    return recipe


def refuse(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Lets the texts that are measured on say that models of these names lose `LOST`."""
    judge = Judge.judge

    def judged(self: Judge, staged: Staged) -> Judged:
        found = judge(self, staged)
        there = "measured on" in self._use and staged.name in names
        return dataclasses.replace(found, loss=LOST) if there else found

    monkeypatch.setattr(Judge, "judge", judged)


def test_the_next_is_taken(
    given: Path, tmp_path: Path, second: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the choice loses too much on the test, the search goes on without it, and says so."""
    refuse(monkeypatch, "tiny-student")
    both = f"{given / 'student.toml'},{second}"
    result = compress("--test", given / "test.tsv", *LENIENT, "--candidates", both)
    assert result.exit_code == 0, result.output
    report = report_of(tmp_path)
    assert report.measured.student is not None
    assert report.measured.student.name == "second"
    (earlier,) = report.measured.earlier
    assert earlier.name == "tiny-student"
    assert f"Chosen too, and refused by these texts: {earlier.title} (lost " in report.headline
    assert any("refused 1 other choice" in line for line in report.warnings)
    assert [one.outcome for one in report.tried] == ["trained whole and exported"] * 2
    assert versions(tmp_path, "student") == ["1"]


@pytest.mark.parametrize(
    ("cost", "lost", "precision"),
    [(1.2, 0.0, "fp32"), (0.8, 0.0, "int8"), (0.05, LOST, "fp32"), (0.8, LOST, "fp32")],
)
def test_the_teacher_is_published_as_it_is_fastest(
    given: Path,
    tmp_path: Path,
    compress: Compress,
    monkeypatch: pytest.MonkeyPatch,
    cost: float,
    lost: float,
    precision: str,
) -> None:
    """INT8 does not take the teacher's place that is slower, as of a model so small, or refused."""
    judge = Judge.judge

    def judged(self: Judge, staged: Staged) -> Judged:
        found = judge(self, staged)
        costs = {"teacher INT8": cost, "teacher FP32": 1.0, "tiny-student INT8": 0.1}
        there = costs.get(staged.title, found.cost)
        refused = staged.title == "teacher INT8" and "measured" in self._use
        return dataclasses.replace(found, cost=there, loss=lost if refused else found.loss)

    monkeypatch.setattr(Judge, "judge", judged)
    both = f"{given / 'student.toml'},teacher"
    result = compress("--test", given / "test.tsv", *LENIENT, "--candidates", both)
    assert result.exit_code == 0, result.output
    assert read_manifest(tmp_path / "models" / "student" / "1").precision == "int8"
    assert read_manifest(tmp_path / "models" / "teacher" / "1").precision == precision


def test_int8_that_misses_by_little_leaves_fp32(
    given: Path, tmp_path: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the test refuses a student in INT8 by a point, it is looked at in FP32 too."""
    judge = Judge.judge

    def judged(self: Judge, staged: Staged) -> Judged:
        found = judge(self, staged)
        loses = "measured on" in self._use and staged.precision == "int8"
        return dataclasses.replace(found, loss=0.11) if loses else found

    monkeypatch.setattr(Judge, "judge", judged)
    result = compress("--test", given / "test.tsv", *LENIENT)
    assert result.exit_code == 0, result.output
    student = report_of(tmp_path).measured.student
    assert student is not None
    assert student.title == "tiny-student FP32"


@pytest.mark.parametrize(("measured", "title"), [(0.05, "tiny-student"), (LOST, "second")])
def test_what_cannot_be_told_apart_is_looked_at(
    given: Path,
    tmp_path: Path,
    second: Path,
    compress: Compress,
    monkeypatch: pytest.MonkeyPatch,
    measured: float,
    title: str,
) -> None:
    """A cheaper one that loses too much by less than the error of its loss is judged by the test.

    The limit is 0.1; the cheaper one loses 0.12, give or take 0.03, where the search looks.
    """
    judge = Judge.judge

    def judged(self: Judge, staged: Staged) -> Judged:
        found = judge(self, staged)
        if staged.name != "tiny-student":
            return found
        loss = measured if "measured on" in self._use else 0.12
        return dataclasses.replace(found, loss=loss, keeps=loss <= 0.1, cost=0.01, error=0.03)

    monkeypatch.setattr(Judge, "judge", judged)
    monkeypatch.setattr("export.compress.search.search.variants", lambda *_: [])
    both = f"{given / 'student.toml'},{second}"
    result = compress("--test", given / "test.tsv", *LENIENT, "--candidates", both)
    assert result.exit_code == 0, result.output
    student = report_of(tmp_path).measured.student
    assert student is not None
    assert student.name == title
    rests = "rests on the texts that are measured on alone" in result.output
    assert rests is (title == "tiny-student")


def test_who_was_left_for_one_that_fails_in_int8(
    given: Path, tmp_path: Path, second: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A candidate left for a cheaper one is trained where that keeps the promise in FP32 alone."""
    judge = Judge.judge

    def judged(self: Judge, staged: Staged) -> Judged:
        found = judge(self, staged)
        fails = (staged.name, staged.precision) == ("tiny-student", "int8")
        return dataclasses.replace(found, keeps=False) if fails else found

    monkeypatch.setattr(Judge, "judge", judged)
    both = f"{given / 'student.toml'},{second}"
    result = compress("--test", given / "test.tsv", *LENIENT, "--candidates", both)
    assert result.exit_code == 0, result.output
    tried = {one.name: one.outcome for one in report_of(tmp_path).tried if "(" not in one.name}
    assert tried == dict.fromkeys(("tiny-student", "second"), "trained whole and exported")


def test_none_is_left(
    given: Path, tmp_path: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the test refuses all, the first choice is told, and nothing is published."""
    refuse(monkeypatch, "tiny-student")
    monkeypatch.setattr("export.compress.report.verdict.loss_of", lambda *_: LOST)
    result = compress("--test", given / "test.tsv", *LENIENT)
    assert result.exit_code == 1
    report = report_of(tmp_path)
    assert report.measured.refused == (report.measured.chosen,)
    assert "was chosen and does not keep the promise" in report.headline
    assert not (tmp_path / "models").exists()
