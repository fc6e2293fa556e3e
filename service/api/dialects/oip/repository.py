"""The model repository and its statistics, as Triton's clients ask for them, under `/v2`.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
"""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from service.api.dialects.forms import ErrorBody
from service.api.dialects.oip.described import (
    Duration,
    IndexEntry,
    IndexRequest,
    InferenceStatistics,
    LoadRequest,
    Statistics,
    VersionStatistics,
)
from service.api.dialects.oip.models import ERRORS, TAG, named
from service.api.dialects.protocol import FAILURES
from service.api.edge.bodies import parse_json
from service.api.schemas import SHOWN
from service.api.state import Service, service_of
from service.errors import InvalidInput
from service.repository.routes import Target, parse_target

router = APIRouter(prefix="/v2", tags=[TAG])

_BAD: dict[int | str, dict[str, object]] = {
    400: {"model": ErrorBody, "description": "the body cannot be used"},
    401: {"model": ErrorBody, "description": FAILURES[401]},
}
_CHANGES = _BAD | {
    404: {"model": ErrorBody, "description": FAILURES[404]},
    409: {"model": ErrorBody, "description": "the version cannot be served"},
}


def _body_of(model: type[BaseModel]) -> dict[str, Any]:
    """For `openapi_extra`: a body that may be left out, and that the handler reads itself."""
    return {"requestBody": {"content": {"application/json": {"schema": model.model_json_schema()}}}}


@router.post(
    "/repository/index",
    summary="List the model repository",
    responses=_BAD,
    openapi_extra=_body_of(IndexRequest),
)
async def index(request: Request) -> list[IndexEntry]:
    """Every version of every model, or with `{"ready": true}` those that can answer."""
    wanted = parse_json(IndexRequest, await request.body() or b"{}")
    return index_of(service_of(request), wanted.ready is True)


@router.post(
    "/repository/models/{name}/load",
    summary="Load, reload or roll back a model",
    response_class=Response,
    responses=_CHANGES,
    openapi_extra=_body_of(LoadRequest),
)
async def load(request: Request, name: str) -> Response:
    """As `/admin/models/{name}/load`, with the admin key; `name@version` is held to."""
    await _check_body(request)
    target = parse_target(name)
    await service_of(request).control.load(target.name, target.version)
    return Response()


@router.post(
    "/repository/models/{name}/unload",
    summary="Take a model out of service",
    response_class=Response,
    responses=_CHANGES,
    openapi_extra=_body_of(LoadRequest),
)
async def unload(request: Request, name: str) -> Response:
    """As `/admin/models/{name}/unload`, with the admin key."""
    await _check_body(request)
    await service_of(request).control.unload(name)
    return Response()


@router.get("/models/stats", summary="Statistics of all models", responses={401: _BAD[401]})
async def all_statistics(request: Request) -> Statistics:
    """Of every version that can answer, since the start of this process."""
    return statistics_of(service_of(request))


@router.get("/models/{name}/stats", summary="Statistics of a model", responses=ERRORS)
async def model_statistics(request: Request, name: str) -> Statistics:
    """Of its versions that can answer; of a cascade, of those that it asks."""
    return statistics_of(service_of(request), name)


@router.get(
    "/models/{name}/versions/{version}/stats", summary="Statistics of a version", responses=ERRORS
)
async def version_statistics(request: Request, name: str, version: str) -> Statistics:
    """Of one version."""
    return statistics_of(service_of(request), name, version)


def index_of(service: Service, ready: bool) -> list[IndexEntry]:
    """Every version of every model.

    Args:
        ready: only those that can answer.
    """
    entries = [
        _entry(service, name, version)
        for name, versions in sorted(service.registry.versions.items())
        for version in versions
    ]
    return [entry for entry in entries if entry.state == "READY" or not ready]


def statistics_of(
    service: Service, name: str | None = None, version: str | None = None
) -> Statistics:
    """Of the versions that can answer.

    Args:
        name: of a model, or of a cascade: of those that it asks; None: of all models.
        version: None: of all its versions.

    Raises:
        UnknownModel, Unavailable: see `Service.plan`.
    """
    if name is None:
        return _statistics(service, [Target(name) for name in sorted(service.registry.versions)])
    return _statistics(service, [step.target for step in service.plan(named(name, version)).steps])


def check_loading(parameters: Iterable[str]) -> None:
    """Refuses what is not acted upon: a model is whole, and as the repository holds it.

    Args:
        parameters: the names of those that a load or an unload came with.

    Raises:
        InvalidInput: there is such a parameter.
    """
    for name in parameters:
        if name == "config" or name.startswith("file:"):
            raise InvalidInput(f"{name[:SHOWN]}: a model is loaded as it is in the repository")
        if name != "unload_dependents":  # Triton's clients always send it; there are none here
            raise InvalidInput(
                f"{name[:SHOWN]}: it is not read; a version is loaded as name@version, and a model "
                "is unloaded whole"
            )


async def _check_body(request: Request) -> None:
    if request.query_params:
        raise InvalidInput("the query is not read: a version is loaded as name@version")
    body = parse_json(LoadRequest, await request.body() or b"{}")
    check_loading(body.parameters or {})


def _entry(service: Service, name: str, version: int) -> IndexEntry:
    return IndexEntry(
        name=name,
        version=str(version),
        state="READY" if service.registry.able(name, version) else "UNAVAILABLE",
        reason=service.registry.problem(name, version) or "",
    )


def _statistics(service: Service, targets: list[Target]) -> Statistics:
    registry = service.registry
    versions = [
        (target.name, number)
        for target in targets
        for number in (
            registry.versions.get(target.name, []) if target.version is None else [target.version]
        )
        if registry.able(target.name, number)
    ]
    return Statistics(model_stats=[_version_statistics(service, *version) for version in versions])


def _version_statistics(service: Service, name: str, version: int) -> VersionStatistics:
    totals = service.telemetry.totals(name, version)
    requests = totals.requests
    return VersionStatistics(
        name=name,
        version=str(version),
        last_inference=totals.last_ms,
        inference_count=totals.texts,
        execution_count=totals.batches,
        inference_stats=InferenceStatistics(
            success=Duration(
                count=requests, ns=totals.tokenize_ns + totals.queue_ns + totals.inference_ns
            ),
            fail=Duration(count=totals.failed),
            queue=Duration(count=requests, ns=totals.queue_ns),
            compute_input=Duration(count=requests, ns=totals.tokenize_ns),
            compute_infer=Duration(count=requests, ns=totals.inference_ns),
            compute_output=Duration(count=requests),
            cache_hit=Duration(),
            cache_miss=Duration(),
        ),
    )
