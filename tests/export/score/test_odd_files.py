"""`stillhouse score` on odd files: no column, row or file is lost, and no line stops the others."""

import json
from pathlib import Path

import pytest

from service.runtime.tasks.classification import Classifier
from tests.export.score.files import Run, rows_of, write


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"text": "broken \\ud83d film"}', "half of a character"),
        ('{"text": "good", "n": 99999999999999999999999}', "more than 64 bits"),
        ("[" * 100_000, "nested too deeply"),
        ('{"text": "good", "n": ' + "9" * 5000 + "}", "not JSON"),
    ],
)
def test_one_line_that_nothing_can_hold_stops_no_other(
    tmp_path: Path, run: Run, line: str, why: str
) -> None:
    """It is one bad row, however odd; an end of a line in a text is none of the file's."""
    source = tmp_path / "in.jsonl"
    odd = json.dumps({"text": " ", "note": "a\u2028b\u2028"}, ensure_ascii=False)
    source.write_text(f'{{"text": "good", "meta": {{}}}}\n{line}\n{odd}\n', encoding="utf-8")
    output = tmp_path / "out.jsonl"
    result = run("--model", "teacher", "--input", source, "--output", output)
    assert result.exit_code == 0, result.output
    assert "1 rows" in result.output
    assert "2 rows that could not be scored" in result.output
    assert [(row["text"], row["meta"]) for row in rows_of(output)] == [("good", None)]
    bad = (tmp_path / "out.jsonl.bad.jsonl").read_text(encoding="utf-8").split("\n")
    assert why in json.loads(bad[0])["why"]


@pytest.mark.parametrize(
    ("header", "options", "says"),
    [
        ("id,body,text", ("--text-column", "body"), "'body' is 'text' in the output"),
        ("id,text,text", (), "two columns named 'text'"),
        ("id,id,text", (), "two columns named 'id'"),
        ("id,label,text", (), "has a column 'label', as the output is to have"),
        ("id,positive,text", (), "has a column 'positive', as the output is to have"),
    ],
)
def test_no_column_is_lost(
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    header: str,
    options: tuple[str, ...],
    says: str,
) -> None:
    """Two of one name are refused before a model is loaded, and nothing is left behind."""
    monkeypatch.setattr(Classifier, "load", lambda *_: pytest.fail("a model was loaded"))
    source = tmp_path / "in.csv"
    source.write_text(f"{header}\n1,awful film,good film\n")
    given = ("--model", "teacher", "--input", source, "--output", tmp_path / "out.csv", *options)
    result = run(*given)
    assert result.exit_code == 1
    assert says in result.output
    assert {one.name for one in tmp_path.iterdir()} == {"models", "in.csv"}


def test_a_label_is_a_column_of_csv_alone(tmp_path: Path, run: Run) -> None:
    """Elsewhere the labels are in a column of their own, and the input's stays."""
    source = write(tmp_path / "in.parquet", [{"text": "good", "positive": "mine"}])
    output = tmp_path / "out.jsonl"
    assert run("--model", "teacher", "--input", source, "--output", output).exit_code == 0
    (row,) = rows_of(output)
    assert row["positive"] == "mine"
    assert row["probabilities"]["positive"] > 0.5


def test_columns_of_later_rows_are_looked_at_too(tmp_path: Path, run: Run) -> None:
    """A row of JSON may have more than the first."""
    source = write(tmp_path / "in.jsonl", [{"text": "good"}, {"text": "good", "label": 1}])
    result = run("--model", "teacher", "--input", source, "--output", tmp_path / "out.jsonl")
    assert result.exit_code == 1
    assert "has a column 'label'" in result.output


def test_a_file_without_rows_leaves_nothing(tmp_path: Path, run: Run) -> None:
    """Nor does one with a line of names alone."""
    for text in ("", "id,text\n"):
        (tmp_path / "in.csv").write_text(text)
        output = tmp_path / "out.csv"
        result = run("--model", "teacher", "--input", tmp_path / "in.csv", "--output", output)
        assert result.exit_code == 1
        assert "the inputs have no rows" in result.output
        assert {one.name for one in tmp_path.iterdir()} == {"models", "in.csv"}


def test_bad_rows_of_before_are_not_written_over(tmp_path: Path, run: Run) -> None:
    """Nor do they stay beside an output that has none."""
    source = write(tmp_path / "in.jsonl", [{"text": "good"}])
    bad = tmp_path / "out.jsonl.bad.jsonl"
    bad.write_text("{}\n")
    given = ("--model", "teacher", "--input", source, "--output", tmp_path / "out.jsonl")
    result = run(*given)
    assert result.exit_code == 1
    assert f"{bad} is there already" in result.output
    bad.unlink()
    assert run(*given).exit_code == 0


def test_columns_of_two_kinds_are_told_with_what_is_done(tmp_path: Path, run: Run) -> None:
    """The parts become another file, and nothing is answered twice."""
    source = write(tmp_path / "in.jsonl", [{"text": "good", "n": n} for n in [1] * 7 + ["a"]])
    result = run("--model", "teacher", "--input", source, "--output", tmp_path / "out.parquet")
    assert result.exit_code == 1
    assert "NAME.jsonl.parts" in result.output
    (tmp_path / "out.parquet.parts").rename(tmp_path / "o.jsonl.parts")
    again = run("--model", "teacher", "--input", source, "--output", tmp_path / "o.jsonl")
    assert again.exit_code == 0, again.output
    assert [row["n"] for row in rows_of(tmp_path / "o.jsonl")] == [*[1] * 7, "a"]
