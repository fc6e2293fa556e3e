"""Labelled text from files of every format, and from sets as the hub has them."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pandas
import pytest

from training.data.labelled import LabelledText
from training.data.labels import map_of_model
from training.data.loading import (
    load_beside,
    load_labelled_text,
    load_sets,
    load_texts,
)
from training.errors import DataError
from training.recipe.data import Data

ROWS = [
    ('a "quoted" word', "1"),
    ("it's 5 o'clock, more or less", "0"),
    ('"', "1"),
    ("café, naïve, 電影", "0"),
    ("None", "1"),
    ("null", "0"),
    ("NA", "1"),
    ("007", "0"),
    ("1e5", "0"),
]
TEXTS = [text for text, _ in ROWS]
TARGETS = np.array([int(label) for _, label in ROWS])
DATA = Data(train="unused")


def tsv(path: Path) -> None:
    """Tab-separated, nothing quoted."""
    path.write_text("text\tlabel\n" + "".join(f"{t}\t{label}\n" for t, label in ROWS))


def tsv_gz(path: Path) -> None:
    """The same, gzipped."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("text\tlabel\n" + "".join(f"{t}\t{label}\n" for t, label in ROWS))


def csv(path: Path) -> None:
    """Comma-separated, quotes doubled inside quotes."""
    quoted = ('"' + text.replace('"', '""') + f'",{label}\n' for text, label in ROWS)
    path.write_text("text,label\n" + "".join(quoted))


def jsonl(path: Path) -> None:
    """JSON lines, with integers for labels."""
    _table().to_json(path, lines=True, force_ascii=False)


def parquet(path: Path) -> None:
    """Parquet, with integers for labels."""
    _table().to_parquet(path)


def parquet_classes(path: Path) -> None:
    """Parquet from the hub's library, with a class label feature."""
    _table().cast_column("label", datasets.ClassLabel(names=["0", "1"])).to_parquet(path)


