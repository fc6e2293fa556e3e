"""Search spaces: what they accept, how they are understood, and what is said of mistakes."""

from pathlib import Path

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

import training.tune.space
from tests.training.builders import STUDENT, changed
from training.errors import SpaceError
from training.recipe.recipe import Recipe, load_recipe, parse_recipe
from training.tune.space import Space, drawn_values, load_space, own_values, space_sha256

TRAINING = Path(training.tune.space.__file__).parents[1]
SHIPPED = sorted((TRAINING / "spaces").glob("*.toml"))
RECIPE = parse_recipe(
    changed(STUDENT, data__train="train.tsv", distillation__teacher="teacher"), "student"
)


def loaded(folder: Path, text: str, recipe: Recipe = RECIPE) -> Space:
    """The space of a file that says `text`."""
    path = folder / "space.toml"
    path.write_text(text, encoding="utf-8")
    return load_space(path, recipe)


def test_a_space_ships() -> None:
    """There is at least one space, or the test below looks at nothing."""
    assert SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_spaces_fit_their_recipes(path: Path) -> None:
    """Every shipped space is of the recipe of its name, whose own values lie in it."""
    recipe = load_recipe(TRAINING / "recipes" / path.name)
    space = load_space(path, recipe)
    assert own_values(recipe, space) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"model.layers" = { low = 1, high = 3 }', IntDistribution(1, 3)),
        ("model.layers = { low = 1.0, high = 3.0 }", IntDistribution(1, 3)),
        ("model.layers = { low = 1, high = 64, log = true }", IntDistribution(1, 64, log=True)),
        ("[model.layers]\nlow = 2\nhigh = 6\nstep = 2", IntDistribution(2, 6, step=2)),
        ("[model]\nlayers = { choices = [1, 4] }", CategoricalDistribution([1, 4])),
        ('model.pooling = { choices = ["max"] }', CategoricalDistribution(["max"])),
        # Whole ends do not make whole numbers of what takes fractions.
        ("distillation.alpha = { low = 0, high = 1 }", FloatDistribution(0, 1)),
        ("training.epochs = { low = 1, high = 4, step = 1 }", FloatDistribution(1, 4, step=1)),
        (
            "training.learning_rate = { low = 1e-4, high = 1e-2, log = true }",
            FloatDistribution(1e-4, 1e-2, log=True),
        ),
        ("data.max_length = { low = 8, high = 16 }", IntDistribution(8, 16)),
    ],
)
def test_forms(tmp_path: Path, text: str, expected: BaseDistribution) -> None:
    """Dotted, quoted and nested keys are the same, and the recipe says what is a whole number."""
    assert list(loaded(tmp_path, text).values()) == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model.layer = { low = 1, high = 2 }", "model.layer: 1 cannot be used .*Extra inputs"),
        ("modle.layers = { low = 1, high = 2 }", "modle.layers: 1 cannot be used .*Extra inputs"),
        ("name.x = { low = 1, high = 2 }", "name.x: 1 cannot be used .*name is not a section"),
        ("model.layers = { low = 0, high = 2 }", "layers: 0 cannot be used .*greater than or eq"),
        ("model.layers = { low = 1, high = 2.5 }", "layers: 2.5 cannot be used .*valid integer"),
        ("model.layers = { low = 1, high = 4, step = 0.5 }", "a step of 0.5 leaves the integers"),
        ("model.layers = { low = 3, high = 1 }", "layers: .*`low <= high`"),
        ("distillation.alpha = { low = 0.5, high = 2 }", "alpha: 2 cannot be used .*less than"),
        ("distillation.alpha = { low = 0, high = 1, log = true }", "alpha: .*`low > 0`"),
        ("distillation.alpha = { low = 0.1 }", "alpha: high: Field required"),
        ("distillation.alpha = { low = 0.1, high = inf }", "alpha: high.*finite"),
        ("distillation.alpha = { low = 0.1, high = 1, lgo = true }", "alpha: lgo: Extra inputs"),
        ("distillation.alpha = 0.5", "alpha: it should look like"),
        ("distillation.alpha = {}", "alpha: it should look like"),
        ('model.pooling = { choices = ["max", "min"] }', "pooling: 'min' cannot be used"),
        ("model.pooling = { choices = [] }", "pooling: choices: .*at least 1 item"),
        ("model.pooling = { choices = [[1]] }", "pooling: choices"),
        ("training.seed = { low = 1, high = 9 }", "training.seed: it cannot be tuned"),
        ("training.evaluations_per_epoch = { low = 1, high = 9 }", "epoch: it cannot be tuned"),
        ("data.validation_size = { low = 10, high = 20 }", "validation_size: it cannot be tuned"),
        ('data.test = { choices = ["a"] }', "data.test: it cannot be tuned"),
        ('name = { choices = ["a"] }', "name: it cannot be tuned"),
        ("", "names no key"),
        ("model.layers = ", "is not TOML"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, message: str) -> None:
    """A space that cannot be used is an error that names the key and the reason."""
    with pytest.raises(SpaceError, match=message) as raised:
        loaded(tmp_path, text)
    assert str(tmp_path / "space.toml") in str(raised.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Each wrong key has a line of its own."""
    with pytest.raises(SpaceError) as raised:
        loaded(tmp_path, "model.layers = 1\nmodel.pooling = 2\nmodel.dropout = {low=0, high=0.5}")
    assert [line.split(":")[0] for line in str(raised.value).splitlines()[1:]] == [
        "  model.layers",
        "  model.pooling",
    ]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A space that is not there is an error that names the file."""
    with pytest.raises(SpaceError, match=r"no search space at .*absent\.toml"):
        load_space(tmp_path / "absent.toml", RECIPE)


def test_hash_follows_the_meaning(tmp_path: Path) -> None:
    """Layout and comments do not change the hash; a bound does."""
    plain = "model.layers = { low = 1, high = 3 }\nmodel.dropout = { low = 0, high = 0.5 }"
    nested = "[model] # a comment\ndropout = { low=0.0, high=0.5 }\nlayers = { high=3, low=1 }"
    wider = plain.replace("0.5", "0.6")
    one, same, other = (space_sha256(loaded(tmp_path, text)) for text in (plain, nested, wider))
    assert one == same != other


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model.layers = { low = 1, high = 3 }", {"model.layers": 1}),
        ("training.epochs = { low = 1, high = 5, step = 2 }", {"training.epochs": 3.0}),
        ("training.epochs = { low = 2, high = 6, step = 2 }", None),
        ("model.layers = { low = 2, high = 3 }", None),
        ('model.pooling = { choices = ["max", "last"] }', {"model.pooling": "last"}),
        ('model.pooling = { choices = ["max", "mean"] }', None),
    ],
)
def test_own_values(tmp_path: Path, text: str, expected: dict[str, object] | None) -> None:
    """The recipe's own values are found where the space holds them."""
    assert own_values(RECIPE, loaded(tmp_path, text)) == expected


def test_drawn_values_are_as_one_would_write_them() -> None:
    """What a step adds in the last digit is taken off; integers and names stay."""
    drawn = {"model.dropout": 0.1 + 2 * 0.1, "model.layers": 2, "model.pooling": "max"}
    assert str(drawn_values(drawn)) == str({**drawn, "model.dropout": 0.3})
