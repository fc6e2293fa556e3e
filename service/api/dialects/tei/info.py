"""`/tei/info` and `/tei/health`: the model that Text Embeddings Inference's endpoints ask."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from service.api.dialects.forms import TeiErrorBody
from service.api.dialects.tei.asking import MODEL, TAG, TEI_FAILURES
from service.api.dialects.tei.rerank import is_reranker
from service.api.dialects.tei.schemas import (
    TeiClassifier,
    TeiEmbedding,
    TeiInfo,
    TeiLabels,
    TeiModelType,
    TeiPooling,
    TeiReranker,
)
from service.api.state import service_of
from service.errors import Unavailable, WrongTask
from service.repository.manifest import MODEL_FILE, Manifest

# As TEI names them.
_POOLING: Mapping[str, str] = {"last": "last_token"}

router = APIRouter(prefix="/tei", tags=[TAG])


@router.get(
    "/info",
    summary="Describe the model",
    responses={
        status: {"model": TeiErrorBody, "description": TEI_FAILURES[status]}
        for status in (401, 404, 424, 503)
    },
)
async def info(
    request: Request, model: Annotated[str | None, Query(description=MODEL)] = None
) -> TeiInfo:
    """Describes the model that the other endpoints ask; of a cascade, its last one."""
    service = service_of(request)
    plan = service.plan(model or None)
    manifest = service.describe(plan.last)
    settings = service.settings
    return TeiInfo(
        model_id=plan.named,
        served_model_name=plan.named,
        model_sha=manifest.files[MODEL_FILE].sha256,
        model_dtype={"fp32": "float32"}.get(manifest.precision, manifest.precision),
        model_type=_model_type(manifest),
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


def _model_type(manifest: Manifest) -> TeiModelType:
    """What TEI calls the model.

    Raises:
        WrongTask: it has no name for it.
    """
    if manifest.task == "token-classification":
        raise WrongTask(f"{manifest.name} is a {manifest.task} model, which TEI does not know")
    if manifest.task == "feature-extraction":
        pooling = manifest.pooling or "mean"
        return TeiEmbedding(embedding=TeiPooling(pooling=_POOLING.get(pooling, pooling)))
    labels = TeiLabels(
        id2label={str(index): label for index, label in enumerate(manifest.labels)},
        label2id={label: index for index, label in enumerate(manifest.labels)},
    )
    if is_reranker(manifest):
        return TeiReranker(reranker=labels)
    return TeiClassifier(classifier=labels)
