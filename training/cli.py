"""`stillhouse train` and `stillhouse distil`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

RECIPE = click.option(
    "--recipe", type=click.Path(path_type=Path), required=True, help="The TOML recipe to run."
)
OUTPUT = click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The checkpoint directory to write; it must not exist.",
)
DATA = [
    click.option("--train", help="Overrides data.train: a hub id or a local file."),
    click.option("--test", help="Overrides data.test: a hub id or a local file."),
]
SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Overrides any value of the recipe, such as training.epochs=1.",
)
BASE = click.option("--base", help="Overrides model.base: a hub id or a local directory.")
RESUME = click.option("--resume", is_flag=True, help="Go on from an unfinished run.")


@click.command()
@RECIPE
@OUTPUT
@DATA[0]
@DATA[1]
@BASE
@SET
@RESUME
def train(base: str | None, **options: Any) -> None:
    """Fine-tune a teacher from a recipe."""
    _run({"model.base": base}, **options)


@click.command()
@RECIPE
@OUTPUT
@DATA[0]
@DATA[1]
@BASE
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    help="Overrides distillation.teacher: a hub id or a local directory; several are an ensemble.",
)
@click.option("--unlabelled", help="Overrides distillation.transfer.source: a hub id or a file.")
@SET
@RESUME
def distil(
    base: str | None, teachers: tuple[str, ...], unlabelled: str | None, **options: Any
) -> None:
    """Distil a student from one teacher or several, by a recipe with [distillation].

    The recipe says who teaches, on what text and by which losses; training/recipes has examples,
    and training/teaching.py every key.
    """
    named = {
        "model.base": base,
        "distillation.teacher": teachers if len(teachers) > 1 else next(iter(teachers), None),
        "distillation.transfer.source": unlabelled,
    }
    _run(named, distils=True, **options)


def _run(
    extra: Mapping[str, str | tuple[str, ...] | None],
    recipe: Path,
    output: Path,
    train: str | None,
    test: str | None,
    overrides: tuple[str, ...],
    resume: bool,
    distils: bool = False,
) -> None:
    from training.checkpoint import CheckpointError
    from training.data import DataError
    from training.recipe import RecipeError, load_recipe, quoted
    from training.trainer import run_recipe

    named = {"data.train": train, "data.test": test, **extra}
    given = [f"{key}={quoted(value)}" for key, value in named.items() if value is not None]
    try:
        read = load_recipe(recipe, [*given, *overrides])
        if distils and read.distillation is None:
            raise RecipeError(
                f"{recipe} has no [distillation] section to distil by: add one, or pass --teacher "
                "(`stillhouse train` trains without a teacher)"
            )
        metrics = run_recipe(read, output, resume=resume)
    except (CheckpointError, DataError, RecipeError) as error:
        raise click.ClickException(str(error)) from error
    for name in ("validation", "test"):
        if name in metrics:
            found = metrics[name]
            click.echo(
                f"{name}: accuracy {found['accuracy']:.4f} "
                f"({found['accuracy_low']:.4f} to {found['accuracy_high']:.4f}, n {found['n']})"
            )
    click.echo(f"{output}: {metrics['parameters']:,} parameters, {metrics['seconds']} s")


@click.command("held-out")
@RECIPE
@DATA[0]
@SET
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The TSV to write; it must not exist.",
)
def held_out(recipe: Path, train: str | None, overrides: tuple[str, ...], output: Path) -> None:
    """Write the validation texts that a recipe keeps out of training, to calibrate on."""
    from training.data import DataError, load_labelled_text, split_validation
    from training.recipe import RecipeError, load_recipe, quoted

    given = [] if train is None else [f"data.train={quoted(train)}"]
    try:
        read = load_recipe(recipe, [*given, *overrides])
        data = load_labelled_text(read.data.train, read.data)
        _, rows = split_validation(data, read.data.validation_size, read.training.seed)
        lines = [
            f"{rows.labels[target]}\t{' '.join(text.split())}\n"
            for text, target in zip(rows.texts, rows.targets, strict=True)
        ]
        with output.open("x", encoding="utf-8") as file:
            file.writelines(["label\ttext\n", *lines])
    except (DataError, RecipeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{output}: {len(rows)} texts")
