"""The Hugging Face Inference API: `POST /models/{name}`.

As `huggingface_hub.InferenceClient(model=".../models/{name}").text_classification` speaks it:
https://huggingface.co/docs/inference-providers/tasks/text-classification
"""

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from service.api.dialects.classified import Function, labelled
from service.api.dialects.forms import ErrorBody
from service.api.dialects.protocol import Asked, DialectRoute, Head, Reply
from service.api.edge.bodies import parse_json
from service.api.schemas import Inputs
from service.serving.shapes import Ask, Outcome


class HfParameters(BaseModel):
    """Those of text classification; others are ignored, as the API does."""

    top_k: int | None = Field(None, ge=1, description="how many labels to list; null: all")
    function_to_apply: Function | None = Field(
        None,
        description="makes scores of logits; null: the model's own: softmax for one label a text, "
        "sigmoid for several, none for a regression",
    )


class HfRequest(BaseModel):
    """The body of `POST /models/{name}`; unknown keys (`options`) are ignored."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": "a funny film"}]})

    inputs: Inputs = Field(description="one text, or several")
    parameters: HfParameters | None = None


class HfLabel(BaseModel):
    """One label of a text."""

    label: str
    score: float


class TextClassification:
    """A list of labels a text, the best first."""

    def parse(self, head: Head, body: bytes) -> Asked:
        """See `Dialect.parse`."""
        asked = parse_json(HfRequest, body)
        texts = [asked.inputs] if isinstance(asked.inputs, str) else asked.inputs
        parameters = asked.parameters or HfParameters(top_k=None, function_to_apply=None)
        ask = Ask(texts, head.params["name"], truncate=True, deadline=head.deadline)
        return Asked(ask, lambda outcome, _: _reply(parameters, outcome))


def _reply(parameters: HfParameters, outcome: Outcome) -> Reply:
    lists = [
        [
            {"label": label, "score": score}
            for label, score in labelled(answer, parameters.function_to_apply, parameters.top_k)
        ]
        for answer in outcome.answers
    ]
    return Reply(to_json(lists))


ROUTES = [
    DialectRoute(
        path="/models/{name}",
        make=lambda _: TextClassification(),
        tag="Hugging Face Inference",
        summary="Classify one text or several",
        description="Answers with a list a text, also when there is only one: its labels, the best "
        "first. A multi-label model's labels are all listed, each with a sigmoid score of its own; "
        "which of them it gives, `/predict` tells. A regression has one label, the name of its "
        "number, and the number as its score.",
        body=HfRequest,
        answer=list[list[HfLabel]],
        error=ErrorBody,
    )
]
