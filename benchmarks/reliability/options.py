"""The options that several of the commands take."""

from collections.abc import Callable

import click

from benchmarks.options import with_models, with_stillhouse

FAULTS = (
    "kill-worker,stop,publish,corrupt-version,full-disk,clock-step,"
    "slow-clients,leaving-clients,garbage,wrong-items,long-texts"
)
COMMON = (
    with_stillhouse,
    with_models,
    click.option(
        "--texts",
        type=click.IntRange(min=4),
        default=200,
        show_default=True,
        help="How many short texts there are, and of the others in proportion.",
    ),
)
RATE = (
    click.option(
        "--rate",
        type=click.FloatRange(min=1),
        help="Requests a second.  [default: by the capacity, measured first]",
    ),
    click.option(
        "--capacity-seconds",
        type=click.IntRange(min=1),
        default=15,
        show_default=True,
        help="How long the capacity is measured.",
    ),
)
Options = tuple[Callable[..., Callable[..., None]], ...]


def with_options(*options: Options) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds what several of the commands take."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed([each for some in options for each in some]):
            command = option(command)
        return command

    return add
