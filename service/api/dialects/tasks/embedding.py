"""How an embedder's answers are told; what a request asks of its embeddings.

As sentence-transformers has it, a vector is cut before it is normalised.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast

import numpy as np

from service.api.dialects.hf_schemas import HfParameters
from service.api.dialects.numbers import base64_of, numbers_of
from service.api.dialects.oip.described import TensorMetadata
from service.api.dialects.oip.schemas import InferParameters
from service.api.dialects.oip.tensors import Tensor
from service.api.schemas import PredictRequest
from service.api.state import Service
from service.errors import InvalidInput, WrongTask
from service.repository.manifest import Manifest
from service.runtime.model import Input
from service.runtime.tasks.embedding import Embedding, check_prompt, normalized
from service.runtime.tasks.task import Float32Array
from service.serving.shapes import Answer

OUTPUT = "embedding"


class Asking(Protocol):
    """A body, or its parameters, with what can be asked of embeddings."""

    @property
    def normalize(self) -> bool | None:
        """To length 1."""

    @property
    def dimensions(self) -> int | None:
        """How many numbers of a vector, the first."""

    @property
    def prompt_name(self) -> str | None:
        """What is put before each text."""


class Wish(NamedTuple):
    """What a request wants of its vectors; None: what the manifest says.

    Attributes:
        normalize: to length 1.
        dimensions: how many numbers of each, the first.
    """

    normalize: bool | None
    dimensions: int | None


class EmbeddingRenderer:
    """See `Renderer`."""

    parameters = frozenset({"normalize", "dimensions", "prompt_name"})

    def prediction(self, asked: PredictRequest, one: Input, answer: Answer) -> dict[str, object]:  # noqa: ARG002  as of others
        """The vector."""
        (row,) = numbers_of(vectors_of([answer], Wish(asked.normalize, asked.dimensions)))
        return {"embedding": row}

    def hugging_face(
        self,
        parameters: HfParameters,
        inputs: Sequence[Input],  # noqa: ARG002  as of others
        answers: Sequence[Answer],
        alone: bool,  # noqa: ARG002  as of others
    ) -> object:
        """A list of vectors, also where there is one input."""
        vectors = vectors_of(answers, Wish(parameters.normalize, parameters.dimensions))
        as_base64 = parameters.encoding_format == "base64"
        return base64_of(vectors) if as_base64 else numbers_of(vectors)

    def outputs(self, manifest: Manifest) -> list[TensorMetadata]:
        """`embedding`."""
        size = manifest.embedding_size or -1
        return [TensorMetadata(name=OUTPUT, datatype="FP32", shape=[-1, size])]

    def tensors(
        self,
        parameters: InferParameters,
        manifest: Manifest,  # noqa: ARG002  as of others
        inputs: Sequence[Input],  # noqa: ARG002  as of others
        answers: Sequence[Answer],
    ) -> dict[str, Tensor]:
        """A row for each text."""
        vectors = vectors_of(answers, Wish(parameters.normalize, parameters.dimensions))
        return {OUTPUT: Tensor("FP32", vectors.shape, vectors.ravel())}


def embedder_of(service: Service, named: str | None) -> Manifest:
    """The manifest of an embedder.

    Raises:
        UnknownModel, Unavailable: see `Service.plan`.
        WrongTask: the model is none.
    """
    plan = service.plan(named)
    manifest = service.describe(plan.last)
    if manifest.task != "feature-extraction":
        raise WrongTask(
            f"model: {plan.named} is a {manifest.task} model, which gives no embeddings: name an "
            "embedder as `model` (of /tei/embed in the query); GET /models lists the tasks"
        )
    return manifest


def check_asked(service: Service, named: str | None, asked: Asking) -> None:
    """Checks that an embedder has what is asked of it; of other models nothing is known here.

    Raises:
        UnknownModel, Unavailable: see `Service.plan`.
        InvalidInput: it has no such size or prompt.
    """
    if asked.dimensions is None and asked.prompt_name is None:
        return
    manifest = service.describe(service.plan(named).last)
    if manifest.task != "feature-extraction":
        return
    check_prompt(manifest, asked.prompt_name)
    sizes = {*manifest.dimensions, cast(int, manifest.embedding_size)}
    if asked.dimensions is not None and asked.dimensions not in sizes:
        raise InvalidInput(
            f"dimensions: {manifest.name} has no embeddings of {asked.dimensions}: there are "
            f"{sorted(sizes)}"
        )


def vectors_of(answers: Sequence[Answer], wish: Wish) -> Float32Array:
    """The vectors of a request, cut and normalised as it wants them: (texts, size)."""
    vectors = np.stack([cast(Embedding, answer.output).vector for answer in answers])
    if wish.dimensions is not None:
        vectors = vectors[:, : wish.dimensions]
    normalize = answers[0].manifest.normalize if wish.normalize is None else wish.normalize
    return normalized(vectors) if normalize else vectors
