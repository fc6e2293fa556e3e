"""The end of a compression: publishes what may be published, and says what became of it."""

from collections.abc import Callable, Iterator

from export.cascade.bounds import Limit
from export.compress.figures.growing import gain_of_doubling
from export.compress.flow import STAGES, Found, run_stages
from export.compress.job import Job
from export.compress.publishing import as_published, place, route
from export.compress.records import Entry, Step
from export.compress.report.verdict import auto_line, headline, verdict
from export.compress.report.warnings import warnings
from export.compress.results import Outcome, Report, Tried
from export.compress.search.entrant import Entrant
from export.compress.soft.telling import absent_of, promise_of
from export.publish.lineage import code_version
from export.stages.engine import Made, Workshop

TITLES = {
    "label": "label the texts",
    "test": "keep the test set",
    "check": "check the teacher",
    "distil": "train a candidate",
    "ended": "train a candidate, cut short",
    "export": "export",
    "answers": "ask a model",
    "judge": "judge",
    "fit": "fit the cascade",
    "measure": "measure",
}


def compress(job: Job, command: str, say: Callable[[str], None]) -> Report:
    """Runs the stages and publishes teacher, student and cascade.

    A promise that nothing keeps is no error: the report says why nothing is published.

    Args:
        command: that makes the same again.
        say: told of each step.

    Raises:
        TrainingError, ExportError: see `flow.run_stages`.
    """
    # A file of soft labels is not checked.
    steps = STAGES + (job.base is None) + (job.unlabelled is not None) + job.every_int8
    shop = Workshop(job.work, say, steps)
    with shop.at_work():
        found = run_stages(job, shop)
        shop.begin("publish" if not found.refused else "nothing is published")
        entries, routes = ((), ()) if found.refused else _published(job, found)
    outcome: Outcome = "published"
    if found.refused:
        outcome = "refused"
    elif not routes and not any(entry.new for entry in entries):
        outcome = "unchanged"
    told = verdict(job.limits, found.measured, found.searched.unreached, _doubling(found))
    if outcome == "unchanged":
        at = ", ".join(f"{entry.name}/{entry.version}" for entry in reversed(entries))
        routes = (f"nothing changed: {at} are what it would publish",)
    chosen = _entrant(found)
    return Report(
        started_at=found.started_at,
        outcome=outcome,
        headline=headline(told, found.measured),
        warnings=(
            *warnings(found.measured, found.material.measured_by, job.limits.loss),
            *_seen(found),
            *_loose(job, found),
            *_unused(job, found),
        ),
        teacher=job.teacher,
        teacher_sha256=found.material.teacher_sha256,
        labelled_by=found.material.measured_by,
        promise=promise_of(found),
        absent=absent_of(found),
        uses=found.material.uses,
        verdict=told,
        auto=auto_line(found.measured),
        measured=found.measured,
        tried=tuple(map(_tried, found.searched.entrants)),
        cascade=found.cascade,
        refused=found.refused,
        entries=entries,
        routes=routes,
        recipe=chosen.trainee.recipe.to_toml() if chosen else None,
        command=command,
        code_version=code_version(),
        steps=tuple(map(_step, shop.made)),
        pairs=found.material.parts.pairs,
    )


def _doubling(found: Found) -> float | None:
    """What twice the text is estimated to gain, where that is advice that somebody needs."""
    parts, seed = found.material.parts, found.material.recipe.data.seed
    return gain_of_doubling(parts.train, parts.measure, seed) if found.refused else None


def _published(job: Job, found: Found) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    names = job.names
    places = {id(one): place for place, one in enumerate(found.searched.judged)}
    entries: dict[str, Entry] = {}
    for name, one in found.published.items():
        metrics = found.measured.candidates[places[id(one)]].metrics
        told = {found.material.set_name: metrics}
        entries[name] = place(one.staged.directory, job.models, name, told)
    cascade = None
    if found.cascade is not None and found.kept is None:
        cascade = as_published(found.cascade, entries)
    default = next((name for name in (names.student, names.teacher) if name in entries), None)
    if cascade is not None:
        default = names.cascade
    return tuple(entries.values()), route(job.models, names.cascade, cascade, default)


def _saves_time(found: Found) -> bool:
    """Whether the cascade takes less time than its last model alone."""
    auto, last = found.measured.auto, found.roles.last
    assert auto is not None
    assert last is not None
    folders = [one.staged.directory for one in found.searched.judged]
    return auto.mean_ms < found.measured.candidates[folders.index(last.staged.directory)].mean_ms


def _entrant(found: Found) -> Entrant | None:
    """The trial of the chosen model; None where it is the teacher itself."""
    for one in found.searched.entrants:
        if found.roles.student in one.judged:
            return one
    return None


def _tried(one: Entrant) -> Tried:
    progress = one.trainee.progress
    outcome = one.why or (str(one.error) if one.error else None) or one.note
    return Tried(
        name=one.name,
        candidate=one.trainee.candidate.name,
        share=progress.share if progress else 0.0,
        quality=progress.quality if progress else None,
        outcome=outcome or "trained whole and exported",
        seconds=round(one.trainee.seconds, 1),
        recipe=one.trainee.recipe.to_toml(),
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


def _unused(job: Job, found: Found) -> Iterator[str]:
    """Warnings where the cascade is not what answers."""
    if found.cascade is None or found.refused:
        return
    name, chain = job.names.cascade, " → ".join(found.cascade.chain)
    if found.kept is not None:
        yield (
            f"{name} asks {' → '.join(found.kept)}, as before: this report's cascade, {chain}, "
            "is not published; another name for it is chosen with --cascade-name"
        )
    elif not _saves_time(found):
        yield (
            f"the cascade {chain} takes longer than {found.cascade.chain[-1]} alone: ask that, or "
            f"make it the default in place of {name}"
        )


def _step(made: Made) -> Step:
    record = made.record
    return Step(
        title=TITLES[record.stage], key=record.key, seconds=record.seconds, reused=made.reused
    )
