"""What an exported model lost: transformers against the service, from the same strings.

Counts, so that whoever judges has the intervals; `export.measure.gate` judges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.errors import GateError
from export.measure.edges import long_texts, odd_texts
from export.measure.reference import Reference
from export.measure.served import served_logits
from service.repository.sections import Parity
from service.runtime.model import Input, Item
from service.runtime.tasks.classification import Classifier
from training.data.labelled import LabelledText
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.checkpoints.pairs import TYPE_IDS
from training.problem import ProblemType
from training.score.intervals import wilson_interval
from training.score.paired import difference_interval

ALONE = 1000  # texts that are run by themselves too
LONGEST_IN_BATCH = 512  # tokens: longer ones are compared alone, which is enough and much cheaper
BOUND = 0.9  # a two-sided interval whose each end is a bound at 95%
CLOSE = 0.1  # numbers agree within so much of the spread of all

Logits = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LabelChange:
    """What became of one label's texts: those that lost it and those that gained it."""

    label: str
    n: int
    before: int
    lost: int
    gained: int


@dataclass(frozen=True)
class Comparison:
    """An exported model and its checkpoint on the same texts.

    Attributes:
        n: texts that were given; those made for the edges count only where it is said.
        misread: texts that the service reads as other tokens than transformers, edges included.
        compared: of how many texts.
        max_logit_difference: alone and in batches, edges included.
        agreeing: of the given texts, those of the same labels; of numbers, those that differ by
            no more than a tenth of the standard deviation of all.
        labelled: given texts with labels, in one set or none.
        lost: texts that the checkpoint alone gets right.
        gained: texts that the exported model alone gets right.
        max_batch_difference: of a probability, between a text alone and in a batch.
    """

    problem: ProblemType
    n: int
    misread: tuple[Input, ...]
    compared: int
    max_logit_difference: float
    agreeing: int
    labelled: int
    lost: int
    gained: int
    by_label: tuple[LabelChange, ...]
    max_batch_difference: float

    @property
    def agreement(self) -> tuple[float, float, float]:
        """The share that agrees, and its lower and upper bound at 95% each (Wilson's)."""
        return self.agreeing / self.n, *wilson_interval(self.agreeing, self.n, BOUND)

    @property
    def accuracy_drop(self) -> tuple[float, float, float]:
        """The drop, and its lower and upper bound at 95% each (Tango's, paired)."""
        found = (self.lost - self.gained) / self.labelled
        return found, *difference_interval(self.lost, self.gained, self.labelled, BOUND)

    def parity(self) -> Parity:
        """As the manifest has it."""
        agreement, low, _ = self.agreement
        drop = high = None
        if self.labelled:
            drop, _, high = self.accuracy_drop
        recalls = {one.label: (one.lost - one.gained) / one.n for one in self.by_label if one.n}
        return Parity(
            n=self.n,
            max_logit_difference=self.max_logit_difference,
            agreement=agreement,
            agreement_low=low,
            accuracy_drop=drop,
            accuracy_drop_high=high,
            recall_drops=recalls or None,
            max_batch_difference=self.max_batch_difference,
        )


