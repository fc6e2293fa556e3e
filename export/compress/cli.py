"""`stillhouse compress`."""

from pathlib import Path

import click

SIZE = 40_000  # sentences of --unlabelled, unless the recipe or --set says otherwise


@click.command()
@click.option("--teacher", required=True, help="The fine-tuned teacher: a directory or hub id.")
@click.option("--data", "train", required=True, help="Labelled texts: a file or hub id.")
@click.option("--test", help="Labelled texts to measure on; without them the validation split.")
@click.option("--unlabelled", help="More texts of the kind, for the teacher to label.")
@click.option(
    "--student",
    default="bilstm",
    show_default=True,
    metavar="KIND|RECIPE.toml",
    help="A recipe that ships (student-KIND.toml), or one of yours.",
)
@click.option("--name", default="student", show_default=True, help="Its name in the repository.")
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    default=Path("models"),
    show_default=True,
    help="The model repository.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("checkpoints/compress"),
    show_default=True,
    help="Where the checkpoint is made; a run that was stopped goes on from it.",
)
@click.option(
    "--report",
    "reports",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Where the report goes, in a folder of its own.",
)
@click.option(
    "--labels",
    multiple=True,
    metavar="IN_FILE=TEACHERS",
    help="What a label of the texts is called by the teacher.",
)
@click.option("--licence", default="Apache-2.0", show_default=True, help="SPDX identifier.")
@click.option(
    "--max-accuracy-drop",
    type=click.FloatRange(0, 1),
    help="What INT8 may lose against FP32, as a share; over it nothing is published; "
    "default: the recipe's, or 0.003.",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    help="Likewise; default: the recipe's, or 0.99.",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As in `distil`.")
def compress(
    teacher: str,
    train: str,
    test: str | None,
    unlabelled: str | None,
    student: str,
    name: str,
    models: Path,
    work: Path,
    reports: Path,
    labels: tuple[str, ...],
    licence: str,
    max_accuracy_drop: float | None,
    min_agreement: float | None,
    overrides: tuple[str, ...],
) -> None:
    """From a teacher and texts to a published INT8 student, with a report of what it lost."""
    from export.compress.flow import Job, compress
    from export.compress.report import write_report
    from export.errors import ExportError
    from export.measure.parity import SAME_IN_ANY_BATCH, gate_for
    from training.errors import CheckpointError, DataError, RecipeError
    from training.recipe.recipe import load_recipe, quoted, shipped_recipe

    given = {"data.train": train, "distillation.teacher": teacher}
    if test is not None:
        given["data.test"] = test
    if unlabelled is not None:
        given["distillation.transfer.source"] = unlabelled
    pairs = dict(_pair(label) for label in labels)
    try:
        path = Path(student) if student.endswith(".toml") else shipped_recipe(f"student-{student}")
        recipe = load_recipe(
            path,
            [
                *([f"distillation.transfer.size={SIZE}"] if unlabelled else []),
                *(f"{key}={quoted(value)}" for key, value in given.items()),
                *(f"data.labels.{ours}={quoted(theirs)}" for ours, theirs in pairs.items()),
                *overrides,
            ],
        )
        gate = gate_for(
            recipe,
            max_accuracy_drop=max_accuracy_drop,
            min_agreement=min_agreement,
            max_batch_difference=SAME_IN_ANY_BATCH,
        )
        job = Job(teacher, recipe, models, name, work, licence, gate)
        report = compress(job, lambda line: click.echo(line, err=True))
        page = write_report(report, reports)
    except (CheckpointError, DataError, ExportError, RecipeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    for one in report.candidates:
        click.echo(
            f"{one.title}: accuracy {one.accuracy:.4f} ({one.accuracy_low:.4f} to "
            f"{one.accuracy_high:.4f}, n {one.n}), agreement {one.agreement:.4f}, "
            f"{one.bytes / 1e6:.2f} MB, p50 {one.p50_ms:.3g} ms"
        )
    click.echo(f"published {report.published}; report {page}")


def _pair(text: str) -> tuple[str, str]:
    ours, separator, theirs = text.partition("=")
    if not separator:
        raise click.BadParameter(f"{text!r} should look like 0=negative", param_hint="--labels")
    return ours, theirs
