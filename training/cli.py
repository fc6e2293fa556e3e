"""`stillhouse train`, `distil`, `tune` and `held-out`."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from training.options import data_options, in_recipe

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
RESUME = click.option("--resume", is_flag=True, help="Go on from an unfinished run.")


@click.command()
@RECIPE
@OUTPUT
@DATA[0]
@DATA[1]
@data_options
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
@data_options
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
    and `stillhouse recipe` lists every key.
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
    **columns: Any,
) -> None:
    from training.errors import Interrupted, RecipeError, TrainingError
    from training.loop.processes import is_main_process
    from training.recipe.recipe import load_recipe
    from training.score.told import line
    from training.tasks.run import run_recipe

    given = {"data.train": train, "data.test": test, **in_recipe(columns), **extra}
    try:
        read = load_recipe(recipe, overrides, given)
        if distils and read.distillation is None:
            raise RecipeError(
                f"{recipe} has no [distillation] section to distil by: add one, or pass --teacher "
                "(`stillhouse train` trains without a teacher)"
            )
        metrics = run_recipe(read, output, resume=resume)
    except Interrupted as stopped:
        _stop(str(stopped), stopped.signal)
    except KeyboardInterrupt:
        _stop("stopped: give the same command with --resume to go on", signal.SIGINT)
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        if not output.with_name(f"{output.name}.run").exists():
            raise
        raise click.ClickException(
            f"{error.filename or output}: {error.strerror or error}: make room there, and give the "
            "same command with --resume to go on"
        ) from error
    if not is_main_process():
        return
    for name in ("validation", "measure", "test"):
        if name in metrics:
            click.echo(f"{name}: {line(metrics[name])}")
    click.echo(f"{output}: {metrics['parameters']:,} parameters, {metrics['seconds']} s")
    for warning in metrics["warnings"]:
        click.secho(f"WARNING: {warning}", err=True, fg="red", bold=True)


def _stop(message: str, number: int) -> NoReturn:
    """Ends the command as a signal would have, with one line that says how to go on."""
    click.echo(f"\n{message}", err=True)
    raise SystemExit(128 + number)


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
@data_options
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
    **columns: Any,
) -> None:
    """Find better values for a recipe, by the texts that it keeps out of training.

    Each trial trains with other values, and is stopped early where others did better; the test
    set is not read. Run it again to go on, with more --trials or after a stop; run it at the
    same time on other machines that share the directory to go faster.
    """
    from training.errors import TrainingError
    from training.recipe.recipe import load_recipe
    from training.tune.space import load_space
    from training.tune.tuning import Plan, refuse_other_tasks
    from training.tune.tuning import tune as run

    named = {
        "data.train": train,
        "data.test": test,
        "model.base": base,
        "distillation.teacher": teacher,
        "distillation.transfer.source": unlabelled,
        **in_recipe(columns),
    }
    try:
        read = load_recipe(recipe, overrides, named)
        refuse_other_tasks(read)
        best = run(Plan(read, load_space(space, read), study, trials), jobs)
    except KeyboardInterrupt:
        _stop("stopped: give the same command to go on with the study", signal.SIGINT)
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"best: trial {best.trial}, validation accuracy {best.accuracy:.4f} "
        f"({best.accuracy_low:.4f} to {best.accuracy_high:.4f}, n {best.n})"
    )
    if best.recipe_accuracy is not None:
        click.echo(f"the recipe as it was: {best.recipe_accuracy:.4f}")
    click.echo(f"{study}: recipe.toml (the best), study.json, history.svg")


@click.command("recipe")
@click.option("--minimal", is_flag=True, help="Print the least that is a recipe instead.")
def show_recipe(minimal: bool) -> None:
    """Print all that a recipe may say, as Markdown: each key, its values and its default."""
    from training.recipe.recipe import shipped_recipe
    from training.recipe.reference import reference

    if minimal:
        click.echo(shipped_recipe("minimal").read_text(encoding="utf-8"), nl=False)
    else:
        click.echo(reference(), nl=False)


@click.command("held-out")
@RECIPE
@DATA[0]
@DATA[1]
@data_options
@SET
@click.option(
    "--part",
    type=click.Choice(["choose", "fit", "measure", "train"]),
    default="fit",
    show_default=True,
    help="Which texts: those that choose checkpoints, those to fit on, to measure on, or to train.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file to write, .tsv, of entities .jsonl; it must not exist.",
)
def held_out(
    recipe: Path,
    train: str | None,
    test: str | None,
    overrides: tuple[str, ...],
    part: str,
    output: Path,
    **columns: Any,
) -> None:
    """Write one of the sets that a recipe splits its texts into, such as those to calibrate on."""
    from training.data.loading import load_split
    from training.data.splitting.recorded import changed_since
    from training.data.tags.splitting import load_tagged_split
    from training.data.tags.writing import JSONL, write_tagged
    from training.data.writing import TSV, check_new, write_labelled
    from training.errors import DataError, RecipeError
    from training.recipe.recipe import load_recipe

    given = {"data.train": train, "data.test": test, **in_recipe(columns)}
    sets: Any
    try:
        read = load_recipe(recipe, overrides, given)
        of_tokens = read.task == "token-classification"
        check_new(output, kinds=JSONL if of_tokens else TSV)
        if of_tokens:
            sets = load_tagged_split(read.data)
            write_tagged(getattr(sets, part), output)
        else:
            sets = load_split(read.data)
            write_labelled(getattr(sets, part), output)
        other = changed_since(recipe, read.data, sets)
    except (DataError, RecipeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{output}: {len(getattr(sets, part))} texts")
    if other:
        click.secho(
            f"WARNING: {read.data.train} is not what {recipe.parent} was trained on: its "
            f"metrics.json has other texts as {' and '.join(other)}, so that it may have learnt "
            "some of these",
            err=True,
            fg="red",
            bold=True,
        )
