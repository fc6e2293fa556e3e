"""Pairs of texts: read from two columns, split, altered and drawn as one."""

import gzip
import json
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pytest

from service.runtime.model import Pair
from training.data.augmentation import augment
from training.data.inputs import halves
from training.data.labelled import LabelledText, unlabelled
from training.data.loading import load_labelled_text, load_sets, load_split, load_texts
from training.data.marks import MASK
from training.data.splitting.overlap import HeldOut
from training.data.transfer import load_transfer_text
from training.data.writing import write_labelled
from training.errors import DataError, RecipeError
from training.recipe.data import Data
from training.recipe.teaching import Augmentation, Transfer

ROWS = [
    ("a man eats", "somebody eats", "entailment"),
    ("a man eats", "nobody eats", "contradiction"),
    ('she said "no"', "it's 5 o'clock", "neutral"),
]
PAIRS = [Pair(one, two) for one, two, _ in ROWS]
NOTHING = Data()


def written(path: Path, rows: list[dict[str, object]]) -> str:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def nli(path: Path, names: tuple[str, str] = ("premise", "hypothesis")) -> str:
    """`ROWS` as JSON lines with two columns of these names."""
    return written(path, [dict(zip((*names, "label"), row, strict=True)) for row in ROWS])


def numbered(path: Path, firsts: int, each: int) -> str:
    """Pairs of different words: `each` of one first text, labels in turn."""
    rows: list[dict[str, object]] = [
        {"text": f"premise number p{n}", "text_pair": f"claim c{n}x{m}", "label": "yn"[m % 2]}
        for n in range(firsts)
        for m in range(each)
    ]
    return written(path, rows)


def tsv(path: Path) -> None:
    """Tab-separated, gzipped."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("premise\thypothesis\tlabel\n" + "".join("\t".join(r) + "\n" for r in ROWS))


def parquet(path: Path) -> None:
    """Parquet."""
    columns = zip(("premise", "hypothesis", "label"), zip(*ROWS, strict=True), strict=True)
    datasets.Dataset.from_dict({name: list(values) for name, values in columns}).to_parquet(path)


@pytest.mark.parametrize(("name", "write"), [("r.tsv.gz", tsv), ("r.parquet", parquet)])
def test_every_format_has_pairs(name: str, write: object, tmp_path: Path) -> None:
    """Of two columns by their usual names, without being asked."""
    write(tmp_path / name)  # type: ignore[operator]  # one of those above
    data = load_labelled_text(str(tmp_path / name), NOTHING)
    assert data.pairs
    assert list(data.texts) == PAIRS
    assert data.texts[1:] == PAIRS[1:]


@pytest.mark.parametrize(
    "names", [("text", "text_pair"), ("sentence1", "sentence2"), ("question", "sentence")]
)
def test_a_file_with_two_columns_of_texts_is_told_to_be_of_pairs(
    names: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And one column of it can be asked for."""
    source = nli(tmp_path / f"{names[0]}.jsonl", names)
    assert list(load_texts(source, NOTHING)) == PAIRS
    assert f"each text is a pair, of the columns {names[0]} and {names[1]}" in caplog.text
    seconds = [pair.text_pair for pair in PAIRS]
    assert list(load_texts(source, Data(text_column=names[1]))) == seconds


def test_columns_of_other_names_are_asked_for(tmp_path: Path) -> None:
    """Both by their options, or the first by its usual name."""
    source = nli(tmp_path / "rows.jsonl", ("left", "right"))
    asked = Data(text_column="left", text_pair_column="right")
    assert list(load_texts(source, asked)) == PAIRS
    source = nli(tmp_path / "usual.jsonl", ("text", "claim"))
    assert list(load_texts(source, Data(text_pair_column="claim"))) == PAIRS
    with pytest.raises(DataError, match="not none: pass --text-pair-column"):
        load_texts(source, Data(text_pair_column="none"))


def test_data_is_of_what_the_model_reads(tmp_path: Path) -> None:
    """Single texts for a model of pairs, and pairs for one of single texts, are errors."""
    source = nli(tmp_path / "rows.jsonl")
    with pytest.raises(DataError, match="--text-column premise reads those alone"):
        load_texts(source, Data(pairs=False))
    assert load_texts(source, Data(pairs=False, text_column="premise"))[0] == "a man eats"
    assert list(load_texts(source, Data(pairs=True, text_column="premise"))) == PAIRS
    single = written(tmp_path / "single.jsonl", [{"text": "a", "label": "b"}])
    with pytest.raises(DataError, match="pairs of texts are wanted: pass --text-column and"):
        load_texts(single, Data(pairs=True))
    with pytest.raises(DataError, match="asks for pairs: leave it out"):
        load_texts(source, Data(pairs=False, text_pair_column="hypothesis"))
    with pytest.raises(DataError, match=r"data.pairs is false, and the model reads pairs"):
        load_sets(Data(train=source, pairs=False), pairs=True)


def test_a_test_set_is_read_as_the_training_set_is(tmp_path: Path) -> None:
    """One of single texts beside pairs is an error."""
    single = written(tmp_path / "single.jsonl", [{"text": "a", "label": "neutral"}])
    with pytest.raises(DataError, match=r"single.jsonl has columns .* pairs of texts are wanted"):
        load_sets(Data(train=nli(tmp_path / "rows.jsonl"), test=single))


