"""What a task has to say of its answers to be told in the dialects that serve all tasks alike.

A task's file here has one class with these methods; `renderers` knows them all. What only one
dialect or path has (`/tei/rerank`, `/v1/embeddings`) is in that dialect's own file.
"""

from collections.abc import Sequence
from typing import Protocol

from service.api.dialects.hf_schemas import HfParameters
from service.api.dialects.oip.described import TensorMetadata
from service.api.dialects.oip.schemas import InferParameters
from service.api.dialects.oip.tensors import Tensor
from service.api.schemas import PredictRequest
from service.repository.manifest import Manifest
from service.runtime.model import Input
from service.serving.shapes import Answer


class Renderer(Protocol):
    """How one task's answers are told.

    Attributes:
        parameters: of `/predict`, those of `PARTICULAR` that mean something to the task.
    """

    parameters: frozenset[str]

    def prediction(self, asked: PredictRequest, one: Input, answer: Answer) -> dict[str, object]:
        """What `/predict` says of an input, beside which model answered and what it read.

        Args:
            one: the user's input.
        """

    def hugging_face(
        self,
        parameters: HfParameters,
        inputs: Sequence[Input],
        answers: Sequence[Answer],
        alone: bool,
    ) -> object:
        """The whole answer of `/models/{name}`, as JSON.

        Args:
            alone: `inputs` was one input and no list.
        """

    def outputs(self, manifest: Manifest) -> list[TensorMetadata]:
        """The tensors that a model gives, as its metadata lists them."""

    def tensors(
        self,
        parameters: InferParameters,
        manifest: Manifest,
        inputs: Sequence[Input],
        answers: Sequence[Answer],
    ) -> dict[str, Tensor]:
        """All of them, by name, in the order of `outputs`.

        Args:
            manifest: what the client knows of the model: of a cascade that of its last.

        Raises:
            Unavailable: the models of a cascade answer differently.
        """
