"""`/admin`: change which models serve, without a request failing."""

from fastapi import APIRouter, Request
from pydantic import Field

from service.api.edge.bodies import parse_json
from service.api.models import ModelInfo, ModelList, describe, list_models
from service.api.openapi import body_of, problems_of
from service.api.schemas import Body
from service.api.state import service_of
from service.errors import InvalidInput, RepositoryError

router = APIRouter(prefix="/admin", tags=["admin"])


class LoadRequest(Body):
    """The body of a load; it may be left out."""

    version: int | None = Field(
        None, ge=1, description="the version to hold to; without it the highest that works"
    )


@router.post(
    "/models/{name}/load",
    summary="Load, reload or roll back",
    responses=problems_of(401, 404, 409, 422, 503),
    openapi_extra=body_of(LoadRequest, required=False),
)
async def load(request: Request, name: str) -> ModelInfo:
    """Loads, verifies and warms a version, swaps it in, and drains the old one.

    A version that cannot be served gets 409, and what served before still does. A choice of a
    version is kept in the repository, where every replica follows it and a restart finds it; where
    the repository cannot be written, `held_outlives` is false.
    """
    service = service_of(request)
    _refuse_query(request)
    body = parse_json(LoadRequest, await request.body() or b"{}")
    await service.control.load(name, body.version)
    return describe(service, name)


@router.post(
    "/models/{name}/unload",
    summary="Take out of service",
    responses=problems_of(401, 404, 422, 503),
)
async def unload(request: Request, name: str) -> ModelInfo:
    """Takes a model out of service; what it has accepted is answered."""
    service = service_of(request)
    await _refuse_what_is_not_read(request, "an unload takes out the whole model")
    await service.control.unload(name)
    return describe(service, name)


@router.post("/reload", summary="Follow the repository now", responses=problems_of(401, 409, 422))
async def reload(request: Request) -> ModelList:
    """Reads routes and repository again, without waiting for the next look."""
    service = service_of(request)
    await _refuse_what_is_not_read(request, "a reload is of the whole repository")
    await service.follow()
    if service.control.problems:
        raise RepositoryError("; ".join(service.control.problems))
    return await list_models(request)


def _refuse_query(request: Request) -> None:
    """In an incident, what is not read must not look as if it were."""
    if request.query_params:
        raise InvalidInput(
            'the query is not read: a load takes its version in the body, {"version": 1}'
        )


async def _refuse_what_is_not_read(request: Request, why: str) -> None:
    _refuse_query(request)
    if (await request.body()).strip() not in (b"", b"{}"):
        raise InvalidInput(f"the body is not read: {why}; leave it out")