def _table() -> datasets.Dataset:
    return datasets.Dataset.from_dict({"text": TEXTS, "label": TARGETS.tolist()})


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("rows.tsv", tsv),
        ("rows.tsv.gz", tsv_gz),
        ("rows.csv", csv),
        ("rows.jsonl", jsonl),
        ("rows.parquet", parquet),
        ("classes.parquet", parquet_classes),
    ],
)
def test_formats_agree(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    """Every format gives the same rows: quotes, the word None and 007 are text like any other."""
    path = tmp_path / name
    write(path)
    assert load_labelled_text(str(path), DATA) == LabelledText(TEXTS, TARGETS, ("0", "1"))


def rows(folder: Path, text: str, name: str = "rows.tsv") -> str:
    """Writes a file; returns its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_labels_keep_their_form(tmp_path: Path) -> None:
    """Labels that look like numbers are served as they are written."""
    found = load_labelled_text(rows(tmp_path, "text\tlabel\na\t007\nb\t1e5\nc\t007\n"), DATA)
    assert (found.labels, found.targets.tolist()) == (("007", "1e5"), [0, 1, 0])


def test_numbers_only(tmp_path: Path) -> None:
    """A column of nothing but numbers is text too."""
    found = load_labelled_text(rows(tmp_path, "text\tlabel\n007\t01\n08\t02\n"), DATA)
    assert (found.texts, found.labels) == (["007", "08"], ("01", "02"))


def test_columns_may_be_named(tmp_path: Path) -> None:
    """Other columns are used where the recipe names them, and what is not named is ignored."""
    source = rows(tmp_path, ",review text,stars,id\n0,fine,5,x\n1,poor,1,\n", "rows.csv")
    data = Data(train="unused", text_column="review text", label_column="stars")
    expected = LabelledText(["fine", "poor"], np.array([1, 0]), ("1", "5"))
    assert load_labelled_text(source, data) == expected


def test_all_columns_that_lack_are_told(tmp_path: Path) -> None:
    """Of a file with other names, the error says both options, and not one at a time."""
    source = rows(tmp_path, "body,topic\nfine,x\n", "rows.csv")
    with pytest.raises(DataError, match=r"--text-column.*--label-column"):
        load_labelled_text(source, DATA)


@pytest.mark.parametrize("column", ["text", "sentence", "review", "content"])
def test_usual_columns_are_found(tmp_path: Path, column: str) -> None:
    """The usual names of the text column need not be given."""
    source = rows(tmp_path, f"label\t{column}\n1\tfine\n0\tpoor\n")
    assert load_labelled_text(source, DATA).texts == ["fine", "poor"]


def test_labels_are_named_in_the_order_given(tmp_path: Path) -> None:
    """`data.labels` says which label is served as what, and in what order."""
    source = rows(tmp_path, "text\tlabel\na\t0\nb\t1\nc\tgood\n")
    data = Data(train="unused", labels={"1": "good", "0": "bad"})
    assert load_labelled_text(source, data) == LabelledText(
        ["a", "b", "c"], np.array([1, 0, 0]), ("good", "bad")
    )


def test_labels_may_trade_names(tmp_path: Path) -> None:
    """A name that is also a label of the file means what `data.labels` says of the label."""
    source = rows(tmp_path, "text\tlabel\nx\ta\ny\tb\n")
    data = Data(train="unused", labels={"a": "b", "b": "a"})
    expected = LabelledText(["x", "y"], np.array([0, 1]), ("b", "a"))
    assert load_labelled_text(source, data) == expected


def test_labels_may_be_merged(tmp_path: Path) -> None:
    """Several labels of the file may be served as one."""
    source = rows(tmp_path, "text\tlabel\na\t1\nb\t2\nc\t5\n")
    data = Data(train="unused", labels={"1": "bad", "2": "bad", "5": "good"})
    assert load_labelled_text(source, data) == LabelledText(
        ["a", "b", "c"], np.array([0, 0, 1]), ("bad", "good")
    )


@pytest.mark.parametrize(
    ("text", "data", "message"),
    [
        ("body\tlabel\na\t0\n", DATA, r"columns \['body', 'label'\].*set data\.text_column"),
        (
            "text\tstars\na\t0\n",
            DATA,
            r"not label or labels: pass --label-column, or set data\.label_column",
        ),
        ("text\tlabel\n\t0\n  \t1\n", DATA, "all of its 2 texts are empty"),
        ("text\ttext\tlabel\na\tb\t0\n", DATA, "two columns named 'text': rename one"),
        ('text\tlabel\na\t["x"]\nb\ty\n', DATA, "some labels are lists, and 'y' is none"),
        ("text\tlabel\na\t\nb\t1\nc\t\n", DATA, "no label in 2 rows, the first is row 1: fill"),
        ("text\tlabel\na\nb\t1\n", DATA, "no label in 1 rows, the first is row 1"),
        ("text\tlabel\na\t0\nb\t0\n", DATA, "only one label, '0': two are needed"),
        ("text\tlabel\n", DATA, "no rows"),
        ("", DATA, "no rows"),
        ("text\tlabel\na\t0\tx\nb\t1\tx\n", DATA, "line 2 has 3 fields, the header 2"),
        ("text\tlabel\na\t0\n\nb\t1\tx\n", DATA, "line 4 has 3 fields, the header 2"),
        (
            "text\tlabel\na\t0\nb\t7\n",
            Data(train="unused", labels={"0": "bad", "1": "good"}),
            r"no label '1', of which --labels .* its labels are \['0', '7'\]: give",
        ),
    ],
)
def test_unusable_rows_are_told(tmp_path: Path, text: str, data: Data, message: str) -> None:
    """What cannot be used is an error that names the file, the place and the remedy."""
    source = rows(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        load_labelled_text(source, data)
    assert str(caught.value).startswith(source)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", b'text,label\n"a,0\nb,1\n'),
        ("rows.tsv", b"text\tlabel\n\xff\t0\n"),
        ("rows.tsv.gz", b"text\tlabel\na\t0\n"),
        ("rows.jsonl", b'{"text": "a", \n'),
        ("rows.parquet", b"PAR1"),
    ],
)
def test_damaged_files_are_told(tmp_path: Path, name: str, content: bytes) -> None:
    """A file that is not of its format is an error that names it."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} cannot be read: ."):
        load_labelled_text(str(tmp_path / name), DATA)


def test_exports_of_spreadsheets_are_read(tmp_path: Path) -> None:
    """A byte order mark, carriage returns and blank lines are no part of the rows."""
    (tmp_path / "rows.csv").write_bytes(b"\xef\xbb\xbftext,label\r\na,0\r\n\r\nb,1\r\n\r\n")
    found = load_labelled_text(str(tmp_path / "rows.csv"), DATA)
    assert found == LabelledText(["a", "b"], np.array([0, 1]), ("0", "1"))


