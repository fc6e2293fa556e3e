"""`/admin`: change which models serve, without a request failing."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from service.api.models import describe, list_models
from service.api.problems import RESPONSES
from service.api.schemas import Body, ModelInfo, ModelList
from service.api.state import state_of
from service.errors import RepositoryError

router = APIRouter(prefix="/admin", tags=["admin"])

ERRORS: dict[int | str, dict[str, Any]] = {status: RESPONSES[status] for status in (401, 404, 409)}


class LoadRequest(Body):
    """The body of a load; it may be left out."""

    version: int | None = Field(
        None, ge=1, description="the version to hold to; without it the highest that works"
    )


@router.post("/models/{name}/load", summary="Load, reload or roll back", responses=ERRORS)
async def load(request: Request, name: str) -> ModelInfo:
    """Loads, verifies and warms a version, swaps it in, and drains the old one.

    A version that cannot be served gets 409, and what served before still does.
    """
    state = state_of(request)
    body = LoadRequest.model_validate_json(await request.body() or b"{}")
    if body.version is not None and body.version not in state.registry.versions.get(
        name, [body.version]
    ):
        await state.registry.refresh()
    await state.control.load(name, body.version)
    return describe(state, name)


@router.post("/models/{name}/unload", summary="Take out of service", responses=ERRORS)
async def unload(request: Request, name: str) -> ModelInfo:
    """Takes a model out of service; what it has accepted is answered."""
    state = state_of(request)
    await state.control.unload(name)
    return describe(state, name)


@router.post(
    "/reload", summary="Follow the repository now", response_model=ModelList, responses=ERRORS
)
async def reload(request: Request) -> Response:
    """Reads routes and repository again, without waiting for the next look."""
    state = state_of(request)
    await state.control.follow()
    if state.control.routes_problem is not None:
        raise RepositoryError(state.control.routes_problem)
    return JSONResponse((await list_models(request)).model_dump(mode="json"))
