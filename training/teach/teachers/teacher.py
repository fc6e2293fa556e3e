"""Who teaches: a checkpoint, a published version, or a file of what someone said of each text.

A teacher is asked for logits and nothing else; what it said once is kept text by text. Knows
nothing of the student or of the loss that uses the logits.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from tqdm.auto import tqdm

from service.runtime.model import Input
from training.data.augmentation import reads_masks, refuse_unread_masks
from training.data.marks import masked
from training.errors import RecipeError
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.devices import on_fastest_device
from training.problem import ProblemType, problem_of
from training.teach.logits import all_cores, predict_logits
from training.teach.teachers.precision import Precision
from training.teach.teachers.store import Logits, LogitStore, matrix, text_key

WINDOW = 16_384  # texts that are looked up at once
CHUNK = 2_048  # texts that are labelled before they are kept: what a killed run may lose

Label = Callable[[Sequence[Input], "tqdm[None]"], Logits]


class Teacher(Protocol):
    """Whatever gives logits for texts.

    Attributes:
        name: as the recipe names it.
        fingerprint: of all that its logits depend on; teachers with the same one say the same.
        sha256: of what it is, for the lineage of its students.
        labels: in the order of the logits.
        problem: what its logits are of.
        precision: that it labels in.
        pairs: whether it reads pairs of texts; None: nothing says it but its data.
        reads_masks: whether it has a token for a masked word.
        labels_any: whether it labels any text, and not only those that it was given labels of.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  the class says it

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    @property
    def sha256(self) -> str: ...  # noqa: D102

    @property
    def labels(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def problem(self) -> ProblemType: ...  # noqa: D102

    @property
    def precision(self) -> Precision: ...  # noqa: D102

    @property
    def pairs(self) -> bool | None: ...  # noqa: D102

    @property
    def reads_masks(self) -> bool: ...  # noqa: D102

    @property
    def labels_any(self) -> bool: ...  # noqa: D102

    def spelt(self, texts: Sequence[Input]) -> Sequence[Input]:
        """The texts as this teacher reads them; each `MASK` is its own mask token.

        Raises:
            RecipeError: it has no mask token, and there is a mask.
        """

    def logits(self, texts: Sequence[Input]) -> Logits:
        """Logits of texts that may hold `MASK`, (texts, labels)."""


@dataclass(frozen=True)
class CheckpointTeacher:
    """A checkpoint as a teacher."""

    checkpoint: Checkpoint
    precision: Precision = "fp32"
    labels_any: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """The checkpoint's source."""
        return self.checkpoint.source

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the logits."""
        return self.checkpoint.labels

    @property
    def pairs(self) -> bool | None:
        """What a user, its recipe or its owner's files say."""
        return self.checkpoint.stated_pairs

    @property
    def problem(self) -> ProblemType:
        """What the config says."""
        return problem_of(self.checkpoint.model.config)

    @property
    def reads_masks(self) -> bool:
        """Whether its tokenizer has a mask token."""
        return reads_masks(self.checkpoint.hub_tokenizer)

    @cached_property
    def sha256(self) -> str:
        """Of the checkpoint."""
        return self.checkpoint.sha256

    @cached_property
    def fingerprint(self) -> str:
        """Hash of weights, config, reading and precision; where they lie does not matter."""
        stated = f"{self.checkpoint.fingerprint} {self.precision}"
        return hashlib.sha256(stated.encode()).hexdigest()

    def spelt(self, texts: Sequence[Input]) -> Sequence[Input]:
        """See `Teacher`."""
        refuse_unread_masks(texts, self.checkpoint.hub_tokenizer)
        return texts

    def logits(self, texts: Sequence[Input]) -> Logits:
        """Computed on the GPU or all cores, or read where they were computed before."""
        model, reading = self.checkpoint.model, self.checkpoint.reading
        bf16 = self.precision == "bf16"

        def label(part: Sequence[Input], bar: "tqdm[None]") -> Logits:
            return predict_logits(
                model, reading.tokenizer_of(part), part, types=reading.types, bf16=bf16, bar=bar
            )

        with on_fastest_device(model), all_cores():
            return remembered(self, self.spelt(texts), label)


def remembered(teacher: Teacher, texts: Sequence[Input], label: Label) -> Logits:
    """A teacher's logits, of which those that are kept are not asked for again.

    Args:
        texts: as the teacher reads them.
        label: gives the logits of texts, and moves a bar on by the texts done.

    Returns:
        (texts, labels).
    """
    return remembered_rows(teacher, len(teacher.labels), texts, label)


class Remembered(Protocol):
    """Whoever says something of each text: what was said is kept under its fingerprint."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def fingerprint(self) -> str: ...  # noqa: D102


def remembered_rows(
    teacher: Remembered,
    width: int,
    texts: Sequence[Input],
    label: Label,
    chunk: int = CHUNK,
) -> Logits:
    """Rows of numbers, logits or vectors, of which those that are kept are not asked for again.

    Args:
        width: numbers of a row.
        texts: as the teacher reads them.
        label: gives the rows of texts, and moves a bar on by the texts done.
        chunk: texts that are asked for before they are kept.

    Returns:
        (texts, width).
    """
    store = LogitStore(teacher.fingerprint)
    logits = np.empty((len(texts), width), dtype=np.float32)
    with tqdm(total=len(texts), desc=f"logits of {teacher.name}", unit="text") as bar:
        for start in range(0, len(texts), WINDOW):
            window = texts[start : start + WINDOW]
            keys = [text_key(text) for text in window]
            rows = store.known(list(dict.fromkeys(keys)))
            missing = {key: text for key, text in zip(keys, window, strict=True) if key not in rows}
            bar.update(len(window) - len(missing))
            # By length, so that a chunk's batches are of like length as well.
            todo = sorted(missing, key=lambda key: len(missing[key]))
            for place in range(0, len(todo), chunk):
                part = todo[place : place + chunk]
                found = label([missing[key] for key in part], bar)
                new = dict(zip(part, found, strict=True))
                store.keep(new)
                rows |= new
            logits[start : start + len(window)] = matrix(rows, keys, logits.shape[1])
    return logits


def ensemble_logits(teachers: Sequence[Teacher], texts: Sequence[Input]) -> Logits:
    """The mean of the teachers' logits, each reading with its own tokeniser.

    Averaging logits is averaging probabilities geometrically (Hinton et al. 2015 allow either
    mean). The result is logits again, so that every temperature and the loss on logits work
    as with one teacher.

    Args:
        texts: may hold `training.data.marks.MASK`, which each teacher reads as its own.

    Returns:
        (texts, labels).
    """
    mean: Logits = np.mean(
        [teacher.logits(texts) for teacher in teachers], axis=0, dtype=np.float32
    )
    return mean


def refuse_masks(name: str, texts: Sequence[Input]) -> Sequence[Input]:
    """The texts as they are, for a teacher that has no mask token.

    Raises:
        RecipeError: one of them holds a mask.
    """
    if masked(texts):
        raise RecipeError(
            f"the teacher {name} has no mask token: "
            "set distillation.augmentation.mask_probability = 0"
        )
    return texts
