"""`/livez`, `/readyz`, `/metrics` and `/stats`: for orchestrators and monitoring."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.api.schemas import Health
from service.api.state import service_of
from service.telemetry.stats import Stats

router = APIRouter(tags=["operations"])


def _probe(path: str, summary: str, otherwise: str) -> dict[str, Any]:
    responses = {503: {"model": Health, "description": otherwise}}
    return {"path": path, "summary": summary, "response_model": Health, "responses": responses}


@router.head(**_probe("/livez", "Is the process alive?", "a model's thread has died"))
@router.get(**_probe("/livez", "Is the process alive?", "a model's thread has died"))
async def livez(request: Request) -> Response:
    """Answers as long as the event loop turns and every model's thread lives."""
    dead = service_of(request).dead()
    return JSONResponse({"status": dead or "alive"}, 503 if dead else 200)


@router.head(**_probe("/readyz", "Should traffic come here?", "the default route cannot answer"))
@router.get(**_probe("/readyz", "Should traffic come here?", "the default route cannot answer"))
async def readyz(request: Request) -> Response:
    """Not ready while the default route cannot answer, and once a stop has begun."""
    unready = service_of(request).unready()
    return JSONResponse({"status": unready or "ready"}, 503 if unready else 200)


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """In Prometheus' text format; of several workers, added up."""
    service = service_of(request)
    content = service.telemetry.metrics(service.gauges(), service.fitted(), service.store())
    return Response(content, media_type=CONTENT_TYPE_LATEST)


@router.get("/stats", summary="Figures of the last minute")
async def stats(request: Request) -> Stats:
    """Throughput, latency, errors and the share escalated, of one worker process."""
    return service_of(request).telemetry.stats()
