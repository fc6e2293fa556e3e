"""The options that several of the benchmarks take."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)

with_models = click.option(
    "--models",
    type=click.Path(path_type=Path, exists=True),
    default=Path("models"),
    show_default=True,
    help="The model repository.",
)
with_stillhouse = click.option(
    "--stillhouse",
    type=PATH,
    default=Path(".venv/bin/stillhouse"),
    show_default=True,
    help="The command in the service's own environment.",
)
