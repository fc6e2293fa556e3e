"""Texts to calibrate on: where they come from, and that they are never those measured on."""

from pathlib import Path

import pytest

from export.errors import ExportError
from export.quantize.representative import MOST, representative_texts
from tests.tiny import toy_data, toy_texts
from tests.training.builders import STUDENT, changed
from training.data.labelled import load_labelled_text, split_validation
from training.recipe.recipe import Data, parse_recipe

COLUMNS = Data(train="")


def test_a_file_of_texts_without_labels(tmp_path: Path) -> None:
    """Only a column of text is needed, each text counts once, and the draw is always the same."""
    (tmp_path / "texts.tsv").write_text("text\none\ntwo\ntwo\nthree\n")
    source = str(tmp_path / "texts.tsv")
    found = representative_texts(source, None, COLUMNS, ())
    assert sorted(found) == ["one", "three", "two"]
    assert found == representative_texts(source, None, COLUMNS, ())


def test_measured_texts_are_not_among_them(tmp_path: Path) -> None:
    """What --data measures on is not used, and where nothing else is there it is an error."""
    texts = [text for text, _ in toy_texts(20, seed=1)]
    source = str(toy_data(tmp_path / "texts.tsv", 20, seed=1))
    assert sorted(representative_texts(source, None, COLUMNS, texts[:15])) == sorted(texts[15:])
    with pytest.raises(ExportError, match="calibrate on others than you measure on"):
        representative_texts(source, None, COLUMNS, texts)


def test_without_a_file_they_are_what_training_kept_out(tmp_path: Path) -> None:
    """The recipe's validation split, which the model was not trained on."""
    train = str(toy_data(tmp_path / "train.tsv", 60, seed=2))
    values = changed(STUDENT, data__train=train, distillation__teacher="t", data__validation_size=9)
    recipe = parse_recipe(values, "test")
    _, held = split_validation(
        load_labelled_text(train, recipe.data), recipe.data.validation_size, recipe.data.seed
    )
    assert sorted(representative_texts(None, recipe, recipe.data, ())) == sorted(held.texts)
    (tmp_path / "train.tsv").unlink()
    with pytest.raises(ExportError, match=r"no file at .*; give some with --calibration"):
        representative_texts(None, recipe, recipe.data, ())


def test_no_more_than_are_of_use(tmp_path: Path) -> None:
    """Of a large set a sample is drawn."""
    rows = "\n".join(f"text number {row}" for row in range(3 * MOST))
    (tmp_path / "texts.csv").write_text(f"text\n{rows}\n")
    found = representative_texts(str(tmp_path / "texts.csv"), None, COLUMNS, ())
    assert len(set(found)) == MOST