def compare(
    checkpoint: Checkpoint,
    classifier: Classifier,
    texts: Sequence[Input],
    data: LabelledText | None,
) -> Comparison:
    """Runs both sides and counts.

    Args:
        texts: what both read, beside edge texts that are made of them.
        data: the first of the same texts, with their labels; None: none has any.

    Raises:
        GateError: a logit is infinite or not a number, so there is nothing to compare.
    """
    manifest = classifier.manifest
    reference = Reference(checkpoint, manifest.windows)
    reading = checkpoint.reading
    edges = [
        *odd_texts(pairs=reading.pairs),
        *long_texts(
            texts,
            reference.count,
            manifest.max_length,
            pairs=reading.pairs,
            strategy=reading.truncation_strategy,
        ),
    ]
    every = [*texts, *edges]
    encoded = reference.encode(every)
    misread = [
        text
        for text, ours, theirs in zip(
            every, classifier.encode(every, manifest.windows), encoded, strict=True
        )
        if theirs[0]["input_ids"] and reads_otherwise(ours, theirs, types=reading.types)
    ]
    expected = reference.logits(encoded)
    n = len(texts)
    together = served_logits(classifier, texts, title="in batches")
    some = list(range(0, n, max(1, n // ALONE)))
    alone = served_logits(
        classifier, [*(texts[row] for row in some), *edges], batch=1, title="alone"
    )
    beyond = alone[len(some) :]
    if manifest.max_length <= LONGEST_IN_BATCH:
        beyond = np.concatenate([beyond, served_logits(classifier, edges)])
    if not all(np.isfinite(logits).all() for logits in (expected, together, alone, beyond)):
        raise GateError("not published: logits are not finite, before the export or after it")

    pairs = [
        (together, expected[:n]),
        (alone[: len(some)], expected[some]),
        (beyond, np.concatenate([expected[n:]] * (len(beyond) // len(edges)))),
    ]
    probabilities = classifier.probabilities
    moved = probabilities(alone[: len(some)]) - probabilities(together[some])
    return Comparison(
        problem=manifest.problem_type,
        n=n,
        misread=tuple(misread),
        compared=len(every),
        max_logit_difference=max(float(np.abs(ours - theirs).max()) for ours, theirs in pairs),
        agreeing=int(_agree(classifier, together, expected[:n]).sum()),
        max_batch_difference=float(np.abs(moved).max()),
        **_changes(classifier, together, expected[:n], data),  # type: ignore[arg-type]  # by name
    )


def reads_otherwise(ours: Item, theirs: Sequence[Mapping[str, list[int]]], *, types: bool) -> bool:
    """Whether the service reads a text as other tokens than transformers does.

    Args:
        theirs: of each window.
        types: whether the model is told which text of a pair each token is of.
    """
    read = [ours, *ours.more]
    if [one.ids for one in read] != [one["input_ids"] for one in theirs]:
        return True
    mine = [one.type_ids or [0] * len(one.ids) for one in read]
    return types and mine != [one[TYPE_IDS] for one in theirs]


def decisions(classifier: Classifier, logits: Logits) -> BoolArray:
    """Which labels a text gets, (texts, labels): the highest, or those over their thresholds."""
    manifest = classifier.manifest
    if manifest.problem_type == "multi_label":
        return classifier.given(classifier.probabilities(logits))
    best: BoolArray = logits.argmax(axis=1)[:, np.newaxis] == np.arange(logits.shape[1])
    return best


def truth(data: LabelledText) -> BoolArray:
    """Which labels a text has, (texts, labels)."""
    targets = np.asarray(data.targets)
    if targets.ndim == 2:
        several: BoolArray = targets > 0.5
        return several
    one: BoolArray = targets[:, np.newaxis] == np.arange(len(data.labels))
    return one


def _agree(classifier: Classifier, ours: Logits, theirs: Logits) -> BoolArray:
    if classifier.manifest.problem_type == "regression":
        close: BoolArray = np.abs(ours - theirs)[:, 0] <= CLOSE * max(float(theirs.std()), 1e-12)
        return close
    same: BoolArray = (decisions(classifier, ours) == decisions(classifier, theirs)).all(axis=1)
    return same


def _changes(
    classifier: Classifier, ours: Logits, theirs: Logits, data: LabelledText | None
) -> dict[str, object]:
    if data is None or classifier.manifest.problem_type == "regression":
        return {"labelled": 0, "lost": 0, "gained": 0, "by_label": ()}
    has, n = truth(data), len(data)
    after, before = decisions(classifier, ours[:n]), decisions(classifier, theirs[:n])
    right, was = (after == has).all(axis=1), (before == has).all(axis=1)
    by_label = tuple(
        LabelChange(
            label=label,
            n=int(has[:, row].sum()),
            before=int((has & before)[:, row].sum()),
            lost=int((has & before & ~after)[:, row].sum()),
            gained=int((has & ~before & after)[:, row].sum()),
        )
        for row, label in enumerate(data.labels)
    )
    return {
        "labelled": len(data),
        "lost": int((was & ~right).sum()),
        "gained": int((~was & right).sum()),
        "by_label": by_label,
    }
