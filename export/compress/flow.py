"""The whole way from a teacher and texts to models that may be published, as stages keyed by
content.

    read -> [label] -> check -> teacher -> search -> fit -> measure -> publish

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
from export.check.check import MOST_TEXTS, check
from export.compress.chains import Link, fit_chain, links
from export.compress.exporting import Staged, stage
from export.compress.job import Job
from export.compress.material import Material, gather
from export.compress.measuring import NO_OTHERS, measured
from export.compress.publishing import newest, refuse_other_labels
from export.compress.reads import check_reads, measure_reads
from export.compress.report.verdict import refusals
from export.compress.results import Measured
from export.compress.search.judging import Judged
from export.compress.search.search import Found as Searched
from export.compress.search.search import Search
from export.compress.ways.others import Others, make_others
from export.errors import ExportError
from export.publish.request import refuse_name
from export.stages.engine import Workshop
from service.repository.routes import Cascade

CHECKED = "check.json"
MEASURED = "measured.json"
STAGES = 6


@dataclass(frozen=True)
class Roles:
    """Which files are published under which name.

    Attributes:
        student: the chosen model; None: none is.
        last: the model at the end of the cascade's chain: the teacher as it is cheapest.
    """

    teacher: Judged
    student: Judged | None
    last: Link


@dataclass(frozen=True)
class Found:
    """What the stages came to.

    Attributes:
        published: what is to be published, by its name, the teacher and the student first.
        refused: why nothing may be published; empty: it may.
    """

    started_at: datetime
    material: Material
    searched: Searched
    roles: Roles
    cascade: Cascade | None
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
        refuse_name(name)
    refuse_taken(job.models, job.names.cascade, replace=True)
    shop.begin("read the teacher and the texts")
    material = gather(job, shop)
    labels = material.teacher.labels
    refuse_other_labels(job.models, job.names.teacher, labels, "--teacher-name")
    refuse_other_labels(job.models, job.names.student, labels, "--name")
    candidates = job.wanted.found(material.teacher)
    shop.stage(
        "check",
        "compare the teacher as it would be served with transformers' pipeline",
        check_reads(material),
        lambda folder: _check(folder, job, material),
    )
    shop.begin("export the teacher and compare it with transformers")
    teacher = _teacher(job, material, shop)
    shop.begin(f"search among {len(candidates)} candidates, for at most {job.budget / 60:.3g} min")
    searched = Search(job, material, shop, teacher).among(candidates)
    roles = _roles(job, searched)
    cascade, chain = _cascade(job, material, searched, roles, shop)
    published = _published(job, searched, roles, chain)
    others = _others(job, material, searched, roles, shop)
    found = _measured(material, searched, roles, cascade, published, others, shop)
    refused = refusals(job.limits, found)
    return Found(started, material, searched, roles, cascade, found, published, refused)


def _check(folder: Path, job: Job, material: Material) -> None:
    teacher = material.teacher
    found = check(job.teacher, material.parts.choose.texts[:MOST_TEXTS], pairs=teacher.pairs)
    values = json.dumps(dataclasses.asdict(found), indent=2)
    (folder / CHECKED).write_text(values + "\n", encoding="utf-8")


def _teacher(job: Job, material: Material, shop: Workshop) -> tuple[Staged, ...]:
    """The teacher in FP32, and in INT8 where it is a candidate and can be had."""
    name = job.names.teacher
    (exact,) = stage(name, material.teacher, ("fp32",), job, material, shop)
    if not job.wanted.itself:
        return (exact,)
    try:
        return exact, *stage(name, material.teacher, ("int8",), job, material, shop)
    except ExportError as error:
        shop.tell(f"the teacher in INT8 is no candidate: {error}")
        return (exact,)


def _roles(job: Job, found: Searched) -> Roles:
    """Who is the student, and which of the teacher's files is the teacher.

    The teacher is published in INT8 where its gate lets it, unless that is the student.
    """
    exact, *others = found.judged
    own = exact.staged.name
    eights = [one for one in others if one.staged.name == own and not one.staged.verdict.findings]
    student = found.chosen
    if student is None and job.limits.publish_anyway:
        trained = [one for one in others if one.staged.name != own]
        student = min(trained, key=lambda one: one.loss, default=None)
    if not eights:
        return Roles(exact, student, Link(job.names.teacher, exact.staged, exact.cost))
    (eight,) = eights
    if student is eight:
        return Roles(exact, eight, Link(job.names.student, eight.staged, eight.cost))
    return Roles(eight, student, Link(job.names.teacher, eight.staged, eight.cost))


def _cascade(
    job: Job, material: Material, found: Searched, roles: Roles, shop: Workshop
) -> tuple[Cascade | None, tuple[Link, ...]]:
    own = found.judged[0].staged.name  # the teacher's files: one of them is the last
    able = [one for one in found.judged if one.staged.name != own]
    before = links(able, roles.student, roles.last, job.names.student)
    free = [link for link in before if _is_free(job, material, link)]
    return fit_chain(free, roles.last, job, material, shop)


def _is_free(job: Job, material: Material, link: Link) -> bool:
    """Whether a model can be published under the name: none of other labels has it."""
    there = newest(job.models, link.name)
    return there is None or there.labels == material.teacher.labels


def _published(job: Job, found: Searched, roles: Roles, chain: Sequence[Link]) -> dict[str, Judged]:
    """What is to be published, by its name."""
    every = {job.names.teacher: roles.teacher}
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
    found: Searched,
    roles: Roles,
    cascade: Cascade | None,
    published: dict[str, Judged],
    others: Others,
    shop: Workshop,
) -> Measured:
    data, judged = material.parts.measure, found.judged
    places = {id(one): place for place, one in enumerate(judged)}
    chosen = None if roles.student is None else places[id(roles.student)]
    links_of = {name: places[id(one)] for name, one in published.items()}

    def measure(folder: Path) -> None:
        told = measured(judged, chosen, cascade, links_of, data, material.set_name, others)
        (folder / MEASURED).write_text(told.model_dump_json(indent=2), encoding="utf-8")

    chain = {
        "cascade": cascade.model_dump(mode="json") if cascade else None,
        "chosen": chosen,
        "places": links_of,
        "judged": [[one.able, *map(str, one.staged.verdict.findings)] for one in judged],
        "others": [*(one.key for one in others.made), *others.lacking],
    }
    directories = [one.staged.directory for one in judged]
    reads = measure_reads(material, directories, chain)
    made = shop.stage("measure", f"measure on {len(data)} texts", reads, measure)
    return Measured.model_validate_json((made.folder / MEASURED).read_bytes())
