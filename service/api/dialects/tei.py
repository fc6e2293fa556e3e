"""Text Embeddings Inference: `/tei/predict`, `/tei/info` and `/tei/health`.

As https://huggingface.github.io/text-embeddings-inference defines them, for one model at a
time: the default route, or that of `?model=`. Pairs of texts are refused: a text is what our
models read.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter

from service.api.counted import Answered, Counted
from service.api.dialects.forms import TeiErrorBody
from service.api.dialects.tei_schemas import (
    TeiInfo,
    TeiLabels,
    TeiModelType,
    TeiPrediction,
    TeiRequest,
    shape_of,
)
from service.api.documented import body_of, errors_of
from service.api.state import state_of
from service.errors import EmptyInput, InvalidInput, Unavailable
from service.repository.manifest import MODEL_FILE
from service.serving.predictor import Answer

router = APIRouter(prefix="/tei", tags=["Text Embeddings Inference"])

Model = Annotated[
    str | None,
    Query(description="a model, `name@version`, an alias or a cascade; without it the default"),
]


_SINGLE = TypeAdapter(list[TeiPrediction])
_BATCH = TypeAdapter(list[list[TeiPrediction]])


@router.post(
    "/predict",
    summary="Classify one text or a batch",
    response_model=list[TeiPrediction] | list[list[TeiPrediction]],
    responses=errors_of(TeiErrorBody)
    | {
        400: {"model": TeiErrorBody, "description": "empty text"},
        424: {"model": TeiErrorBody, "description": "the model failed"},
        500: {"model": TeiErrorBody, "description": "the service failed"},
    },
    openapi_extra=body_of(TeiRequest),
)
async def predict(request: Request, model: Model = None) -> Response:
    """Answers with every label of a text, the best first; a batch gets a list of such lists.

    What the work took is in headers, in whole milliseconds.
    """
    with Counted(request) as count:
        body = TeiRequest.model_validate_json(await request.body())
        texts = _texts(body)
        answered = await count.answer(model, texts, truncate=body.truncate is not False)
    predictions = [_ranked(answer, body.raw_scores) for answer in answered.outcome.answers]
    content = (
        _BATCH.dump_json(predictions)
        if shape_of(body.inputs) == "batch"
        else _SINGLE.dump_json(predictions[0])
    )
    return Response(content, headers=_headers(answered, texts), media_type="application/json")


@router.get("/info", summary="Describe the model", responses=errors_of(TeiErrorBody, 401, 404, 503))
async def info(request: Request, model: Model = None) -> TeiInfo:
    """Describes the model that `/tei/predict` asks; of a cascade, its last one."""
    state = state_of(request)
    name = model or state.default_model
    target = state.plan(name).steps[-1].target
    manifest = state.registry.describe(target.name, target.version)
    settings = state.settings
    return TeiInfo(
        model_id=name,
        model_sha=manifest.files[MODEL_FILE].sha256,
        model_dtype={"fp32": "float32"}.get(manifest.precision, manifest.precision),
        model_type=TeiModelType(
            classifier=TeiLabels(
                id2label={str(index): label for index, label in enumerate(manifest.labels)},
                label2id={label: index for index, label in enumerate(manifest.labels)},
            )
        ),
        max_concurrent_requests=settings.max_queue,
        max_input_length=manifest.max_length,
        max_batch_tokens=settings.batch_tokens,
        max_batch_requests=None,
        max_client_batch_size=settings.max_texts,
        auto_truncate=True,
        tokenization_workers=1,
        version=request.app.version,
        sha=None,
        docker_label=None,
    )


@router.get(
    "/health",
    summary="Should traffic come here?",
    response_class=Response,
    responses={503: {"model": TeiErrorBody, "description": "draining, or no model is loaded"}},
)
async def health(request: Request) -> Response:
    """Answers with an empty body; not healthy while `/readyz` is not ready."""
    state = state_of(request)
    state.refuse_while_draining()
    if not any(True for _ in state.registry):
        raise Unavailable("no model is loaded")
    return Response()


def _texts(body: TeiRequest) -> list[str]:
    """Every text, in order.

    Raises:
        EmptyInput: there is none, or one of white space.
        InvalidInput: there is a pair, or the text is to be cut on the left.
    """
    if any(len(row) > 1 for row in body.rows):
        raise InvalidInput(
            'the model reads one text, not a pair; a batch is [["one"], ["two"]], '
            "each text in a list of its own"
        )
    texts = [row[0] for row in body.rows]
    if not texts or not all(text.strip() for text in texts):
        raise EmptyInput("`inputs` cannot be empty")
    if body.truncation_direction == "left" and body.truncate is not False:
        raise InvalidInput("truncation_direction: only right is supported")
    return texts


def _ranked(answer: Answer, raw_scores: bool) -> list[TeiPrediction]:
    values = answer.logits if raw_scores else answer.scores
    ranked = sorted(values.items(), key=lambda pair: pair[1], reverse=True)
    return [TeiPrediction(score=value, label=label) for label, value in ranked]


def _headers(answered: Answered, texts: list[str]) -> dict[str, str]:
    stages = answered.outcome.stages
    tokens = sum(answer.tokens for answer in answered.outcome.answers)
    return {
        "x-compute-type": "cpu",
        "x-compute-time": _ms(answered.total),
        "x-compute-characters": str(sum(map(len, texts))),
        "x-compute-tokens": str(tokens),
        "x-total-time": _ms(answered.total),
        "x-tokenization-time": _ms(stages.tokenize),
        "x-queue-time": _ms(stages.queue),
        "x-inference-time": _ms(stages.inference),
    }


def _ms(seconds: float) -> str:
    return str(int(seconds * 1000))
