"""Worlds of texts whose true loss is known: what a cascade's fit is simulated on.

A world is a large pool; a fit draws its texts from it with replacement, so that what the pool says
of a threshold is the truth and no estimate. The last model of each chain is always right where it
gains nothing back, so that lost and gained are drawn and nothing else.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.cascade.judging import Judged
from export.cascade.thresholds import Counts, count

SIZE = 100_000

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A pool of texts, and what a chain of models says of them."""

    name: str
    judged: Judged

    def drawn(self, n: int, random: np.random.Generator) -> Judged:
        """So many texts, each drawn from all."""
        rows = random.integers(self.judged.right.shape[1], size=n)
        return Judged(self.judged.confidence[:, rows], self.judged.right[:, rows])

    def loss(self, thresholds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The true shares of texts lost and gained at each threshold."""
        order = np.argsort(-thresholds)
        found: Counts = count(self.judged, thresholds[order])
        back = np.argsort(order)
        pool = self.judged.right.shape[1]
        return found.lost[back] / pool, found.gained[back] / pool

    def escalated(self, thresholds: FloatArray) -> FloatArray:
        """The true share that the last model answers."""
        surest = np.sort(self.judged.confidence[:-1].max(axis=0))
        share: FloatArray = np.searchsorted(surest, thresholds) / len(surest)
        return share


def judged_of(
    confidence: FloatArray, lost: npt.NDArray[np.bool_], gained: npt.NDArray[np.bool_]
) -> Judged:
    """Models of those confidences, each of which loses and gains those texts against the last.

    Args:
        confidence: (models, texts), without the last.
        lost, gained: (models, texts), without the last; a text is lost by some or gained by some.
    """
    last = ~gained.any(axis=0)
    right = np.where(lost, False, np.where(gained, True, last))
    sure = np.vstack([confidence, np.ones(confidence.shape[1])])
    return Judged(sure, np.vstack([right, last]))


def learnt(name: str, *, lost: float, gained: float, ties: int = 0, models: int = 1) -> World:
    """Models that are wrong where they are unsure.

    Args:
        lost, gained: shares of all texts, at the lowest threshold, of the first model.
        ties: the confidence has so many values; 0: any.
        models: before the last; each loses and gains half as much as the one before.
    """
    random = np.random.default_rng(7)
    doubt = random.beta(0.7, 2.5, SIZE)  # of the text; each model sees it in its own way
    rows = []
    for place in range(models):
        seen = np.clip(doubt * random.uniform(0.7, 1.3, SIZE), 0, 1)
        share = doubt**1.5 / np.mean(doubt**1.5) / 2**place
        chance = random.random(SIZE)
        loses = chance < lost * share
        gains = (chance > 1 - gained * share) & ~loses
        surest = 1 - seen / 2
        rows.append((np.round(surest * ties) / ties if ties else surest, loses, gains))
    sure, loses, gains = (np.stack(part) for part in zip(*rows, strict=True))
    return World(name, judged_of(sure, loses & ~gains.any(axis=0), gains))


def at_the_limit(name: str, *, limit: float, differing: float) -> World:
    """A model that is equally sure of every text, and loses one of 100,000 more than the limit."""
    lost = round((differing + limit) / 2 * SIZE) + 1
    gained = round((differing - limit) / 2 * SIZE)
    place = np.arange(SIZE)
    return World(
        name,
        judged_of(
            np.full((1, SIZE), 0.9),
            (place < lost)[np.newaxis],
            ((place >= lost) & (place < lost + gained))[np.newaxis],
        ),
    )
