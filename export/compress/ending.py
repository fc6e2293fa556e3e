"""The end of a compression: publishes what may be published, and says what became of it."""

from collections.abc import Callable

from export.cascade.bounds import Limit
from export.compress.flow import STAGES, Found, run_stages
from export.compress.job import Job
from export.compress.judging import warnings
from export.compress.publishing import as_published, place, route
from export.compress.results import Entry, Outcome, Report, Step
from export.publish.lineage import code_version
from export.stages.engine import Made, Workshop

TITLES = {
    "label": "label the texts",
    "check": "check the teacher",
    "teacher": "export the teacher",
    "distil": "distil the student",
    "student": "export the student",
    "fit": "fit the cascade",
    "measure": "measure",
}


def compress(job: Job, say: Callable[[str], None]) -> Report:
    """Runs the stages and publishes teacher, student and cascade.

    A student that may not be published is no error: the report says why.

    Args:
        say: told of each step.

    Raises:
        TrainingError, ExportError: see `flow.run_stages`.
    """
    steps = STAGES + 1 + (job.unlabelled is not None)
    shop = Workshop(job.work, say, steps)
    with shop.at_work():
        found = run_stages(job, shop, say)
        shop.begin("publish" if not found.refused else "nothing is published")
        entries, routes = ((), ()) if found.refused else _published(job, found)
    outcome: Outcome = "published"
    if found.refused:
        outcome = "refused"
    elif not routes and not any(entry.new for entry in entries):
        outcome = "unchanged"
    told = warnings(job.limits, found.staged.verdict, found.measured, found.material.labelled_by)
    return Report(
        started_at=found.started_at,
        outcome=outcome,
        headline=_headline(outcome, found, entries),
        warnings=(*told, *_seen(found), *_loose(job, found)),
        teacher=job.teacher,
        teacher_sha256=found.material.teacher_sha256,
        labelled_by=found.material.labelled_by,
        uses=found.material.uses,
        measured=found.measured,
        cascade=found.cascade,
        refused=found.refused,
        entries=entries,
        routes=routes,
        recipe=found.material.recipe.to_toml(),
        code_version=code_version(),
        steps=tuple(map(_step, shop.made)),
        pairs=found.material.parts.pairs,
    )


def _published(job: Job, found: Found) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    names = job.names
    entries = {
        directory.parent.name: place(directory, job.models) for directory in found.staged.to_publish
    }
    cascade = as_published(found.cascade, entries) if found.cascade else None
    routes = route(job.models, names.cascade, cascade, names.student)
    return tuple(entries.values()), routes


def _headline(outcome: Outcome, found: Found, entries: tuple[Entry, ...]) -> str:
    if outcome == "refused":
        return f"Not published: {found.refused[0]}"
    student, teacher = found.measured.student, found.measured.teacher
    if outcome == "unchanged":
        (entry,) = entries[-1:]
        return f"Nothing changed; {entry.name}/{entry.version} is what it would publish."
    return (
        f"Published {' and '.join(f'{one.name}/{one.version}' for one in entries if one.new)}: "
        f"the student's {found.measured.quality_name} is {student.quality:.4f}, the teacher's "
        f"{teacher.quality:.4f} (n {student.metrics.n})."
    )


def _seen(found: Found) -> tuple[str, ...]:
    """A warning where the teacher may have learnt what it is measured on."""
    material = found.material
    if material.labelled_by == "teacher" or material.unseen_by_teacher:
        return ()
    return (
        "nothing says that the teacher was not trained on the texts that are held out here: if it "
        "was, its figures and the cascade's are better than on texts that it has not seen; train "
        "it by `stillhouse train` on the same --data, or give data that is new to it",
    )


def _loose(job: Job, found: Found) -> tuple[str, ...]:
    """A warning where the cascade's bound is looser than it was to be."""
    if found.cascade is None:
        return ()
    fit, asked = found.cascade.fit, job.limits.wanted_loss
    if fit.max_accuracy_loss <= asked:
        return ()
    return (
        f"the cascade's loss is bounded at {fit.max_accuracy_loss:.2%} and not at {asked:.2%}: "
        f"that takes {Limit(asked, fit.confidence, fit.promise).texts_needed} texts to fit on, "
        f"and there are {fit.n}",
    )


def _step(made: Made) -> Step:
    record = made.record
    return Step(
        title=TITLES[record.stage], key=record.key, seconds=record.seconds, reused=made.reused
    )
