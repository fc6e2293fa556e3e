"""`stillhouse compress`."""

import contextlib
import shlex
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


@click.command()
@options.takes(options.TEXTS, options.SEARCH, options.NAMES, options.PLACES, options.LIMITS)
def compress(reports: Path, **given: Any) -> None:
    """Find the cheapest model that keeps its teacher's accuracy, prove it, and publish it.

    It checks teacher and texts, tries candidates on them within a budget of time, the cheapest
    first, fits the cascade that asks the teacher only where a cheaper model is unsure, confirms
    and measures all of them on texts of their own, and publishes teacher, student and cascade
    with a report. What breaks the promise is not published, and the exit status is 1.

    Every stage keeps its result. The same command again goes on from where it was stopped, and
    runs what depends on something that has changed: a text, a label, the teacher, an option.
    """
    from export.compress.ending import compress
    from export.compress.report.writing import write_report

    _refuse_places(reports, given["models"], given["work"])
    job = _job(**given)
    command = shlex.join(["stillhouse", *sys.argv[1:]])
    with contextlib.redirect_stdout(sys.stderr):  # the Trainer prints there while it trains
        report = compress(job, command, lambda line: click.echo(line, err=True))
    page = write_report(report, reports)
    _tell(report, job.models)
    click.echo(f"report: {page}")
    if report.outcome == "refused":
        raise click.exceptions.Exit(1)


def _job(
    teacher: str,
    base: str | None,
    train: str | None,
    test: str | None,
    unlabelled: str | None,
    max_accuracy_loss: float,
    candidates: str,
    starts: tuple[str, ...],
    budget: str,
    jobs: int,
    keep_fusions: bool,
    every_int8: bool,
    overrides: tuple[str, ...],
    name: str,
    teacher_name: str,
    cascade_name: str,
    licence: str | None,
    models: Path,
    work: Path,
    max_accuracy_drop: float | None,
    min_agreement: float | None,
    max_recall_drop: float | None,
    max_cascade_loss: float | None,
    confidence: float,
    publish_anyway: bool,
    **columns: Any,
) -> "Job":
    from export.compress.candidates.catalogue import Wanted
    from export.compress.job import Job, Limits, Names
    from export.measure.gate import SAME_BY_TOKEN, SAME_IN_ANY_BATCH, Gate, gate_for
    from export.publish.licence import licence_for
    from training.recipe.recipe import Recipe
    from training.teach.teachers.soft_labels import is_soft_labels

    _refuse_base(teacher, base, of_labels=is_soft_labels(teacher))
    if train is None and unlabelled is None:
        raise click.UsageError("give --data, labelled texts, or --unlabelled, or both")
    if len({name, teacher_name, cascade_name}) < 3:
        raise click.UsageError("--name, --teacher-name and --cascade-name must differ")
    both = train is not None and unlabelled is not None
    named = {
        "data.train": train or unlabelled,
        "data.test": test,
        "distillation.teacher": teacher,
        "distillation.transfer.source": unlabelled if both else None,
        "distillation.transfer.unit": "whole" if both and base else None,  # as the file has them
        **in_recipe(columns),
    }
    wanted = Wanted(
        tuple(filter(None, map(str.strip, candidates.split(",")))), named, overrides, base, starts
    )

    def gate(recipe: Recipe | None) -> Gate:
        by_token = recipe is None or recipe.model.architecture == "encoder"
        return gate_for(
            recipe,
            # Unless asked for, the promise alone judges accuracy: the loss against the teacher.
            max_accuracy_drop=1.0 if max_accuracy_drop is None else max_accuracy_drop,
            min_agreement=min_agreement,
            max_recall_drop=max_recall_drop,
            max_batch_difference=SAME_BY_TOKEN if by_token else SAME_IN_ANY_BATCH,
        )

    return Job(
        teacher,
        wanted.first(),
        wanted,
        models,
        work,
        Limits(gate, max_accuracy_loss, max_cascade_loss, confidence, publish_anyway),
        licence_for(base or teacher, licence, ask if sys.stdin.isatty() else None),
        own_length=any(one.startswith("data.max_length=") for one in overrides),
        unlabelled=unlabelled if train is None else None,
        names=Names(teacher_name, name, cascade_name),
        budget=options.seconds_of(budget),
        jobs=jobs,
        keep_fusions=keep_fusions,
        base=base,
        every_int8=every_int8,
    )


def _refuse_places(reports: Path, models: Path, work: Path) -> None:
    """Raises ExportError where a place to write to is none, before anything is done."""
    from export.errors import ExportError
    from training.data.writing import blocked

    for option, path in (("--report", reports), ("--models", models), ("--work", work)):
        if why := blocked(path / "of this run"):
            raise ExportError(f"{option} {path} cannot be written: {why}")


def _refuse_base(teacher: str, base: str | None, *, of_labels: bool) -> None:
    """Raises UsageError where an encoder to start from is missing, or not asked for."""
    if of_labels and base is None:
        raise click.UsageError(
            f"--teacher {teacher} is a file of soft labels, which is no model: give --base, the "
            "encoder that candidates start from and that times are told against, such as "
            "sentence-transformers/all-MiniLM-L6-v2"
        )
    if base is not None and not of_labels:
        raise click.UsageError(
            f"--base is for a teacher that is a file of soft labels; candidates of {teacher} start "
            "from it: leave --base out"
        )


def _tell(report: "Report", models: Path) -> None:
    """What became of it, the worst first, and how to go on."""
    click.echo(report.headline)
    if report.auto:
        click.echo(report.auto)
    if report.promise:
        click.echo(report.promise)
    for line in report.verdict.advice:
        click.echo(f"what would help: {line}")
    for reason in report.refused:
        click.echo(f"not published: {reason}")
    for warning in report.warnings:
        click.echo(f"warning: {warning}")
    if report.refused:
        click.echo("the trainings are kept: the same command with that option only publishes")
    if report.measured.labels:
        click.echo(f"times and sizes: against {report.verdict.than}")
    for one in report.measured.rows:
        low, high = one.interval
        agreement = "" if one.agreement is None else f"agreement {one.agreement:.4f}, "
        click.echo(
            f"{one.title}: {report.measured.quality_name} {one.quality:.4f} ({low:.4f} to "
            f"{high:.4f}, n {one.metrics.n}), {agreement}{one.bytes / 1e6:.2f} MB, "
            f"{one.mean_ms:.3g} ms a text{', for comparison alone' if one.way else ''}"
        )
    for line in report.measured.lacking:
        click.echo(f"not to be had: {line}")
    for trial in report.tried:
        quality = "" if trial.quality is None else f" {trial.quality:.4f} at {trial.share:.0%},"
        click.echo(f"tried {trial.name}:{quality} {trial.outcome}")
    for line in report.absent:
        click.echo(line)
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
