"""The options of `peers`, of which several are those of more than one command."""

from collections.abc import Callable
from pathlib import Path

import click

from benchmarks.options import PATH, with_models
from loadtest.traffic.texts import SENTENCES

ALL = "fastapi-def,fastapi-async,litserve,bentoml,mlserver,infinity,ray,fastapi-echo"


def names(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    """Names with commas between them, each once."""
    found = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not found:
        raise click.BadParameter("expected one name or more, with commas between them")
    return found


def numbers(_context: click.Context, _option: click.Parameter, value: str) -> tuple[int, ...]:
    """Whole numbers from 1 on with commas between them, in order, each once."""
    try:
        found = tuple(sorted({int(number) for number in value.split(",")}))
    except ValueError as error:
        raise click.BadParameter("expected numbers, with commas between them") from error
    if found[0] < 1:
        raise click.BadParameter("expected numbers from 1 on")
    return found


# What several of the commands take.
ENVIRONMENTS = click.option(
    "--environments",
    type=PATH,
    default=Path(".venv-peers"),
    show_default=True,
    help="Where the peers' environments are.",
)
PEERS = click.option(
    "--peers", default=ALL, show_default=True, callback=names, help="Who takes part."
)
SETTING = (
    click.option(
        "--model",
        default="student,teacher",
        show_default=True,
        callback=names,
        help="One comparison each; the service's cascades that end in it take part.",
    ),
    with_models,
    PEERS,
    click.option(
        "--texts",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        default=SENTENCES,
        show_default="the built-in sentences",
        help="What is sent: a text a line, or the column text of a .tsv.",
    ),
    click.option(
        "--seconds",
        type=click.IntRange(min=1),
        default=5,
        show_default=True,
        help="How long each load lasts.",
    ),
    click.option(
        "--warm-up",
        type=click.IntRange(min=1),
        default=2,
        show_default=True,
        help="Seconds of load before those that count.",
    ),
    click.option("--server-core", type=int, default=0, show_default=True),
    click.option("--client-core", type=int, default=1, show_default=True),
    click.option("--port", type=int, default=8123, show_default=True, help="A free port."),
    ENVIRONMENTS,
    click.option(
        "--tuning",
        type=PATH,
        default=Path("docs/peers-tuning.json"),
        show_default=True,
        help="The settings that `tune` tried; `run` takes the fastest of them.",
    ),
)


def with_setting(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that `tune` and `run` share."""
    for option in reversed(SETTING):
        command = option(command)
    return command
