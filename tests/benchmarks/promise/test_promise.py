"""The promise on data sets: how they are cut, and what the page says."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from benchmarks.promise import techniques
from benchmarks.promise.page import to_markdown
from benchmarks.promise.sets import DataSet, prepare

SETTINGS = {"base": "an-encoder", "recipe": "minimal.toml", "limit": 0.01, "budget": "30m"}


def written(path: Path, count: int, start: int = 0) -> Path:
    """A file of so many rows."""
    rows = [f"a\ttext {number}" for number in range(start, start + count)]
    text = "\n".join(["label\ttext", *rows]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def lines(path: Path) -> list[str]:
    """Without the header."""
    return path.read_text().splitlines()[1:]


def test_a_set_without_a_test_set_is_cut(tmp_path: Path) -> None:
    """By a seed, whole rows, each in one of the two, and equal ones once."""
    written(tmp_path / "all.tsv", 100)
    twice = (tmp_path / "all.tsv").read_text() + "a\ttext 1\n"
    (tmp_path / "all.tsv").write_text(twice)
    train, test = prepare(DataSet("one", ("all.tsv",)), tmp_path, tmp_path / "out")
    assert (len(lines(train)), len(lines(test))) == (75, 25)
    assert not set(lines(train)) & set(lines(test))
    again, _ = prepare(DataSet("one", ("all.tsv",)), tmp_path, tmp_path / "again")
    assert again.read_text() == train.read_text()


def test_files_that_are_there_are_kept(tmp_path: Path) -> None:
    """A teacher may have been trained on them."""
    written(tmp_path / "all.tsv", 100)
    train, test = prepare(DataSet("one", ("all.tsv",)), tmp_path, tmp_path / "out")
    written(train, 5)
    assert prepare(DataSet("one", ("all.tsv",)), tmp_path, tmp_path / "out") == (train, test)
    assert len(lines(train)) == 5


def test_files_are_put_together_and_rows_bounded(tmp_path: Path) -> None:
    """Gzipped ones too; the test set is as it was."""
    written(tmp_path / "a.tsv", 10)
    written(tmp_path / "b.tsv.gz", 10, 10)
    written(tmp_path / "test.tsv", 3, 90)
    one = DataSet("one", ("a.tsv", "b.tsv.gz"), ("test.tsv",), rows=15)
    train, test = prepare(one, tmp_path, tmp_path / "out")
    assert len(set(lines(train))) == 15
    assert lines(test) == lines(tmp_path / "test.tsv")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its path."""
    with pytest.raises(RuntimeError, match=r"nowhere\.tsv cannot be read"):
        prepare(DataSet("one", ("nowhere.tsv",)), tmp_path, tmp_path / "out")


def candidate(name: str, accuracy: float, mean_ms: float, loss: float | None) -> dict[str, Any]:
    """A model's figures."""
    pair = None if loss is None else {"loss": loss, "loss_low": loss, "loss_high": loss}
    told = {"name": name, "precision": "int8", "accuracy": accuracy, "macro_f1": accuracy}
    return {**told, "bytes": 1_000_000, "mean_ms": mean_ms, "comparison": pair}


def row(outcome: str, *, keeps: bool, faster: float) -> dict[str, Any]:
    """A set's figures."""
    verdict = {"name": "nano INT8", "keeps": keeps, "loss": 0.004, "low": -0.01, "high": 0.02}
    pair = {"loss": 0.001, "loss_low": -0.01, "loss_high": 0.01}
    auto = {"chain": ["student", "teacher"], "comparison": pair, "reached": [1, 0.1]}
    return {
        "set": "a-set",
        "rows": 2500,
        "test_rows": 500,
        "outcome": outcome,
        "headline": "what it came to",
        "verdict": {**verdict, "faster": faster, "smaller": 9.0},
        "auto": {**auto, "mean_ms": 1.0},
        "chosen": 1,
        "candidates": [candidate("teacher", 0.96, 4, None), candidate("nano", 0.95, 0.5, 0.004)],
        "tried": [
            {"name": "nano", "share": 1.0, "quality": 0.95, "seconds": 50, "outcome": "exported"}
        ],
        "hardware": "a processor",
        "budget": "30m",
        "compress_seconds": 600,
        "teacher_seconds": 300,
    }


def test_the_page_counts_what_was_kept() -> None:
    """Rows, bold for what was published, and how many of the sets come to what."""
    rows = [row("published", keeps=True, faster=8.0), row("refused", keeps=False, faster=3.0)]
    page = to_markdown(rows, SETTINGS)
    assert "| a-set | 2,500 | 500 | 96.0% | nano INT8 | 0.40 (-1.00 to 2.00) | 8.0 | 9.0 |" in page
    assert "| a-set | 2,500 | 500 | 96.0% | none | - | - | - |" in page
    assert "published on 1 of 2 sets and keeps the promise on 1;" in page
    assert "twice as fast or faster on 1, five times on 1." in page
    assert (
        "within half a point of the teacher on 2 sets, and there three times as fast on 2." in page
    )
    assert "| **nano INT8** | 95.00% | 0.40 (0.40 to 0.40) | 0.9500 | 1.0 | 0.5 | 8.0 |" in page
    assert "- nano: 95.0% at 100% of its schedule, 50 s; exported" in page


def test_techniques_are_compared_over_the_sets() -> None:
    """The median and the worst of what each lost, and a picture with a point for each set."""
    one, other = row("published", keeps=True, faster=8.0), row("refused", keeps=False, faster=3.0)
    other["candidates"][1] = candidate("nano", 0.90, 0.4, 0.06)
    page = techniques.to_markdown([one, other])
    assert "on 2 data sets" in page
    assert "| nano INT8 | 2 | 3.50 | 6.00 | 9.0 | 1.0 |" in page
    assert "| `nano` | one convolution" in page
    assert "`bilstm`" not in page
    assert "<svg" in techniques.to_svg([one, other])
