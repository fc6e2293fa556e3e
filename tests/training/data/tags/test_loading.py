"""Tests of reading tagged sets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from training.data.tags.loading import load_tagged_text
from training.data.tags.splitting import load_tagged_split
from training.data.tags.tagged import Span
from training.data.tags.writing import write_tagged
from training.errors import DataError
from training.recipe.data import Data

Put = Callable[[str, str], str]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a file, and gives its path."""

    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def lines(*rows: Any) -> str:
    """JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_one_representation(put: Put, tmp_path: Path) -> None:
    """Columns by tab or blank, words with tags, texts with spans, classes: the same texts."""
    words = [["Ann", "met", "José", "M."], ["No", "one"]]
    tags = [["B-per", "O", "B-per", "I-per"], ["O", "O"]]
    spans = [{"start": 0, "end": 3, "label": "per"}, {"start": 8, "end": 15, "label": "per"}]
    classes = datasets.Features(
        {
            "tokens": datasets.List(datasets.Value("string")),
            "ner_tags": datasets.List(datasets.ClassLabel(names=["O", "B-per", "I-per"])),
        }
    )
    numbers = [[1, 0, 1, 2], [0, 0]]
    datasets.Dataset.from_dict({"tokens": words, "ner_tags": numbers}, classes).to_parquet(
        tmp_path / "a.parquet"
    )
    sources = [
        put("a.conll", "Ann\tB-per\nmet\tO\nJosé\tB-per\nM.\tI-per\n\t\nNo\tO\none\tO\n"),
        put(
            "a.txt",
            "-DOCSTART- X O\n\n# sent 1\nAnn N B-per\nmet V O\nJosé N B-per\nM. N I-per\n\n"
            "No D O\none N O\n",
        ),
        put(
            "a.jsonl", lines(*({"tokens": w, "tags": t} for w, t in zip(words, tags, strict=True)))
        ),
        put(
            "b.jsonl",
            lines({"text": "Ann met José M.", "spans": spans}, {"text": "No one", "spans": []}),
        ),
        str(tmp_path / "a.parquet"),
    ]
    found = [load_tagged_text(source, Data()) for source in sources]
    assert list(found[0].texts) == ["Ann met José M.", "No one"]
    assert found[0].spans == [(Span(0, 3, "per"), Span(8, 15, "per")), ()]
    assert {one.sha256 for one in found} == {found[0].sha256}
    assert found[0].labels == ("O", "B-per", "I-per")


def test_written_and_read_again(put: Put, tmp_path: Path) -> None:
    """What `held-out` writes is the same texts; nothing is written over."""
    found = load_tagged_text(put("a.conll", "Ann\tB-per\nmet\tO\nJosé\tB-per\n"), Data())
    write_tagged(found, tmp_path / "b.jsonl")
    assert load_tagged_text(str(tmp_path / "b.jsonl"), Data()).sha256 == found.sha256
    with pytest.raises(DataError, match="exists"):
        write_tagged(found, tmp_path / "b.jsonl")


def test_which_column_and_what_labels_are_called(put: Put) -> None:
    """An annotator's column by its number; types as the model calls them, in its order."""
    source = put("a.conll", "Ann B-PER B-LOC\n")
    assert load_tagged_text(source, Data()).spans == [(Span(0, 3, "LOC"),)]
    data = Data(label_column="2", labels={"LOC": "place", "PER": "person"})
    found = load_tagged_text(source, data)
    assert found.spans == [(Span(0, 3, "person"),)]
    assert found.types == ("place", "person")
    with pytest.raises(DataError, match=r"types \['LOC'\]; the model's are \['person'\]"):
        load_tagged_text(source, Data(), types=("person",))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.conll", "Ann B-per\nmet\n", "line 2 has one column"),
        ("a.conll", "Ann B-per\nmet V O\n", "line 2 has 3 columns, those before it 2"),
        ("a.conll", "Ann B-per,B-loc\n", "several annotators"),
        ("a.csv", "a,b\n", "as a CoNLL file"),
        ("a.jsonl", lines({"words": ["a"]}), "columns .'words'.: give `tokens` and `tags`"),
        ("a.jsonl", lines({"tokens": ["a"], "tags": ["O", "O"]}), "row 1: 1 words have 2 tags"),
        ("a.jsonl", lines({"tokens": [" "], "tags": ["B-x"]}), "row 1: its word 1 is empty"),
        ("a.jsonl", lines({"tokens": ["a", "b"], "tags": [0, 1]}), "row 1: 0 is no tag: write"),
        ("a.jsonl", lines({"tokens": ["a"], "tags": [None]}), "row 1: None is no tag"),
        ("a.jsonl", lines({"text": "ab", "spans": [[1, 1, "x"]]}), "row 1: .* holds no character"),
        (
            "a.jsonl",
            lines({"text": "a", "spans": []}, {"text": "ab", "spans": [[1, 3, "x"]]}),
            "row 2: the span 1 to 3 .x. is not inside",
        ),
        (
            "a.jsonl",
            lines({"text": "abc", "spans": [[0, 2, "x"], [1, 3, "y"]]}),
            "row 1: the spans 0 to 2 .x. and 1 to 3 .y. overlap",
        ),
        ("a.jsonl", lines({"text": "a  b", "spans": [[1, 3, "x"]]}), "row 1: .* of no word"),
        ("a.jsonl", lines({"text": "ab", "spans": [["0", 1, "x"]]}), "row 1: .* is no span"),
        ("a.jsonl", lines({"text": "ab", "spans": []}), "no text has an entity"),
        ("a.jsonl", lines({"text": " ", "spans": []}), "all of its texts are empty"),
    ],
)
def test_what_cannot_be_read(put: Put, name: str, text: str, says: str) -> None:
    """It is told where, and what to do."""
    with pytest.raises(DataError, match=says):
        load_tagged_text(put(name, text), Data())


def test_every_type_is_held_out(put: Put) -> None:
    """A rare type is in every set, and no near-copy is on both sides."""
    rows = []
    for place in range(200):
        name, kind = (f"n{place}", "rare") if place < 12 else (f"w{place}", "usual")
        rows.append({"tokens": ["so", "says", name, "here"], "tags": ["O", "O", f"B-{kind}", "O"]})
    rows.append({"tokens": ["So,", "says", "w199", "here!"], "tags": ["O"] * 4})
    sizes = {"choose_size": 20, "fit_size": 20, "measure_size": 20}
    found = load_tagged_split(Data(train=put("a.jsonl", lines(*rows)), **sizes))
    for part in (found.train, found.choose, found.fit, found.measure):
        assert {span.label for spans in part.spans for span in spans} == {"rare", "usual"}
    assert len(found.train) + 60 in (200, 201)
    assert not found.held_out.equal(found.train.texts).any()
