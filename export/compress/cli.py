"""`stillhouse compress`."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from export.commands.options import ask
from export.compress import options
from training.options import in_recipe

if TYPE_CHECKING:
    from export.compress.job import Job
    from export.compress.results import Report

SIZE = 40_000  # sentences of --unlabelled, unless the recipe or --set says otherwise


@click.command()
@options.takes(options.TEXTS, options.STUDENT, options.NAMES, options.PLACES, options.LIMITS)
def compress(reports: Path, **given: Any) -> None:
    """Make a small student of a teacher, measure what was lost, and publish both.

    It checks teacher and texts, trains the student on the teacher's answers, exports both,
    fits the cascade that asks the teacher only where the student is unsure, measures all of
    them on texts that nothing was chosen or fitted on, and publishes them with a report.

    Every stage keeps its result. The same command again goes on from where it was stopped, and
    runs what depends on something that has changed: a text, a label, the teacher, an option.
    """
    from export.compress.ending import compress
    from export.compress.report.writing import write_report

    job = _job(**given)
    with contextlib.redirect_stdout(sys.stderr):  # the Trainer prints there while it trains
        report = compress(job, lambda line: click.echo(line, err=True))
    page = write_report(report, reports)
    _tell(report, job.models)
    click.echo(f"report: {page}")
    if report.outcome == "refused":
        raise click.exceptions.Exit(1)


def _job(
    teacher: str,
    train: str | None,
    test: str | None,
    unlabelled: str | None,
    student: str,
    precision: str,
    keep_fusions: bool,
    overrides: tuple[str, ...],
    name: str,
    teacher_name: str,
    cascade_name: str,
    licence: str | None,
    models: Path,
    work: Path,
    max_student_loss: float,
    max_accuracy_drop: float | None,
    min_agreement: float | None,
    max_recall_drop: float | None,
    max_accuracy_loss: float | None,
    confidence: float,
    publish_anyway: bool,
    **columns: Any,
) -> "Job":
    from export.compress.job import Job, Limits, Names
    from export.measure.gate import SAME_BY_TOKEN, SAME_IN_ANY_BATCH, SAME_LOGITS, gate_for
    from export.publish.licence import licence_for
    from training.recipe.recipe import load_recipe, shipped_recipe

    if train is None and unlabelled is None:
        raise click.UsageError("give --data, labelled texts, or --unlabelled, or both")
    if len({name, teacher_name, cascade_name}) < 3:
        raise click.UsageError("--name, --teacher-name and --cascade-name must differ")
    path = Path(student) if student.endswith(".toml") else shipped_recipe(f"student-{student}")
    both = train is not None and unlabelled is not None
    named = {
        "data.train": train or unlabelled,
        "data.test": test,
        "distillation.teacher": teacher,
        "distillation.transfer.source": unlabelled if both else None,
        "distillation.transfer.size": SIZE if both else None,
        **in_recipe(columns),
    }
    recipe = load_recipe(path, overrides, named)
    if precision == "int8" and recipe.model.architecture == "linear":
        raise click.UsageError("there is no INT8 of a linear model: give --precision fp32 with it")
    by_token = precision == "int8" and recipe.model.architecture == "encoder"
    gate = gate_for(
        recipe,
        max_accuracy_drop=max_accuracy_drop,
        min_agreement=min_agreement,
        max_recall_drop=max_recall_drop,
        max_logit_difference=SAME_LOGITS["float32"] if precision == "fp32" else None,
        max_batch_difference=SAME_BY_TOKEN if by_token else SAME_IN_ANY_BATCH,
    )
    limits = Limits(gate, max_student_loss, max_accuracy_loss, confidence, publish_anyway)
    return Job(
        teacher,
        recipe,
        models,
        work,
        limits,
        licence_for(teacher, licence, ask if sys.stdin.isatty() else None),
        unlabelled=unlabelled if train is None else None,
        names=Names(teacher_name, name, cascade_name),
        precision="fp32" if precision == "fp32" else "int8",
        keep_fusions=keep_fusions,
    )


def _tell(report: "Report", models: Path) -> None:
    """What became of it, the worst first, and how to go on."""
    click.echo(report.headline)
    for reason in report.refused[1:]:
        click.echo(f"not published: {reason}")
    for warning in report.warnings:
        if warning not in report.refused:
            click.echo(f"warning: {warning}")
    if report.refused:
        click.echo("the training is kept: the same command with that option only publishes")
    for one in report.measured.candidates:
        low, high = one.interval
        agreement = "" if one.agreement is None else f"agreement {one.agreement:.4f}, "
        click.echo(
            f"{one.title}: {report.measured.quality_name} {one.quality:.4f} ({low:.4f} to "
            f"{high:.4f}, n {one.metrics.n}), {agreement}{one.bytes / 1e6:.2f} MB, "
            f"p50 {one.p50_ms:.3g} ms"
        )
    for entry in report.entries:
        click.echo(f"{'published' if entry.new else 'unchanged'}: {entry.directory}")
    for line in report.routes:
        click.echo(f"routes: {line}")
    if report.entries:
        model = report.entries[-1].name
        click.echo(f"serve: stillhouse serve --models {models}")
        asked = '"a text of yours"'
        if report.pairs:
            asked = '[{"text": "a text of yours", "text_pair": "and another"}]'
        click.echo(
            "ask:   curl -s localhost:8000/predict -d "
            f"""'{{"inputs": {asked}, "model": "{model}"}}'"""
        )
