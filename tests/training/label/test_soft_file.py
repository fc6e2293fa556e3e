"""Files of soft labels: read as they were written, and never over another."""

from pathlib import Path

import numpy as np
import pytest

from service.runtime.model import Pair
from training.errors import DataError
from training.label.soft_file import check_output, write_soft_labels
from training.teach.teachers.soft_labels import FileTeacher

LABELS = ("bad film", "good")
TEXTS = ['a "good" film', "half a \" and, 'more'", " two  blanks\tand\na line ", "ж 漢 🎬", "\\t"]
SHARES = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5], [1 / 3, 2 / 3], [0.999999, 0.000001]])


@pytest.mark.parametrize(
    "name", ["s.tsv", "s.csv", "s.jsonl", "s.tsv.gz", "s.csv.gz", "s.jsonl.gz"]
)
def test_a_teacher_reads_what_was_written(tmp_path: Path, cache: Path, name: str) -> None:
    """Whatever is in the texts, in the labels' own order."""
    write_soft_labels(tmp_path / name, TEXTS, LABELS, SHARES)
    teacher = FileTeacher(tmp_path / name, None)
    assert teacher.labels == LABELS
    assert np.abs(np.exp(teacher.logits(TEXTS)) - SHARES).max() < 2e-6
    assert [path.name for path in tmp_path.iterdir() if path != cache] == [name]


def test_pairs_have_two_columns(tmp_path: Path, cache: Path) -> None:
    """As every file of pairs."""
    pairs = [Pair("a", "b  c"), Pair("a", "d")]
    write_soft_labels(tmp_path / "s.tsv", pairs, LABELS, SHARES[:2])
    teacher = FileTeacher(tmp_path / "s.tsv", LABELS)
    assert np.abs(np.exp(teacher.logits(pairs)) - SHARES[:2]).max() < 2e-6
    assert cache.is_dir()


def test_nothing_is_replaced_or_left_half(tmp_path: Path) -> None:
    """Not even what came after the first look."""
    (tmp_path / "s.tsv").write_text("mine")
    with pytest.raises(DataError, match="exists"):
        write_soft_labels(tmp_path / "s.tsv", TEXTS, LABELS, SHARES)
    assert (tmp_path / "s.tsv").read_text() == "mine"
    with pytest.raises(ValueError, match="zip"):
        write_soft_labels(tmp_path / "t.tsv", TEXTS, LABELS, SHARES[:3])
    assert [path.name for path in tmp_path.iterdir()] == ["s.tsv"]


@pytest.mark.parametrize("label", ["text", "text_pair", "a\tb", " a"])
def test_a_label_that_is_no_column_is_refused(tmp_path: Path, label: str) -> None:
    """A JSON line has place for it."""
    with pytest.raises(DataError, match="jsonl"):
        check_output(tmp_path / "s.tsv", ("good", label))
    check_output(tmp_path / "s.jsonl", ("good", label))


def test_other_files_are_refused(tmp_path: Path) -> None:
    """Before the labelling."""
    for name in ("s.xlsx", "s", "none/s.tsv"):
        with pytest.raises(DataError):
            check_output(tmp_path / name, LABELS)
