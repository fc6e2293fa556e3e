"""`stillhouse score`: files in, one file out, whatever happens on the way."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

import export.score.scoring
from export.score.chain import Chain, chain_of
from export.score.reading import count_of
from service.repository.editing import rename_labels
from service.repository.held import HeldFile
from service.repository.routes import Target
from service.runtime.model import Pair
from service.runtime.tasks.classification import Classifier
from tests.export.score.files import Run, rows_of, write
from tests.service.builders import publish_tiny, write_cascade
from training.teach.teachers.soft_labels import FileTeacher

TEXTS = ["good", "bad film", "good good film", "fine", "bad bad", "film good bad good"] * 5


@pytest.mark.parametrize("into", [".parquet", ".jsonl", ".csv", ".tsv"])
@pytest.mark.parametrize("kind", [".parquet", ".jsonl", ".csv", ".tsv"])
def test_every_format(tmp_path: Path, models: Path, run: Run, kind: str, into: str) -> None:
    """Rows keep their order and columns, and get what the model says of them."""
    source = write(
        tmp_path / f"in{kind}", [{"id": str(n), "text": text} for n, text in enumerate(TEXTS)]
    )
    output = tmp_path / f"out{into}"
    result = run("--model", "teacher", "--input", source, "--output", output)
    assert result.exit_code == 0, result.output
    found = rows_of(output)
    assert [row["id"] for row in found] == [str(n) for n in range(len(TEXTS))]
    assert [row["text"] for row in found] == TEXTS
    teacher = Classifier.load(models / "teacher" / "1")
    exact = teacher.probabilities(teacher.logits(teacher.encode(TEXTS, None)))
    for row, expected in zip(found, exact.tolist(), strict=True):
        assert row["label"] == teacher.manifest.labels[expected.index(max(expected))]
        each = row.get("probabilities") or row
        told = [float(each[label]) for label in teacher.manifest.labels]
        assert told == pytest.approx(expected, abs=1e-6)
    assert not output.with_name(f"{output.name}.parts").exists()
    taught = FileTeacher(output, None)
    assert taught.labels == teacher.manifest.labels
    assert taught.logits(["bad bad"])[0].argmax() == 0


def test_a_folder_of_parts(tmp_path: Path, run: Run) -> None:
    """An output without an ending: Parquet files of one schema, in the order of the rows."""
    rows = [
        {"id": n, "text": text if n != 3 else " ", "note": "late" if n > 20 else None}
        for n, text in enumerate(TEXTS)
    ]
    source = write(tmp_path / "in.jsonl", rows)
    left = tmp_path / "out.parts" / "whole"  # by a stop at the very end
    left.mkdir(parents=True)
    (left / "part-000000.parquet").write_bytes(b"half")
    assert run("--model", "teacher", "--input", source, "--output", tmp_path / "out").exit_code == 0
    files = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in files] == [f"part-{n:06}.parquet" for n in range(5)]
    assert len({parquet.read_schema(path).remove_metadata() for path in files}) == 1
    found = parquet.read_table(tmp_path / "out").to_pylist()
    assert [row["id"] for row in found] == [n for n in range(len(TEXTS)) if n != 3]
    assert [row["note"] for row in found] == [None] * 20 + ["late"] * 9
    assert [one["row"] for one in rows_of(tmp_path / "out.bad.jsonl")] == [4]
    assert not (tmp_path / "out.parts").exists()
    again = run("--model", "teacher", "--input", source, "--output", tmp_path / "out")
    assert "is there already" in again.output


def test_a_cascade_answers_as_its_chain(tmp_path: Path, models: Path, run: Run) -> None:
    """The student answers where it is sure, and the teacher the others; the file says who."""
    source = write(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS])
    assert (
        run("--model", "auto", "--input", source, "--output", tmp_path / "out.jsonl").exit_code == 0
    )
    found = rows_of(tmp_path / "out.jsonl")
    student, teacher = (Classifier.load(models / name / "1") for name in ("student", "teacher"))
    for row in found:
        probabilities = student.probabilities(student.logits(student.encode([row["text"]], None)))
        sure = float(student.confidence(probabilities)[0]) >= 0.8
        assert row["model"] == ("student" if sure else "teacher")
        if not sure:
            items = teacher.encode([row["text"]], None)
            probabilities = teacher.probabilities(teacher.logits(items))
        assert list(row["probabilities"].values()) == pytest.approx(probabilities[0].tolist())
    assert {row["model"] for row in found} == {"student", "teacher"}


def test_batches_change_no_answer(models: Path) -> None:
    """However texts are put together, each gets its own answer in its own place."""
    links = chain_of(models, "auto")
    one, many = (Chain(links, tokens).score(TEXTS) for tokens in (1, 4096))
    assert one.probabilities == pytest.approx(many.probabilities)
    assert one.by.tolist() == many.by.tolist()


def test_bad_rows_are_told(tmp_path: Path, run: Run) -> None:
    """What is no text goes to a file of its own with its place and the reason."""
    source = tmp_path / "in.jsonl"
    source.write_text(
        '{}\n{"text": "good"}\n{"text": 3}\nnot json\n{"text": " "}\n{"text": "bad"}\n'
    )
    output = tmp_path / "out.jsonl"
    result = run("--model", "teacher", "--input", source, "--output", output)
    assert result.exit_code == 0, result.output
    assert [row["text"] for row in rows_of(output)] == ["good", "bad"]
    bad = rows_of(tmp_path / "out.jsonl.bad.jsonl")
    assert [one["row"] for one in bad] == [1, 3, 4, 5]
    assert [one["why"].split(":")[0] for one in bad] == [
        *("its text is missing", "its text is no string", "it is not JSON", "its text is empty"),
    ]
    assert "4 rows that could not be scored" in result.output


def test_it_goes_on_where_it_was_stopped(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done before a stop is not done again, and nothing is half written."""
    source = write(tmp_path / "in.csv", [{"text": text} for text in TEXTS])
    output = tmp_path / "out.parquet"
    given = ("--model", "teacher", "--input", source, "--output", output)
    answer = export.score.scoring.answer
    asked: list[int] = []

    def broken(chain: Chain, links: Any, part: Path, chunk: Any) -> None:
        asked.append(chunk.number)
        if len(asked) == 3:
            raise KeyboardInterrupt
        answer(chain, links, part, chunk)

    monkeypatch.setattr(export.score.scoring, "answer", broken)
    assert run(*given).exit_code != 0
    assert not output.exists()
    assert asked == [0, 1, 2]
    assert run(*given).exit_code == 0
    assert asked == [0, 1, 2, 2, 3, 4]
    assert [row["text"] for row in rows_of(output)] == TEXTS
    again = run(*given)
    assert again.exit_code == 1
    assert "is there already" in again.output


