"""Text Embeddings Inference: `/tei/predict`, `/tei/info` and `/tei/health`.

As https://huggingface.github.io/text-embeddings-inference defines them, for one model at a
time: the default route, or that of `?model=`. Pairs of texts are refused: a text is what our
models read.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic_core import to_json

from service.api.dialects.classified import labelled
from service.api.dialects.forms import TeiErrorBody
from service.api.dialects.protocol import FAILURES, Asked, DialectRoute, Head, Reply
from service.api.dialects.tei_schemas import (
    TeiInfo,
    TeiLabels,
    TeiModelType,
    TeiPrediction,
    TeiRequest,
    shape_of,
)
from service.api.edge.bodies import parse_json
from service.api.state import service_of
from service.errors import EmptyInput, InvalidInput, Unavailable
from service.repository.manifest import MODEL_FILE
from service.serving.shapes import Answer, Ask, Outcome, Stages

TAG = "Text Embeddings Inference"
MODEL = "a model, `name@version`, an alias or a cascade; without it the default"

router = APIRouter(prefix="/tei", tags=[TAG])


class TeiPredict:
    """Every label of a text, the best first; of a batch a list of such lists."""

    def parse(self, head: Head, body: bytes) -> Asked:
        """See `Dialect.parse`."""
        asked = parse_json(TeiRequest, body)
        texts = _texts(asked)
        raw = asked.raw_scores is True
        batch = shape_of(asked.inputs) == "batch"
        ask = Ask(
            texts, head.query.get("model") or None, asked.truncate is not False, head.deadline
        )
        return Asked(ask, lambda outcome, seconds: _reply(texts, raw, batch, outcome, seconds))


@router.get(
    "/info",
    summary="Describe the model",
    responses={
        status: {"model": TeiErrorBody, "description": FAILURES[status]}
        for status in (401, 404, 503)
    },
)
async def info(
    request: Request, model: Annotated[str | None, Query(description=MODEL)] = None
) -> TeiInfo:
    """Describes the model that `/tei/predict` asks; of a cascade, its last one."""
    service = service_of(request)
    plan = service.plan(model or None)
    manifest = service.describe(plan.last)
    settings = service.settings
    return TeiInfo(
        model_id=plan.named,
        served_model_name=plan.named,
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


@router.head("/health", include_in_schema=False)
@router.get(
    "/health",
    summary="Should traffic come here?",
    response_class=Response,
    responses={503: {"model": TeiErrorBody, "description": "not ready, as `/readyz` says"}},
)
async def health(request: Request) -> Response:
    """Answers with an empty body; not healthy while `/readyz` is not ready."""
    reason = service_of(request).unready()
    if reason is not None:
        raise Unavailable(reason)
    return Response()


def _texts(asked: TeiRequest) -> list[str]:
    """Every text, in order.

    Raises:
        EmptyInput: there is none, or one of white space.
        InvalidInput: there is a pair, or the text is to be cut on the left.
    """
    rows = asked.rows
    if any(len(row) > 1 for row in rows):
        raise InvalidInput(
            'the model reads one text, not a pair; a batch is [["one"], ["two"]], '
            "each text in a list of its own"
        )
    texts = [row[0] for row in rows]
    if not texts or not all(text.strip() for text in texts):
        raise EmptyInput("`inputs` cannot be empty")
    if asked.truncation_direction in ("left", "Left") and asked.truncate is not False:
        raise InvalidInput("truncation_direction: only right is supported")
    return texts


def _reply(
    texts: Sequence[str],
    raw: bool,
    batch: bool,
    outcome: Outcome,
    seconds: float,
) -> Reply:
    lists = [
        [{"score": score, "label": label} for label, score in _scores(answer, raw)]
        for answer in outcome.answers
    ]
    return Reply(to_json(lists if batch else lists[0]), headers=_headers(texts, outcome, seconds))


def _scores(answer: Answer, raw: bool) -> list[tuple[str, float]]:
    """Every label with its score, the best first; TEI makes one between 0 and 1 of one logit."""
    if raw:
        return labelled(answer, "none")
    one = answer.manifest.problem_type == "regression"
    return labelled(answer, "sigmoid" if one else None)


def _headers(
    texts: Sequence[str], outcome: Outcome, seconds: float
) -> tuple[tuple[bytes, bytes], ...]:
    """What the work took; times in whole milliseconds."""
    stages = Stages.of(outcome.hops)
    tokens = sum(answer.tokens for answer in outcome.answers)
    total = _ms(seconds)
    return (
        (b"x-compute-type", b"cpu"),
        (b"x-compute-time", total),
        (b"x-compute-characters", b"%d" % sum(map(len, texts))),
        (b"x-compute-tokens", b"%d" % tokens),
        (b"x-total-time", total),
        (b"x-tokenization-time", _ms(stages.tokenize)),
        (b"x-queue-time", _ms(stages.queue)),
        (b"x-inference-time", _ms(stages.inference)),
    )


def _ms(seconds: float) -> bytes:
    return b"%d" % int(seconds * 1000)


ROUTES = [
    DialectRoute(
        path="/tei/predict",
        make=lambda _: TeiPredict(),
        tag=TAG,
        summary="Classify one text or a batch",
        description="Answers with every label of a text, the best first; a batch gets a list of "
        "such lists. A score is a softmax; of a multi-label model a sigmoid of its own for each "
        "label; of a regression, as TEI has it of one logit, the sigmoid of its number, which "
        "`raw_scores` gives itself. What the work took is in headers, in whole milliseconds.",
        body=TeiRequest,
        answer=list[TeiPrediction] | list[list[TeiPrediction]],
        error=TeiErrorBody,
        failures={
            **FAILURES,
            400: "empty text",
            424: "the model failed",
            500: "the service failed",
        },
        query={"model": MODEL},
    )
]
