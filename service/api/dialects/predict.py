"""`POST /predict`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic_core import to_json

from service.api.body import whole_body
from service.api.counted import Answered, Counted
from service.api.documented import body_of
from service.api.problems import RESPONSES
from service.api.schemas import PredictRequest, PredictResponse
from service.serving.predictor import Answer

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
    return Response(await answer(request), media_type="application/json")


async def answer(request: Request) -> bytes:
    """A `PredictResponse` as JSON."""
    with Counted(request) as count:
        body = PredictRequest.model_validate_json(await whole_body(request.receive))
        texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
        answered = await count.answer(body.model, texts, truncate=body.truncate)
    return to_json(_response(body, answered))


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
    reading, manifest = answer.reading, answer.manifest
    names, probabilities = manifest.labels, reading.probabilities
    values = reading.logits if body.raw_scores else probabilities
    ranked = sorted(range(len(names)), key=values.__getitem__, reverse=True)[: body.top_k]
    best = probabilities.index(max(probabilities))
    found = {
        "label": names[best],
        "score": round(values[best], 6),
        "scores": {names[row]: round(values[row], 6) for row in ranked},
        "confidence": round(reading.confidence, 6),
        "model": manifest.name,
        "version": manifest.version,
        "escalated": answer.escalated,
        "tokens": answer.tokens,
        "truncated": answer.truncated,
    }
    if reading.given is not None:
        found["labels"] = answer.labels
    return found


def _ms(seconds: float) -> float:
    return int(seconds * 1e6) / 1e3
