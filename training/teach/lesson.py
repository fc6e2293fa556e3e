"""What training reads: token ids and labels, and for a student what its teachers say of them.

Knows nothing of losses or schedules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import torch
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerFast

from service.runtime.model import Input
from training.data.augmentation import augment, reads_masks, refuse_unread_masks, settled
from training.data.labelled import LabelledText, unlabelled
from training.data.splitting.splits import Split
from training.data.transfer import load_transfer_text
from training.models.checkpoints.reading import Reading, reading_of
from training.recipe.recipe import Recipe
from training.recipe.teaching import Augmentation, Distillation
from training.teach.rows import Tokens, new_rows, tokens_of
from training.teach.teachers.teacher import Teacher, ensemble_logits
from training.teach.white_box import WhiteBox, looked_into, refuse_other_tokens

READ = ("input_ids", "token_type_ids")  # what a row has of a teacher that reads something else


@dataclass(frozen=True)
class Lesson:
    """The rows of a training set, with what else it takes to learn from them.

    `white_box` is None where the student does not look inside its teacher, and
    `teacher_tokenizer` where the teacher reads no tokens of its own beside the student.
    """

    rows: datasets.Dataset
    white_box: WhiteBox | None = None
    teacher_tokenizer: PreTrainedTokenizerFast | None = None


@dataclass(frozen=True)
class Drawn:
    """The texts of a lesson.

    Attributes:
        train: the training texts.
        transfer, augmented: texts without labels, and altered copies of the training texts.
        augmentation: the recipe's, with nothing left open.
    """

    train: LabelledText
    transfer: LabelledText
    augmented: LabelledText
    augmentation: Augmentation | None = None

    @property
    def parts(self) -> list[LabelledText]:
        """The training texts, and what there is of those without labels."""
        return [self.train, *(part for part in (self.transfer, self.augmented) if len(part))]

    @property
    def transfer_sha256(self) -> str | None:
        """Of the transfer text; None: there is none."""
        return self.transfer.sha256 if len(self.transfer) else None


def drawn_texts(
    recipe: Recipe,
    sets: Split,
    hub_tokenizer: PreTrainedTokenizerFast,
    teachers: Sequence[Teacher],
) -> Drawn:
    """What a recipe learns from: the training texts, transfer texts and altered copies.

    Args:
        sets: of the teachers' labels; nothing that is held out is learnt from.
        hub_tokenizer: the student's.

    Raises:
        DataError: the transfer text cannot be used.
        RecipeError: the augmentation does not fit the tokenizers.
    """
    spec, seed, train = recipe.distillation, recipe.data.seed, sets.train
    none = unlabelled([], train.labels, train.problem)
    if spec is None:
        return Drawn(train, none, none)
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
    more = unlabelled(transfer, labels, problem), unlabelled(augmented, labels, problem)
    return Drawn(train, *more, altering)


def new_lesson(
    recipe: Recipe,
    spec: Distillation,
    drawn: Drawn,
    model: PreTrainedModel,
    reading: Reading,
    teachers: Sequence[Teacher],
    old_ids: Sequence[int] | None = None,
) -> Lesson:
    """A student's lesson: the training texts and those without labels, labelled by teachers.

    Args:
        model: the student; a white-box loss may give it projections.
        reading: the student's.
        teachers: the first is the one that is looked into.
        old_ids: of each of the student's tokens, in a vocabulary that was cut.

    Raises:
        RecipeError: a loss does not fit the models or their tokenizers.
    """
    parts = drawn.parts
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
        known = mine if old_ids is None else [_renamed(one, old_ids) for one in mine]
        if differing := _first_difference(known, read):
            refuse_other_tokens(spec.weights, *differing)
        if differing or old_ids is not None or reader.types != reading.types:
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
        white_box=white_box,
        teacher_tokenizer=teacher_tokenizer,
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


def _renamed(tokens: Tokens, old_ids: Sequence[int]) -> Tokens:
    """The same tokens by the ids that they had before the vocabulary was cut."""
    names = np.asarray(old_ids, np.int32)
    chunks = [
        pa.ListArray.from_arrays(chunk.offsets, pa.array(names[chunk.values.to_numpy()]))
        for chunk in tokens.ids.chunks
    ]
    return tokens._replace(ids=pa.chunked_array(chunks, tokens.ids.type))


def _first_difference(
    mine: Sequence[Tokens], read: Sequence[Tokens]
) -> tuple[list[int], list[int]] | None:
    """A text's token ids for the student and its teacher, of the first that they read otherwise."""
    for one, other in zip(mine, read, strict=True):
        if not one.ids.equals(other.ids):
            rows = zip(one.ids, other.ids, strict=True)
            return next((a.as_py(), b.as_py()) for a, b in rows if a != b)
    return None
