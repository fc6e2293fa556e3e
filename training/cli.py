"""`stillhouse train`, `distil`, `tune` and `held-out`."""

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
BASE = click.option("--base", help="Overrides model.base: a hub id or a local directory.")
TEACHER = click.option(
    "--teacher", help="Overrides distillation.teacher: a hub id or a local directory."
)
UNLABELLED = click.option(
    "--unlabelled", help="Overrides distillation.transfer.source: a hub id or a file."
)
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
@UNLABELLED
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
    from training.errors import CheckpointError, DataError, LaunchError, RecipeError
    from training.loop.processes import is_main_process
    from training.loop.trainer import run_recipe
    from training.recipe.recipe import load_recipe

    given = _overrides({"data.train": train, "data.test": test, **extra})
    try:
        read = load_recipe(recipe, [*given, *overrides])
        if distils and read.distillation is None:
            raise RecipeError(
                f"{recipe} has no [distillation] section to distil by: add one, or pass --teacher "
                "(`stillhouse train` trains without a teacher)"
            )
        metrics = run_recipe(read, output, resume=resume)
    except (CheckpointError, DataError, LaunchError, RecipeError) as error:
        raise click.ClickException(str(error)) from error
    if not is_main_process():
        return
    for name in ("validation", "test"):
        if name in metrics:
            found = metrics[name]
            click.echo(
                f"{name}: accuracy {found['accuracy']:.4f} "
                f"({found['accuracy_low']:.4f} to {found['accuracy_high']:.4f}, n {found['n']})"
            )
    click.echo(f"{output}: {metrics['parameters']:,} parameters, {metrics['seconds']} s")


def _overrides(named: Mapping[str, str | tuple[str, ...] | None]) -> list[str]:
    from training.recipe.recipe import quoted

    return [f"{key}={quoted(value)}" for key, value in named.items() if value is not None]


@click.command()
@RECIPE
@click.option(
    "--space",
    type=click.Path(path_type=Path),
    required=True,
    help="The TOML file of what to tune, such as training/spaces/student-sst2.toml.",
)
@click.option(
    "--study",
    type=click.Path(path_type=Path),
    required=True,
    help="The study's directory; one that holds a study is gone on with.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    required=True,
    help="Trials in all, those of earlier runs counted.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Processes that run trials.")
@DATA[0]
@DATA[1]
@BASE
@TEACHER
@UNLABELLED
@SET
def tune(
    recipe: Path,
    space: Path,
    study: Path,
    trials: int,
    jobs: int,
    train: str | None,
    test: str | None,
    base: str | None,
    teacher: str | None,
    unlabelled: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Find better values for a recipe, by the texts that it keeps out of training.

    Each trial trains with other values, and is stopped early where others did better; the test
    set is not read. Run it again to go on, with more --trials or after a stop; run it at the
    same time on other machines that share the directory to go faster.
    """
    from training.errors import (
        CheckpointError,
        DataError,
        LaunchError,
        RecipeError,
        SpaceError,
        StudyError,
    )
    from training.recipe.recipe import load_recipe
    from training.tune.space import load_space
    from training.tune.tuning import Plan
    from training.tune.tuning import tune as run

    named = {
        "data.train": train,
        "data.test": test,
        "model.base": base,
        "distillation.teacher": teacher,
        "distillation.transfer.source": unlabelled,
    }
    try:
        read = load_recipe(recipe, [*_overrides(named), *overrides])
        best = run(Plan(read, load_space(space, read), study, trials), jobs)
    except (
        CheckpointError,
        DataError,
        LaunchError,
        RecipeError,
        SpaceError,
        StudyError,
    ) as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"best: trial {best.trial}, validation accuracy {best.accuracy:.4f} "
        f"({best.accuracy_low:.4f} to {best.accuracy_high:.4f}, n {best.n})"
    )
    if best.recipe_accuracy is not None:
        click.echo(f"the recipe as it was: {best.recipe_accuracy:.4f}")
    click.echo(f"{study}: recipe.toml (the best), study.json, history.svg")


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
    from training.data.labelled import load_labelled_text, split_validation
    from training.errors import DataError, RecipeError
    from training.recipe.recipe import load_recipe, quoted

    given = [] if train is None else [f"data.train={quoted(train)}"]
    try:
        read = load_recipe(recipe, [*given, *overrides])
        data = load_labelled_text(read.data.train, read.data)
        _, rows = split_validation(data, read.data.validation_size, read.data.seed)
        lines = [
            f"{rows.labels[target]}\t{' '.join(text.split())}\n"
            for text, target in zip(rows.texts, rows.targets, strict=True)
        ]
        with output.open("x", encoding="utf-8") as file:
            file.writelines(["label\ttext\n", *lines])
    except (DataError, RecipeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{output}: {len(rows)} texts")
