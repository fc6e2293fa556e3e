"""Finds the teachers that a recipe names: files, published versions, or checkpoints."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from service.errors import RepositoryError
from service.repository.manifest import SpecialTokens, read_manifest
from service.runtime.model import Input
from training.data.labelled import LabelledText
from training.data.loading import load_split
from training.data.splitting.splits import Split
from training.data.texts import are_pairs
from training.errors import CheckpointError, DataError
from training.models.checkpoints.checkpoint import load_checkpoint, task_at
from training.problem import ProblemType, Task
from training.recipe.recipe import Recipe
from training.teach.teachers.precision import Asked, choose
from training.teach.teachers.published import OnnxTeacher, version_directory
from training.teach.teachers.soft_labels import LEAVE, FileTeacher, is_soft_labels
from training.teach.teachers.teacher import CheckpointTeacher, Teacher


def task_of_teacher(source: str) -> Task:
    """What a teacher is for; neither its weights nor its labels are read.

    Raises:
        CheckpointError: it is not there, or not what it should be.
    """
    if is_soft_labels(source):
        return "text-classification"
    version = version_directory(source)
    if version is None:
        return task_at(source)
    try:
        return read_manifest(version).task
    except RepositoryError as error:
        raise CheckpointError(f"no published model at {source}: {error}") from error


def open_teachers(recipe: Recipe) -> list[Teacher]:
    """All teachers of a recipe, in its order; none for a model that has none.

    Raises:
        CheckpointError, DataError: one is not there, or their labels differ.
    """
    labels = recipe.data.named
    problem = recipe.data.kind or "single_label"
    sources = recipe.distillation.teachers if recipe.distillation else ()
    # A teacher that was trained to parse them goes on to do so.
    asked: SpecialTokens | None = "parsed" if recipe.data.special_tokens == "parsed" else None
    found = [open_teacher(source, labels, problem, recipe.data.pairs, asked) for source in sources]
    if len({teacher.pairs for teacher in found} - {None}) > 1:
        raise DataError("some of the teachers read pairs of texts and others single ones")
    for teacher in found:
        if teacher.labels != found[0].labels:
            raise DataError(
                f"{teacher.name} has labels {teacher.labels}, {found[0].name} "
                f"{found[0].labels}: teachers of one student have the same, in the same order"
            )
    return found


def split_of(recipe: Recipe, teachers: Sequence[Teacher]) -> Split:
    """A recipe's texts by their use, labelled and read as its teachers have it.

    Raises:
        DataError: they cannot be used, or not with these teachers.
    """
    if not teachers:
        return load_split(recipe.data)
    first = teachers[0]
    found = load_split(recipe.data, first.labels, first.problem, first.pairs)
    for teacher in teachers:
        refuse_strays(teacher, (found.train, found.choose, found.fit, found.measure))
    return found


def refuse_strays(teacher: Teacher, sets: Sequence[LabelledText]) -> None:
    """Refuses a file of soft labels whose header alone says that a column is a label's.

    Of probabilities that are 1 together all columns are labels, whatever the texts have.

    Raises:
        DataError: no labelled text has one.
    """
    if not isinstance(teacher, FileTeacher) or not teacher.is_unsure:
        return
    had = np.zeros(len(teacher.labels), np.bool_)
    for data in sets:
        if data.problem == "multi_label":
            had |= np.asarray(data.targets > 0).any(axis=0)
        else:
            had[np.asarray(data.targets)] = True
    if not had.all():
        strays = [label for label, one in zip(teacher.labels, had, strict=True) if not one]
        raise DataError(
            f"{teacher.name} has the columns {strays}, and no labelled text has such a label: "
            f"{LEAVE}"
        )


def open_teacher(
    source: str,
    labels: Sequence[str] | None = None,
    problem: ProblemType = "single_label",
    pairs: bool | None = None,
    special_tokens: SpecialTokens | None = None,
) -> Teacher:
    """Reads a teacher; a checkpoint labels in FP32, see `labelling_in`.

    Args:
        source: a file of soft labels, a version's or a model's directory in a model repository,
            a checkpoint directory, or a hub id.
        labels: of a file; None: as it names them.
        problem: of a file.
        pairs: whether a checkpoint reads pairs; None: as its files say.
        special_tokens: how a checkpoint reads one that stands in a text; None: as it was trained.

    Raises:
        CheckpointError, DataError: it is not there, or not what it should be.
    """
    if is_soft_labels(source):
        return FileTeacher(Path(source), labels, problem)
    version = version_directory(source)
    if version is not None:
        return OnnxTeacher(version, source)
    checkpoint = load_checkpoint(source, pairs=pairs, special_tokens=special_tokens)
    return CheckpointTeacher(checkpoint.require("text-classification", "the recipe"))


def labelling_in(teacher: Teacher, precision: Asked, texts: Sequence[Input]) -> Teacher:
    """The teacher, a checkpoint in the precision that is asked for.

    Args:
        texts: that it will label, to choose by; where nothing else says it, they say whether it
            reads pairs.

    Raises:
        CheckpointError: nothing says whether it reads pairs, and it may.
    """
    if not isinstance(teacher, CheckpointTeacher):
        return teacher
    checkpoint = teacher.checkpoint.reads(are_pairs(texts) or None)
    chosen = choose(precision, checkpoint.model, checkpoint.reading, teacher.problem, texts)
    return CheckpointTeacher(checkpoint, chosen)
