"""Labelled text from files of every format, and the validation split."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny import toy_texts
from training.data.labelled import LabelledText, load_labelled_text, split_validation
from training.errors import DataError
from training.recipe.recipe import Data

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
TARGETS = [int(label) for _, label in ROWS]
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
    return datasets.Dataset.from_dict({"text": TEXTS, "label": TARGETS})


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
    found = load_labelled_text(rows(tmp_path, "text\tlabel\na\t007\nb\t1.0\nc\t007\n"), DATA)
    assert (found.labels, found.targets) == (("007", "1.0"), [0, 1, 0])


def test_numbers_only(tmp_path: Path) -> None:
    """A column of nothing but numbers is text too."""
    found = load_labelled_text(rows(tmp_path, "text\tlabel\n007\t01\n08\t02\n"), DATA)
    assert (found.texts, found.labels) == (["007", "08"], ("01", "02"))


def test_columns_may_be_named(tmp_path: Path) -> None:
    """Other columns are used where the recipe names them, and what is not named is ignored."""
    source = rows(tmp_path, ",review text,stars,id\n0,fine,5,x\n1,poor,1,\n", "rows.csv")
    data = Data(train="unused", text_column="review text", label_column="stars")
    assert load_labelled_text(source, data) == LabelledText(["fine", "poor"], [1, 0], ("1", "5"))


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
        ["a", "b", "c"], [1, 0, 0], ("good", "bad")
    )


def test_labels_may_trade_names(tmp_path: Path) -> None:
    """A name that is also a label of the file means what `data.labels` says of the label."""
    source = rows(tmp_path, "text\tlabel\nx\ta\ny\tb\n")
    data = Data(train="unused", labels={"a": "b", "b": "a"})
    assert load_labelled_text(source, data) == LabelledText(["x", "y"], [0, 1], ("b", "a"))


def test_labels_may_be_merged(tmp_path: Path) -> None:
    """Several labels of the file may be served as one."""
    source = rows(tmp_path, "text\tlabel\na\t1\nb\t2\nc\t5\n")
    data = Data(train="unused", labels={"1": "bad", "2": "bad", "5": "good"})
    assert load_labelled_text(source, data) == LabelledText(
        ["a", "b", "c"], [0, 0, 1], ("bad", "good")
    )


@pytest.mark.parametrize(
    ("text", "data", "message"),
    [
        ("body\tlabel\na\t0\n", DATA, r"columns \['body', 'label'\].*set data\.text_column"),
        ("text\tstars\na\t0\n", DATA, r"not .*label: set .*data\.label_column"),
        ("text\tlabel\na\t0\n\t1\n", DATA, "no text in 1 rows, the first is row 2: fill"),
        ("text\tlabel\na\t0\n  \t1\n", DATA, "no text in 1 rows, the first is row 2: fill"),
        ("text\tlabel\na\t\nb\t1\nc\t\n", DATA, "no label in 2 rows, the first is row 1: fill"),
        ("text\tlabel\na\nb\t1\n", DATA, "no label in 1 rows, the first is row 1"),
        ("text\tlabel\na\t0\nb\t0\n", DATA, "only one label, '0': two are needed"),
        ("text\tlabel\n", DATA, "no rows"),
        ("", DATA, r"columns \[\]"),
        ("text\tlabel\na\t0\tx\nb\t1\tx\n", DATA, "line 2 has 3 fields, the header 2"),
        ("text\tlabel\na\t0\n\nb\t1\tx\n", DATA, "line 4 has 3 fields, the header 2"),
        (
            "text\tlabel\na\t0\nb\t7\n",
            Data(train="unused", labels={"0": "bad", "1": "good"}),
            r"labels \['7'\] that data\.labels does not name",
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
    assert found == LabelledText(["a", "b"], [0, 1], ("0", "1"))


def test_null_is_no_text(tmp_path: Path) -> None:
    """JSON's null is a missing value, and not the word None."""
    for line, what in (('{"text": null, "label": 1}', "text"), ('{"text": "a"}', "label")):
        source = rows(tmp_path, f'{{"text": "b", "label": 0}}\n{line}\n', f"{what}.jsonl")
        with pytest.raises(DataError, match=f"no {what} in 1 rows, the first is row 2"):
            load_labelled_text(source, DATA)


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