def test_parts_of_something_else_are_refused(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another model or other texts do not go on with what was made of those before."""
    source = write(tmp_path / "in.csv", [{"text": text} for text in TEXTS])
    output = tmp_path / "out.parquet"

    answer = export.score.scoring.answer

    def stopped(chain: Chain, links: Any, part: Path, chunk: Any) -> None:
        if chunk.number:
            raise KeyboardInterrupt
        answer(chain, links, part, chunk)

    monkeypatch.setattr(export.score.scoring, "answer", stopped)
    run("--model", "teacher", "--input", source, "--output", output)
    monkeypatch.undo()
    result = run("--model", "student", "--input", source, "--output", output)
    assert result.exit_code == 1
    assert "has parts of other inputs, models or options" in result.output


def test_what_was_wrong_at_first_may_be_put_right(tmp_path: Path, run: Run) -> None:
    """A command that was refused before any row was answered holds up no other."""
    source = write(tmp_path / "in.csv", [{"message": text} for text in TEXTS])
    given = ("--model", "teacher", "--input", source, "--output", tmp_path / "out.csv")
    refused = run(*given)
    assert refused.exit_code == 1
    assert "--text-column" in refused.output
    assert run(*given, "--text-column", "message").exit_code == 0


def test_a_version_that_is_held_answers(tmp_path: Path, models: Path) -> None:
    """As it does in the service."""
    root = tmp_path / "copy"
    shutil.copytree(models, root)
    rename_labels(root, Target("teacher", 1), {"positive": "fine"})
    (link,) = chain_of(root, "teacher")
    assert link.manifest.version == 2
    HeldFile(root, None).change("teacher", 1, {})
    (link,) = chain_of(root, "teacher")
    assert link.manifest.version == 1


def test_the_bar_has_an_end(tmp_path: Path) -> None:
    """Rows are counted before they are read, where that is quick."""
    rows = [{"text": text} for text in TEXTS]
    files = [write(tmp_path / f"in{kind}", rows) for kind in (".csv", ".jsonl", ".parquet")]
    assert count_of(files) == 3 * len(TEXTS)
    assert count_of([*files, Path("more.csv.gz")]) is None


def test_folders_and_patterns(tmp_path: Path, run: Run) -> None:
    """All files of a folder or pattern, in the order of their names, in several processes."""
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "b.csv", [{"text": "bad"}])
    write(folder / "a.jsonl", [{"text": "good"}, {"text": "fine"}])
    for place, given in enumerate((folder, folder / "*")):
        output = tmp_path / f"out{place}.jsonl"
        result = run("--model", "teacher", "--input", given, "--output", output, "--processes", 2)
        assert result.exit_code == 0, result.output
        assert [row["text"] for row in rows_of(output)] == ["good", "fine", "bad"]


def test_pairs_labels_and_numbers(tmp_path: Path, models: Path, run: Run) -> None:
    """Models of pairs read two columns; several labels are a list; a regression gives a number."""
    publish_tiny(models, "pairs", pairs=True)
    publish_tiny(
        models, "tags", problem_type="multi_label", labels=("a", "b"), thresholds=(0.5, 0.5)
    )
    publish_tiny(
        models, "stars", problem_type="regression", labels=("stars",), scores={"good": (2.0,)}
    )
    two = write(tmp_path / "two.jsonl", [{"premise": "good", "hypothesis": "bad"}])
    assert run("--model", "pairs", "--input", two, "--output", tmp_path / "p.jsonl").exit_code == 0
    (row,) = rows_of(tmp_path / "p.jsonl")
    pairs = Classifier.load(models / "pairs" / "1")
    exact = pairs.probabilities(pairs.logits(pairs.encode([Pair("good", "bad")], None)))
    assert list(row["probabilities"].values()) == pytest.approx(exact[0].tolist())
    assert (row["text"], row["text_pair"]) == ("good", "bad")
    one = write(tmp_path / "one.jsonl", [{"text": "good"}])
    assert run("--model", "tags", "--input", one, "--output", tmp_path / "t.jsonl").exit_code == 0
    assert rows_of(tmp_path / "t.jsonl")[0]["labels"] == ["b"]
    assert run("--model", "stars", "--input", one, "--output", tmp_path / "s.jsonl").exit_code == 0
    assert rows_of(tmp_path / "s.jsonl") == [{"text": "good", "score": 2.0}]


def test_each_model_of_a_chain_has_its_own_thresholds(
    tmp_path: Path, models: Path, run: Run
) -> None:
    """A text that went on is judged by those of whoever answered it, as the service does."""
    kind: dict[str, Any] = {
        "problem_type": "multi_label",
        "labels": ("a", "b"),
        "scores": {"bad": (0.0, 1.0)},
    }
    publish_tiny(models, "first", thresholds=(0.3, 0.3), **kind)
    publish_tiny(models, "last", thresholds=(0.6, 0.6), **kind)
    source = write(tmp_path / "one.jsonl", [{"text": "bad"}])
    for threshold, labels in ((1.01, ["b"]), (0.0, ["a", "b"])):
        write_cascade(models, "tags", threshold=threshold, chain=("first", "last"))
        output = tmp_path / f"{threshold}.jsonl"
        assert run("--model", "tags", "--input", source, "--output", output).exit_code == 0
        assert rows_of(output)[0]["labels"] == labels


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--model", "nobody"), "which has student, teacher, auto"),
        (("--input", "nofile.csv"), "no such file, and none that it is a pattern of"),
        (("--input", __file__), "expected one of .parquet, .csv, .tsv, .jsonl"),
        (("--output", "out.xlsx"), "--output ends in one of"),
        (("--text-column", "body"), "body"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, run: Run, options: tuple[str, str], says: str) -> None:
    """It is told in one line before anything is scored."""
    source = write(tmp_path / "in.csv", [{"text": "good"}])
    given = {"--model": "teacher", "--input": str(source), "--output": str(tmp_path / "out.csv")}
    given |= dict([options])
    result = run(*(part for pair in given.items() for part in pair))
    assert result.exit_code == 1
    assert says in result.output
    assert not (tmp_path / "out.csv").exists()
