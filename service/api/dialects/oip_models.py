"""The Open Inference Protocol's view of the server and its models: `/v2`, all but inference."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from service.api.dialects.forms import ErrorBody
from service.api.dialects.oip_schemas import (
    INPUT,
    IndexEntry,
    IndexRequest,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    TensorMetadata,
)
from service.api.documented import errors_of
from service.api.state import State, state_of
from service.errors import StillhouseError
from service.repository.manifest import Manifest
from service.repository.routes import Plan

router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

_ALL = errors_of(ErrorBody)
ERRORS: dict[int | str, dict[str, Any]] = {status: _ALL[status] for status in (404, 503)}


@router.get("", summary="Describe the server")
async def server_metadata(request: Request) -> ServerMetadata:
    """Name, version and extensions of the server."""
    return ServerMetadata(
        name="stillhouse", version=request.app.version, extensions=["binary_tensor_data"]
    )


@router.get("/health/live", summary="Is the process alive?")
async def live() -> Live:
    """Answers as long as the event loop turns."""
    return Live(live=True)


@router.get(
    "/health/ready",
    summary="Should traffic come here?",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "draining, or no model is loaded"}},
)
async def ready(request: Request) -> Response:
    """Not ready while `/readyz` is not."""
    state = state_of(request)
    is_ready = not state.draining and any(True for _ in state.registry)
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


@router.post("/repository/index", summary="List the model repository")
async def index(request: Request) -> list[IndexEntry]:
    """Every version of every model, or with `{"ready": true}` those that can answer."""
    state = state_of(request)
    wanted = IndexRequest.model_validate_json(await request.body() or b"{}")
    entries = [
        _entry(state, name, version)
        for name, versions in sorted(state.registry.versions.items())
        for version in versions
    ]
    return [entry for entry in entries if entry.state == "READY" or not wanted.ready]


@router.get("/models/{name}", summary="Describe a model", responses=ERRORS)
async def model_metadata(request: Request, name: str) -> ModelMetadata:
    """The inputs, outputs and labels of a model, an alias or a cascade."""
    return _metadata(state_of(request), name, name)


@router.get("/models/{name}/versions/{version}", summary="Describe a version", responses=ERRORS)
async def version_metadata(request: Request, name: str, version: str) -> ModelMetadata:
    """The inputs, outputs and labels of one version."""
    return _metadata(state_of(request), name, f"{name}@{version}")


@router.get("/models/{name}/ready", summary="Is the model ready?", responses=ERRORS)
async def model_ready(request: Request, name: str) -> ModelReady:
    """Answers 200 if the model can answer, 503 if not."""
    return _ready(state_of(request), name, name)


@router.get(
    "/models/{name}/versions/{version}/ready", summary="Is the version ready?", responses=ERRORS
)
async def version_ready(request: Request, name: str, version: str) -> ModelReady:
    """Answers 200 if the version can answer, 503 if not."""
    return _ready(state_of(request), name, f"{name}@{version}")


def last_manifest(state: State, plan: Plan) -> Manifest:
    """Of the model that speaks for a plan: the only one, or a cascade's last."""
    target = plan.steps[-1].target
    return state.registry.describe(target.name, target.version)


def is_model(plan: Plan) -> bool:
    """Whether it is one model that was named, and no cascade."""
    return plan.route == plan.steps[-1].target.name


def _metadata(state: State, name: str, named: str) -> ModelMetadata:
    plan = state.plan(named)
    manifest = last_manifest(state, plan)
    versions = state.registry.versions.get(manifest.name, []) if is_model(plan) else []
    return ModelMetadata(
        name=name,
        versions=[str(number) for number in versions if _answers(state, manifest.name, number)],
        inputs=[TensorMetadata(name=INPUT, datatype="BYTES", shape=[-1])],
        outputs=[
            TensorMetadata(name="label", datatype="BYTES", shape=[-1]),
            TensorMetadata(name="score", datatype="FP32", shape=[-1]),
            TensorMetadata(name="scores", datatype="FP32", shape=[-1, len(manifest.labels)]),
        ],
        parameters={
            "labels": list(manifest.labels),
            "problem_type": manifest.problem_type,
            "max_length": manifest.max_length,
        },
    )


def _ready(state: State, name: str, named: str) -> ModelReady:
    state.refuse_while_draining()
    state.plan(named)
    return ModelReady(name=name, ready=True)


def _entry(state: State, name: str, version: int) -> IndexEntry:
    return IndexEntry(
        name=name,
        version=str(version),
        state="READY" if _answers(state, name, version) else "UNAVAILABLE",
        reason=state.registry.problems.get(f"{name}@{version}", ""),
    )


def _answers(state: State, name: str, version: int) -> bool:
    try:
        state.registry.check(name, version)
    except StillhouseError:
        return False
    return True
