"""`/livez`, `/readyz` and `/metrics`: for orchestrators and monitoring."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.api.schemas import Health
from service.api.state import state_of

router = APIRouter(tags=["operations"])


@router.get("/livez", summary="Is the process alive?")
async def livez() -> Health:
    """Answers as long as the event loop turns."""
    return Health(status="alive")


@router.get(
    "/readyz",
    summary="Should traffic come here?",
    response_model=Health,
    responses={503: {"model": Health, "description": "draining, or no model is loaded"}},
)
async def readyz(request: Request) -> Response:
    """Not ready while no model is loaded, and while draining."""
    state = state_of(request)
    if state.draining:
        return JSONResponse({"status": "draining"}, status_code=503)
    if not any(True for _ in state.registry):
        return JSONResponse({"status": "no model is loaded"}, status_code=503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """In Prometheus' text format."""
    state = state_of(request)
    state.tally.catch_up()
    for batcher in state.registry:
        manifest = batcher.classifier.manifest
        state.metrics.queue_depth.labels(manifest.name).set(batcher.depth)
        state.metrics.loaded.labels(manifest.name).set(manifest.version)
    return Response(state.metrics.text(), media_type=CONTENT_TYPE_LATEST)
