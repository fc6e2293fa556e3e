"""Recipes: what they accept, what they say of what they refuse, and their hash."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import training.recipe.recipe
from tests.training.builders import STUDENT, changed
from training.errors import RecipeError
from training.recipe.models import BiLstmModel
from training.recipe.recipe import Recipe, load_recipe, parse_recipe, with_values
from training.recipe.teaching import Losses

SHIPPED = sorted((Path(training.recipe.recipe.__file__).parents[1] / "recipes").glob("*.toml"))
VALUES = changed(STUDENT, data__train="train.tsv", distillation__teacher="teacher")


def written(folder: Path, text: str) -> Path:
    """Writes a recipe file."""
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recipe on disk."""
    return written(tmp_path, parse_recipe(VALUES, "test").to_toml())


def test_there_are_shipped_recipes() -> None:
    """The package ships a teacher's and a student's recipe."""
    assert {path.stem.split("-")[0] for path in SHIPPED} >= {"teacher", "student"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_load(path: Path) -> None:
    """Every shipped recipe is valid and is named as its file."""
    assert load_recipe(path).name == path.stem


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("training.epochs=2", "training", "epochs", 2.0),
        ("training.learning_rate = 1e-4", "training", "learning_rate", 1e-4),
        ('data.train="other.tsv"', "data", "train", "other.tsv"),
        ("data.train=some/hub-id", "data", "train", "some/hub-id"),
        ("model.pooling=max", "model", "pooling", "max"),
        ("data.labels.0=no", "data", "labels", {"0": "no"}),
    ],
)
def test_overrides(path: Path, override: str, section: str, key: str, value: object) -> None:
    """An override replaces one value, or adds it with its section, and a bare word is a string."""
    plain, changed_recipe = load_recipe(path), load_recipe(path, [override])
    assert getattr(getattr(changed_recipe, section), key) == value
    assert getattr(getattr(plain, section), key) != value


def test_last_override_wins(path: Path) -> None:
    """Of two overrides of one key the later counts."""
    recipe = load_recipe(path, ["training.epochs=2", "training.epochs=5"])
    assert recipe.training.epochs == 5


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("training.epoch=2", "training.epoch"),
        ("training.epochs=many", "training.epochs"),
        ("training.epochs=-1", "training.epochs"),
        ("model.architecture=cnn", "model"),
        ("distillation.alpha=1.5", "distillation.alpha"),
        ("name=Not A Name", "name"),
        ("nothing.at.all=1", "nothing"),
        ("name.of=1", "name"),
        ("training.epochs", "training.epochs"),
    ],
)
def test_wrong_values_are_named(path: Path, override: str, named: str) -> None:
    """An unknown key, a wrong type or a value out of range is an error that names the key."""
    with pytest.raises(RecipeError, match=named.replace(".", r"\.")):
        load_recipe(path, [override])


def test_every_wrong_key_is_listed() -> None:
    """All the mistakes of a recipe are told at once."""
    wrong = changed(VALUES, training__epochs="x", data__max_length=1)
    with pytest.raises(RecipeError, match=r"data\.max_length(.|\n)*training\.epochs"):
        parse_recipe(wrong, "test")


def test_missing_key_is_named() -> None:
    """A value that has no default must be given; of a student that is no encoder the rate too."""
    values = changed(VALUES)
    del values["training"]["batch_size"]
    with pytest.raises(RecipeError, match=r"training\.batch_size"):
        parse_recipe(values, "test")
    values = changed(VALUES)
    del values["training"]["learning_rate"]
    with pytest.raises(RecipeError, match=r"training\.learning_rate is missing"):
        parse_recipe(values, "test")


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    """A missing file, a directory and a file that is not TOML are errors that name the path."""
    broken = written(tmp_path, "name = \n")
    for path in (tmp_path / "absent.toml", tmp_path, broken):
        with pytest.raises(RecipeError, match=str(path)):
            load_recipe(path)


def test_hash_ignores_layout_and_sees_values(tmp_path: Path) -> None:
    """Comments, the order of keys and 2 for 2.0 leave the hash; a changed value changes it."""
    one = written(
        tmp_path,
        """
        name = "r"
        [data]
        train = "t.tsv"
        [model]
        architecture = "encoder"
        base = "b"
        [training]
        epochs = 2.0
        batch_size = 8
        learning_rate = 1e-3
        """,
    )
    first = load_recipe(one)
    other = written(
        tmp_path,
        """
        name = "r"   # a comment
        [training]
        learning_rate = 0.001
        batch_size = 8
        epochs = 2
        [model]
        base = "b"
        architecture = "encoder"
        [data]
        train = "t.tsv"
        """,
    )
    second = load_recipe(other)
    assert (first, first.sha256) == (second, second.sha256)
    assert load_recipe(other, ["training.batch_size=9"]).sha256 != first.sha256


def test_hash_sees_the_order_of_the_labels(tmp_path: Path) -> None:
    """The order of `data.labels` is that of the logits, so that another order is another model."""
    lines = parse_recipe(VALUES, "test").to_toml()
    first, second, again = (
        load_recipe(written(tmp_path, lines), [f"data.labels={labels}"]).sha256
        for labels in ("{a = 'x', b = 'y'}", "{b = 'y', a = 'x'}", "{ a='x',b='y' }")
    )
    assert first == again
    assert first != second


