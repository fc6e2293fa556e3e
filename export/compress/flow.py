"""The whole way from a teacher and texts to models that may be published, as stages keyed by
content.

    read -> [label] -> check -> teacher -> search -> confirm -> fit -> measure -> publish

Each stage keeps its result in the work folder, and runs again only if something that it read has
changed; the search keeps each candidate's training and files so. Nothing is published before all
is measured.
"""  # noqa: D205

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from export.cascade.routing import refuse_taken
from export.check.check import MOST_TEXTS, judge, trial_of
from export.compress.candidates.catalogue import Candidate
from export.compress.candidates.running import runner
from export.compress.chains import Link, fit_chain, links
from export.compress.exporting import Staged, stage
from export.compress.figures.measuring import NO_OTHERS, Looks, measured
from export.compress.job import Job
from export.compress.material import Material, gather
from export.compress.publishing import kept_chain, newest, refuse_other_labels
from export.compress.reads import check_reads, measure_reads
from export.compress.report.verdict import refusals
from export.compress.results import Measured
from export.compress.search.confirming import Confirmed, confirm, faster_teacher, teachers
from export.compress.search.found import Found as Searched
from export.compress.search.judging import Judge, Judged
from export.compress.search.search import Search
from export.compress.soft.gathering import gather_labels, refuse_unlabelled
from export.compress.ways.others import Others, make_others
from export.errors import ExportError
from export.publish.request import is_routed, refuse_name
from export.stages.engine import Workshop
from service.repository.routes import Cascade, read_routes

CHECKED = "check.json"
MEASURED = "measured.json"
REFERENCE = "reference"  # an encoder that is there for its time
STAGES = 6


@dataclass(frozen=True)
class Roles:
    """Which files are published under which name.

    Attributes:
        teacher: None: it is a file of soft labels, and nothing that answers.
        student: the chosen model; None: none is.
        last: the model at the end of the cascade's chain: the teacher as it is cheapest, or the
            student of a file of soft labels; None: there is none.
    """

    teacher: Judged | None
    student: Judged | None
    last: Link | None


@dataclass(frozen=True)
class Found:
    """What the stages came to.

    Attributes:
        kept: the chain of a cascade of the same name that stays, so that this one is not published.
        published: what is to be published, by its name, the teacher and the student first.
        refused: why nothing may be published; empty: it may.
    """

    started_at: datetime
    material: Material
    searched: Searched
    roles: Roles
    cascade: Cascade | None
    kept: tuple[str, ...] | None
    measured: Measured
    published: dict[str, Judged]
    refused: tuple[str, ...]


def run_stages(job: Job, shop: Workshop) -> Found:
    """Reads, searches, fits and measures; publishes nothing.

    Raises:
        CheckpointError, DataError, RecipeError: the teacher, the texts or a recipe cannot be
            used; nearly all of it is found before anything is trained.
        ExportError: the teacher cannot be exported, or a name is taken by a model of other labels.
    """
    started = datetime.now(UTC).replace(microsecond=0)
    for name in (job.names.teacher, job.names.student):
        refuse_name(job.models, name)
    refuse_taken(job.models, job.names.cascade, replace=True)
    shop.begin("read the teacher and the texts")
    material = gather(job, shop) if job.base is None else gather_labels(job, shop)
    labels = material.teacher.labels
    if material.soft is None:
        refuse_other_labels(job.models, job.names.teacher, labels, "--teacher-name")
    refuse_other_labels(job.models, job.names.student, labels, "--name")
    candidates = job.wanted.found(material.teacher)
    _refuse_names(job, candidates)
    refuse_unlabelled(material, candidates)
    if material.soft is None:
        shop.stage(
            "check",
            "compare the teacher as it would be served with transformers' pipeline",
            check_reads(material),
            lambda folder: _check(folder, material),
        )
    exported = "the teacher" if material.soft is None else "the encoder of --base, untrained,"
    shop.begin(f"export {exported} and compare it with transformers")
    teacher = _teacher(job, material, shop)
    shop.begin(f"search among {len(candidates)} candidates, for at most {job.budget / 60:.3g} min")
    confirmed = _searched(job, material, shop, teacher, candidates)
    searched = confirmed.searched
    roles = _roles(job, confirmed)
    cascade, chain = _cascade(job, material, searched, roles, shop)
    published = _published(job, searched, roles, chain)
    others = _others(job, material, searched, roles, shop)
    found = _measured(material, confirmed, roles, cascade, published, others, shop)
    refused = refusals(job.limits, found)
    kept = None if cascade is None else kept_chain(job.models, job.names.cascade, cascade)
    if kept is not None:
        published = _published(job, searched, roles, ())
    return Found(started, material, searched, roles, cascade, kept, found, published, refused)


def _refuse_names(job: Job, candidates: Sequence[Candidate]) -> None:
    """Raises ExportError where a candidate, which may be published too, is called as another is."""
    names = job.names
    taken = {names.teacher: "--teacher-name", names.cascade: "--cascade-name"}
    for one in candidates:
        if option := taken.get(one.name):
            raise ExportError(f"a candidate is called {one.name!r} too: give another {option}")


def _check(folder: Path, material: Material) -> None:
    found = judge(trial_of(material.teacher, material.parts.choose.texts[:MOST_TEXTS]))
    values = json.dumps(dataclasses.asdict(found), indent=2)
    (folder / CHECKED).write_text(values + "\n", encoding="utf-8")


def _teacher(job: Job, material: Material, shop: Workshop) -> tuple[Staged, ...]:
    """The teacher in FP32, and in INT8 where it is a candidate and can be had.

    Of a file of soft labels it is the encoder that candidates start from, for its time.
    """
    name = job.names.teacher if material.soft is None else REFERENCE
    (exact,) = stage(name, material.teacher, ("fp32",), job, material, shop)
    if not job.wanted.itself:
        return (exact,)
    try:
        return exact, *stage(name, material.teacher, ("int8",), job, material, shop)
    except ExportError as error:
        shop.tell(f"the teacher in INT8 is no candidate: {error}")
        return (exact,)


