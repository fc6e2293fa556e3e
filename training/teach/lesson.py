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
from training.data.labelled import LabelledText, load_transfer_text
from training.models.checkpoint import Checkpoint, serving_tokenizer
from training.recipe.recipe import Recipe
from training.recipe.teaching import Distillation
from training.teach.logits import Logits, ensemble_logits
from training.teach.losses import UNLABELLED
from training.teach.white_box import WhiteBox, refuse_other_tokens

TokenIds = list[list[int]]


@dataclass(frozen=True)
class Lesson:
    """The rows of a training set, with what else it takes to learn from them.

    `white_box` is None where the student does not look inside its teacher, and
    `teacher_tokenizer` where the teacher reads no tokens of its own beside the student.
    """

    rows: datasets.Dataset
    transfer_n: int = 0
    augmented_n: int = 0
    white_box: WhiteBox | None = None
    teacher_tokenizer: PreTrainedTokenizerFast | None = None


def new_lesson(
    recipe: Recipe,
    spec: Distillation,
    train: LabelledText,
    model: PreTrainedModel,
    hub_tokenizer: PreTrainedTokenizerFast,
    teachers: Sequence[Checkpoint],
) -> Lesson:
    """A student's lesson: the training texts and those without labels, labelled by teachers.

    Args:
        model: the student; a white-box loss may give it projections.
        hub_tokenizer: the student's.
        teachers: of `train`'s labels; the first is the one that is looked into.

    Raises:
        DataError: the transfer text cannot be used.
        RecipeError: a loss or the augmentation does not fit the models or their tokenizers.
    """
    seed = recipe.data.seed
    transfer = load_transfer_text(spec.transfer, recipe.data, seed) if spec.transfer else []
    augmented = augment(train.texts, spec.augmentation, seed) if spec.augmentation else []
    for reader in (hub_tokenizer, *(teacher.hub_tokenizer for teacher in teachers)):
        spell_masks(augmented, reader)  # now, for its error should not wait for the labelling
    parts = [train, *(_unlabelled(texts) for texts in (transfer, augmented) if texts)]

    tokenizer, first = serving_tokenizer(hub_tokenizer, recipe.data.max_length), teachers[0]
    ids = [_spelt_ids(part, tokenizer, hub_tokenizer) for part in parts]
    white_box, teacher_ids = None, None
    if spec.weights.white_box:
        read = [_spelt_ids(part, first.tokenizer, first.hub_tokenizer) for part in parts]
        if read != ids:
            refuse_other_tokens(spec.weights)
            teacher_ids = read
        white_box = WhiteBox(first, model, spec.weights, ids[0][0], read[0][0])
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
        augmented_n=len(augmented),
        white_box=white_box,
        teacher_tokenizer=None if teacher_ids is None else first.hub_tokenizer,
    )


def new_rows(
    ids: TokenIds,
    targets: Sequence[int],
    soft: Logits | None = None,
    teacher_ids: TokenIds | None = None,
) -> datasets.Dataset:
    """One row for each text.

    Args:
        ids: the token ids that the model reads.
        soft: (texts, labels), the teachers' logits.
        teacher_ids: the token ids of a teacher that reads beside the model, if they are others.
    """
    columns: dict[str, Any] = {
        "input_ids": ids,
        "attention_mask": [[1] * len(row) for row in ids],
        "labels": list(targets),
    }
    if soft is not None:
        columns["teacher_logits"] = soft.tolist()
    if teacher_ids is not None:
        columns["teacher_input_ids"] = teacher_ids
    return datasets.Dataset.from_dict(columns)


def token_ids(texts: Sequence[str], tokenizer: Tokenizer) -> TokenIds:
    """Each text's token ids."""
    return [encoding.ids for encoding in tokenizer.encode(texts)]


class Collator:
    """Makes a batch of rows, padded to the longest: the teacher's tokens by its own rules."""

    def __init__(
        self, student: PreTrainedTokenizerFast, teacher: PreTrainedTokenizerFast | None
    ) -> None:
        self._student = DataCollatorWithPadding(student)
        self._teacher = DataCollatorWithPadding(teacher or student)

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Rows of `new_rows` as tensors, (batch, time) or (batch, labels) or (batch,)."""
        read = [{"input_ids": row.pop("teacher_input_ids", [])} for row in rows]
        batch: dict[str, torch.Tensor] = dict(self._student(rows))
        if read[0]["input_ids"]:
            batch |= {f"teacher_{name}": found for name, found in self._teacher(read).items()}
        return batch


def _unlabelled(texts: list[str]) -> LabelledText:
    """Texts as rows that only the teachers' losses read."""
    return LabelledText(texts, [UNLABELLED] * len(texts), ())


def _spelt_ids(
    part: LabelledText, tokenizer: Tokenizer, hub_tokenizer: PreTrainedTokenizerFast
) -> TokenIds:
    return token_ids(spell_masks(part.texts, hub_tokenizer), tokenizer)
