"""`POST /predict`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic_core import to_json

from service.api.body import whole_body
from service.api.counted import Answered, Counted
from service.api.documented import body_of
from service.api.problems import RESPONSES
from service.predictor import Answer
from service.schemas import PredictRequest, PredictResponse

router = APIRouter(tags=["predict"])


@router.post(
    "/predict",
    summary="Classify one text or several",
    response_model=PredictResponse,
    responses={code: found for code, found in RESPONSES.items() if code != 409},
    openapi_extra=body_of(PredictRequest),
)
async def predict(request: Request) -> Response:
    """Answers with a label and scores for each text.

    The body is read by pydantic alone, in one pass: FastAPI's own way parses it to objects
    first and then checks those, and answers invalid UTF-8 with 400.
    """
    with Counted(request) as count:
        body = PredictRequest.model_validate_json(await whole_body(request.receive))
        texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
        answered = await count.answer(body.model, texts, truncate=body.truncate)
    return Response(to_json(_response(body, answered)), media_type="application/json")


def _response(body: PredictRequest, answered: Answered) -> dict[str, object]:
    """A `PredictResponse`, as a plain dict: nothing of it needs to be checked."""
    stages = answered.outcome.stages
    return {
        "model": answered.model,
        "predictions": [_prediction(answer, body) for answer in answered.outcome.answers],
        "timing_ms": {
            "tokenize": _ms(stages.tokenize),
            "queue": _ms(stages.queue),
            "inference": _ms(stages.inference),
            "total": _ms(answered.total),
        },
    }


def _prediction(answer: Answer, body: PredictRequest) -> dict[str, object]:
    values = answer.logits if body.raw_scores else answer.scores
    ranked = sorted(values.items(), key=lambda pair: pair[1], reverse=True)[: body.top_k]
    label = answer.label
    return {
        "label": label,
        **({} if answer.labels is None else {"labels": answer.labels}),
        "score": round(values[label], 6),
        "scores": {name: round(value, 6) for name, value in ranked},
        "confidence": round(answer.confidence, 6),
        "model": answer.model,
        "version": answer.version,
        "escalated": answer.escalated,
        "tokens": answer.tokens,
        "truncated": answer.truncated,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
