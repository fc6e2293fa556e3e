"""The whole way from a teacher and texts to published models, as stages keyed by content.

    read -> [label] -> check -> teacher -> distil -> student -> fit -> measure -> publish

Each stage between the first and the last keeps its result in the work folder, and runs again
only if something that it read has changed. Nothing is published before all is measured.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from export.cascade.bounds import Limit, least_loss
from export.cascade.fitting import fit_cascade
from export.cascade.routing import refuse_taken
from export.check.check import MOST_TEXTS, check
from export.compress.exporting import Staged, read_staged, stage_student, stage_teacher
from export.compress.job import Job
from export.compress.judging import refusals
from export.compress.material import Material, gather
from export.compress.measuring import measured
from export.compress.publishing import refuse_other_labels
from export.compress.reads import (
    check_reads,
    distil_reads,
    fit_reads,
    measure_reads,
    student_reads,
    teacher_reads,
)
from export.compress.results import Measured
from export.publish.request import refuse_name
from export.stages.engine import Workshop
from service.repository.fits import Promise
from service.repository.routes import Cascade
from training.errors import Interrupted
from training.models.checkpoint import Checkpoint, load_checkpoint
from training.tasks.run import run_recipe

STUDENT = "student"
CHECKED = "check.json"
CASCADE = "cascade.json"
FITTED = "models"
MEASURED = "measured.json"
STAGES = 7


@dataclass(frozen=True)
class Found:
    """What the stages came to.

    Attributes:
        refused: why the student may not be published; empty: it may.
    """

    started_at: datetime
    material: Material
    staged: Staged
    cascade: Cascade | None
    measured: Measured
    refused: tuple[str, ...]


def run_stages(job: Job, shop: Workshop, say: Callable[[str], None]) -> Found:
    """Reads, distils, exports, fits and measures; publishes nothing.

    Raises:
        CheckpointError, DataError, RecipeError: the teacher, the texts or the recipe cannot be
            used; nearly all of it is found before anything is trained.
        ExportError: a model cannot be exported, or its name is taken by one of other labels.
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
    shop.stage(
        "check",
        "compare the teacher as it would be served with transformers' pipeline",
        check_reads(material),
        lambda folder: _check(folder, job, material),
    )
    exported = shop.stage(
        "teacher",
        "export the teacher and compare it with transformers",
        teacher_reads(job, material),
        lambda folder: stage_teacher(folder, job, material, say),
    )
    student = _distilled(material, shop)
    made = shop.stage(
        "student",
        "export the student and compare it with its checkpoint",
        student_reads(job, material, student),
        lambda folder: stage_student(folder, job, material, student, say),
    )
    staged = read_staged(exported.folder, made.folder, job)
    cascade = _cascade(job, material, staged, shop)
    found = _measured(material, staged, cascade, shop)
    refused = refusals(job.limits, staged.verdict, found)
    return Found(started, material, staged, cascade, found, refused)


def _check(folder: Path, job: Job, material: Material) -> None:
    teacher = material.teacher
    found = check(job.teacher, material.parts.choose.texts[:MOST_TEXTS], pairs=teacher.pairs)
    values = json.dumps(dataclasses.asdict(found), indent=2)
    (folder / CHECKED).write_text(values + "\n", encoding="utf-8")


def _distilled(material: Material, shop: Workshop) -> Checkpoint:
    def distil(folder: Path) -> None:
        resume = (folder / f"{STUDENT}.run").exists()
        try:
            run_recipe(material.recipe, folder / STUDENT, resume=resume)
        except Interrupted as stopped:  # what it learnt is saved
            raise KeyboardInterrupt from stopped

    made = shop.stage("distil", "distil the student", distil_reads(material), distil, goes_on=True)
    return load_checkpoint(str(made.folder / STUDENT))


def _cascade(job: Job, material: Material, staged: Staged, shop: Workshop) -> Cascade | None:
    if material.parts.fit.problem == "regression":  # it is sure of nothing
        return None
    limits, n = job.limits, len(material.parts.fit)
    # Labels that the teacher gave say how often the chain differs from it, and no more.
    promise: Promise = "disagreement" if material.labelled_by == "teacher" else "accuracy"
    loss = max(limits.wanted_loss, least_loss(n, limits.confidence, promise))
    limit = Limit(loss, limits.confidence, promise)

    def fit(folder: Path) -> None:
        for directory in staged.to_publish:  # a chain is fitted in one repository
            shutil.copytree(directory, folder / FITTED / directory.parent.name / "1")
        cascade = fit_cascade(
            folder / FITTED,
            [job.names.student, job.names.teacher],
            material.parts.fit,
            limit,
            used_for="temperatures and INT8 ranges of the same models",
        )
        shutil.rmtree(folder / FITTED)
        (folder / CASCADE).write_text(cascade.model_dump_json(indent=2), encoding="utf-8")

    made = shop.stage("fit", f"fit the cascade on {n} texts", fit_reads(job, material, staged), fit)
    return Cascade.model_validate_json((made.folder / CASCADE).read_bytes())


def _measured(
    material: Material, staged: Staged, cascade: Cascade | None, shop: Workshop
) -> Measured:
    data = material.parts.measure

    def measure(folder: Path) -> None:
        models = staged.models
        found = measured(models, len(models) - 1, cascade, data, material.set_name)
        (folder / MEASURED).write_text(found.model_dump_json(indent=2), encoding="utf-8")

    made = shop.stage(
        "measure",
        f"measure on {len(data)} texts",
        measure_reads(material, staged, cascade),
        measure,
    )
    return Measured.model_validate_json((made.folder / MEASURED).read_bytes())
