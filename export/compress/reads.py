"""What each stage reads: the values that its key is made of. Contents and options, no paths."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import set_seed

from export.check.check import MOST_TEXTS
from export.compress.job import Job
from export.compress.material import Material
from export.measure.gate import Gate
from export.measure.timing import processor
from export.stages.keys import ran_by
from service.repository.manifest import read_manifest
from training.data.inputs import hashed
from training.data.splitting.splits import Split
from training.loop.key import CODE, run_parts
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.checkpoints.hashes import fingerprint
from training.models.checkpoints.reading import reading_of
from training.models.initialization import new_model
from training.models.students.base import load_base
from training.recipe.models import EncoderModel, LinearModel
from training.recipe.recipe import Recipe

SERVED = ("service.runtime", "service.repository.manifest")


def check_reads(material: Material) -> dict[str, Any]:
    """Of `check`: the teacher, and some of the texts."""
    return {
        "teacher": material.teacher_sha256,
        "texts": hashed(material.parts.choose.texts[:MOST_TEXTS]),
        "code": ran_by("export.check", "export.graph", "export.tasks", "training.models", *SERVED),
    }


def distil_reads(material: Material, recipe: Recipe) -> dict[str, Any]:
    """Of `distil`: what a training run's own key is made of, as if it were about to begin."""
    parts = material.parts
    transfer = recipe.distillation.transfer if recipe.distillation else None
    return {
        **run_parts(recipe, [parts.train, parts.choose], [material.teaches], _base(recipe, parts)),
        "transfer": hashed(material.drawn(transfer) if transfer else ()),
        "code": ran_by(*CODE, "service.runtime.tokenizer"),
    }


def _base(recipe: Recipe, parts: Split) -> str:
    """Hash of the pretrained weights that the student starts from; the teacher is in the key."""
    if isinstance(recipe.model, LinearModel):
        return "none"
    if recipe.model.base is None:
        return "the teacher"
    if not isinstance(recipe.model, EncoderModel):
        return load_base(recipe.model.base).sha256
    set_seed(recipe.training.seed)
    model, hub_tokenizer = new_model(recipe, parts.train.labels, None, pairs=parts.pairs)
    length = recipe.data.max_length
    special = recipe.data.special_tokens
    read = reading_of(hub_tokenizer, model, length, pairs=parts.pairs, special_tokens=special)
    return fingerprint(model, read)


def export_reads(
    job: Job, material: Material, name: str, checkpoint: Checkpoint, gate: Gate
) -> dict[str, Any]:
    """Of `export`: a checkpoint, the texts, the gate, and the code that writes it."""
    return {
        "checkpoint": checkpoint.fingerprint,
        "name": name,
        "windows": _windows(checkpoint),
        "gate": dataclasses.asdict(gate),
        "fit": material.parts.fit.sha256,
        "choose": material.parts.choose.sha256,
        "train": material.parts.train.sha256,
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


def _windows(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """How it reads longer texts, which its fingerprint does not say."""
    return checkpoint.windows.model_dump() if checkpoint.windows else None


def fit_reads(job: Job, material: Material, models: Sequence[Path]) -> dict[str, Any]:
    """Of `fit`: the models that a chain may be made of, and the cascade's limit."""
    return {
        "models": _fingerprints(models),
        "names": dataclasses.asdict(job.names),
        "fit": material.parts.fit.sha256,
        "choose": material.parts.choose.sha256,
        "loss": job.limits.cascade_loss,
        "confidence": job.limits.confidence,
        "labelled_by": material.labelled_by,
        "code": ran_by("export.cascade", "export.compress", "training.score", *SERVED),
    }


def measure_reads(
    material: Material, models: Sequence[Path], chain: Mapping[str, Any]
) -> dict[str, Any]:
    """Of `measure`: the models, the chain, the texts, and what it runs on."""
    return {
        "models": _fingerprints(models),
        "labels": material.soft.fingerprint if material.soft else None,
        "chain": chain,
        "measure": material.parts.measure.sha256,
        "hardware": processor(),
        "code": ran_by("export.compress", "export.measure", "training.score", *SERVED),
    }


def _fingerprints(models: Sequence[Path]) -> list[str]:
    return [read_manifest(directory).fingerprint for directory in models]
