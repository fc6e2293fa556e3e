"""What a tagger says of one text: the probabilities of each token's labels, and where it stands.

Knows no model and no dialect.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.runtime.model import Output, Place
from service.runtime.tasks.entities import (
    NOTHING,
    Aggregation,
    Entity,
    Spell,
    Tokens,
    entities_of,
)


@dataclass(frozen=True, slots=True, eq=False)
class Tagging:
    """What a tagger said of the tokens of one text, special ones left out.

    Attributes:
        probabilities: (tokens, labels).
        places: of each token in the user's text.
        confidence: see `entities.least_sure`.
        first: how many special tokens stand before the text's.
        spell: puts tokens together as the tokeniser does.
        aggregation: how its entities are made where nobody says it.
    """

    probabilities: npt.NDArray[np.float32]
    places: Sequence[Place]
    confidence: float
    first: int
    spell: Spell
    aggregation: Aggregation = "simple"

    def entities(
        self,
        labels: Sequence[str],
        aggregation: Aggregation | None = None,
        ignored: Sequence[str] = NOTHING,
    ) -> list[Entity]:
        """See `entities_of`; None: by the aggregation of its own."""
        tokens = Tokens(self.probabilities, self.places, labels, self.spell)
        return entities_of(tokens, aggregation or self.aggregation, ignored)

    def said(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The labels of its entities, each once."""
        return tuple(dict.fromkeys(entity.label for entity in self.entities(labels)))

    def agrees(self, labels: Sequence[str], other: Output, others: Sequence[str]) -> bool:
        """Whether the other finds the same entities: label, start and end."""
        return isinstance(other, Tagging) and self._found(labels) == other._found(others)

    def word(self, labels: Sequence[str]) -> str:
        """The label, where all its entities have one; several are one word."""
        said = self.said(labels)
        return "several" if len(said) > 1 else "".join(said) or "none"

    def _found(self, labels: Sequence[str]) -> set[tuple[str, int, int]]:
        return {(one.label, one.start, one.end) for one in self.entities(labels)}
