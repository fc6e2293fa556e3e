"""Finds the teachers that a recipe names: files, published versions, or checkpoints."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from training.errors import DataError
from training.models.checkpoint import load_checkpoint
from training.problem import ProblemType
from training.recipe.recipe import Recipe
from training.teach.precision import Asked, choose
from training.teach.published import OnnxTeacher, version_directory
from training.teach.soft_labels import FileTeacher, is_soft_labels
from training.teach.teacher import CheckpointTeacher, Teacher


def open_teachers(recipe: Recipe) -> list[Teacher]:
    """All teachers of a recipe, in its order; none for a model that has none.

    Raises:
        CheckpointError, DataError: one is not there, or their labels differ.
    """
    named = recipe.data.labels
    labels = tuple(dict.fromkeys(named.values())) if named else None
    problem = recipe.data.problem or "single_label"
    sources = recipe.distillation.teachers if recipe.distillation else ()
    found = [open_teacher(source, labels, problem) for source in sources]
    for teacher in found:
        if teacher.labels != found[0].labels:
            raise DataError(
                f"{teacher.name} has labels {teacher.labels}, {found[0].name} "
                f"{found[0].labels}: teachers of one student have the same, in the same order"
            )
    return found


def open_teacher(
    source: str, labels: Sequence[str] | None = None, problem: ProblemType = "single_label"
) -> Teacher:
    """Reads a teacher; a checkpoint labels in FP32, see `labelling_in`.

    Args:
        source: a file of soft labels, a version's or a model's directory in a model repository,
            a checkpoint directory, or a hub id.
        labels: of a file; None: as it names them.
        problem: of a file.

    Raises:
        CheckpointError, DataError: it is not there, or not what it should be.
    """
    if is_soft_labels(source):
        return FileTeacher(Path(source), labels, problem)
    version = version_directory(source)
    if version is not None:
        return OnnxTeacher(version, source)
    return CheckpointTeacher(load_checkpoint(source))


def labelling_in(teacher: Teacher, precision: Asked, texts: Sequence[str]) -> Teacher:
    """The teacher, a checkpoint in the precision that is asked for.

    Args:
        texts: that it will label, to choose by.
    """
    if not isinstance(teacher, CheckpointTeacher):
        return teacher
    checkpoint = teacher.checkpoint
    chosen = choose(precision, checkpoint.model, checkpoint.tokenizer, teacher.problem, texts)
    return dataclasses.replace(teacher, precision=chosen)