def test_null_is_no_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """JSON's null is a missing value, and not the word None; a missing label is an error."""
    first = '{"text": "b", "label": 0}\n{"text": "c", "label": 1}\n'
    source = rows(tmp_path, first + '{"text": null, "label": 1}\n', "text.jsonl")
    assert list(load_labelled_text(source, DATA).texts) == ["b", "c"]
    assert f"{source}: 1 of 3 texts are empty" in caplog.text
    source = rows(tmp_path, first + '{"text": "a"}\n', "label.jsonl")
    with pytest.raises(DataError, match="no label in 1 rows, the first is row 3"):
        load_labelled_text(source, DATA)


def test_empty_texts_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A row without text is no row, whatever its label; the others keep theirs."""
    source = rows(tmp_path, "text\tlabel\n\t9\na\tx\n  \t\nb\ty\n")
    expected = LabelledText(["a", "b"], np.array([0, 1]), ("x", "y"))
    assert load_labelled_text(source, Data(labels={"x": "x", "y": "y"})) == expected
    assert "2 of 4 texts are empty, and are left out" in caplog.text


def test_csv_is_read_as_pandas_writes_it(tmp_path: Path) -> None:
    """Quotes, newlines, commas and fields of any length come back as they were."""
    texts = ['say "no", then\n\nleave', "x" * 200_000, " blanks ", '"', "a,b"]
    frame = pandas.DataFrame({"text": texts, "label": ["a", "b", "a", "b", "a"]})
    frame.to_csv(tmp_path / "rows.csv", index=False, encoding="utf-8-sig")
    assert list(load_labelled_text(str(tmp_path / "rows.csv"), DATA).texts) == texts


def test_json_stays_as_it_is(tmp_path: Path) -> None:
    """Dates are texts; a JSON list of rows is read as lines are."""
    records = [{"text": "2024-01-31", "label": "x"}, {"text": "2024-01-31T10:00:00Z", "label": "y"}]
    lines = "\n".join(map(json.dumps, records))
    read = load_labelled_text(rows(tmp_path, lines, "a.jsonl"), DATA)
    assert list(read.texts) == ["2024-01-31", "2024-01-31T10:00:00Z"]
    assert load_labelled_text(rows(tmp_path, json.dumps(records), "b.json"), DATA) == read


def test_plain_text_is_a_text_a_line(tmp_path: Path) -> None:
    """A .txt has texts and no labels; other files are read as texts too, labels or not."""
    source = rows(tmp_path, "\ufeffone\ttab\n\n  \ntwo\r\n", "some.txt")
    assert list(load_texts(source, DATA)) == ["one\ttab", "two"]
    assert list(load_texts(rows(tmp_path, "text\na\nb\n"), DATA)) == ["a", "b"]
    with pytest.raises(DataError, match="plain text, which has no labels"):
        load_labelled_text(source, DATA)


def test_a_column_beside(tmp_path: Path) -> None:
    """One more column is read with the rows, those without text left out of it too."""
    source = rows(tmp_path, "text\tlabel\tyear\na\tx\t1999\n\tx\t2000\nb\ty\n")
    data, years = load_beside(source, DATA, "year")
    assert (list(data.texts), years) == (["a", "b"], ["1999", ""])
    with pytest.raises(DataError, match=r"not month"):
        load_beside(source, DATA, "month")


def test_a_column_beside_scores(tmp_path: Path) -> None:
    """What the labels are of is known from the model: 1 and 5 are no names here."""
    source = rows(tmp_path, "text\tlabel\tyear\na\t5\t1999\nb\t1\t2000\n")
    labels = map_of_model(("score",), None)
    data, years = load_beside(source, DATA, "year", labels=labels, problem="regression")
    assert data.targets.tolist() == [5.0, 1.0]
    assert years == ["1999", "2000"]


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A set laid out as on the hub: splits train, test and unsupervised, and no validation."""
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["pos", "neg"])}
    )
    for split, labels in (("train", [0, 1]), ("test", [1, 0]), ("unsupervised", [-1, -1])):
        texts = [f"{split} {row}" for row in range(2)]
        table = datasets.Dataset.from_dict({"text": texts, "label": labels}, features=features)
        table.to_parquet(tmp_path / "hub" / f"{split}.parquet")
    files = "".join(
        f"  - {{split: {split}, path: {split}.parquet}}\n"
        for split in ("train", "test", "unsupervised")
    )
    card = f"---\nconfigs:\n- config_name: plain\n  data_files:\n{files}---\n"
    (tmp_path / "hub" / "README.md").write_text(card)
    return tmp_path / "hub"


