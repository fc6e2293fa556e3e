"""What a batcher needs of a model, whatever its task. Knows no queues and no HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from service.repository.manifest import Manifest


@dataclass(slots=True)
class Item:
    """One encoded input.

    Attributes:
        ids: token ids, special tokens included, cut to the model's length; never empty.
        truncated: the input had more tokens than the model reads.
    """

    ids: list[int]
    truncated: bool

    def __len__(self) -> int:
        return len(self.ids)


class Output(Protocol):
    """What a model said of one item; each task has its own kind."""

    @property
    def confidence(self) -> float:
        """How sure the model is, between 0 and 1: what a cascade's threshold is compared with."""

    def said(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The labels that it gives, of those of the model; perhaps none."""


class Model(Protocol):
    """One version in memory; used by several threads at once."""

    @property
    def manifest(self) -> Manifest:
        """Of the version."""

    @property
    def reading(self) -> str:
        """Two models with the same value encode every text alike."""

    def encode(self, inputs: Sequence[str]) -> list[Item]:
        """Encodes inputs, in their order."""

    def run(self, batch: Sequence[Item]) -> Sequence[Output]:
        """Runs the model on one padded batch; an output for each item, in order."""
