"""A model that answers texts, wherever it is from: a repository, or a checkpoint.

A version is read by the service's own runtime, a checkpoint by transformers itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from export.errors import ExportError
from export.measure.reference import reference_logits
from export.measure.served import served_logits
from service.errors import UnknownModel
from service.repository.editing import find, place_of
from service.repository.manifest import FILE_NAME
from service.runtime.tasks.classification import Classifier
from training.errors import CheckpointError
from training.models.checkpoint import Checkpoint, load_checkpoint
from training.problem import ProblemType, problem_of
from training.score.scores import sigmoid, softmax

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """What a model says of texts.

    Attributes:
        probabilities: (texts, labels); of a regression its numbers.
        given: (texts, labels), the labels that each text gets; none of a regression.
    """

    labels: tuple[str, ...]
    problem: ProblemType
    probabilities: npt.NDArray[np.float64]
    given: npt.NDArray[np.bool_]

    def named(self, row: int) -> list[str]:
        """The labels that one text gets."""
        pairs = zip(self.labels, self.given[row], strict=True)
        return [label for label, is_given in pairs if is_given]


@dataclass(frozen=True)
class Answering:
    """A model that answers texts.

    Attributes:
        title: what it is called in what is told.
        checkpoint: where it is one; None: a published version.
        logits: texts to logits, (texts, labels).
    """

    title: str
    labels: tuple[str, ...]
    problem: ProblemType
    temperature: float
    thresholds: tuple[float, ...]
    checkpoint: Checkpoint | None
    logits: Callable[[Sequence[str]], Logits]

    def answer(self, texts: Sequence[str]) -> Answers:
        """Answers all of `texts`."""
        logits = self.logits(texts).astype(np.float64)
        if not np.isfinite(logits).all():
            raise ExportError(f"{self.title}: its logits are not finite")
        if self.problem == "regression":
            return Answers(self.labels, self.problem, logits, np.zeros(logits.shape, dtype=bool))
        scaled = logits / self.temperature
        if self.problem == "multi_label":
            each = sigmoid(scaled).astype(np.float64)
            return Answers(self.labels, self.problem, each, each >= np.array(self.thresholds))
        found = softmax(scaled).astype(np.float64)
        best = found.argmax(axis=1)[:, np.newaxis] == np.arange(len(self.labels))
        return Answers(self.labels, self.problem, found, best)


def open_model(name: str, root: Path) -> Answering:
    """Opens what `name` means: a path, a model of the repository at `root`, or a hub id.

    Raises:
        CheckpointError, RepositoryError: it cannot be read.
        ExportError: nothing is called so.
    """
    path = Path(name)
    if (path / FILE_NAME).is_file():
        return _version(path)
    if path.exists():
        return _checkpoint(name)
    try:
        return _version(place_of(root, find(root, name)))
    except UnknownModel as unknown:
        if name.count("/") != 1 or name.startswith((".", "/")):  # no hub id
            raise ExportError(f"{unknown}; and there is no checkpoint at {name}") from unknown
        try:
            return _checkpoint(name)
        except CheckpointError as error:
            raise ExportError(f"{unknown}; and {error}") from error


def _version(directory: Path) -> Answering:
    classifier = Classifier.load(directory.resolve())
    manifest = classifier.manifest
    return Answering(
        title=f"{manifest.name}@{manifest.version}",
        labels=manifest.labels,
        problem=manifest.problem_type,
        temperature=manifest.temperature,
        thresholds=manifest.threshold_of_each,
        checkpoint=None,
        logits=lambda texts: served_logits(classifier, texts, title=manifest.name),
    )


def _checkpoint(source: str) -> Answering:
    checkpoint = load_checkpoint(source)
    return Answering(
        title=source,
        labels=checkpoint.labels,
        problem=problem_of(checkpoint.model.config),
        temperature=1.0,
        thresholds=(0.5,) * len(checkpoint.labels),
        checkpoint=checkpoint,
        logits=lambda texts: reference_logits(checkpoint, texts),
    )