def test_splits_of_the_hub_are_found_by_name(hub: Path) -> None:
    """Train and test are the usual ones or those named; what is not there lists what is."""
    sets = load_sets(Data(train=str(hub), test=str(hub)))
    assert (sets.train.labels, sets.train.targets.tolist()) == (("pos", "neg"), [0, 1])
    assert sets.test is not None
    assert (list(sets.test.texts), sets.test.targets.tolist()) == (["test 0", "test 1"], [1, 0])
    named = Data(train=str(hub), train_split="test")
    assert list(load_sets(named).train.texts) == ["test 0", "test 1"]
    wrong = Data(train=str(hub), test=str(hub), test_split="validation")
    with pytest.raises(
        DataError, match=r"no split validation: it has \['train', 'test', 'uns.*'\]; name one by"
    ):
        load_sets(wrong)
    assert len(load_texts(str(hub), DATA, "unsupervised")) == 2


def test_a_config_that_is_not_there_is_told(hub: Path) -> None:
    """The configurations that there are stand in the error."""
    with pytest.raises(DataError, match=r"with the config 'nothing'.*plain"):
        load_sets(Data(train=str(hub), config="nothing"))


def test_lists_of_labels_are_many(tmp_path: Path) -> None:
    """Lists are read as labels of one text, from every format; of one label they are refused."""
    records = [{"text": "a", "label": ["x", "y"]}, {"text": "b", "label": []}]
    records.append({"text": "c", "label": ["y"]})
    source = rows(tmp_path, "\n".join(map(json.dumps, records)), "many.jsonl")
    targets = np.array([[1, 1], [0, 0], [0, 1]], np.float32)
    expected = LabelledText(["a", "b", "c"], targets, ("x", "y"), "multi_label")
    assert load_labelled_text(source, DATA) == expected
    table = datasets.Dataset.from_list([{"text": r["text"], "labels": r["label"]} for r in records])
    indices = datasets.List(datasets.ClassLabel(names=["x", "y"]))
    table = table.map(lambda row: {"labels": ["xy".index(name) for name in row["labels"]]})
    table.cast_column("labels", indices).to_parquet(tmp_path / "many.parquet")
    assert load_labelled_text(str(tmp_path / "many.parquet"), DATA) == expected
    spelt = "text\tlabel\na\t['x', 'y']\nb\t[]\nc\t[\"y\"]\n"
    assert load_labelled_text(rows(tmp_path, spelt), DATA) == expected
    with pytest.raises(DataError, match=r"lists, such as .*set data\.problem"):
        load_labelled_text(source, DATA, labels=map_of_model(("x", "y")), problem="single_label")


def test_numbers_are_targets(tmp_path: Path) -> None:
    """Fractions are a regression's; with a teacher of one, whole numbers are too."""
    found = load_labelled_text(rows(tmp_path, "text\tlabel\na\t1.5\nb\t-2\n"), DATA)
    assert (found.problem, found.targets.tolist()) == ("regression", [1.5, -2.0])
    whole = rows(tmp_path, "text\tlabel\na\t1\nb\t5\n", "whole.tsv")
    assert load_labelled_text(whole, DATA).problem == "single_label"
    taught = load_sets(Data(train=whole), ("LABEL_0",), "regression").train
    assert (taught.labels, taught.targets.tolist()) == (("LABEL_0",), [1.0, 5.0])
    assert load_labelled_text(whole, Data(problem="regression")).problem == "regression"
    with pytest.raises(DataError, match="'x' is no number"):
        load_labelled_text(rows(tmp_path, "text\tlabel\na\tx\n"), Data(problem="regression"))
    with pytest.raises(DataError, match=r"data\.problem is regression, and the teacher's"):
        load_sets(Data(train=whole, problem="regression"), ("x", "y"), "single_label")


