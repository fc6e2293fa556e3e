"""What a classifier's answer holds, for the dialects that tell it by label.

A regression has one label, the name of its number.
"""

from collections.abc import Sequence
from typing import cast

from service.errors import Unavailable
from service.runtime.tasks.outputs import Function, Said, ranked, scores_of
from service.serving.shapes import Answer

__all__ = ["Function", "by_label", "labelled", "said_of"]


def said_of(answer: Answer) -> Said:
    """What the model said; text classification is the one task there is."""
    return cast(Said, answer.output)


def labelled(
    answer: Answer, function: Function | None = None, top_k: int | None = None
) -> list[tuple[str, float]]:
    """Labels and their scores, the best first.

    Args:
        function: that makes scores of logits; None: the model's own, which leaves a regression's
            number as it is.
        top_k: how many at most; None: all.
    """
    names = answer.manifest.labels
    scores = scores_of(said_of(answer), function)
    return [(names[row], scores[row]) for row in ranked(scores, top_k)]


def by_label(
    answer: Answer, labels: Sequence[str], function: Function | None = None
) -> list[float]:
    """Scores in the order of `labels`, which may be that of another model of a cascade.

    Raises:
        Unavailable: the model that answered has other labels.
    """
    scores = scores_of(said_of(answer), function)
    own = answer.manifest.labels
    if own == labels:
        return scores
    if set(own) != set(labels):
        raise Unavailable("the models of the cascade have different labels")
    found = dict(zip(own, scores, strict=True))
    return [found[label] for label in labels]
