"""Entities from the labels of tokens, as transformers' `TokenClassificationPipeline` makes them.

https://github.com/huggingface/transformers/blob/main/src/transformers/pipelines/token_classification.py
Knows no model and no dialect.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from service.runtime.model import Place

Aggregation = Literal["none", "simple", "first", "average", "max"]
Spell = Callable[[Sequence[str]], str]
NOTHING = ("O",)  # labels that are no entity's


class Entity(NamedTuple):
    """A part of a text that has a label.

    Attributes:
        label: of an aggregated one without B- or I-.
        score: the mean of its tokens' or words' probabilities.
        start: of its first character in the text.
        end: after its last one.
        word: its tokens as the tokeniser puts them together.
        token: the first of its tokens, or the first of its words, from 0.
    """

    label: str
    score: float
    start: int
    end: int
    word: str
    token: int


class Tokens(NamedTuple):
    """What a model said of a text's tokens, special ones left out.

    Attributes:
        probabilities: (tokens, labels).
        places: of each in the text.
        labels: of the model.
        spell: puts tokens together.
    """

    probabilities: npt.NDArray[np.float32]
    places: Sequence[Place]
    labels: Sequence[str]
    spell: Spell


def entities_of(
    tokens: Tokens, aggregation: Aggregation = "simple", ignored: Sequence[str] = NOTHING
) -> list[Entity]:
    """The entities of a text, in the order of its tokens.

    Args:
        aggregation: `none`: each token is one; `simple`: neighbours of one label are; the others
            give the tokens of a word one label first: that of the `first`, of the mean of their
            probabilities, or of the one that is surest (`max`).
        ignored: labels that are told of none, by their whole name or without B- or I-.
    """
    if aggregation in ("none", "simple"):
        found = _of_tokens(tokens)
    else:
        found = [_word(tokens, first, after, aggregation) for first, after in _words(tokens.places)]
    if aggregation != "none":
        names = [one.label for one in found]
        found = [_joined(found[first:after], tokens.spell) for first, after in groups(names)]
    return [one for one in found if one.label not in ignored]


def groups(names: Sequence[str]) -> list[tuple[int, int]]:
    """Which neighbours are one entity: those of one label, unless a B- begins a new one.

    Args:
        names: the labels, with B- and I- where they have it.

    Returns:
        of each group the first, and the one after its last.
    """
    tags = [_tag(name) for name in names]
    starts = [
        place
        for place, ((_, before), (begins, tag)) in enumerate(pairwise(tags), start=1)
        if begins or tag != before
    ]
    return list(pairwise([0, *starts, len(names)])) if names else []


def group_label(name: str) -> str:
    """The label of an entity whose first token has this one: what stands after its first hyphen."""
    return name.split("-", 1)[-1]


def least_sure(names: Sequence[str], scores: Sequence[float]) -> float:
    """How sure a model is of the entity that it is least sure of, by `simple` aggregation.

    Where it finds none, of the token of which it is least sure that it is of none; without any
    token 1: there is nothing to find.

    Args:
        names: the best label of each token.
        scores: the probability of each.
    """
    found = [
        sum(scores[first:after]) / (after - first)
        for first, after in groups(names)
        if group_label(names[first]) not in NOTHING
    ]
    return min(found) if found else min(scores, default=1.0)


def _tag(name: str) -> tuple[bool, str]:
    """Whether a label begins an entity, and which it is of; one without B- or I- goes on."""
    if name.startswith(("B-", "I-")):
        return name[0] == "B", name[2:]
    return False, name


def _of_tokens(tokens: Tokens) -> list[Entity]:
    best = tokens.probabilities.argmax(axis=1).tolist()
    scores = tokens.probabilities.max(axis=1).tolist()
    return [
        Entity(tokens.labels[label], score, place.start, place.end, place.word, token)
        for token, (label, score, place) in enumerate(zip(best, scores, tokens.places, strict=True))
    ]


def _words(places: Sequence[Place]) -> list[tuple[int, int]]:
    starts = [token for token, place in enumerate(places) if token and not place.continues]
    return list(pairwise([0, *starts, len(places)])) if places else []


def _word(tokens: Tokens, first: int, after: int, aggregation: Aggregation) -> Entity:
    rows = tokens.probabilities[first:after]
    row: npt.NDArray[Any]
    if aggregation == "first":
        row = rows[0]
    elif aggregation == "average":
        row = rows.mean(axis=0)
    else:
        row = rows[rows.max(axis=1).argmax()]
    label = int(row.argmax())
    places = tokens.places[first:after]
    word = tokens.spell([place.word for place in places])
    return Entity(
        tokens.labels[label], float(row[label]), places[0].start, places[-1].end, word, first
    )


def _joined(parts: Sequence[Entity], spell: Spell) -> Entity:
    first = parts[0]
    score = sum([one.score for one in parts]) / len(parts)
    word = spell([one.word for one in parts])
    label = group_label(first.label)
    return Entity(label, score, first.start, parts[-1].end, word, first.token)