def test_a_set_reads_by_the_labels_of_another(tmp_path: Path) -> None:
    """A test set with some labels only has the indices of train's."""
    train = rows(tmp_path, "text\tlabel\na\tx\nb\ty\nc\tz\n", "train.tsv")
    test = rows(tmp_path, "text\tlabel\nd\tz\n", "test.tsv")
    sets = load_sets(Data(train=train, test=test))
    assert sets.test == LabelledText(["d"], np.array([2]), ("x", "y", "z"))


def test_withheld_labels_are_told(tmp_path: Path) -> None:
    """The hub's -1, which stands for a label that is not public, is a missing label."""
    path = tmp_path / "withheld.parquet"
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    table = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, -1]}, features=features)
    table.to_parquet(path)
    with pytest.raises(DataError, match="no label in 1 rows, the first is row 2"):
        load_labelled_text(str(path), DATA)


@pytest.mark.parametrize("source", ["absent.tsv", "./absent", "/absent", "a/b/c", "here/absent"])
def test_wrong_paths_are_wrong_paths(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that leads nowhere is not looked for on the hub."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"^no file at {source}$"):
        load_labelled_text(source, DATA)


def test_absent_sets_are_told() -> None:
    """A hub id that cannot be had is an error that names it."""
    with pytest.raises(DataError, match="no file 'nobody/has-this-set' here, and no such data set"):
        load_labelled_text("nobody/has-this-set", DATA)


def test_unknown_formats_are_told(tmp_path: Path) -> None:
    """A file of another format is an error that lists the formats."""
    with pytest.raises(DataError, match=r"expected one of .*\.parquet"):
        load_labelled_text(rows(tmp_path, "text label\n", "rows.xls"), DATA)


def test_hash_is_of_the_rows(tmp_path: Path) -> None:
    """The same rows have one hash in every format; another label, text or order has another."""
    tsv(tmp_path / "rows.tsv")
    parquet(tmp_path / "rows.parquet")
    base, same = (
        load_labelled_text(str(tmp_path / f"rows.{kind}"), DATA) for kind in ("tsv", "parquet")
    )
    others = [
        base.select([1, 0, *range(2, len(base))]),
        base.select(range(len(base) - 1)),
        LabelledText([*TEXTS[:-1], "x"], TARGETS, base.labels),
        LabelledText(TEXTS, 1 - TARGETS, base.labels),
    ]
    assert base.sha256 == same.sha256
    assert len({base.sha256, *(other.sha256 for other in others)}) == 1 + len(others)


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    """The number is the line's in the file."""
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "a", "label": "x"}\n\n{"text": "b", "label":\n')
    with pytest.raises(DataError, match="line 3 is not JSON"):
        load_labelled_text(str(path), DATA)


@pytest.mark.parametrize("text", [["good", "film"], {"en": "good"}])
def test_a_text_that_holds_others_is_refused(tmp_path: Path, text: object) -> None:
    """Nobody means the brackets of a list to be read as words."""
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"text": text, "label": "x"}) + "\n")
    with pytest.raises(DataError, match="which is no text"):
        load_texts(str(path), DATA)


def test_nan_is_no_label(tmp_path: Path) -> None:
    """A gap in a column of numbers is a missing label, and not one that is called nan."""
    lines = [{"text": "a", "label": 1.0}, {"text": "b", "label": 0.0}, {"text": "c", "label": None}]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines).replace("null", "NaN"))
    with pytest.raises(DataError, match="no label in 1 rows, the first is row 3"):
        load_labelled_text(str(path), DATA)


def test_booleans_of_a_table_are_those_of_json(tmp_path: Path) -> None:
    """A table has True where JSON says true: both are indices into a model's two labels."""
    path = tmp_path / "data.csv"
    path.write_text("text,label\na,True\nb,False\n")
    found = load_labelled_text(str(path), DATA, labels=map_of_model(("negative", "positive")))
    assert found.targets.tolist() == [1, 0]


def test_a_column_beside_may_hold_lists(tmp_path: Path) -> None:
    """Such as the labels themselves, of which each list is a slice."""
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "a", "label": ["x", "y"]}\n{"text": "b", "label": []}\n')
    assert load_beside(str(path), DATA, "label")[1] == ["['x', 'y']", "[]"]