@pytest.mark.parametrize("source", ["absent.tsv", "./absent", "/absent", "nobody/has-this-set"])
def test_absent_sources_are_told(source: str) -> None:
    """A path that leads nowhere and a hub id that cannot be had are errors that name it."""
    with pytest.raises(DataError, match=source):
        load_labelled_text(source, DATA)


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
        LabelledText(TEXTS, [1 - target for target in TARGETS], base.labels),
    ]
    assert base.sha256 == same.sha256
    assert len({base.sha256, *(other.sha256 for other in others)}) == 1 + len(others)


def labelled(*texts: str) -> LabelledText:
    """Texts whose labels do not matter."""
    return LabelledText(list(texts), [0] * len(texts), ("a", "b"))


PHRASES = labelled(
    "a fine film",
    "fine",
    "a fine",
    "a dull plot in a long hour",
    "a long hour",
    "plot in",
    "a dull plot in a long hour",
)


@pytest.mark.parametrize("seed", range(6))
def test_only_whole_texts_are_held_out(seed: int) -> None:
    """Validation holds whole texts alone, and train none of their phrases nor copies."""
    train, validation = split_validation(PHRASES, 1, seed)
    expected = {
        "a fine film": PHRASES.texts[3:],
        "a dull plot in a long hour": PHRASES.texts[:3],
    }
    assert train.texts == expected[validation.texts[0]]


def test_every_whole_text_may_be_held_out() -> None:
    """Over the seeds, each whole text comes to be held out."""
    held_out = {split_validation(PHRASES, 1, seed)[1].texts[0] for seed in range(20)}
    assert held_out == {"a fine film", "a dull plot in a long hour"}


def test_targets_stay_with_their_texts() -> None:
    """After the split each text has the label that it had."""
    pairs = toy_texts(120, seed=3)
    labels = ("negative", "positive")
    data = LabelledText([t for t, _ in pairs], [labels.index(name) for _, name in pairs], labels)
    truth = dict(pairs)
    for part in split_validation(data, 30, seed=1):
        assert [truth[text] for text in part.texts] == [labels[t] for t in part.targets]


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=5).map(" ".join)


@given(texts=st.lists(WORDS, min_size=2, max_size=30), seed=st.integers(0, 5))
def test_no_held_out_text_holds_a_training_text(texts: list[str], seed: int) -> None:
    """Whatever the texts, no training text is a part of one that is held out, or it of one."""
    try:
        train, validation = split_validation(labelled(*texts), 1, seed)
    except DataError:
        return  # everything is a part of one text
    for held_out in validation.texts:
        for text in train.texts:
            assert f" {text} " not in f" {held_out} "
            assert f" {held_out} " not in f" {text} "


def test_impossible_splits_are_told() -> None:
    """A validation set that is too large, or leaves no training text, is an error."""
    with pytest.raises(DataError, match=r"3 texts cannot be held out of 2: lower"):
        split_validation(PHRASES, 3, 0)
    with pytest.raises(DataError, match="nothing to train on: lower"):
        split_validation(PHRASES, 2, 0)


SPLIT = """
import json, sys
from training.data.labelled import (LabelledText, split_validation)
texts = json.load(sys.stdin)
print(split_validation(LabelledText(texts, [0] * len(texts), ("a", "b")), 20, 13)[1].sha256)
"""


def test_split_is_the_same_in_every_process() -> None:
    """The split follows the seed alone, not a process's own hash seed."""
    texts = [text for text, _ in toy_texts(100, seed=5)]
    other_process = subprocess.run(
        [sys.executable, "-c", SPLIT],
        input=json.dumps(texts),
        env={**os.environ, "PYTHONHASHSEED": str(hash("any") % 1000)},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    here, other_seed = (split_validation(labelled(*texts), 20, s)[1].sha256 for s in (13, 14))
    assert other_process == here
    assert other_seed != here
