"""Texts of just so many tokens, and the requests that are made of texts."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from benchmarks.growth.lengths import texts_of
from benchmarks.growth.material import LONG_TEXTS, bodies, lay_out
from benchmarks.growth.plan import BATCH, CLASSES, LENGTHS, MODELS, VALUES, Point
from loadtest.traffic.texts import SENTENCES, TextsUnfit, read_texts
from service.runtime.tasks.classification import Classifier
from tests.benchmarks.growth.builders import MODELS as SHIPPED
from tests.tiny import tiny_tokenizer

(NANO,) = (SHIPPED / "nano").glob("[0-9]*")  # one version ships
TOKENIZER = NANO / "tokenizer.json"


@pytest.mark.parametrize("tokens", [3, 16, 512])
def test_texts_have_just_so_many_tokens(tokens: int) -> None:
    """Special ones counted, by the model's own tokenizer, and they are not all one text."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    sentences = read_texts(SENTENCES)
    found = texts_of(tokenizer, sentences, tokens, 8, seed=1)
    assert {len(tokenizer.encode(text).ids) for text in found} == {tokens}
    assert len(set(found)) > 1
    assert found == texts_of(tokenizer, sentences, tokens, 8, seed=1)
    assert found != texts_of(tokenizer, sentences, tokens, 8, seed=2)


def test_words_that_change_where_they_are_cut_are_left_out() -> None:
    """A word of which the end is missing may be another token."""
    sentences = ["zebra film", "the film"]  # zebra falls into letters
    found = texts_of(tiny_tokenizer(), sentences, 5, 4, seed=1)
    assert {len(tiny_tokenizer().encode(text).ids) for text in found} == {5}


@pytest.mark.parametrize("tokens", [1, 2])
def test_texts_without_room_are_refused(tokens: int) -> None:
    """The special tokens alone are two."""
    with pytest.raises(TextsUnfit, match=f"of {tokens} tokens could not be made"):
        texts_of(tiny_tokenizer(), ["the film"], tokens, 1, seed=1)


def test_batches_hold_every_text_as_often() -> None:
    """So that all sizes of batch have the same texts to do."""
    sentences = ["a", "b", "c"]
    point = Point("nano", BATCH, 2, 1, 1, 1)
    found = [json.loads(body) for body in bodies(point, ("nano",), sentences, TOKENIZER)]
    assert [one["inputs"] for one in found] == [["a", "b"], ["c", "a"], ["b", "c"]]
    assert {(one["model"], one["truncate"]) for one in found} == {("nano", False)}


def test_long_texts_are_those_of_the_point() -> None:
    """One text a request, of the point's length."""
    point = Point("nano", LENGTHS, 64, 1, 1, 1)
    found = bodies(point, ("nano",), read_texts(SENTENCES), TOKENIZER)
    assert len(found) == LONG_TEXTS
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    lengths = {len(tokenizer.encode(json.loads(body)["inputs"][0]).ids) for body in found}
    assert lengths == {64}


def test_models_are_asked_in_turn() -> None:
    """Every one of them every text."""
    point = Point("nano", MODELS, 2, 1, 1, 1)
    found = [json.loads(body) for body in bodies(point, ("x", "y"), ["a", "b"], TOKENIZER)]
    assert [(one["inputs"], one["model"]) for one in found] == [
        (["a"], "x"),
        (["a"], "y"),
        (["b"], "x"),
        (["b"], "y"),
    ]


@pytest.mark.parametrize(
    ("dimension", "value", "names", "labels", "max_length"),
    [
        (BATCH, 8, ("nano",), 2, 128),
        (LENGTHS, 16, ("nano",), 2, max(VALUES[LENGTHS])),
        (CLASSES, 77, ("nano",), 77, 128),
        (MODELS, 2, ("nano-1", "nano-2"), 2, 128),
    ],
)
def test_a_repository_has_what_its_point_needs(
    dimension: str, value: int, names: tuple[str, ...], labels: int, max_length: int, tmp_path: Path
) -> None:
    """The service's own classifier loads every copy in it."""
    found = lay_out(Point("nano", dimension, value, 1, 1, 1), NANO, tmp_path)
    assert found == names
    assert sorted(path.name for path in tmp_path.iterdir()) == list(names)
    for name in names:
        manifest = Classifier.load(tmp_path / name / NANO.name).manifest
        assert (len(manifest.labels), manifest.max_length) == (labels, max_length)
