"""The Open Inference Protocol's view of the server and its models: `/v2`, all but inference."""

from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from service.api.dialects.forms import ErrorBody
from service.api.dialects.oip.described import (
    ConfigTensor,
    Live,
    ModelConfig,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    TensorMetadata,
)
from service.api.dialects.oip.schemas import INPUT, INPUT_PAIR
from service.api.dialects.protocol import FAILURES
from service.api.dialects.tasks.renderers import RENDERERS
from service.api.state import Service, service_of
from service.errors import Unavailable
from service.repository.manifest import Manifest

_CONFIG_TYPES: Mapping[str, Literal["TYPE_STRING", "TYPE_FP32", "TYPE_BOOL"]] = {
    "BYTES": "TYPE_STRING",
    "FP32": "TYPE_FP32",
    "BOOL": "TYPE_BOOL",
}
TAG = "Open Inference Protocol"
EXTENSIONS = ("binary_tensor_data", "model_configuration", "model_repository", "statistics")
ERRORS: dict[int | str, dict[str, object]] = {
    status: {"model": ErrorBody, "description": FAILURES[status]} for status in (401, 404, 503)
}

router = APIRouter(prefix="/v2", tags=[TAG])


@router.get("/", include_in_schema=False)  # the protocol's document has it so
@router.get("", summary="Describe the server")
async def server_metadata(request: Request) -> ServerMetadata:
    """Name, version and extensions of the server."""
    return server_of(request.app.version, *EXTENSIONS)


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live", summary="Is the process alive?")
async def live() -> Live:
    """Answers as long as the event loop turns."""
    return Live(live=True)


@router.head("/health/ready", include_in_schema=False)
@router.get(
    "/health/ready",
    summary="Should traffic come here?",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "not ready, as `/readyz` says"}},
)
async def ready(request: Request) -> Response:
    """Not ready while `/readyz` is not."""
    is_ready = service_of(request).unready() is None
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


@router.get("/models/{name}", summary="Describe a model", responses=ERRORS)
async def model_metadata(request: Request, name: str) -> ModelMetadata:
    """The inputs, outputs and labels of a model, an alias or a cascade."""
    return metadata_of(service_of(request), name)


@router.get("/models/{name}/versions/{version}", summary="Describe a version", responses=ERRORS)
async def version_metadata(request: Request, name: str, version: str) -> ModelMetadata:
    """The inputs, outputs and labels of one version."""
    return metadata_of(service_of(request), name, version)


@router.get("/models/{name}/config", summary="A model's configuration", responses=ERRORS)
async def model_config(request: Request, name: str) -> ModelConfig:
    """What Triton's clients ask before they send load."""
    return config_of(service_of(request), name)


@router.get(
    "/models/{name}/versions/{version}/config",
    summary="A version's configuration",
    responses=ERRORS,
)
async def version_config(request: Request, name: str, version: str) -> ModelConfig:
    """Of one version."""
    return config_of(service_of(request), name, version)


@router.head("/models/{name}/ready", include_in_schema=False)
@router.get("/models/{name}/ready", summary="Is the model ready?", responses=ERRORS)
async def model_ready(request: Request, name: str) -> ModelReady:
    """Answers 200 if the model can answer, 503 if not."""
    return _ready(service_of(request), name)


@router.head("/models/{name}/versions/{version}/ready", include_in_schema=False)
@router.get(
    "/models/{name}/versions/{version}/ready", summary="Is the version ready?", responses=ERRORS
)
async def version_ready(request: Request, name: str, version: str) -> ModelReady:
    """Answers 200 if the version can answer, 503 if not."""
    return _ready(service_of(request), name, version)


def server_of(version: str, *extensions: str) -> ServerMetadata:
    """What the server says of itself.

    Args:
        version: of the service.
    """
    return ServerMetadata(name="stillhouse", version=version, extensions=list(extensions))


def named(name: str, version: str | None) -> str:
    """What the service calls a version of a model, or the model; an empty version is none."""
    return f"{name}@{version}" if version else name


def metadata_of(service: Service, name: str, version: str | None = None) -> ModelMetadata:
    """The inputs, outputs and labels of a model, of a version, an alias or a cascade.

    Raises:
        UnknownModel, Unavailable: see `Service.plan`.
    """
    plan = service.plan(named(name, version))
    model, registry = plan.last.name, service.registry
    manifest = service.describe(plan.last)
    versions = registry.versions.get(model, []) if plan.is_model else []
    return ModelMetadata(
        name=name,
        versions=[str(number) for number in versions if registry.able(model, number)],
        inputs=[
            TensorMetadata(name=one, datatype="BYTES", shape=[-1])
            for one in ((INPUT, INPUT_PAIR) if manifest.pairs else (INPUT,))
        ],
        outputs=RENDERERS[manifest.task].outputs(manifest),
        parameters=_parameters(manifest),
    )


def _parameters(manifest: Manifest) -> dict[str, object]:
    """What a client may want to know beside the tensors."""
    found: dict[str, object] = {
        "task": manifest.task,
        "pairs": manifest.pairs,
        "max_length": manifest.max_length,
    }
    if manifest.labels:
        found["labels"] = list(manifest.labels)
    if manifest.task == "text-classification":
        found["problem_type"] = manifest.problem_type
    return found


def config_of(service: Service, name: str, version: str | None = None) -> ModelConfig:
    """Triton's view of it; raises what `metadata_of` does."""
    metadata = metadata_of(service, name, version)
    inputs, outputs = (
        [
            ConfigTensor(
                name=tensor.name,
                data_type=_CONFIG_TYPES[tensor.datatype],
                dims=tensor.shape,
            )
            for tensor in tensors
        ]
        for tensors in (metadata.inputs, metadata.outputs)
    )
    return ModelConfig(name=name, input=inputs, output=outputs)


def check_ready(service: Service, name: str, version: str | None = None) -> None:
    """Raises why a model, or a version, cannot answer, if it cannot.

    Raises:
        UnknownModel, Unavailable: see `Service.plan`; a stop has begun.
    """
    if service.stopping:
        raise Unavailable("the service is stopping")
    service.plan(named(name, version))


def _ready(service: Service, name: str, version: str | None = None) -> ModelReady:
    check_ready(service, name, version)
    return ModelReady(name=name, ready=True)
