"""What training reads: token ids and labels, and for a student what its teachers say of them.

Knows nothing of losses or schedules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import torch
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerFast

from service.runtime.model import Input
from training.data.augmentation import augment, reads_masks, refuse_unread_masks, settled
from training.data.labelled import LabelledText, unlabelled
from training.data.splitting.splits import Split
from training.data.transfer import load_transfer_text
from training.models.reading import reading_of
from training.recipe.recipe import Recipe
from training.recipe.teaching import Augmentation, Distillation
from training.teach.rows import Tokens, new_rows, tokens_of
from training.teach.teacher import Teacher, ensemble_logits
from training.teach.white_box import WhiteBox, looked_into, refuse_other_tokens

READ = ("input_ids", "token_type_ids")  # what a row has of a teacher that reads something else


@dataclass(frozen=True)
class Lesson:
    """The rows of a training set, with what else it takes to learn from them.

    `augmentation` is the recipe's, with nothing left open. `white_box` is None where the student
    does not look inside its teacher, and `teacher_tokenizer` where the teacher reads no tokens of
    its own beside the student.
    """

    rows: datasets.Dataset
    transfer_n: int = 0
    transfer_sha256: str | None = None
    augmented_n: int = 0
    augmentation: Augmentation | None = None
    white_box: WhiteBox | None = None
    teacher_tokenizer: PreTrainedTokenizerFast | None = None


def new_lesson(
    recipe: Recipe,
    spec: Distillation,
    sets: Split,
    model: PreTrainedModel,
    hub_tokenizer: PreTrainedTokenizerFast,
    teachers: Sequence[Teacher],
) -> Lesson:
    """A student's lesson: the training texts and those without labels, labelled by teachers.

    Args:
        sets: of the teachers' labels; nothing that is held out is learnt from.
        model: the student; a white-box loss may give it projections.
        hub_tokenizer: the student's.
        teachers: the first is the one that is looked into.

    Raises:
        DataError: the transfer text cannot be used.
        RecipeError: a loss or the augmentation does not fit the models or their tokenizers.
    """
    train = sets.train
    more = texts_without_labels(recipe, spec, sets, hub_tokenizer, teachers)
    parts = [train, *(part for part in (more.transfer, more.augmented) if len(part))]

    reading = reading_of(
        hub_tokenizer,
        model,
        recipe.data.max_length,
        pairs=train.pairs,
        special_tokens=recipe.data.special_tokens,
    )
    mine = [tokens_of(part.texts, reading) for part in parts]
    white_box, teacher_tokenizer, theirs = None, None, None
    if spec.weights.white_box:
        first = looked_into(teachers[0], spec.weights)
        # Of a long text it reads no more than the student.
        length = min(recipe.data.max_length, first.max_length)
        reader = reading_of(
            first.hub_tokenizer,
            first.model,
            length,
            pairs=first.pairs,
            special_tokens=first.special_tokens,
        )
        read = [tokens_of(part.texts, reader) for part in parts]
        if differing := _first_difference(mine, read):
            refuse_other_tokens(spec.weights, *differing)
        if differing or reader.types != reading.types:
            teacher_tokenizer, theirs = first.hub_tokenizer, read
        ids = mine[0].ids[0].as_py(), read[0].ids[0].as_py()
        white_box = WhiteBox(first, model, spec.weights, *ids)
    rows = [
        new_rows(
            mine[place],
            part.targets,
            ensemble_logits(teachers, part.texts),
            None if theirs is None else theirs[place],
        )
        for place, part in enumerate(parts)
    ]
    return Lesson(
        datasets.concatenate_datasets(rows),
        transfer_n=len(more.transfer),
        transfer_sha256=more.transfer.sha256 if len(more.transfer) else None,
        augmented_n=len(more.augmented),
        augmentation=more.augmentation,
        white_box=white_box,
        teacher_tokenizer=teacher_tokenizer,
    )


@dataclass(frozen=True)
class More:
    """What teachers label beside the training texts.

    Attributes:
        augmentation: the recipe's, with nothing left open.
    """

    transfer: LabelledText
    augmented: LabelledText
    augmentation: Augmentation | None


def texts_without_labels(
    recipe: Recipe,
    spec: Distillation,
    sets: Split,
    hub_tokenizer: PreTrainedTokenizerFast,
    teachers: Sequence[Teacher],
) -> More:
    """What teachers label beside the training texts: transfer text, and altered copies.

    Raises:
        DataError: the transfer text cannot be used.
        RecipeError: the student or a teacher cannot read the copies.
    """
    seed, train = recipe.data.seed, sets.train
    held_out = sets.held_out if spec.transfer or spec.augmentation else None
    transfer: list[Input] = []
    augmented: list[Input] = []
    if spec.transfer:
        transfer = load_transfer_text(spec.transfer, recipe.data, seed, held_out, pairs=train.pairs)
    altering = spec.augmentation
    if altering:
        altering = settled(
            altering,
            len(train),
            len(transfer),
            masks=reads_masks(hub_tokenizer) and all(teacher.reads_masks for teacher in teachers),
            labelled=spec.weights.from_teacher and all(teacher.labels_any for teacher in teachers),
        )
        augmented = augment(train.texts, altering, seed, held_out)
    # Now, for its error should not wait for the labelling.
    refuse_unread_masks(augmented, hub_tokenizer)
    for teacher in teachers:
        teacher.spelt(augmented)
    labels, problem = train.labels, train.problem
    return More(
        unlabelled(transfer, labels, problem), unlabelled(augmented, labels, problem), altering
    )


class Collator:
    """Makes a batch of rows, padded to the longest: the teacher's tokens by its own rules."""

    def __init__(
        self, student: PreTrainedTokenizerFast, teacher: PreTrainedTokenizerFast | None
    ) -> None:
        self._student = DataCollatorWithPadding(student)
        self._teacher = DataCollatorWithPadding(teacher or student)

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Rows of `new_rows` as tensors, (batch, time) or (batch, labels) or (batch,)."""
        read = [
            {name: row.pop(f"teacher_{name}") for name in READ if f"teacher_{name}" in row}
            for row in rows
        ]
        batch: dict[str, torch.Tensor] = dict(self._student(list(map(_masked, rows))))
        if read[0]:
            found = self._teacher(list(map(_masked, read)))
            batch |= {f"teacher_{name}": tensor for name, tensor in found.items()}
        return batch


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "attention_mask": [1] * len(row["input_ids"])}


def _first_difference(
    mine: Sequence[Tokens], read: Sequence[Tokens]
) -> tuple[list[int], list[int]] | None:
    """A text's token ids for the student and its teacher, of the first that they read otherwise."""
    for one, other in zip(mine, read, strict=True):
        if not one.ids.equals(other.ids):
            rows = zip(one.ids, other.ids, strict=True)
            return next((a.as_py(), b.as_py()) for a, b in rows if a != b)
    return None
