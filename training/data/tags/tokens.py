"""Which label each token of a text has, by the characters that it stands for.

Knows no tokeniser: it is given each token's place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.runtime.model import Place
from training.data.tags.tagged import OUTSIDE, Span, Spans
from training.problem import UNLABELLED

Later = Literal["all", "first"]


@dataclass(frozen=True)
class Labelling:
    """The labels of one text's tokens.

    Attributes:
        labels: one for each token, `UNLABELLED` for what is not learnt from.
        lost: entities of which no token is.
    """

    labels: list[int]
    lost: int


def label_tokens(
    text: str,
    places: Sequence[Place | None],
    spans: Spans,
    labels: Sequence[str],
    later: Later = "all",
) -> Labelling:
    """Gives B- to the first token of each entity, I- to its others, and O to all that are in none.

    Args:
        places: of each token; of a special one None, which has no label.
        labels: of the model, B- and I- of every type among them.
        later: the tokens that go on with a word are learnt like all others, or not at all, as
            the aggregation `first` reads them; the first of an entity always is.
    """
    index = {label: place for place, label in enumerate(labels)}
    found = []
    begun: set[Span] = set()
    rest = list(spans)
    for place in places:
        if place is None:
            found.append(UNLABELLED)
            continue
        start, end = place.start, place.end
        while start < end and text[start].isspace():  # byte-level tokens may hold a space before
            start += 1
        if start >= end:
            found.append(UNLABELLED)
            continue
        while rest and rest[0].end <= start:
            rest.pop(0)
        span = rest[0] if rest and rest[0].start < end else None
        if span is not None and span not in begun:
            begun.add(span)
            found.append(index[f"B-{span.label}"])
        elif later == "first" and place.continues:
            found.append(UNLABELLED)
        else:
            found.append(index[OUTSIDE if span is None else f"I-{span.label}"])
    return Labelling(found, len(spans) - len(begun))
