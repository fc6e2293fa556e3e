"""What a batcher needs of a model, whatever its task. Knows no queues and no HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from service.repository.manifest import Manifest
from service.repository.sections import Windows


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts that a model reads together: a premise and a hypothesis, a query and a passage."""

    text: str
    text_pair: str

    def __len__(self) -> int:
        """Characters of both, as `len` says them of one text."""
        return len(self.text) + len(self.text_pair)


Input = str | Pair


class Place(NamedTuple):
    """Where a token stands in the user's own text, for models that tag tokens.

    Attributes:
        start: of its first character: what Python, and no byte, counts as one.
        end: after its last one.
        word: the token as the vocabulary spells it; an unknown one as the text does.
        continues: it goes on with the word of the token before it.
    """

    start: int
    end: int
    word: str
    continues: bool


@dataclass(slots=True)
class Item:
    """One encoded input, or one window of it.

    Attributes:
        ids: token ids, special tokens included, cut to the model's length; never empty.
        truncated: the input had more tokens than are read of it.
        type_ids: which text of a pair each token is of; None: all are of the first.
        more: the windows after this one, where the input is read in several.
        places: of each token in the text, of a special one None; None: the model needs none.
    """

    ids: list[int]
    truncated: bool
    type_ids: list[int] | None = None
    more: tuple["Item", ...] = ()
    places: Sequence[Place | None] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def windows(self) -> tuple["Item", ...]:
        """This one and those after it."""
        return self, *self.more

    @property
    def tokens(self) -> int:
        """How many are read, in all windows."""
        return len(self.ids) + sum([len(one.ids) for one in self.more])


class Output(Protocol):
    """What a model said of one input; each task has its own kind."""

    @property
    def confidence(self) -> float:
        """How sure the model is, between 0 and 1: what a cascade's threshold is compared with."""

    def said(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The labels that it gives, of those of the model; perhaps none."""

    def agrees(self, labels: Sequence[str], other: "Output", others: Sequence[str]) -> bool:
        """Whether another model says the same.

        Args:
            labels: of the model that gave this.
            other: what the other gave.
            others: the other's labels.
        """

    def word(self, labels: Sequence[str]) -> str:
        """What it says in one word, of which there are few: a metric is labelled with it."""


class Runnable(Protocol):
    """What a batcher needs of a version in memory, on a thread of its own."""

    @property
    def manifest(self) -> Manifest:
        """Of the version."""

    def run(self, batch: Sequence[Item]) -> Sequence[Output]:
        """Runs the model on one padded batch of items or windows; an output for each, in order."""


class Model(Runnable, Protocol):
    """One version in memory; used by several threads at once."""

    @property
    def reading(self) -> str:
        """Two models with the same value encode every input alike."""

    def encode(self, inputs: Sequence[Input], windows: Windows | None = None) -> list[Item]:
        """Encodes inputs, in their order.

        Args:
            windows: how what is too long is read; None: it is cut.
        """

    def prompted(self, inputs: Sequence[Input], name: str | None) -> Sequence[Input]:
        """Inputs as the model reads them: after a prompt, where its task has prompts.

        Args:
            name: of the prompt; None: the model's default, or none.

        Raises:
            InvalidInput: there is no such prompt.
        """

    def joined(self, item: Item, outputs: Sequence[Output], windows: Windows) -> Output:
        """What is said of an input that was read in several windows.

        Args:
            item: its first window, with the others.
            outputs: of each window, in order.
        """