ENCODER = {"architecture": "encoder"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distillation__losses": {"kl": 1.0}}, r"distillation: .*alpha or losses, not both"),
        ({"distillation__alpha": None, "distillation__losses": {}}, "no weight is above 0"),
        (
            {"distillation__alpha": None, "distillation__losses": {"kl": -1}},
            r"losses\.kl: .*greater",
        ),
        ({"distillation__alpha": None, "distillation__losses": {"kld": 1}}, r"losses\.kld: Extra"),
        (
            {"distillation__alpha": 0.0, "distillation__augmentation": {"copies": 1}},
            "text without labels has none",
        ),
        (
            {"distillation__alpha": 0.0, "distillation__transfer": {"source": "x", "size": 1}},
            "text without labels has none",
        ),
        ({"distillation__teacher": []}, r"distillation\.teacher"),
        ({"distillation__teacher": ["a", "a"]}, "one is named twice"),
        ({"distillation__augmentation": {"copies": -1}}, r"augmentation\.copies: .*greater"),
        (
            {"distillation__augmentation": {"copies": 1, "mask_probability": 0.95}},
            "together more than 1",
        ),
        (
            {
                "distillation__augmentation": {
                    "copies": 1,
                    "mask_probability": 0,
                    "replace_probability": 0,
                    "ngram_probability": 0,
                }
            },
            "no probability is above 0",
        ),
        ({"model": {**ENCODER, "layers": []}}, r"model\.encoder\.layers: .*at least 1"),
        ({"model": {**ENCODER, "layers": [2, 1]}}, "ascending"),
        ({"model": {**ENCODER, "layers": [1, 1]}}, "each once"),
        ({"model": {**ENCODER, "layers": [-1]}}, r"layers\.0: .*greater"),
        ({"model": ENCODER, "distillation": None}, r"recipe: .*model\.base is missing"),
    ],
)
def test_what_does_not_fit_together_is_told(changes: dict[str, Any], message: str) -> None:
    """Values that are possible alone and not together are an error that says why."""
    with pytest.raises(RecipeError, match=message):
        parse_recipe(changed(VALUES, **changes), "test")


def test_alpha_is_short_for_two_losses() -> None:
    """The dual loss may be written by alpha, by its weights, or be left at a half."""
    for changes, hard, kl in (
        ({"distillation__alpha": 0.75}, 0.25, 0.75),
        ({"distillation__alpha": None}, 0.5, 0.5),
        ({"distillation__alpha": None, "distillation__losses": {"kl": 2}}, 0.0, 2.0),
    ):
        distillation = parse_recipe(changed(VALUES, **changes), "test").distillation
        assert distillation is not None
        assert distillation.weights == Losses(hard=hard, kl=kl)
        assert not distillation.weights.white_box


def test_teachers_may_be_several(path: Path) -> None:
    """One teacher is a string and several a list, in a file and in an override."""
    for written_as, expected in (
        ("one", ("one",)),
        ('["one", "two"]', ("one", "two")),
    ):
        distillation = load_recipe(path, [f"distillation.teacher={written_as}"]).distillation
        assert distillation is not None
        assert distillation.teachers == expected


NAMES = st.text(max_size=20)
RECIPES: st.SearchStrategy[dict[str, Any]] = st.builds(
    changed,
    st.just(VALUES),
    data__train=NAMES,
    data__test=st.none() | NAMES,
    data__labels=st.none() | st.dictionaries(NAMES, NAMES),
    model__dropout=st.floats(0, 0.99),
    model__pooling=st.sampled_from(["last", "max", "mean"]),
    training__epochs=st.floats(1e-9, 1e9),
    training__seed=st.integers(-(2**40), 2**40),
    distillation__temperature=st.floats(1e-9, 1e9),
    distillation__alpha=st.none(),
    distillation__losses=st.none() | st.builds(dict, kl=st.floats(1e-9, 9), hidden=st.floats(0, 9)),
    distillation__teacher=NAMES | st.lists(NAMES, min_size=2, unique=True),
    distillation__augmentation=st.none() | st.builds(dict, copies=st.integers(0, 99)),
)


@given(values=RECIPES)
def test_toml_round_trip(values: dict[str, Any]) -> None:
    """Whatever the values, the TOML that is written reads back as an equal recipe."""
    recipe = parse_recipe(values, "test")
    back = parse_recipe(tomllib.loads(recipe.to_toml()), "back")
    assert isinstance(back, Recipe)
    assert isinstance(back.model, BiLstmModel)
    assert (back, back.sha256) == (recipe, recipe.sha256)


def test_transfer_text_needs_no_more_than_its_source(path: Path) -> None:
    """As `--unlabelled FILE` gives it to a recipe that says nothing of any."""
    recipe = with_values(load_recipe(path), {"distillation.transfer.source": "more.txt"})
    assert recipe.distillation is not None
    transfer = recipe.distillation.transfer
    assert transfer is not None
    assert (transfer.source, transfer.size) == ("more.txt", 40_000)


def test_quality_bars() -> None:
    """What an export may lose is a share; a recipe without the section has none of its own."""
    assert parse_recipe(VALUES, "test").quality is None
    asked = {**VALUES, "quality": {"min_agreement": 0.999}}
    quality = parse_recipe(asked, "test").quality
    assert quality is not None
    assert (quality.min_agreement, quality.max_accuracy_drop) == (0.999, 0.003)
    with pytest.raises(RecipeError, match=r"quality\.max_accuracy_drop"):
        parse_recipe({**VALUES, "quality": {"max_accuracy_drop": 3}}, "test")
