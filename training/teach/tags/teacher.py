"""A tagger that teaches: asked for the logits of each token, which are kept text by text."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from service.runtime.model import Item
from training.errors import DataError, RecipeError
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.models.checkpoints.hashes import fingerprint
from training.models.checkpoints.reading import Reading
from training.models.devices import on_fastest_device
from training.recipe.recipe import Recipe
from training.teach.logits import all_cores
from training.teach.tags.logits import predict_token_logits
from training.teach.teachers.published import version_directory
from training.teach.teachers.soft_labels import is_soft_labels
from training.teach.teachers.store import Logits, LogitStore, text_key


@dataclass(frozen=True)
class TaggingTeacher:
    """A checkpoint that tags tokens.

    Attributes:
        reading: the student's, whose tokens it tags.
        bf16: it multiplies matrices in bfloat16.
    """

    checkpoint: Checkpoint
    reading: Reading
    bf16: bool = False

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that its logits depend on."""
        return f"{fingerprint(self.checkpoint.model, self.reading)}{'-bf16' if self.bf16 else ''}"

    def logits(self, texts: Sequence[str], items: Sequence[Item]) -> list[Logits]:
        """The logits of each text, (tokens, labels): computed, or as they were kept.

        Args:
            items: the same texts, encoded by `reading`.
        """
        store = LogitStore(self.fingerprint)
        keys = [text_key(text) for text in texts]
        rows = store.known(list(dict.fromkeys(keys)))
        todo = {key: place for place, key in enumerate(keys) if key not in rows}
        if todo:
            model = self.checkpoint.model
            with on_fastest_device(model), all_cores():
                new = predict_token_logits(
                    model,
                    self.reading.tokenizer,
                    [items[place] for place in todo.values()],
                    bf16=self.bf16,
                )
            found = dict(zip(todo, new, strict=True))
            store.keep(found)
            rows |= found
        width = len(self.checkpoint.labels)
        return [rows[key].reshape(-1, width) for key in keys]


def open_tagging_teachers(recipe: Recipe) -> list[Checkpoint]:
    """The checkpoints that teach a tagger, in the recipe's order; none where none does.

    Raises:
        CheckpointError, DataError, RecipeError: one is not there, tags nothing, or cannot teach.
    """
    found: list[Checkpoint] = []
    for source in recipe.distillation.teachers if recipe.distillation else ():
        if is_soft_labels(source) or version_directory(source) is not None:
            raise RecipeError(
                f"distillation.teacher {source}: a tagger is taught by a checkpoint alone, for "
                "neither soft labels nor a published version give logits of tokens here"
            )
        teacher = load_checkpoint(source, recipe.data.max_length)
        found.append(teacher.require("token-classification", "the recipe"))
        if teacher.labels != found[0].labels:
            raise DataError(
                f"{source} has labels {teacher.labels}, {found[0].source} {found[0].labels}: "
                "teachers of one student have the same, in the same order"
            )
    return found


def taught_by(
    checkpoints: Sequence[Checkpoint], reading: Reading, *, bf16: bool
) -> list[TaggingTeacher]:
    """The teachers of a student that reads in this way.

    Raises:
        RecipeError: one reads a text as other tokens, so that it has none to be learnt from.
    """
    for one in checkpoints:
        if reading.sha256 != one.reading.sha256:
            raise RecipeError(
                f"distillation.teacher {one.source} reads other tokens than its student, and tags "
                "are learnt token by token: take a student that reads as its teacher does (a "
                "bilstm, or an encoder without a base of its own), and a data.max_length that the "
                "teacher has"
            )
    return [TaggingTeacher(one, reading, bf16) for one in checkpoints]


def mean_logits(
    teachers: Sequence[TaggingTeacher], texts: Sequence[str], items: Sequence[Item]
) -> list[Logits]:
    """The mean of the teachers' logits of each text, (tokens, labels)."""
    found = [teacher.logits(texts, items) for teacher in teachers]
    return [np.mean(rows, axis=0, dtype=np.float32) for rows in zip(*found, strict=True)]
