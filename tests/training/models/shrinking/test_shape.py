"""The shape of a smaller encoder: rules, and what does not fit."""

from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, PretrainedConfig

from tests.training.builders import TEACHER, changed
from training.errors import CheckpointError, RecipeError
from training.models.shrinking.shape import settled, spread, with_shape
from training.recipe.models import EncoderModel
from training.recipe.recipe import Recipe, parse_recipe

MINILM = BertConfig(
    hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
)


def encoder(**values: Any) -> EncoderModel:
    """An encoder's section."""
    return EncoderModel(architecture="encoder", **values)


def recipe(**model: Any) -> Recipe:
    """A recipe that distils an encoder."""
    values = changed(TEACHER, data__train="t.tsv", distillation__teacher="t")
    return parse_recipe({**values, "model": {"architecture": "encoder", **model}}, "test")


@pytest.mark.parametrize(
    ("some", "deep", "layers"),
    [
        (3, 6, (1, 3, 5)),
        (1, 6, (5,)),
        (4, 6, (1, 2, 4, 5)),
        (6, 6, tuple(range(6))),
        (6, 12, (1, 3, 5, 7, 9, 11)),
        (5, 24, (4, 9, 14, 19, 23)),
    ],
)
def test_layers_are_spread_and_end_in_the_last(
    some: int, deep: int, layers: tuple[int, ...]
) -> None:
    """Evenly apart, none twice, the last the base's last."""
    assert spread(some, deep) == layers


@pytest.mark.parametrize(("depth", "layers"), [(2, (2, 5)), (0.5, (1, 3, 5)), (0.01, (5,))])
def test_a_number_or_a_share_of_layers(depth: float, layers: tuple[int, ...]) -> None:
    """A share is of the base's layers, and never none of them."""
    found = settled(encoder(depth=depth), MINILM)
    assert (found.layers, found.depth) == (layers, None)
    assert settled(found, MINILM) == found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"width": 256, "depth": 2}, (2, 256, 8, 1024)),  # heads of 32 numbers, as the base's
        ({"width": 192}, (6, 192, 6, 768)),
        ({"width": 512, "depth": 0.5, "heads": 8}, (3, 512, 8, 2048)),
        ({"width": 100, "depth": 8, "intermediate": 50}, (8, 100, 4, 50)),
    ],
)
def test_a_width_leaves_the_rest_to_rules(
    given: dict[str, Any], expected: tuple[int, int, int, int]
) -> None:
    """Depth, heads and feed-forward width are the base's, or in proportion to it."""
    found = settled(encoder(**given), MINILM)
    assert (found.depth, found.width, found.heads, found.intermediate) == expected
    assert settled(found, MINILM) == found


@pytest.mark.parametrize(
    ("given", "layers"), [({}, None), ({"depth": 6}, None), ({"depth": 2}, (2, 5))]
)
def test_a_base_of_that_width_gives_its_layers(
    given: dict[str, Any], layers: tuple[int, ...] | None
) -> None:
    """As where a general student is the base of a recipe that says its shape."""
    found = settled(encoder(width=384, **given), MINILM)
    assert found == encoder(layers=layers)
    for other in ({"heads": 6}, {"intermediate": 100}, {"depth": 7}):
        assert settled(encoder(width=384, **{**given, **other}), MINILM).width == 384


def test_a_shape_that_is_not_asked_for_stays() -> None:
    """Chosen layers, or none: nothing is written."""
    for spec in (encoder(), encoder(layers=(1, 2))):
        assert settled(spec, MINILM) is spec


@pytest.mark.parametrize(
    ("given", "config", "message"),
    [
        ({"depth": 7}, MINILM, r"model\.depth: the base has 6 layers, and not 7"),
        ({"width": 100, "heads": 3}, MINILM, r"model\.heads: 100 numbers do not part into 3"),
        ({"depth": 2}, PretrainedConfig(), r"model\.depth: a .*says of no layers"),
    ],
)
def test_shapes_that_cannot_be(given: dict[str, Any], config: Any, message: str) -> None:
    """What does not fit the base is told with the key to change."""
    with pytest.raises(RecipeError, match=message):
        settled(encoder(**given), config)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"layers": [1], "depth": 1}, "give no depth and no width"),
        ({"layers": [1], "width": 32}, "give no depth and no width"),
        ({"heads": 2}, "give its width as well"),
        ({"intermediate": 2}, "give its width as well"),
        ({"depth": 0}, r"depth"),
        ({"depth": 1.5}, r"depth"),
    ],
)
def test_sections_that_say_two_things(model: dict[str, Any], message: str) -> None:
    """A recipe keeps layers, or makes new ones."""
    with pytest.raises(RecipeError, match=message):
        recipe(**model)


def test_the_shape_is_written_from_a_base(tmp_path: Path) -> None:
    """With a base the rules go by its config, and one that is not there is told."""
    MINILM.save_pretrained(tmp_path / "base")
    found = with_shape(recipe(base=str(tmp_path / "base"), depth=0.5), None).model
    assert isinstance(found, EncoderModel)
    assert found.layers == (1, 3, 5)
    with pytest.raises(CheckpointError, match="nowhere"):
        with_shape(recipe(base=str(tmp_path / "nowhere"), depth=0.5), None)