def _searched(
    job: Job,
    material: Material,
    shop: Workshop,
    teacher: Sequence[Staged],
    candidates: Sequence[Candidate],
) -> Confirmed:
    with runner(job.jobs) as run:
        search = Search(job, material, shop, teacher, run)
        found = search.among(candidates)
        data = material.parts.measure
        texts = f"{len(data)} texts that are measured on"
        judge = Judge(teacher[0], data, job.limits.loss, shop, texts, material.soft)
        confirmed = confirm(search, found, judge, job.limits)
        if material.soft is not None:
            return confirmed
        return dataclasses.replace(confirmed, teacher=faster_teacher(confirmed, judge, job.limits))


def _roles(job: Job, confirmed: Confirmed) -> Roles:
    """Who is the student, and which of the teacher's files is the teacher.

    Where all choices were refused it is the first of them, which is then not published unasked. The
    teacher is published in INT8 where that keeps the promise and is the faster, unless that is the
    student.
    """
    exact, *others = confirmed.searched.judged
    if job.base is not None:
        return _of_labels(job, confirmed, others)
    student = confirmed.chosen or next(iter(confirmed.refused), None)
    if student is None and job.limits.publish_anyway:
        student = _nearest(others)
    if student is not None and student in teachers(confirmed.searched):
        return Roles(exact, student, Link(job.names.student, student.staged, student.cost))
    if (eight := confirmed.teacher) is not None:
        return Roles(eight, student, Link(job.names.teacher, eight.staged, eight.cost))
    return Roles(exact, student, Link(job.names.teacher, exact.staged, exact.cost))


def _nearest(judged: Sequence[Judged]) -> Judged | None:
    """Where nothing was chosen; see `Measured.nearest`."""
    return min(judged, key=lambda one: one.loss, default=None)


def _of_labels(job: Job, confirmed: Confirmed, judged: Sequence[Judged]) -> Roles:
    """Who is the student of a file of soft labels, which answers nothing: it ends the chain."""
    student = confirmed.chosen or next(iter(confirmed.refused), None)
    if student is None and job.limits.publish_anyway:
        student = _nearest(judged)
    if student is None:
        return Roles(None, None, None)
    return Roles(None, student, Link(job.names.student, student.staged, student.cost))


def _cascade(
    job: Job, material: Material, found: Searched, roles: Roles, shop: Workshop
) -> tuple[Cascade | None, tuple[Link, ...]]:
    if roles.last is None:
        return None, ()
    own = found.judged[0].staged.name  # the teacher's files: one of them is the last
    able = [one for one in found.judged if one.staged.name != own]
    before = links(able, roles.student, roles.last, job.names.student)
    free = [link for link in before if _is_free(job, material, link)]
    return fit_chain(free, roles.last, job, material, shop)


def _is_free(job: Job, material: Material, link: Link) -> bool:
    """Whether a model can be published under the name, which its user has not chosen.

    What has it is one of a cascade that this one follows, and of the same labels.
    """
    there = newest(job.models, link.name)
    if there is None or link.name in (job.names.teacher, job.names.student):
        return not is_routed(job.models, link.name)
    before = read_routes(job.models).cascade.get(job.names.cascade)
    ours = before is not None and link.name in before.chain
    return ours and there.labels == material.teacher.labels


def _published(job: Job, found: Searched, roles: Roles, chain: Sequence[Link]) -> dict[str, Judged]:
    """What is to be published, by its name."""
    every = {} if roles.teacher is None else {job.names.teacher: roles.teacher}
    if roles.student is not None:
        every[job.names.student] = roles.student
    by_directory = {one.staged.directory: one for one in found.judged}
    for link in chain:
        every.setdefault(link.name, by_directory[link.staged.directory])
    return every


def _others(job: Job, material: Material, found: Searched, roles: Roles, shop: Workshop) -> Others:
    """Other ways of INT8, where they are asked for: rows to compare, and nothing else."""
    if not job.every_int8:
        return NO_OTHERS
    shop.begin("make teacher and student in every other way of INT8")
    return make_others(job, material, found, roles.student, shop)


def _measured(
    material: Material,
    confirmed: Confirmed,
    roles: Roles,
    cascade: Cascade | None,
    published: dict[str, Judged],
    others: Others,
    shop: Workshop,
) -> Measured:
    data, judged = material.parts.measure, confirmed.searched.judged
    places = {id(one): place for place, one in enumerate(judged)}
    chosen = None if roles.student is None else places[id(roles.student)]
    links_of = {name: places[id(one)] for name, one in published.items()}
    looks = Looks(chosen, tuple(places[id(one)] for one in confirmed.refused))

    def measure(folder: Path) -> None:
        name, soft = material.set_name, material.soft
        told = measured(judged, looks, cascade, links_of, data, name, shop, soft, others)
        (folder / MEASURED).write_text(told.model_dump_json(indent=2), encoding="utf-8")

    chain = {
        "cascade": cascade.model_dump(mode="json") if cascade else None,
        "looks": dataclasses.astuple(looks),
        "places": links_of,
        "judged": [[one.able, *map(str, one.staged.verdict.findings)] for one in judged],
        "others": [*(one.key for one in others.made), *others.lacking],
    }
    directories = [one.staged.directory for one in judged]
    reads = measure_reads(material, directories, chain)
    made = shop.stage("measure", f"measure on {len(data)} texts", reads, measure)
    return Measured.model_validate_json((made.folder / MEASURED).read_bytes())
