"""A model that answers texts, wherever it is from: a repository, or a checkpoint.

A version is read by the service's own runtime, a checkpoint by transformers itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from export.errors import ExportError
from export.evaluate.locating import opened
from export.evaluate.tagging import TagAnswering, checkpoint_tagger, version_tagger
from export.measure.reference import reference_logits
from export.measure.served import refuse_no_room, served_logits
from service.repository.manifest import read_manifest
from service.repository.sections import Windows
from service.runtime.model import Input, Pair
from service.runtime.tasks.classification import Classifier
from service.runtime.tokenizer import Tokenizer
from training.data.texts import are_pairs
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
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
        pairs: whether it reads pairs of texts; None: nothing says it but the texts.
        tokenizer: that it reads such texts with.
        windows: how a text that is too long is read; None: it is cut.
        logits: texts to logits, (texts, labels).
    """

    title: str
    labels: tuple[str, ...]
    problem: ProblemType
    temperature: float
    thresholds: tuple[float, ...]
    checkpoint: Checkpoint | None
    pairs: bool | None
    tokenizer: Callable[[Sequence[Input]], Tokenizer]
    windows: Windows | None
    logits: Callable[[Sequence[Input]], Logits]

    def reading(self, texts: Sequence[Input]) -> str:
        """In words, how much of these texts it reads."""
        tokenizer = self.tokenizer(texts)
        items = tokenizer.encode(texts, self.windows)
        limit, n = tokenizer.max_length, len(texts)
        if self.windows is None:
            cut = sum(item.truncated for item in items)
            return f"{cut} of {n} texts were cut to {limit} tokens"
        several = [len(item.more) for item in items if item.more]
        return (
            f"{len(several)} of {n} texts were read in windows of {limit} tokens, "
            f"{1 + sum(several) / n:.2f} a text (stride {self.windows.stride}, "
            f"{self.windows.pooling})"
        )

    def answer(self, texts: Sequence[Input]) -> Answers:
        """Answers all of `texts`.

        Raises:
            ExportError: they are pairs and single ones are read, or the other way around; or a
                pair has no room.
        """
        if self.pairs is not None and self.pairs != are_pairs(texts):
            kinds = ("single texts", "pairs of texts")
            raise ExportError(f"{self.title} reads {kinds[self.pairs]}: give it such")
        refuse_no_room(self.title, self.tokenizer(texts), texts, self.windows)
        return said_by(self, self.logits(texts))


class Answerer(Protocol):
    """What has to be known of a classifier to read its logits; see `Answering`."""

    @property
    def title(self) -> str: ...  # noqa: D102  see `Answering`
    @property
    def labels(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def problem(self) -> ProblemType: ...  # noqa: D102
    @property
    def temperature(self) -> float: ...  # noqa: D102
    @property
    def thresholds(self) -> tuple[float, ...]: ...  # noqa: D102


def said_by(model: Answerer, answered: Logits) -> Answers:
    """What a model's logits, (texts, labels), say.

    Raises:
        ExportError: one is no number.
    """
    logits = answered.astype(np.float64)
    if not np.isfinite(logits).all():
        raise ExportError(f"{model.title}: its logits are not finite")
    if model.problem == "regression":
        return Answers(model.labels, model.problem, logits, np.zeros(logits.shape, dtype=bool))
    scaled = logits / model.temperature
    if model.problem == "multi_label":
        each = sigmoid(scaled).astype(np.float64)
        return Answers(model.labels, model.problem, each, each >= np.array(model.thresholds))
    found = softmax(scaled).astype(np.float64)
    best = found.argmax(axis=1)[:, np.newaxis] == np.arange(len(model.labels))
    return Answers(model.labels, model.problem, found, best)


def open_classifier(
    name: str,
    root: Path,
    windows: Windows | Literal[False] | None = None,
    *,
    pairs: bool | None = None,
) -> Answering:
    """As `open_model`, where nothing else will do.

    Raises:
        ExportError: it finds entities.
    """
    found = open_model(name, root, windows, pairs=pairs)
    if isinstance(found, TagAnswering):
        raise ExportError(f"{found.title} finds entities, and gives no labels to whole texts")
    return found


def open_model(
    name: str,
    root: Path,
    windows: Windows | Literal[False] | None = None,
    *,
    pairs: bool | None = None,
) -> Answering | TagAnswering:
    """Opens what `name` means: a path, a model of the repository at `root`, or a hub id.

    Args:
        windows: how a text that is too long is read; False: it is cut; None: as its manifest or
            its recipe says.
        pairs: whether a checkpoint reads pairs of texts; None: as its files say.

    Raises:
        CheckpointError, RepositoryError: it cannot be read.
        InvalidInput: the windows share more than there is in one.
        ExportError: nothing is called so.
    """
    found = opened(
        name,
        root,
        lambda directory: _version(directory, windows),
        lambda source: _checkpoint(source, windows, pairs),
    )
    if isinstance(found, TagAnswering):
        return found
    if found.windows is not None and found.pairs is not None:  # whose error should not wait
        some: list[Input] = [Pair("a", "b") if found.pairs else "a"]
        found.tokenizer(some).encode(some, found.windows)
    return found


def _version(directory: Path, windows: Windows | Literal[False] | None) -> Answering | TagAnswering:
    if read_manifest(directory).task == "token-classification":
        return version_tagger(directory, windows)
    classifier = Classifier.load(directory)
    if windows is not None:
        classifier.manifest = classifier.manifest.model_copy(update={"windows": windows or None})
    manifest = classifier.manifest
    return Answering(
        title=f"{manifest.name}@{manifest.version}",
        labels=manifest.labels,
        problem=manifest.problem_type,
        temperature=manifest.temperature,
        thresholds=manifest.threshold_of_each,
        checkpoint=None,
        pairs=manifest.pairs,
        tokenizer=lambda _: classifier.tokenizer,
        windows=manifest.windows,
        logits=lambda texts: served_logits(classifier, texts, title=manifest.name),
    )


def _checkpoint(
    source: str, windows: Windows | Literal[False] | None, pairs: bool | None
) -> Answering | TagAnswering:
    checkpoint = load_checkpoint(source, pairs=pairs)
    if checkpoint.task == "token-classification":
        return checkpoint_tagger(checkpoint, windows)
    checkpoint = checkpoint.require("text-classification", "this command")
    asked = checkpoint.windows if windows is None else windows or None

    def settled(texts: Sequence[Input]) -> Checkpoint:
        """Where nothing else says whether it reads pairs, its texts do."""
        return checkpoint.reads(are_pairs(texts) or None)

    return Answering(
        title=source,
        labels=checkpoint.labels,
        problem=problem_of(checkpoint.model.config),
        temperature=1.0,
        thresholds=(0.5,) * len(checkpoint.labels),
        checkpoint=checkpoint,
        pairs=checkpoint.stated_pairs,
        tokenizer=lambda texts: settled(texts).tokenizer,
        windows=asked,
        logits=lambda texts: reference_logits(settled(texts), texts, asked),
    )
