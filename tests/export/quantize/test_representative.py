"""Texts to fit on: where they come from, and that they are never those measured on."""

from pathlib import Path

import pytest

from export.errors import ExportError
from export.quantize.representative import MOST, fitting_texts, representative_texts
from tests.tiny import toy_data, toy_texts
from tests.training.builders import STUDENT, changed
from training.data.loading import load_labelled_text, load_split
from training.data.splitting.splits import split
from training.recipe.data import Data
from training.recipe.recipe import Recipe, parse_recipe

COLUMNS = Data(train="")


def recipe_of(train: Path) -> Recipe:
    """A student's recipe that holds nine texts of `train` out."""
    values = changed(STUDENT, data__train=str(train), data__choose_size=9, data__fit_size=9)
    return parse_recipe(changed(values, distillation__teacher="t"), "test")


def test_a_file_of_texts_without_labels(tmp_path: Path) -> None:
    """Only a column of text is needed, each text counts once, and the draw is always the same."""
    (tmp_path / "texts.tsv").write_text("text\none\ntwo\ntwo\nthree\n")
    source = str(tmp_path / "texts.tsv")
    found = representative_texts(source, None, COLUMNS, ())
    assert sorted(map(str, found)) == ["one", "three", "two"]
    assert found == representative_texts(source, None, COLUMNS, ())


def test_measured_texts_are_not_among_them(tmp_path: Path) -> None:
    """What is measured on is not used, however it is written; it is an error if nothing is left."""
    texts = [text for text, _ in toy_texts(20, seed=1)]
    source = str(toy_data(tmp_path / "texts.tsv", 20, seed=1))
    measured = [f" {text.upper()}!" for text in texts[:15]]
    assert sorted(map(str, representative_texts(source, None, COLUMNS, measured))) == sorted(
        texts[15:]
    )
    fitting = fitting_texts(source, None, COLUMNS, measured, print)
    assert fitting is not None
    assert sorted(map(str, fitting.texts)) == sorted(texts[15:])
    with pytest.raises(ExportError, match="calibrate on others than you measure on"):
        representative_texts(source, None, COLUMNS, texts)
    with pytest.raises(ExportError, match="fit on others than you measure on"):
        fitting_texts(source, None, COLUMNS, texts, print)


def test_without_a_file_they_are_what_training_kept_out(tmp_path: Path) -> None:
    """The texts that the recipe held out to fit on, which the model was not trained on."""
    recipe = recipe_of(toy_data(tmp_path / "train.tsv", 60, seed=2))
    held = load_split(recipe.data).fit
    parts = split(load_labelled_text(str(tmp_path / "train.tsv"), recipe.data), None, recipe.data)
    assert held == parts.fit
    assert not set(held.texts) & {*parts.choose.texts, *parts.measure.texts, *parts.train.texts}
    fitting = fitting_texts(None, recipe, recipe.data, held.texts[:2], print)
    assert fitting is not None
    assert fitting == held.select(range(2, len(held)))
    ranges = representative_texts(None, fitting, recipe.data, ())
    assert sorted(map(str, ranges)) == sorted(map(str, fitting.texts))


@pytest.mark.parametrize("name", ["train", "fit"])
def test_nothing_is_fitted_where_the_data_has_changed(tmp_path: Path, name: str) -> None:
    """What is held out now may have been learnt: the checkpoint's record says other texts."""
    recipe = recipe_of(toy_data(tmp_path / "train.tsv", 60, seed=2))
    parts = load_split(recipe.data)
    record = {one: {"n": 1, "sha256": getattr(parts, one).sha256} for one in ("train", "fit")}
    told: list[str] = []
    fitting = fitting_texts(None, recipe, recipe.data, (), told.append, record=record)
    assert fitting == parts.fit
    assert told == []
    record[name]["sha256"] = "of texts that there were"
    assert fitting_texts(None, recipe, recipe.data, (), told.append, record=record) is None
    (said,) = told
    assert said.startswith(f"no temperature is fitted: {tmp_path / 'train.tsv'} is not what the")
    assert f"other texts as {name}" in said
    assert "--fit" in said


def test_where_there_are_none_it_is_told(tmp_path: Path) -> None:
    """No recipe, or one whose data has gone: nothing is fitted, and what to do is said."""
    recipe = recipe_of(tmp_path / "train.tsv")
    said: list[str] = []
    assert fitting_texts(None, recipe, recipe.data, (), said.append) is None
    assert fitting_texts(None, None, COLUMNS, (), said.append) is None
    assert all(line.startswith("no temperature is fitted: ") and "--fit" in line for line in said)
    assert len(said) == 2
    with pytest.raises(ExportError, match="give some with --calibration"):
        representative_texts(None, None, COLUMNS, ())


def test_no_more_than_are_of_use(tmp_path: Path) -> None:
    """Of a large set a sample is drawn."""
    rows = "\n".join(f"text number {row}" for row in range(3 * MOST))
    (tmp_path / "texts.csv").write_text(f"text\n{rows}\n")
    found = representative_texts(str(tmp_path / "texts.csv"), None, COLUMNS, ())
    assert len(set(found)) == MOST


def test_measuring_on_what_was_learnt_is_told(tmp_path: Path) -> None:
    """Scores on the texts of the recipe's own training are no scores; on others nothing is said."""
    recipe = recipe_of(toy_data(tmp_path / "train.tsv", 60, seed=2))
    data = load_labelled_text(str(tmp_path / "train.tsv"), recipe.data)
    parts = split(data, None, recipe.data)
    told: list[str] = []
    fitting_texts(None, recipe, recipe.data, parts.measure.texts, told.append)
    assert told == []
    learnt = [f"{str(text).upper()}!" for text in parts.train.texts[:4]]
    fitting_texts(None, recipe, recipe.data, [*parts.measure.texts, *learnt], told.append)
    (said,) = told
    n = len(parts.measure) + 4
    assert said.startswith(f"WARNING: 4 of {n} texts to measure on are among those that")
