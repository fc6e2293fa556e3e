"""What a file of soft labels says of texts: what a promise is judged against without a teacher.

Knows nothing of models: the file has labels and no time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from export.measure.comparison import truth
from export.measure.metrics import as_metrics, scores_of
from service.repository.sections import Metrics
from service.runtime.model import Input
from training.data.inputs import shown
from training.data.labelled import LabelledText
from training.errors import DataError
from training.score.scores import sigmoid, softmax
from training.teach.teachers.soft_labels import FileTeacher
from training.teach.teachers.store import Logits

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Opinion:
    """What the file says of labelled texts.

    Attributes:
        given: (n, labels), the likeliest label, or all that are likelier than not; None of a
            regression.
        right: (n,), whether these are the texts' labels; None of a regression.
        confidence: (n,).
    """

    metrics: Metrics
    given: Array | None
    right: Array | None
    confidence: Array

    @property
    def is_its_own(self) -> bool:
        """Whether the texts' labels are the file's, text by text, and nobody else's."""
        return self.right is not None and bool(self.right.all())

    @property
    def quality(self) -> float:
        """Accuracy, or the correlation of a regression."""
        value = self.metrics.accuracy
        return float(value if value is not None else self.metrics.pearson or 0.0)


@dataclass(frozen=True)
class SoftLabels:
    """A file of soft labels, read."""

    teacher: FileTeacher

    @property
    def fingerprint(self) -> str:
        """Hash of the file, and of how it is read."""
        return self.teacher.fingerprint

    def refuse_missing(self, texts: Sequence[Input], option: str, remedy: str) -> None:
        """Raises DataError where the file says nothing of one of the texts.

        Args:
            option: that gave the texts.
            remedy: what to do, a part of a sentence.
        """
        missing = self.teacher.missing(texts)
        if missing:
            raise DataError(
                f"{self.teacher.name} says nothing of {len(missing)} of {len(texts)} texts of "
                f"{option}, the first is {shown(missing[0])}: {remedy}"
            )

    def of(self, data: LabelledText) -> Opinion:
        """What it says of texts, against their labels.

        Raises:
            DataError: it says nothing of one.
        """
        logits = self.teacher.logits(data.texts)
        if data.problem == "regression":
            numbers = logits.astype(np.float64)
            metrics = as_metrics(scores_of(numbers, np.empty(0, np.bool_), data), data.labels)
            return Opinion(metrics, None, None, np.ones(len(data)))
        given, probabilities = _given(logits, data.problem)
        metrics = as_metrics(scores_of(probabilities, given, data), data.labels)
        likely = np.where(given, probabilities, 1 - probabilities)
        several = data.problem == "multi_label"
        sure = likely.min(axis=1) if several else probabilities.max(axis=1)
        return Opinion(metrics, given, (given == truth(data)).all(axis=1), sure)

    def refuse_worse_than_one(self, opinion: Opinion, option: str) -> None:
        """Raises DataError where always giving one label is surely right more often than it.

        Args:
            opinion: the file's, of labelled texts.
            option: that gave them.
        """
        metrics = opinion.metrics
        counts = {name: scores.n for name, scores in (metrics.by_label or {}).items()}
        if metrics.accuracy_high is None or sum(counts.values()) != metrics.n:
            return
        often = max(counts, key=lambda name: counts[name])
        if metrics.accuracy_high < counts[often] / metrics.n:
            raise DataError(
                f"the labels of {self.teacher.name} are right on {metrics.accuracy:.1%} of "
                f"{metrics.n} texts of {option}, and always giving {often!r} would be on "
                f"{counts[often] / metrics.n:.1%}: are its columns named as the labels that "
                "they are probabilities of?"
            )


def _given(logits: Logits, problem: str) -> tuple[Array, Array]:
    numbers = logits.astype(np.float64)
    if problem == "multi_label":
        return logits > 0, sigmoid(numbers)
    classes = np.arange(logits.shape[1])
    return logits.argmax(axis=1)[:, np.newaxis] == classes, softmax(numbers)
