"""`POST /predict`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.api.counted import Answered, counted
from service.api.documented import body_of
from service.api.problems import RESPONSES
from service.predictor import Answer
from service.schemas import Prediction, PredictRequest, PredictResponse, Timing

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
    async with counted(request) as count:
        body = PredictRequest.model_validate_json(await request.body())
        texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
        answered = await count.answer(body.model, texts, truncate=body.truncate)
    return Response(
        _response(body, answered).model_dump_json(exclude_none=True), media_type="application/json"
    )


def _response(body: PredictRequest, answered: Answered) -> PredictResponse:
    stages = answered.outcome.stages
    return PredictResponse(
        model=answered.model,
        predictions=[_prediction(answer, body) for answer in answered.outcome.answers],
        timing_ms=Timing(
            tokenize=_ms(stages.tokenize),
            queue=_ms(stages.queue),
            inference=_ms(stages.inference),
            total=_ms(answered.total),
        ),
    )


def _prediction(answer: Answer, body: PredictRequest) -> Prediction:
    values = answer.logits if body.raw_scores else answer.scores
    ranked = sorted(values.items(), key=lambda pair: pair[1], reverse=True)[: body.top_k]
    return Prediction(
        label=answer.label,
        labels=None if answer.labels is None else list(answer.labels),
        score=round(values[answer.label], 6),
        scores={label: round(value, 6) for label, value in ranked},
        confidence=round(answer.confidence, 6),
        model=answer.model,
        version=answer.version,
        escalated=answer.escalated,
        tokens=answer.tokens,
        truncated=answer.truncated,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