def test_a_pair_without_one_of_its_texts_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And counted, as an empty text is."""
    rows: list[dict[str, object]] = [
        {"text": one, "text_pair": two, "label": label}
        for one, two, label in [("a", " ", "x"), ("", "b", "y"), ("c", "d", "x"), ("e", "f", "y")]
    ]
    data = load_labelled_text(written(tmp_path / "rows.jsonl", rows), NOTHING)
    assert list(data.texts) == [Pair("c", "d"), Pair("e", "f")]
    assert "2 of 4 pairs are without one of their texts" in caplog.text


def test_where_a_pair_is_cut_counts() -> None:
    """In its hash, and in what it equals."""
    one, two = [Pair("a b", "c")], [Pair("a", "b c")]
    assert unlabelled(one, ("x", "y")).sha256 != unlabelled(two, ("x", "y")).sha256
    assert HeldOut(one).equal([Pair("A  b!", "c"), *two]).tolist() == [True, False]
    assert HeldOut(one).equal(["a b c"]).tolist() == [False]


def test_a_pair_of_a_held_out_first_text_gives_it_away() -> None:
    """A query's other passage may not be learnt from, where the query is held out."""
    held_out = HeldOut([Pair("which film", "the first")])
    assert held_out.leaks([Pair("Which film?", "x"), Pair("x", "which film")]).tolist() == [
        True,
        False,
    ]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """As pairs, of the usual columns."""
    data = LabelledText(PAIRS, np.array([0, 1, 2]), ("entailment", "contradiction", "neutral"))
    write_labelled(data, tmp_path / "rows.tsv")
    assert list(load_texts(str(tmp_path / "rows.tsv"), NOTHING)) == PAIRS


@pytest.mark.parametrize(("firsts", "each"), [(60, 4), (5, 40)])
def test_pairs_of_one_first_text_are_of_one_set(firsts: int, each: int, tmp_path: Path) -> None:
    """Each label near to its share; with few and large groups too."""
    source = numbered(tmp_path / "rows.jsonl", firsts, each)
    sizes = {"choose_size": 20, "fit_size": 20, "measure_size": 20}
    found = load_split(Data(train=source, **sizes))
    sets = (found.train, found.choose, found.fit, found.measure)
    premises = [{pair.text for pair in part.texts if isinstance(pair, Pair)} for part in sets]
    assert sum(map(len, premises)) == firsts  # none is of two sets
    assert sum(map(len, sets)) == firsts * each
    for part in sets[1:]:
        assert len(part) == max(20, each)
        assert Counter(part.targets.tolist()) == {0: len(part) // 2, 1: len(part) // 2}


def test_too_few_first_texts_are_told(tmp_path: Path) -> None:
    """Three sets and train take four."""
    source = numbered(tmp_path / "rows.jsonl", 3, 30)
    with pytest.raises(DataError, match="only 3 different first texts"):
        load_split(Data(train=source, choose_size=5, fit_size=5, measure_size=5))


def test_a_given_test_set_loses_nothing_and_shared_first_texts_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its equals leave train; whose first text it has stays."""
    source = numbered(tmp_path / "rows.jsonl", 60, 2)
    rows = [json.loads(line) for line in Path(source).read_text().splitlines()]
    test = written(tmp_path / "test.jsonl", [rows[0], {**rows[2], "text_pair": "another claim"}])
    found = load_split(Data(train=source, test=test, choose_size=5, fit_size=5))
    assert len(found.measure) == 2
    assert sum(map(len, (found.train, found.choose, found.fit))) == 119
    assert "1 of 120 texts are in the test set too" in caplog.text
    assert "3 of 119 pairs have a first text that pairs of the test set have too" in caplog.text


def test_pairs_that_share_no_text_are_split_as_texts_are(tmp_path: Path) -> None:
    """By their sizes; a near-copy of one that is held out leaves train."""
    source = numbered(tmp_path / "rows.jsonl", 100, 1)
    rows = [json.loads(line) for line in Path(source).read_text().splitlines()]
    copies = [{**row, "text": row["text"].upper() + "!", "label": "n"} for row in rows]
    written(Path(source), rows + copies)
    found = load_split(Data(train=source, choose_size=10, fit_size=10, measure_size=10))
    assert (len(found.choose), len(found.fit), len(found.measure)) == (10, 10, 10)
    assert not found.held_out.equal(found.train.texts).any()
    assert len(found.train) == 140


def test_both_texts_of_a_pair_are_altered() -> None:
    """Each by itself: a word stays on its side, or comes from any text."""
    texts = [Pair("one two three four", "five six seven eight")]
    spec = Augmentation(copies=50, mask_probability=0.3, replace_probability=0, ngram_probability=0)
    copies = augment(texts, spec, seed=1)
    assert len(copies) > 20
    assert all(isinstance(copy, Pair) for copy in copies)
    assert {MASK in half for copy in copies for half in halves(copy)} == {True, False}
    assert not any("five" in halves(copy)[0] or "one" in halves(copy)[1] for copy in copies)


def test_transfer_pairs_are_drawn_whole(tmp_path: Path) -> None:
    """Each once, clear of what is held out; their parts are not to be had."""
    source = nli(tmp_path / "rows.jsonl")
    spec = Transfer(source=source, size=9)
    found = load_transfer_text(spec, NOTHING, 1, HeldOut(PAIRS[:1]), pairs=True)
    assert found == PAIRS[2:]  # the second has the first text of the one that is held out
    parts = Transfer(source=source, size=9, unit="sentence")
    with pytest.raises(RecipeError, match="pairs are drawn whole"):
        load_transfer_text(parts, NOTHING, 1, pairs=True)
    with pytest.raises(DataError, match="has pairs of texts"):
        load_transfer_text(spec, NOTHING, 1)
