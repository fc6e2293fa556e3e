"""Texts that stand for what a model will be asked: to calibrate and to judge nodes by.

Never those that it is then measured on.
"""

import random
from collections.abc import Collection

from export.errors import ExportError
from training.data.labelled import load_labelled_text, load_texts, split_validation
from training.errors import DataError
from training.recipe.recipe import Data, Recipe

MOST = 500
SEED = 13


def representative_texts(
    source: str | None, recipe: Recipe | None, columns: Data, measured: Collection[str]
) -> list[str]:
    """Draws up to `MOST` different texts.

    Args:
        source: a file or hub id; None: the texts that the recipe kept out of training.
        columns: names of columns.
        measured: texts that may not be used.

    Raises:
        ExportError: there are none.
    """
    try:
        texts = load_texts(source, columns) if source else _held_out(recipe)
    except DataError as error:
        raise ExportError(f"no texts to calibrate on: {error}; give some with --calibration") from (
            error
        )
    found = sorted(set(texts) - set(measured))
    if not found:
        raise ExportError(
            f"{source or 'the training data'}: all its texts are in --data too: "
            "calibrate on others than you measure on"
        )
    return random.Random(SEED).sample(found, min(MOST, len(found)))  # noqa: S311  no secret


def _held_out(recipe: Recipe | None) -> list[str]:
    if recipe is None:
        raise DataError("the checkpoint has no recipe that names its training data")
    data = load_labelled_text(recipe.data.train, recipe.data)
    _, validation = split_validation(data, recipe.data.validation_size, recipe.data.seed)
    return validation.texts
