"""What training reads: token ids and labels, and for a student what its teachers say of them.

Knows nothing of losses or schedules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import torch
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerFast

from service.runtime.tokenizer import Tokenizer
from training.data.augmentation import augment, spell_masks
from training.data.labelled import LabelledText, unlabelled
from training.data.splitting.splits import Split
from training.data.transfer import load_transfer_text
from training.models.reading import reading_of
from training.recipe.recipe import Recipe
from training.recipe.teaching import Distillation
from training.teach.rows import TokenIds, new_rows, token_ids
from training.teach.teacher import Teacher, ensemble_logits
from training.teach.white_box import WhiteBox, looked_into, refuse_other_tokens


@dataclass(frozen=True)
class Lesson:
    """The rows of a training set, with what else it takes to learn from them.

    `white_box` is None where the student does not look inside its teacher, and
    `teacher_tokenizer` where the teacher reads no tokens of its own beside the student.
    """

    rows: datasets.Dataset
    transfer_n: int = 0
    transfer_sha256: str | None = None
    augmented_n: int = 0
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
    seed, train = recipe.data.seed, sets.train
    others = spec.transfer or spec.augmentation
    held_out = sets.held_out if others else None
    transfer, augmented = unlabelled([], train.labels, train.problem), []
    if spec.transfer:
        texts = load_transfer_text(spec.transfer, recipe.data, seed, held_out)
        transfer = unlabelled(texts, train.labels, train.problem)
    if spec.augmentation:
        augmented = augment(train.texts, spec.augmentation, seed, held_out)
    spell_masks(augmented, hub_tokenizer)  # now, for its error should not wait for the labelling
    for teacher in teachers:
        teacher.spelt(augmented)
    more = (transfer, unlabelled(augmented, train.labels, train.problem))
    parts = [train, *(part for part in more if len(part))]

    tokenizer = reading_of(hub_tokenizer, model, recipe.data.max_length).tokenizer
    ids = [_spelt_ids(part, tokenizer, hub_tokenizer) for part in parts]
    white_box, teacher_tokenizer, teacher_ids = None, None, None
    if spec.weights.white_box:
        first = looked_into(teachers[0], spec.weights)
        # Of a long text it reads no more than the student.
        length = min(recipe.data.max_length, first.max_length)
        reader = reading_of(first.hub_tokenizer, first.model, length).tokenizer
        read = [_spelt_ids(part, reader, first.hub_tokenizer) for part in parts]
        if differing := _first_difference(ids, read):
            refuse_other_tokens(spec.weights, *differing)
            teacher_tokenizer, teacher_ids = first.hub_tokenizer, read
        white_box = WhiteBox(first, model, spec.weights, ids[0][0].as_py(), read[0][0].as_py())
    rows = [
        new_rows(
            ids[place],
            part.targets,
            ensemble_logits(teachers, part.texts),
            None if teacher_ids is None else teacher_ids[place],
        )
        for place, part in enumerate(parts)
    ]
    return Lesson(
        datasets.concatenate_datasets(rows),
        transfer_n=len(transfer),
        transfer_sha256=transfer.sha256 if len(transfer) else None,
        augmented_n=len(augmented),
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
        read = [row.pop("teacher_input_ids", []) for row in rows]
        masked = [{**row, "attention_mask": [1] * len(row["input_ids"])} for row in rows]
        batch: dict[str, torch.Tensor] = dict(self._student(masked))
        if read[0]:
            found = self._teacher(
                [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in read]
            )
            batch |= {f"teacher_{name}": tensor for name, tensor in found.items()}
        return batch


def _first_difference(
    ids: Sequence[TokenIds], read: Sequence[TokenIds]
) -> tuple[list[int], list[int]] | None:
    """A text's token ids for the student and its teacher, of the first that they read otherwise."""
    for mine, theirs in zip(ids, read, strict=True):
        if not mine.equals(theirs):
            rows = zip(mine, theirs, strict=True)
            return next((a.as_py(), b.as_py()) for a, b in rows if a != b)
    return None


def _spelt_ids(
    part: LabelledText, tokenizer: Tokenizer, hub_tokenizer: PreTrainedTokenizerFast
) -> TokenIds:
    return token_ids(part.texts, tokenizer, lambda texts: spell_masks(texts, hub_tokenizer))
