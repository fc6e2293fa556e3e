"""Options that several commands take."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from training.options import in_data

MODELS = click.option(
    "--models",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("models"),
    show_default=True,
    help="The model repository.",
)
LICENCE = click.option(
    "--licence",
    help="SPDX identifier; default: what the checkpoint's model card says. None is assumed.",
)


def named_source(text: str) -> tuple[str, str]:
    """What `--data` says: a set's name and its source; a file is called by its own name."""
    title, separator, source = text.partition("=")
    if separator and title and source and not Path(text).exists():
        return title, source
    return Path(text).name.split(".")[0], text


def columns_for(known: Any | None, options: Mapping[str, Any]) -> Any:
    """How data is read: as a recipe says, where there is one, and as the options say over it.

    Args:
        known: a recipe's `Data`, or None.
        options: those of `training.options`.
    """
    from training.recipe.recipe import Data

    data = known or Data()
    given = in_data(options)
    if "labels" in given:
        given["labels"] = {**(data.labels or {}), **given["labels"]}
    return data.model_copy(update=given)


def ask() -> str:
    """Asks whoever sits there for the licence."""
    return str(click.prompt("The model's licence (its SPDX identifier)", err=True))


def say(line: str) -> None:
    """Tells of a step, where it is not mixed with what was asked for."""
    click.echo(line, err=True)
