"""What a text classifier says of one text: labels with how sure it is, or a number.

Plain numbers; knows no arrays, no model and no dialect.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from service.runtime.model import Output

Function = Literal["softmax", "sigmoid", "none"]

NEAR = 0.05  # see `near`


class Classification(NamedTuple):
    """What a classifier said of one text, in Python's own numbers.

    Attributes:
        logits: by label, before the temperature.
        probabilities: by label.
        confidence: see `Classifier.confidence`.
        given: indices of the labels that a multi-label model gives; None of single-label.
    """

    logits: list[float]
    probabilities: list[float]
    confidence: float
    given: tuple[int, ...] | None

    @property
    def best(self) -> int:
        """The index of the label with the highest probability."""
        return self.probabilities.index(max(self.probabilities))

    def said(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The best label, or of a multi-label model those over their thresholds."""
        given = (self.best,) if self.given is None else self.given
        return tuple(labels[index] for index in given)

    def agrees(self, labels: Sequence[str], other: Output, others: Sequence[str]) -> bool:
        """Whether the other gives the same labels."""
        return isinstance(other, Classification) and set(self.said(labels)) == set(
            other.said(others)
        )

    def word(self, labels: Sequence[str]) -> str:
        """The label; several are one word, since their combinations would be too many."""
        said = self.said(labels)
        return "several" if len(said) > 1 else "".join(said) or "none"


class Regression(NamedTuple):
    """The number that a regression said of one text. It has no label and is sure of nothing.

    Attributes:
        number: the logit itself.
    """

    number: float

    @property
    def confidence(self) -> float:
        """Of no meaning: a regression is part of no cascade."""
        return 1.0

    def said(self, labels: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002  as all outputs have it
        """No label."""
        return ()

    def agrees(self, labels: Sequence[str], other: Output, others: Sequence[str]) -> bool:  # noqa: ARG002  as all outputs have it
        """Whether the other is a number that is `near`."""
        return isinstance(other, Regression) and near(self.number, other.number)

    def word(self, labels: Sequence[str]) -> str:  # noqa: ARG002  as all outputs have it
        """That it is a number."""
        return "number"


Said = Classification | Regression


def scores_of(output: Said, function: Function | None = None) -> list[float]:
    """Scores by label, of a regression its number alone.

    Args:
        function: what makes them of the logits, `none` leaving them as they are; None: the
            model's own way, with its temperature, as transformers' pipeline chooses it: softmax
            for one label a text, sigmoid for several, none for a number.
    """
    if isinstance(output, Regression):
        own, logits, scores = "none", [output.number], [output.number]
    else:
        own = "softmax" if output.given is None else "sigmoid"
        logits, scores = output.logits, output.probabilities
    if function in (None, own):
        return scores
    if function == "none":
        return logits
    if function == "sigmoid":
        return [_sigmoid(logit) for logit in logits]
    highest = max(logits)
    parts = [math.exp(logit - highest) for logit in logits]
    whole = sum(parts)
    return [part / whole for part in parts]


def ranked(scores: Sequence[float], top_k: int | None = None) -> list[int]:
    """The indices of the highest scores, descending; equal ones in the order of the labels.

    Args:
        top_k: how many at most; None: all.
    """
    return sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:top_k]


def near(number: float, other: float) -> bool:
    """Whether two numbers agree: they differ by at most a twentieth of the larger, or of 1."""
    return abs(number - other) <= NEAR * max(1.0, abs(number), abs(other))


def _sigmoid(logit: float) -> float:
    small = math.exp(-abs(logit))  # never overflows, whichever the sign
    return (1.0 if logit >= 0 else small) / (1.0 + small)
