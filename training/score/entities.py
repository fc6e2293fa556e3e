"""Scores of entities: right where type, start and end are all as they should be.

As conlleval counts (Tjong Kim Sang and De Meulder 2003), and seqeval after it. Knows no tokens: an
entity is what its caller says, such as a type with its characters.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from training.score.intervals import DRAWS, SEED, wilson_interval
from training.score.scores import LabelScores

Counts = npt.NDArray[np.int64]


class Entity(Protocol, Hashable):
    """Anything with a type by which two of them are told to be the same."""

    @property
    def label(self) -> str: ...  # noqa: D102  its type


Entities = Sequence[Sequence[Entity]]  # those of each text


@dataclass(frozen=True)
class EntityScores:
    """How well entities are found; shares are between 0 and 1, intervals at 95%.

    Attributes:
        n: texts.
        entities: in them.
        texts_right: share of texts with all of their entities right, and none besides.
        by_type: in the order of the types.
    """

    n: int
    entities: int
    entity_precision: float
    entity_recall: float
    entity_f1: float
    entity_f1_low: float
    entity_f1_high: float
    macro_f1: float
    texts_right: float
    texts_right_low: float
    texts_right_high: float
    by_type: tuple[LabelScores, ...]

    def never_given(self, types: Sequence[str]) -> list[str]:
        """The types that texts have and no entity is found of."""
        pairs = zip(types, self.by_type, strict=True)
        return [name for name, found in pairs if found.n and not found.given]


class Drop(NamedTuple):
    """How much lower an F1 is than another on the same texts, with its interval."""

    drop: float
    low: float
    high: float


def score_entities(true: Entities, given: Entities, types: Sequence[str]) -> EntityScores:
    """Scores the entities that were found against those that there are."""
    counts = counts_of(true, given)
    hits, n, found = (int(total) for total in counts.sum(axis=0))
    right = sum(set(one) == set(other) for one, other in zip(true, given, strict=True))
    by_type = tuple(_of_type(true, given, name) for name in types)
    seen = [one.f1 for one in by_type if one.n or one.given]
    low, high = np.quantile(_f1(_drawn(counts)), [0.025, 0.975])
    right_low, right_high = wilson_interval(right, len(true))
    return EntityScores(
        n=len(true),
        entities=n,
        entity_precision=hits / found if found else 0.0,
        entity_recall=hits / n if n else 0.0,
        entity_f1=2 * hits / (n + found) if n + found else 0.0,
        entity_f1_low=float(low),
        entity_f1_high=float(high),
        macro_f1=float(np.mean(seen)) if seen else 0.0,
        texts_right=right / len(true),
        texts_right_low=right_low,
        texts_right_high=right_high,
        by_type=by_type,
    )


def counts_of(true: Entities, given: Entities) -> Counts:
    """Of each text the entities that were rightly found, that there are, and that were found.

    Returns:
        (texts, 3).
    """
    rows = [
        (len(set(one) & set(other)), len(set(one)), len(set(other)))
        for one, other in zip(true, given, strict=True)
    ]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 3)


def f1_drop(true: Entities, first: Entities, second: Entities, confidence: float = 0.95) -> Drop:
    """How much lower the second's F1 is than the first's: a paired bootstrap over the texts."""
    both = np.concatenate([counts_of(true, first), counts_of(true, second)], axis=1)
    drops = _f1(drawn := _drawn(both)) - _f1(drawn[:, 3:])
    low, high = np.quantile(drops, [(1 - confidence) / 2, (1 + confidence) / 2])
    total = both.sum(axis=0, keepdims=True)
    return Drop(float((_f1(total) - _f1(total[:, 3:]))[0]), float(low), float(high))


def share_interval(
    parts: Counts, wholes: Counts, confidence: float = 0.95
) -> tuple[float, float, float]:
    """A share of what texts hold, such as of their tokens, and its bootstrap interval over texts.

    Args:
        parts, wholes: (texts,).
    """
    sums = _drawn(np.stack([parts, wholes], axis=1))
    shares = sums[:, 0] / np.maximum(sums[:, 1], 1)
    low, high = np.quantile(shares, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(parts.sum() / max(int(wholes.sum()), 1)), float(low), float(high)


def _of_type(true: Entities, given: Entities, name: str) -> LabelScores:
    def only(texts: Entities) -> Entities:
        return [[one for one in entities if one.label == name] for entities in texts]

    hits, n, found = (int(total) for total in counts_of(only(true), only(given)).sum(axis=0))
    low, high = wilson_interval(hits, n) if n else (None, None)
    return LabelScores(
        n=n,
        given=found,
        precision=hits / found if found else None,
        recall=hits / n if n else None,
        recall_low=low,
        recall_high=high,
        f1=2 * hits / (n + found) if n + found else 0.0,
    )


def _drawn(counts: Counts) -> npt.NDArray[np.float64]:
    """The sums over texts drawn with replacement, (draws, columns)."""
    # Texts that count alike count together, so that a million cost no more than a thousand.
    kinds, times = np.unique(counts, axis=0, return_counts=True)
    random = np.random.default_rng(SEED)
    weights = random.multinomial(len(counts), times / len(counts), size=DRAWS)
    sums: npt.NDArray[np.float64] = weights.astype(np.float64) @ kinds.astype(np.float64)
    return sums


def _f1(sums: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """F1 of rows of hits, entities that there are, and entities that were found."""
    hits, whole = sums[:, 0].astype(np.float64), (sums[:, 1] + sums[:, 2]).astype(np.float64)
    return np.divide(2 * hits, whole, out=np.zeros_like(hits), where=whole > 0)
