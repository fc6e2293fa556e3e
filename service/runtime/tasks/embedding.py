"""Feature extraction: one vector a text, pooled by the graph; compared, shortened, normalised.

An output holds the vector as the graph gives it. Whether it is cut and normalised is said by the
manifest and by each request, so both are done where an answer is written. Knows no HTTP.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.errors import InvalidInput
from service.repository.manifest import Manifest
from service.repository.sections import Windows
from service.runtime.model import Input, Item, Output
from service.runtime.tasks.task import Float32Array, OnnxModel

NEAR = 0.95  # see `Embedding.agrees`
_LEAST = np.float32(1e-12)  # as torch's `normalize` has it: a vector of zeros stays one


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The vector of one text.

    Attributes:
        vector: (size,), before any normalisation.
    """

    vector: Float32Array

    @property
    def confidence(self) -> float:
        """Of no meaning: an embedder is sure of nothing, and part of no cascade."""
        return 1.0

    def said(self, labels: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002  as all outputs have it
        """No label."""
        return ()

    def agrees(self, labels: Sequence[str], other: Output, others: Sequence[str]) -> bool:  # noqa: ARG002  as all outputs have it
        """Whether the other is a vector of the same size whose cosine with this is 0.95 or more.

        Of two models that were trained apart, each has a space of its own: only a copy of a model
        (another precision, or a student that learnt its vectors) can agree with it.
        """
        if not isinstance(other, Embedding) or other.vector.shape != self.vector.shape:
            return False
        return bool(np.vdot(normalized(self.vector), normalized(other.vector)) >= NEAR)

    def word(self, labels: Sequence[str]) -> str:  # noqa: ARG002  as all outputs have it
        """That it is an embedding."""
        return "embedding"


class Embedder(OnnxModel):
    """Turns texts into vectors.

    See `OnnxModel`.
    """

    def output_shape(self, rows: int, tokens: int) -> tuple[int, ...]:  # noqa: ARG002  as of others
        """(rows, size)."""
        assert self.manifest.embedding_size is not None
        return rows, self.manifest.embedding_size

    def prompted(self, inputs: Sequence[Input], name: str | None) -> Sequence[Input]:
        """As sentence-transformers has it; see `Model.prompted`."""
        manifest = self.manifest
        check_prompt(manifest, name)
        chosen = manifest.default_prompt if name is None else name
        prompt = "" if chosen is None else manifest.prompts[chosen]
        return [prompt + one for one in inputs if isinstance(one, str)] if prompt else inputs

    def run(self, batch: Sequence[Item]) -> Sequence[Embedding]:
        """Runs the model on one padded batch.

        Raises:
            ValueError: a number of a vector is not finite.
        """
        vectors = self.output(batch)
        if not math.isfinite(np.add.reduce(vectors, axis=None)):
            raise ValueError("a number of an embedding is not finite")
        # Copies: a row that is kept would keep its whole batch.
        return [Embedding(row.copy()) for row in vectors]

    def joined(self, item: Item, outputs: Sequence[Output], windows: Windows) -> Embedding:
        """The windows' vectors, pooled as `windows` has it.

        The mean is weighted by the tokens of each window: of a graph that takes the mean of the
        tokens, it is the mean of all that were read.
        """
        vectors = np.stack([_vector_of(output) for output in outputs])
        if windows.pooling == "first":
            return Embedding(vectors[0])
        if windows.pooling == "max":
            return Embedding(np.maximum.reduce(vectors, axis=0))
        tokens = np.array([len(window) for window in (item, *item.more)], np.float32)
        return Embedding((tokens / tokens.sum()) @ vectors)

    def embeddings(self, items: Sequence[Item]) -> Float32Array:
        """Runs the model on one padded batch.

        Returns:
            (batch, size), normalised if the manifest says so.
        """
        vectors = self.output(items)
        return normalized(vectors) if self.manifest.normalize else vectors


def check_prompt(manifest: Manifest, name: str | None) -> None:
    """Raises InvalidInput where an embedder has no prompt of that name."""
    if name is not None and name not in manifest.prompts:
        there_are = f"there are {sorted(manifest.prompts)}" if manifest.prompts else "it has none"
        raise InvalidInput(f"prompt_name: {manifest.name} has no prompt {name[:64]!r}: {there_are}")


def normalized(vectors: Float32Array) -> Float32Array:
    """Vectors at length 1, each along the last axis."""
    lengths: Float32Array = np.sqrt(np.add.reduce(vectors * vectors, axis=-1, keepdims=True))
    found: Float32Array = np.divide(vectors, np.maximum(lengths, _LEAST))
    return found


def _vector_of(output: Output) -> Float32Array:
    assert isinstance(output, Embedding)
    return output.vector
