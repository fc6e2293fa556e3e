"""Entities from the labels of tokens, as transformers' `TokenClassificationPipeline` makes them.

https://github.com/huggingface/transformers/blob/main/src/transformers/pipelines/token_classification.py
Knows no model and no dialect.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

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
    by_word = aggregation not in ("none", "simple")
    found = [_entity(tokens, one, by_word) for one in _units(tokens, aggregation)]
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


def least_sure(tokens: Tokens, aggregation: Aggregation = "simple") -> float:
    """How sure a model is of the entity that it is least sure of: the score of that entity.

    Where it finds none, of the token, or by the aggregations of words the word, of which it is
    least sure that it is of none; without any token 1: there is nothing to find.

    Args:
        aggregation: how its entities are made.
    """
    units = _units(tokens, aggregation)
    scores = [one.score for one in units]
    if aggregation == "none":
        spans = [(unit, unit + 1) for unit in range(len(units))]
    else:
        spans = groups([one.label for one in units])
    found = [
        sum(scores[first:after]) / (after - first)
        for first, after in spans
        if group_label(units[first].label) not in NOTHING
    ]
    return min(found) if found else min(scores, default=1.0)


def _tag(name: str) -> tuple[bool, str]:
    """Whether a label begins an entity, and which it is of; one without B- or I- goes on."""
    if name.startswith(("B-", "I-")):
        return name[0] == "B", name[2:]
    return False, name


class _Unit(NamedTuple):
    """What gets one label: a token, or a word of several."""

    first: int
    after: int
    label: str
    score: float


def _units(tokens: Tokens, aggregation: Aggregation) -> list[_Unit]:
    labels = tokens.labels
    best = tokens.probabilities.argmax(axis=1).tolist()
    scores = tokens.probabilities.max(axis=1).tolist()
    if aggregation in ("none", "simple"):
        return [
            _Unit(token, token + 1, labels[label], score)
            for token, (label, score) in enumerate(zip(best, scores, strict=True))
        ]
    units = []
    for first, after in _words(tokens.places):
        if aggregation == "average" and after - first > 1:
            row = tokens.probabilities[first:after].mean(axis=0)
            label = int(row.argmax())
            units.append(_Unit(first, after, labels[label], float(row[label])))
        else:
            says = max(range(first, after), key=scores.__getitem__)
            if aggregation == "first":
                says = first
            units.append(_Unit(first, after, labels[best[says]], scores[says]))
    return units


def _words(places: Sequence[Place]) -> list[tuple[int, int]]:
    starts = [token for token, place in enumerate(places) if token and not place.continues]
    return list(pairwise([0, *starts, len(places)])) if places else []


def _entity(tokens: Tokens, unit: _Unit, by_word: bool) -> Entity:
    places = tokens.places[unit.first : unit.after]
    word = tokens.spell([place.word for place in places]) if by_word else places[0].word
    return Entity(unit.label, unit.score, places[0].start, places[-1].end, word, unit.first)


def _joined(parts: Sequence[Entity], spell: Spell) -> Entity:
    first = parts[0]
    score = sum([one.score for one in parts]) / len(parts)
    word = spell([one.word for one in parts])
    label = group_label(first.label)
    return Entity(label, score, first.start, parts[-1].end, word, first.token)
