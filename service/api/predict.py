"""`POST /predict`."""

import time
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.api.problems import RESPONSES, status_of
from service.api.state import state_of
from service.errors import InvalidInput
from service.predictor import Answer, Outcome
from service.routing import parse_target
from service.schemas import Prediction, PredictRequest, PredictResponse, Timing

router = APIRouter(tags=["predict"])

TIMEOUT_HEADER = "x-request-timeout-ms"


@router.post(
    "/predict",
    summary="Classify one text or several",
    response_model=PredictResponse,
    responses=RESPONSES,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/PredictRequest"}}
            },
        },
        "parameters": [
            {
                "name": "X-Request-Timeout-Ms",
                "in": "header",
                "schema": {"type": "integer", "minimum": 1},
                "description": "after this long the answer is of no use, and 504 comes instead",
            }
        ],
    },
)
async def predict(request: Request) -> Response:
    """Answers with a label and scores for each text.

    The body is read by pydantic alone, in one pass: FastAPI's own way parses it to objects
    first and then checks those, and answers invalid UTF-8 with 400.
    """
    started = time.monotonic()
    state = state_of(request)
    model = "-"
    status = 500
    try:
        body = PredictRequest.model_validate_json(await request.body())
        state.refuse_while_draining()
        named = body.model or state.default_model
        target = parse_target(named)
        state.registry.get(target.name, target.version)  # so that a metric has known names only
        model = target.name
        texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
        deadline = started + timeout_ms(request.headers, state.settings.timeout_ms) / 1000
        outcome = await state.predictor.predict(
            texts, target, deadline=deadline, truncate=body.truncate
        )
        total = time.monotonic() - started
        state.observe(model, outcome, total)
        status = 200
        return Response(
            _response(body, named, outcome, total).model_dump_json(),
            media_type="application/json",
        )
    except Exception as error:
        status = status_of(error)
        state.metrics.rejected.labels(type(error).__name__).inc()
        raise
    finally:
        state.metrics.requests.labels(model, int(status)).inc()


def timeout_ms(headers: Mapping[str, str], default: int) -> int:
    """The request's own timeout, never longer than the service's.

    Raises:
        InvalidInput: the header is not a whole number of milliseconds.
    """
    given = headers.get(TIMEOUT_HEADER)
    if given is None:
        return default
    if not given.isascii() or not given.isdigit() or not int(given[:12]) > 0:
        raise InvalidInput("X-Request-Timeout-Ms is not a positive whole number")
    return min(int(given[:12]), default)


def _response(body: PredictRequest, named: str, outcome: Outcome, total: float) -> PredictResponse:
    stages = outcome.stages
    return PredictResponse(
        model=named,
        predictions=[_prediction(answer, body) for answer in outcome.answers],
        timing_ms=Timing(
            tokenize=_ms(stages.tokenize),
            queue=_ms(stages.queue),
            inference=_ms(stages.inference),
            total=_ms(total),
        ),
    )


def _prediction(answer: Answer, body: PredictRequest) -> Prediction:
    values = answer.logits if body.raw_scores else answer.scores
    ranked = sorted(values.items(), key=lambda pair: pair[1], reverse=True)[: body.top_k]
    return Prediction(
        label=answer.label,
        score=round(values[answer.label], 6),
        scores={label: round(value, 6) for label, value in ranked},
        model=answer.model,
        version=answer.version,
        escalated=answer.escalated,
        tokens=answer.tokens,
        truncated=answer.truncated,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
