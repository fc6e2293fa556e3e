"""Reads a file of soft labels and its texts, before anything long: what a compression is made of.

All texts have to be in the file: what is learnt from, and what the promise is judged on.
"""

import dataclasses
from collections.abc import Sequence

from transformers import set_seed

from export.compress.candidates.catalogue import Candidate
from export.compress.job import Job
from export.compress.material import Material, as_long, with_room
from export.compress.results import LabelledBy
from export.compress.soft.labelling import labelled
from export.compress.soft.labels import SoftLabels
from export.stages.engine import Workshop
from service.runtime.model import Input
from training.data.loading import Sets, load_sets, load_texts
from training.data.splitting.splits import split
from training.data.texts import are_pairs
from training.errors import CheckpointError
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.initialization import new_model
from training.recipe.recipe import Recipe, load_recipe, shipped_recipe, with_values
from training.teach.teachers.opening import open_teachers, refuse_strays
from training.teach.teachers.soft_labels import FileTeacher

ADD = "label them too (`stillhouse label`), and put them in the same file"
LEAVE_TEST = (
    f"how often its labels are right on the test set is then not known, and so not what may be "
    f"lost: {ADD}, or leave --test out, and some of --data are held out for it"
)
LEAVE = f"{ADD}, or leave them out"


def gather_labels(job: Job, shop: Workshop) -> Material:
    """Reads labels, texts and encoder; where no text has a label, the file gives it.

    Raises:
        CheckpointError, DataError: they cannot be used, or not together.
    """
    assert job.base is not None
    recipe = job.recipe
    (teacher,) = open_teachers(recipe)
    assert isinstance(teacher, FileTeacher)
    soft = SoftLabels(teacher)
    if job.unlabelled is not None:
        texts: list[Input] = list(dict.fromkeys(load_texts(job.unlabelled, recipe.data)))
        soft.refuse_missing(texts, "--unlabelled", LEAVE)
        recipe = labelled(texts, recipe, teacher, shop, pairs=are_pairs(texts))
    sets = load_sets(recipe.data, teacher.labels, teacher.problem)
    refuse_strays(teacher, [one for one in (sets.train, sets.test) if one is not None])
    soft.refuse_missing(sets.train.texts, "--data", LEAVE)
    if sets.test is not None:
        soft.refuse_missing(sets.test.texts, "--test", LEAVE_TEST)
    if sets.train.pairs:
        recipe = with_values(recipe, {"data.pairs": True})
    by = _labelled_by(job, soft, sets)
    encoder = _encoder(job.base, recipe, teacher, pairs=sets.train.pairs)
    recipe = with_room(recipe, len(sets.train), job.limits, trained_here=False)
    parts = split(sets.train, sets.test, recipe.data)
    if not job.own_length:
        recipe = as_long(recipe, encoder, parts.train.texts)
    absent = job.wanted.absent()
    material = Material(encoder, recipe, parts, sets.test is not None, by, soft, absent)
    reads = material.taught(_whole(job.base, recipe))
    return dataclasses.replace(material, teacher=dataclasses.replace(encoder, recipe=reads))


def refuse_unlabelled(material: Material, candidates: Sequence[Candidate]) -> None:
    """Raises DataError where a candidate would learn from a text that is not in the file."""
    for one in candidates:
        taught = one.recipe.distillation
        if material.soft is not None and taught is not None and taught.transfer is not None:
            texts = material.drawn(taught.transfer)
            material.soft.refuse_missing(texts, taught.transfer.source, LEAVE)


def _labelled_by(job: Job, soft: SoftLabels, sets: Sets) -> LabelledBy:
    """Whoever gave the labels of --data: the file itself, where they are its own to the last.

    Raises:
        DataError: it is hardly ever right on what people labelled.
    """
    if sets.test is not None:
        soft.refuse_worse_than_one(soft.of(sets.test), "--test")
    if job.unlabelled is not None:
        return "teacher"
    opinion = soft.of(sets.train)
    soft.refuse_worse_than_one(opinion, "--data")
    return "teacher" if opinion.is_its_own else "people"


def _whole(base: str, recipe: Recipe) -> Recipe:
    """The recipe of an encoder that is fine-tuned whole."""
    assert recipe.distillation is not None
    named = {
        "data.train": recipe.data.train,
        "distillation.teacher": recipe.distillation.teacher,
        "model.base": base,
    }
    return load_recipe(shipped_recipe("student-encoder"), named=named)


def _encoder(base: str, recipe: Recipe, teacher: FileTeacher, *, pairs: bool) -> Checkpoint:
    """The encoder that candidates start from, with an untrained head for the file's labels.

    Raises:
        CheckpointError: it is not there, or is none.
    """
    set_seed(recipe.training.seed)  # the head's weights are random
    model, tokenizer = new_model(
        _whole(base, recipe), teacher.labels, None, teacher.problem, pairs=pairs
    )
    if not hasattr(model.config, "num_attention_heads"):
        raise CheckpointError(
            f"--base {base} is no encoder: give one that candidates can start from, such as "
            "sentence-transformers/all-MiniLM-L6-v2"
        )
    special = recipe.data.special_tokens
    return Checkpoint(
        base,
        model.eval(),
        tokenizer,
        None,
        None,
        asked_pairs=pairs,
        asked_special_tokens=special,
    )
