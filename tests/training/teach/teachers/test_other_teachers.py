"""Teachers that are no checkpoint: a published version, and a file of soft labels."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pytest

from tests.service.builders import SCORES, publish_tiny
from tests.tiny import tiny_encoder_checkpoint, toy_texts
from tests.training.builders import student_recipe
from training.data.labelled import LabelledText
from training.data.marks import MASK
from training.errors import CheckpointError, DataError, RecipeError, TrainingError
from training.tasks.run import run_recipe
from training.teach.teachers import soft_labels
from training.teach.teachers.opening import open_teacher, refuse_strays
from training.teach.teachers.published import OnnxTeacher, version_directory
from training.teach.teachers.soft_labels import FileTeacher
from training.teach.teachers.store import LogitStore
from training.teach.teachers.teacher import CheckpointTeacher, Teacher

NAMES = ("negative", "positive")
ROWS = [("a good film", 0.1, 0.9), ('so "bad"', 1.0, 0.0), ("plain", 0.5, 0.5)]
EXPECTED = np.log([[0.1, 0.9], [1.0, 1e-6], [0.5, 0.5]])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, named by the environment."""
    monkeypatch.setenv("STILLHOUSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def written(path: Path) -> Path:
    """Writes `ROWS` in the form that the name says."""
    rows = [{"text": text, "positive": high, "negative": low} for text, low, high in ROWS]
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif ".jsonl" in path.name:
        nested = [
            {"text": text, "probabilities": {"negative": low, "positive": high}}
            for text, low, high in ROWS
        ]
        path.write_bytes(gzip.compress("\n".join(map(json.dumps, nested)).encode()))
    elif path.suffix == ".csv":
        quoted = [f'"{text}"' if '"' not in text else '"so ""bad"""' for text, *_ in ROWS]
        lines = [f"{text},{high},{low}" for text, (_, low, high) in zip(quoted, ROWS, strict=True)]
        path.write_text("\n".join(["text,positive,negative", *lines]))
    else:
        lines = [f"{text}\t{high}\t{low}\textra" for text, low, high in ROWS]
        path.write_text("\n".join(["text\tpositive\tnegative\tother", *lines]))
    return path


@pytest.mark.parametrize("name", ["soft.tsv", "soft.csv"])
def test_a_long_text_is_read_as_data_is(tmp_path: Path, name: str) -> None:
    """A field over what Python's own csv takes, in a process that has read no other file."""
    csv.field_size_limit(131_072)
    text = "word " * 40_000
    row = ["text", "negative", "positive"], [text, "0.25", "0.75"]
    between = "\t" if name.endswith("tsv") else ","
    (tmp_path / name).write_text("\n".join(between.join(fields) for fields in row))
    found = open_teacher(str(tmp_path / name), NAMES).logits([text])
    assert np.abs(found - np.log([0.25, 0.75])).max() < 1e-5


@pytest.mark.parametrize("name", ["soft.tsv", "soft.csv", "soft.jsonl.gz", "soft.parquet"])
def test_probabilities_are_read_from_every_kind_of_file(tmp_path: Path, name: str) -> None:
    """Their logarithms are the logits, in the order of the data's labels; blanks do not matter."""
    path = written(tmp_path / name)
    teacher = open_teacher(str(path), NAMES)
    assert isinstance(teacher, FileTeacher)
    found = teacher.logits(["plain", " a good  film", 'so "bad"', "plain"])
    assert found.dtype == np.float32
    assert np.abs(found - EXPECTED[[2, 0, 1, 2]]).max() < 1e-5
    # The second reading is of what was kept; another file is another teacher.
    again = FileTeacher(path, NAMES, "single_label")
    assert len(LogitStore(again.fingerprint)) == len(ROWS) + 1
    assert FileTeacher(path, NAMES[::-1], "single_label").fingerprint != again.fingerprint
    if path.suffix == ".tsv":
        path.write_text(path.read_text().replace("0.9", "0.8").replace("0.1", "0.2"))
        changed = FileTeacher(path, NAMES, "single_label")
        assert changed.fingerprint != again.fingerprint
        assert np.abs(changed.logits(["a good film"]) - np.log([0.2, 0.8])).max() < 1e-5


def test_logits_and_other_problems_are_read(tmp_path: Path) -> None:
    """Numbers outside of 0 to 1 are logits, as is a column of that name; sigmoids are undone."""
    path = tmp_path / "soft.jsonl"
    path.write_text(json.dumps({"text": "a", "logits": [0.25, 0.5]}))
    assert FileTeacher(path, NAMES, "single_label").logits(["a"]).tolist() == [[0.25, 0.5]]
    path.write_text(json.dumps({"text": "a", "negative": -3, "positive": 2.5}))
    assert FileTeacher(path, NAMES, "single_label").logits(["a"]).tolist() == [[-3, 2.5]]
    path.write_text(json.dumps({"text": "a", "negative": 0.5, "positive": 0.9}))
    found = FileTeacher(path, NAMES, "multi_label").logits(["a"])
    assert np.abs(found - [[0, np.log(9)]]).max() < 1e-5
    path.write_text(json.dumps({"text": "a", "logits": [0.25, 0.5]}))
    with pytest.raises(DataError, match=r"names no labels: set data\.labels"):
        FileTeacher(path, None)
    path.write_text(json.dumps({"text": "a", "logits": {"no": 0.25, "yes": 0.5}}))
    assert FileTeacher(path, None).labels == ("no", "yes")
    path.write_text(json.dumps({"text": "a", "stars": 0.5}))
    assert FileTeacher(path, ["stars"], "regression").logits(["a"]).tolist() == [[0.5]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text\tpositive\na\t1", r"row 1 has no 'negative'; the labels are \['negative', 'pos"),
        ("text\tpositive\tnegative\na\t0.9\t0.3", "are 1.2 together, not 1; logits belong in"),
        (
            "text\tpositive\tnegative\na\t0.9\t0.1\nb\t0.8\t0.2\nc\t1.2\t0.1",
            "row 3 has a number that is no probability, and 2 of 3 rows are",
        ),
        (
            "text\tpositive\tnegative\na\tmuch\t0.3",
            "row 1 has 'much' in the column 'positive', which is no number",
        ),
        (
            "text\tpositive\tnegative\na\tnan\t0.3",
            "row 1 has a number that is missing or not finite",
        ),
        ("review\tpositive\tnegative\na\t0.7\t0.3", "row 1 has no text"),
        ("text\tpositive\tnegative", "has no rows"),
    ],
)
def test_files_of_another_form_are_told(tmp_path: Path, content: str, message: str) -> None:
    """Which file, which row and why; a second look at a bad file says the same."""
    path = tmp_path / "soft.tsv"
    path.write_text(content)
    for _ in range(2):
        with pytest.raises(DataError, match=f"soft.tsv.*{message}"):
            FileTeacher(path, NAMES, "single_label")


def test_what_a_file_cannot_give_is_told(tmp_path: Path) -> None:
    """A text that it says nothing of, a mask, its own absence, or a kind that is not read."""
    teacher = FileTeacher(written(tmp_path / "soft.tsv"), NAMES, "single_label")
    with pytest.raises(DataError, match=r"nothing of 2 of 3 texts, the first is 'never seen': add"):
        teacher.logits(["plain", "never seen", "nor this"])
    with pytest.raises(RecipeError, match="mask_probability = 0"):
        teacher.logits([f"plain {MASK}"])
    (tmp_path / "soft.xls").write_text("")
    for name in ("absent.tsv", "soft.xls"):
        with pytest.raises(DataError, match=name):
            open_teacher(str(tmp_path / name))


def test_a_published_version_teaches(tmp_path: Path, cache: Path) -> None:
    """It says what the service says: the sum of its words' scores; the highest version is taken."""
    publish_tiny(tmp_path, "model", 2, scores={})
    directory = publish_tiny(tmp_path, "model", 10)
    teacher = open_teacher(str(tmp_path / "model"))
    assert isinstance(teacher, OnnxTeacher)
    assert version_directory(str(tmp_path / "model")) == version_directory(str(directory))
    assert (teacher.labels, teacher.problem) == (NAMES, "single_label")
    texts = ["good", "bad film", "good film good"]
    found = teacher.logits(texts)
    said = [[SCORES.get(word, (0, 0)) for word in text.split()] for text in texts]
    expected = np.array([np.sum(words, axis=0) for words in said])
    assert np.abs(found - expected).max() < 1e-5
    assert len(list((cache / "logits").iterdir())) == 1
    other = OnnxTeacher(tmp_path / "model" / "2", "other")
    assert other.fingerprint != teacher.fingerprint
    assert np.abs(other.logits(texts)).max() == 0
    with pytest.raises(RecipeError, match="mask_probability = 0"):
        teacher.spelt([MASK])


def test_what_is_no_teacher_is_told(tmp_path: Path) -> None:
    """A version that was changed after it was published, and a directory of something else."""
    directory = publish_tiny(tmp_path)
    (directory / "model.onnx").write_bytes(b"other")
    (tmp_path / "empty").mkdir()
    for source, message in ((directory, "no published classifier"), (tmp_path / "empty", "empty")):
        with pytest.raises(CheckpointError, match=message):
            open_teacher(str(source))
    base = tiny_encoder_checkpoint(tmp_path / "base")
    assert isinstance(open_teacher(str(base)), CheckpointTeacher)


def test_a_file_teaches_a_student(toy: Path, tmp_path: Path) -> None:
    """An encoder learns from soft labels alone; what needs a teacher's inside is told."""
    path = tmp_path / "soft.tsv"
    rows = [
        f"{text}\t{0.95 if label == 'positive' else 0.05}\t{0.05 if label == 'positive' else 0.95}"
        for text, label in toy_texts(400, seed=1)
    ]
    path.write_text("\n".join(["text\tpositive\tnegative", *rows]))
    model = {"architecture": "encoder", "dropout": 0.0, "base": str(toy / "base")}
    options = {"distillation__alpha": 1.0, "training__learning_rate": 3e-3, "training__epochs": 4}
    recipe = student_recipe(toy, path, model=model, **options)
    metrics = run_recipe(recipe, tmp_path / "student")
    assert metrics["test"]["accuracy"] > 0.9
    refused: list[tuple[dict[str, object], type[TrainingError], str]] = [
        ({}, RecipeError, "bilstm"),
        (
            {"model": model, "distillation__alpha": None, "distillation__losses": {"cosine": 1.0}},
            RecipeError,
            "losses.cosine looks into the teacher, and .*soft.tsv gives logits alone",
        ),
    ]
    for changes, error, message in refused:
        with pytest.raises(error, match=message):
            run_recipe(student_recipe(toy, path, **changes), tmp_path / "other")


def test_teachers_keep_the_protocol(tmp_path: Path) -> None:
    """Each kind is a `Teacher` to the type checker."""
    teachers: list[Teacher] = [
        FileTeacher(written(tmp_path / "soft.tsv"), NAMES, "single_label"),
        OnnxTeacher(publish_tiny(tmp_path), "tiny"),
    ]
    assert [teacher.precision for teacher in teachers] == ["fp32", "fp32"]


def test_a_file_is_of_one_kind_of_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is read: rounding over 1 is none, and logits may look like probabilities."""
    monkeypatch.setattr(soft_labels, "ROWS", 2)
    path = tmp_path / "soft.tsv"
    rounded = ["a\t0.99\t0.01", "b\t0.98\t0.02", "c\t1.0000001\t0"]
    path.write_text("\n".join(["text\tpositive\tnegative", *rounded]))
    found = FileTeacher(path, NAMES, "single_label").logits(["a", "c"])
    assert np.exp(found).sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    path.write_text("text\tpositive\tnegative\na\t0.4\t0.6\nb\t-2\t3\nc\t5\t-1")
    assert FileTeacher(path, NAMES, "single_label").logits(["a"])[0] == pytest.approx([0.6, 0.4])


@pytest.mark.parametrize("name", ["id", "length"])
def test_a_column_of_other_numbers_is_no_label(tmp_path: Path, name: str) -> None:
    """It would turn all probabilities into logits, and be a label of the student."""
    rows = [f"{place},text {place},{place / 10},{1 - place / 10}" for place in range(10)]
    (tmp_path / "soft.csv").write_text("\n".join([f"{name},text,negative,positive", *rows]))
    with pytest.raises(DataError, match=f"without '{name}' .* leave the column out"):
        open_teacher(str(tmp_path / "soft.csv"))
    assert open_teacher(str(tmp_path / "soft.csv"), NAMES).labels == NAMES
    (tmp_path / "said.csv").write_text("\n".join(["text,negative,positive,who", "a,0.5,0.5,me"]))
    with pytest.raises(DataError, match="row 1 has 'me' in the column 'who', which is no number"):
        open_teacher(str(tmp_path / "said.csv"))


@pytest.mark.parametrize("problem", ["single_label", "multi_label"])
def test_a_column_that_no_text_is_called_by(tmp_path: Path, problem: Any) -> None:
    """Of logits, and of several labels, nothing but a header says that it is a label's."""
    several = problem == "multi_label"
    (tmp_path / "soft.csv").write_text(
        "text,negative,positive,extra\n" + ("a,0.5,0.9,0.8\n" if several else "a,-1.5,3,2\n")
    )
    teacher = open_teacher(str(tmp_path / "soft.csv"), None, problem)
    assert isinstance(teacher, FileTeacher)
    targets = np.array([[1, 1, 0]], np.float32) if several else np.array([1])
    texts = [""] * len(targets)
    data = LabelledText(texts, targets, teacher.labels, problem)
    with pytest.raises(DataError, match=r"columns \[.*'extra'\], and no labelled text has such"):
        refuse_strays(teacher, [data])
    other = np.array([[0, 0, 1]], np.float32) if several else np.array([0, 2])
    texts = [""] * len(other)
    refuse_strays(teacher, [data, LabelledText(texts, other, teacher.labels, problem)])
    refuse_strays(open_teacher(str(tmp_path / "soft.csv"), teacher.labels, problem), [data])


@pytest.mark.parametrize(
    "header",
    [
        "id,text,label,confidence,negative,positive",
        "text,id,label,model,confidence,negative,positive",
        "text,id,labels,confidence,negative,positive",
    ],
)
def test_what_score_writes_names_its_labels_last(tmp_path: Path, header: str) -> None:
    """The answer and the columns of others are no labels."""
    row = {"id": "7", "text": "good", "label": "positive", "labels": '"[""positive""]"'}
    row |= {"model": "student", "confidence": "0.75", "negative": "0.25", "positive": "0.75"}
    values = ",".join(row[name] for name in header.split(","))
    (tmp_path / "scored.csv").write_text(f"{header}\n{values}\n")
    teacher = open_teacher(str(tmp_path / "scored.csv"))
    assert teacher.labels == NAMES
    assert np.abs(teacher.logits(["good"]) - np.log([0.25, 0.75])).max() < 1e-5


def test_row_numbers_are_no_label(tmp_path: Path) -> None:
    """A table that pandas wrote with its index is refused, and not learnt from."""
    path = tmp_path / "soft.csv"
    pandas.DataFrame({"text": ["a"], "positive": [0.9], "negative": [0.1]}).to_csv(path)
    with pytest.raises(DataError, match=r"a column has no name.*index=False"):
        FileTeacher(path, None)
    assert FileTeacher(path, NAMES).labels == NAMES
