"""Options that say how data is read, the same in every command that reads some."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

COLUMNS = (
    *("text_column", "text_pair_column", "pairs", "label_column"),
    *("labels", "config", "train_split", "test_split"),
)


def _pairs(
    context: click.Context,  # noqa: ARG001  click passes it
    option: click.Parameter,
    given: tuple[str, ...],
) -> dict[str, str] | None:
    pairs = {}
    for text in given:
        in_file, separator, served = text.rpartition("=")
        if not separator or not in_file or not served:
            raise click.BadParameter(
                f"{text!r} should look like IN_FILE=SERVED, such as 0=negative", param=option
            )
        pairs[in_file.strip()] = served.strip()
    return pairs or None


OPTIONS = (
    click.option("--text-column", help="The column of texts; default: text or another usual name."),
    click.option(
        "--text-pair-column",
        help="The column of the second texts, where each text is a pair; default: text_pair or "
        "another usual name, where the file has both.",
    ),
    click.option(
        "--pairs/--single",
        default=None,
        help="Whether the model reads pairs of texts; default: what its files say, or the data.",
    ),
    click.option("--label-column", help="The column of labels; default: label or labels."),
    click.option(
        "--labels",
        multiple=True,
        callback=_pairs,
        metavar="IN_FILE=SERVED",
        help="What a label of the file is called by the model; give it for each that differs.",
    ),
    click.option("--config", help="The configuration of a hub's data set."),
    click.option("--train-split", help="The split of a hub's data set to train on."),
    click.option("--test-split", help="The split of a hub's data set to measure on."),
)

SPECIAL_TOKENS = click.option(
    "--special-tokens",
    type=click.Choice(["text", "parsed"]),
    help='What a special token is that stands in a text, such as "[SEP]": text like any other, or '
    "the special token; default: as the checkpoint was trained, else text.",
)


def data_options(command: Command) -> Command:
    """Adds the options, whose values come as the keywords `COLUMNS`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def in_recipe(options: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were given, by their names in a recipe; they are taken out of nothing."""
    return {f"data.{name}": options[name] for name in COLUMNS if options.get(name) is not None}


def in_data(options: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were given, by their names in a recipe's section `data`."""
    return {name: options[name] for name in COLUMNS if options.get(name) is not None}
