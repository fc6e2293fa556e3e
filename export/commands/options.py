"""Options that several commands take."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click

from service.repository.sections import Windows
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

AGGREGATION = click.option(
    "--aggregation",
    type=click.Choice(["none", "simple", "first", "average", "max"]),
    help="Of a tagger: how tokens become entities, as in transformers' pipeline; default: as its "
    "manifest or its recipe says, else simple.",
)


def _windows(
    context: click.Context,  # noqa: ARG001  click passes it
    option: click.Parameter,
    given: str | None,
) -> Windows | Literal[False] | None:
    """How `--windows` reads a text; False: it is cut; None: nothing is said."""
    if given is None:
        return None
    if given == "none":
        return False
    try:
        return Windows.model_validate(dict(part.split("=") for part in given.split(",")))
    except ValueError as error:  # pydantic's own is one too
        raise click.BadParameter(
            f"{given!r} should look like stride=64,pooling=mean, where pooling is mean, max or "
            "first; or none",
            param=option,
        ) from error


WINDOWS = click.option(
    "--windows",
    callback=_windows,
    metavar="stride=N,pooling=KIND",
    help="Read a text over the model's length in windows that share N tokens, their logits pooled "
    "by mean, max or first; none: cut it. Default: what the recipe or the published model says.",
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
    from training.recipe.data import Data

    data = known or Data()
    given = in_data(options)
    if "labels" in given:
        given["labels"] = {**(data.labels or {}), **given["labels"]}
    return data.model_copy(update=given)


def settled(checkpoint: Any, columns: Any, sources: Sequence[str | None]) -> Any:
    """A checkpoint that knows whether it reads pairs: where nothing else says it, its data does.

    Args:
        checkpoint: as it was read.
        columns: how the data is read.
        sources: of texts, some of which may be None; the first is looked at.

    Raises:
        CheckpointError: nothing says it, and what the model answers may be of two texts.
    """
    from training.data.loading import load_texts
    from training.data.texts import are_pairs

    source = next((one for one in sources if one is not None), None)
    if checkpoint.stated_pairs is None and source is not None:
        checkpoint = checkpoint.reads(are_pairs(load_texts(source, columns, "test")) or None)
    _ = checkpoint.pairs  # now, for its error should not wait
    return checkpoint


def ask() -> str:
    """Asks whoever sits there for the licence."""
    return str(click.prompt("The model's licence (its SPDX identifier)", err=True))


def say(line: str) -> None:
    """Tells of a step, where it is not mixed with what was asked for."""
    click.echo(line, err=True)
