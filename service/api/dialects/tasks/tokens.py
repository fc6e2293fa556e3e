"""How a tagger's answers are told: entities, with their characters in the user's own text."""

from collections.abc import Sequence
from typing import cast

from pydantic_core import to_json

from service.api.dialects.hf_schemas import HfParameters
from service.api.dialects.oip.described import TensorMetadata
from service.api.dialects.oip.schemas import InferParameters
from service.api.dialects.oip.tensors import Tensor
from service.api.schemas import PredictRequest
from service.repository.manifest import Manifest
from service.runtime.model import Input
from service.runtime.tasks.entities import NOTHING, Aggregation, Entity
from service.runtime.tasks.tagging import Tagging
from service.serving.shapes import Answer


class TokenRenderer:
    """See `Renderer`."""

    parameters = frozenset({"aggregation"})

    def prediction(self, asked: PredictRequest, one: Input, answer: Answer) -> dict[str, object]:
        """The entities, and how sure the model is of them."""
        return {
            "entities": told(answer, one, asked.aggregation),
            "confidence": round(answer.output.confidence, 6),
        }

    def hugging_face(
        self,
        parameters: HfParameters,
        inputs: Sequence[Input],  # noqa: ARG002  as of others
        answers: Sequence[Answer],
        alone: bool,
    ) -> object:
        """A list of entities, and for several inputs a list of such lists."""
        ignored = NOTHING if parameters.ignore_labels is None else parameters.ignore_labels
        lists = []
        for answer in answers:
            tagging = tagging_of(answer)
            aggregation = parameters.aggregation_strategy or tagging.aggregation
            found = tagging.entities(answer.manifest.labels, aggregation, ignored)
            lists.append([_as_transformers(one, aggregation, tagging) for one in found])
        return lists[0] if alone else lists

    def outputs(self, manifest: Manifest) -> list[TensorMetadata]:  # noqa: ARG002  as of others
        """`entities`: for each input a list in JSON."""
        return [TensorMetadata(name="entities", datatype="BYTES", shape=[-1])]

    def tensors(
        self,
        parameters: InferParameters,
        manifest: Manifest,  # noqa: ARG002  as of others
        inputs: Sequence[Input],
        answers: Sequence[Answer],
    ) -> dict[str, Tensor]:
        """The lists are what `/predict` has."""
        lists = [
            to_json(told(answer, one, parameters.aggregation)).decode()
            for one, answer in zip(inputs, answers, strict=True)
        ]
        return {"entities": Tensor("BYTES", (len(lists),), lists)}


def tagging_of(answer: Answer) -> Tagging:
    """What a tagger said."""
    return cast(Tagging, answer.output)


def told(answer: Answer, text: Input, aggregation: Aggregation | None) -> list[dict[str, object]]:
    """The entities of a text, as `/predict` has them."""
    assert isinstance(text, str)  # a tagger takes no pairs
    return [
        {
            "label": one.label,
            "score": round(one.score, 6),
            "text": text[one.start : one.end],
            "start": one.start,
            "end": one.end,
        }
        for one in tagging_of(answer).entities(answer.manifest.labels, aggregation)
    ]


def _as_transformers(
    entity: Entity, aggregation: Aggregation, tagging: Tagging
) -> dict[str, object]:
    """With the keys that transformers' pipeline gives it."""
    label, score, start, end, word, token = entity
    place: dict[str, object] = {"word": word, "start": start, "end": end}
    if aggregation == "none":
        return {"entity": label, "score": score, "index": tagging.first + token, **place}
    return {"entity_group": label, "score": score, **place}
