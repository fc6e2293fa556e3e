"""Parts put together as CSV and TSV, read again by the standard library."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from export.score.delimited import to_delimited

TEXTS = ['a "quoted" one, and more', "tabs\tand\r\nlines\u2028", "", None, " plain "]
IN_TSV = ['a "quoted" one, and more', "tabs and lines ", "", "", " plain "]


def part(path: Path, **columns: object) -> Path:
    """A part's file; no label is sure."""
    each = [pa.array([0.25] * 5, pa.float32()), pa.array([0.75, 1e-9, 0.123456789, 0, 1], "f4")]
    said = pa.StructArray.from_arrays(each, ["no", 'y"es'])
    parquet.write_table(pa.table({"text": TEXTS, **columns, "probabilities": said}), path)
    return path


def read(path: Path) -> list[dict[str, str]]:
    """Its rows."""
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            return list(csv.DictReader(file, strict=True))
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    """Texts as they are, in a TSV with blanks even; numbers to the last digit of 32 bits."""
    whole = tmp_path / f"whole{suffix}"
    to_delimited([part(tmp_path / "a.parquet")], whole)
    rows = read(whole)
    expected = IN_TSV if suffix == ".tsv" else [text or "" for text in TEXTS]
    assert [row["text"] for row in rows] == expected
    assert [row["no"] for row in rows] == ["0.25"] * 5
    assert [row['y"es'] for row in rows] == ["0.75", "1e-9", "0.12345679", "0", "1"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_parts_may_have_other_columns(tmp_path: Path, suffix: str) -> None:
    """A column is empty where a part has none of it; lists are JSON, all else Python's."""
    columns = {"n": [1, 2, None, 4, 5], "kept": [True, None, False, True, True]}
    given = {"f": [1.0, 0.5, None, 2.25, 1e300], "labels": [["a", "b"], [], None, ["c"], ["d"]]}
    parts = [part(tmp_path / "a.parquet", **columns), part(tmp_path / "b.parquet", **given)]
    whole = tmp_path / f"whole{suffix}"
    to_delimited(parts, whole)
    rows = read(whole)
    assert [row["n"] for row in rows] == ["1", "2", "", "4", "5", *[""] * 5]
    assert [row["kept"] for row in rows[:3]] == ["True", "", "False"]
    assert [row["f"] for row in rows[5:]] == ["1.0", "0.5", "", "2.25", "1e+300"]
    assert [row["labels"] for row in rows[5:8]] == ['["a", "b"]', "[]", ""]
