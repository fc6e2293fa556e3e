"""Token classification: what a model's logits say of each token of a text.

Knows nothing of queues or HTTP, nor of how entities are made of tokens.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from service.errors import FileError
from service.repository.manifest import Manifest
from service.repository.sections import Windows
from service.runtime.engine import Session
from service.runtime.model import Input, Item, Output, Place
from service.runtime.tasks.entities import Tokens, least_sure
from service.runtime.tasks.tagging import Tagging
from service.runtime.tasks.task import Float32Array, OnnxModel
from service.runtime.tokenizer import Tokenizer


class Tagger(OnnxModel):
    """Turns texts into logits of their tokens, and these into probabilities by label.

    See `OnnxModel`.
    """

    def __init__(self, manifest: Manifest, tokenizer: Tokenizer, session: Session) -> None:
        super().__init__(manifest, tokenizer, session)
        self.reading += ":places"  # other tasks' items have none
        self._temperature = np.float32(manifest.temperature)

    def output_shape(self, rows: int, tokens: int) -> tuple[int, ...]:
        """(rows, tokens, labels)."""
        return rows, tokens, len(self.manifest.labels)

    def check_output(self, place: str, output: Float32Array) -> None:
        """See `OnnxModel.check_output`."""
        if not np.isfinite(self.probabilities(output)).all():
            raise FileError(f"{place}: no probabilities by its temperature")

    def encode(self, inputs: Sequence[Input], windows: Windows | None = None) -> list[Item]:
        """Tokenises texts, and finds each token's place in them; see `Model.encode`."""
        return self.tokenizer.encode(inputs, windows, placed=True)

    def run(self, batch: Sequence[Item]) -> Sequence[Tagging]:
        """Runs the model on one padded batch, and tells what it says of each text's tokens.

        Raises:
            ValueError: a token gets no number for a label.
        """
        probabilities = self.probabilities(self.logits(batch))
        return [
            self._told(rows[: len(item.ids)], item)
            for rows, item in zip(probabilities, batch, strict=True)
        ]

    def logits(self, items: Sequence[Item]) -> Float32Array:
        """Runs the model on one padded batch.

        Returns:
            (batch, tokens, labels), before the temperature; of no meaning where there is padding.
        """
        return self.output(items)

    def probabilities(self, logits: Float32Array) -> Float32Array:
        """Softmax over the labels, after the temperature.

        Args:
            logits: (batch, tokens, labels).

        Returns:
            the same shape.
        """
        scaled: Float32Array = logits / self._temperature
        shifted = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        softmax: Float32Array = shifted / shifted.sum(axis=-1, keepdims=True)
        return softmax

    def joined(self, item: Item, outputs: Sequence[Output], windows: Windows) -> Tagging:  # noqa: ARG002  as of others
        """The windows' tokens, one after the other, each as the best of its windows has it.

        A token of several windows is taken from that in which it stands farthest from where the
        text goes on: there the model has seen most of what is beside it.
        """
        taggings = [output for output in outputs if isinstance(output, Tagging)]
        rows: list[Float32Array] = []
        places: list[Place] = []
        for start, end, tagging in _parts(taggings, windows.stride):
            rows.append(tagging.probabilities[start:end])
            places += tagging.places[start:end]
        return self._tagging(np.concatenate(rows), places, taggings[0].first)

    def _told(self, rows: Float32Array, item: Item) -> Tagging:
        if item.places is None:
            raise TypeError("a tagger's items are encoded by a tagger")
        own = [token for token, place in enumerate(item.places) if place is not None]
        places = [place for place in item.places if place is not None]
        return self._tagging(rows[own], places, own[0] if own else 0)

    def _tagging(self, rows: Float32Array, places: Sequence[Place], first: int) -> Tagging:
        if not np.isfinite(rows).all():
            raise ValueError("a probability is not finite")
        labels, aggregation = self.manifest.labels, self.manifest.aggregation
        spell = self.tokenizer.spell
        sure = least_sure(Tokens(rows, places, labels, spell), aggregation)
        return Tagging(rows, places, sure, first, spell, aggregation)


def _parts(taggings: Sequence[Tagging], stride: int) -> Iterator[tuple[int, int, Tagging]]:
    """Which tokens are taken from each window: of those that two share, from each the nearer half.

    Args:
        stride: tokens that a window shares with the one before it.

    Yields:
        the first token, the one after the last, and the window.
    """
    half = (stride + 1) // 2
    last = len(taggings) - 1
    for number, tagging in enumerate(taggings):
        end = len(tagging.places)
        yield half if number else 0, end - (stride - half) if number < last else end, tagging
