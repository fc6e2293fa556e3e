"""What each stage reads: the values that its key is made of. Contents and options, no paths."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from transformers import set_seed

from export.check.check import MOST_TEXTS
from export.compress.exporting import Staged
from export.compress.job import Job
from export.compress.material import Material
from export.measure.timing import processor
from export.stages.keys import ran_by
from service.repository.manifest import read_manifest
from service.repository.routes import Cascade
from service.runtime.model import Input
from training.data.inputs import hashed
from training.data.splitting.splits import Split
from training.data.transfer import load_transfer_text
from training.loop.key import CODE, run_parts
from training.models.checkpoint import Checkpoint
from training.models.hashes import fingerprint
from training.models.initialization import new_model
from training.models.reading import reading_of
from training.recipe.recipe import Recipe

SERVED = ("service.runtime", "service.repository.manifest")


def check_reads(material: Material) -> dict[str, Any]:
    """Of `check`: the teacher, and some of the texts."""
    return {
        "teacher": material.teacher_sha256,
        "texts": hashed(material.parts.choose.texts[:MOST_TEXTS]),
        "code": ran_by("export.check", "export.graph", "export.tasks", "training.models", *SERVED),
    }


def distil_reads(material: Material) -> dict[str, Any]:
    """Of `distil`: what a training run's own key is made of, as if it were about to begin."""
    parts, recipe = material.parts, material.recipe
    transfer = recipe.distillation.transfer if recipe.distillation else None
    drawn: Sequence[Input] = ()
    if transfer is not None:
        drawn = load_transfer_text(
            transfer, recipe.data, recipe.data.seed, parts.held_out, pairs=parts.pairs
        )
    return {
        **run_parts(recipe, [parts.train, parts.choose], [material.teaches], _base(recipe, parts)),
        "transfer": hashed(drawn),
        "code": ran_by(*CODE, "service.runtime.tokenizer"),
    }


def _base(recipe: Recipe, parts: Split) -> str:
    """Hash of the pretrained weights that the student starts from; the teacher is in the key."""
    if getattr(recipe.model, "base", None) is None:
        return "the teacher"
    set_seed(recipe.training.seed)
    model, hub_tokenizer = new_model(recipe, parts.train.labels, None, pairs=parts.pairs)
    length = recipe.data.max_length
    special = recipe.data.special_tokens
    read = reading_of(hub_tokenizer, model, length, pairs=parts.pairs, special_tokens=special)
    return fingerprint(model, read)


def teacher_reads(job: Job, material: Material) -> dict[str, Any]:
    """Of `teacher`: its checkpoint, what is fitted and measured on, and its name."""
    return {
        "checkpoint": material.teacher_sha256,
        "name": job.names.teacher,
        "windows": _windows(material.teacher),
        **_exported(job, material),
    }


def student_reads(job: Job, material: Material, student: Checkpoint) -> dict[str, Any]:
    """Of `student`: the same, and its precision and gate."""
    return {
        "checkpoint": student.fingerprint,
        "name": job.names.student,
        "windows": _windows(student),
        "precision": job.precision,
        "gate": dataclasses.asdict(job.limits.gate),
        **_exported(job, material),
    }


def _windows(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """How it reads longer texts, which its fingerprint does not say."""
    return checkpoint.windows.model_dump() if checkpoint.windows else None


def _exported(job: Job, material: Material) -> dict[str, Any]:
    return {
        "fit": material.parts.fit.sha256,
        "measure": material.parts.measure.sha256,
        "set": material.set_name,
        "licence": job.licence,
        "fusions": "all" if job.keep_fusions else processor(),
        "code": ran_by(
            "export.graph",
            "export.quantize",
            "export.measure",
            "export.publish",
            "export.tasks",
            "training.score",
            *SERVED,
        ),
    }


def fit_reads(job: Job, material: Material, staged: Staged) -> dict[str, Any]:
    """Of `fit`: the models as they would be published, and the cascade's limit."""
    return {
        "models": _fingerprints(staged),
        "names": [job.names.teacher, job.names.student],
        "fit": material.parts.fit.sha256,
        "loss": job.limits.cascade_loss,
        "confidence": job.limits.confidence,
        "labelled_by": material.labelled_by,
        "code": ran_by("export.cascade", "training.score", *SERVED),
    }


def measure_reads(material: Material, staged: Staged, cascade: Cascade | None) -> dict[str, Any]:
    """Of `measure`: the models, the cascade, the texts, and what it runs on."""
    return {
        "models": _fingerprints(staged),
        "cascade": cascade.model_dump(mode="json") if cascade else None,
        "measure": material.parts.measure.sha256,
        "hardware": processor(),
        "code": ran_by(
            *("export.compress.measuring", "export.compress.results", "export.measure.timing"),
            *("training.score", *SERVED),
        ),
    }


def _fingerprints(staged: Staged) -> list[str]:
    return [read_manifest(directory).fingerprint for directory in staged.directories]
