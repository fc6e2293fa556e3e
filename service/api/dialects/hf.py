"""The Hugging Face Inference API: `POST /models/{name}`.

As `huggingface_hub.InferenceClient(model=".../models/{name}").text_classification` speaks it:
https://huggingface.co/docs/inference-providers/tasks/text-classification
"""

import math
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from service.api.counted import Counted
from service.api.dialects.forms import ErrorBody
from service.api.documented import body_of, errors_of
from service.api.schemas import Inputs
from service.serving.predictor import Answer

router = APIRouter(tags=["Hugging Face Inference"])

Function = Literal["softmax", "sigmoid", "none"]


class HfParameters(BaseModel):
    """Those of text classification; others are ignored, as the API does."""

    top_k: int | None = Field(None, ge=1, description="how many labels to list; null: all")
    function_to_apply: Function | None = Field(
        None, description="makes scores of logits; null: the model's own"
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


_RESPONSE = TypeAdapter(list[list[HfLabel]])


@router.post(
    "/models/{name}",
    summary="Classify one text or several",
    response_model=list[list[HfLabel]],
    responses=errors_of(ErrorBody),
    openapi_extra=body_of(HfRequest),
)
async def classify(request: Request, name: str) -> Response:
    """Answers with a list a text, also when there is only one: its labels, the best first.

    A multi-label model's labels are all listed, each with a sigmoid score of its own.
    """
    with Counted(request) as count:
        body = HfRequest.model_validate_json(await request.body())
        texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
        answered = await count.answer(name, texts)
    parameters = body.parameters or HfParameters(top_k=None, function_to_apply=None)
    lists = [_ranked(answer, parameters) for answer in answered.outcome.answers]
    return Response(_RESPONSE.dump_json(lists), media_type="application/json")


def _ranked(answer: Answer, parameters: HfParameters) -> list[HfLabel]:
    scores = _scores(answer, parameters.function_to_apply)
    ranked = sorted(scores.items(), key=lambda pair: pair[1], reverse=True)
    return [HfLabel(label=label, score=score) for label, score in ranked[: parameters.top_k]]


def _scores(answer: Answer, function: Function | None) -> dict[str, float]:
    own = "softmax" if answer.labels is None else "sigmoid"
    if function in (None, own):
        return answer.scores
    logits = answer.logits
    if function == "none":
        return logits
    if function == "sigmoid":
        return {label: _sigmoid(logit) for label, logit in logits.items()}
    highest = max(logits.values())
    parts = {label: math.exp(logit - highest) for label, logit in logits.items()}
    return {label: part / sum(parts.values()) for label, part in parts.items()}


def _sigmoid(logit: float) -> float:
    small = math.exp(-abs(logit))  # never overflows, whichever the sign
    return (1.0 if logit >= 0 else small) / (1.0 + small)
