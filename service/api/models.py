"""`GET /models` and `GET /models/{name}`: what there is, what serves, and why."""

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from service.api.openapi import problems_of
from service.api.state import Service, service_of
from service.errors import UnknownModel
from service.repository.fits import Fit, Hop
from service.repository.held import UNLOADED
from service.repository.kinds import Kind
from service.repository.manifest import Manifest, Pooling, ProblemType, Task
from service.repository.remote.following import Status
from service.repository.routes import Shadow
from service.repository.sections import Metrics, Windows
from service.serving.versions.plan import staleness
from service.serving.versions.version import State, Version

router = APIRouter(tags=["models"])


_STATES = {State.READY: "ready", State.ASLEEP: "asleep", State.LOADING: "asleep"}


class VersionInfo(BaseModel):
    """One version of a model."""

    version: int
    state: State
    problem: str | None = Field(description="why it cannot be served")
    serves: bool = Field(description="it answers requests that name the model alone")
    cascades: list[str] = Field(description="that were fitted on it, and ask it")


class ModelInfo(BaseModel):
    """One model of the repository."""

    name: str
    state: Literal["ready", "asleep", "unavailable"] = Field(
        description="asleep: unloaded since nobody asked, and loaded for the next who does"
    )
    version: int | None = Field(description="the version that serves")
    versions: list[int] = Field(description="the versions in the repository")
    held: int | Literal["unloaded"] | None = Field(
        description="what an operator chose, until told otherwise: newer versions do not serve"
    )
    held_outlives: bool | None = Field(
        description="the choice is kept in the repository; false: it ends with this service"
    )
    each: list[VersionInfo] = Field(description="each version: what it does, and why")
    problems: dict[str, str] = Field(description="versions that cannot be served, and why")
    task: Task | None = None
    labels: list[str] | None = None
    problem_type: ProblemType | None = Field(None, description="of text classification")
    thresholds: dict[str, float] | None = Field(
        None, description="of a multi-label model, by label: the score from which it is given"
    )
    precision: str | None = None
    parameters: int | None = None
    bytes: int | None = None
    max_length: int | None = None
    pairs: bool | None = Field(None, description="an input is two texts")
    windows: Windows | None = Field(
        None, description="how longer texts are read unless a request says otherwise; null: cut"
    )
    special_tokens: Literal["text", "parsed"] | None = Field(
        None, description="what a special token is that somebody types"
    )
    pooling: Pooling | None = Field(None, description="of an embedder")
    normalize: bool | None = Field(None, description="of an embedder: its length is 1")
    embedding_size: int | None = Field(None, description="of an embedder")
    dimensions: list[int] | None = Field(
        None, description="of an embedder: shorter embeddings that it was trained for"
    )
    prompts: dict[str, str] | None = Field(
        None, description="of an embedder: what can be put before a text, by name"
    )
    metrics: dict[str, Metrics] | None = None
    licence: str | None = None
    created_at: datetime | None = None


class CascadeInfo(BaseModel):
    """A cascade of `routes.toml`."""

    name: str
    chain: list[str]
    versions: dict[str, int] = Field(description="that it was fitted on, and asks")
    hops: list[Hop]
    fit: Fit
    overload: Literal["refuse", "answer"] = Field(
        description="what it does where the next model's answer would be late: refuse the "
        "request, or keep the answer that is there, marked as degraded"
    )
    objective_ms: int | None = Field(
        description="the time within which requests are to be answered; null: their deadline alone"
    )
    accuracy_degraded: float | None = Field(
        description="on the texts it was fitted on, where every degraded answer is the first "
        "model's: the curve's point where no text goes on; null: its curve has none"
    )
    promised: str = Field(description="what the fit promises, in words")
    stale: str | None = Field(
        description="why its thresholds are not trusted, so that the last model alone answers"
    )


class StoreInfo(BaseModel):
    """The store that models come from."""

    url: str
    up: bool = Field(description="it answered when it was last asked")
    synced_at: datetime | None = Field(
        description="when all that is wanted had last been fetched; null: not yet"
    )
    problem: str | None = Field(description="why it is away; what was fetched before serves")
    problems: dict[str, str] = Field(
        description="versions and files in it that cannot be used, and why"
    )
    left_out: dict[str, str] = Field(
        description="versions for which there is no room here, and why"
    )


class ModelList(BaseModel):
    """The answer of `GET /models`."""

    default: str | None = Field(description="what a request without `model` gets")
    models: list[ModelInfo]
    cascades: list[CascadeInfo]
    aliases: dict[str, str]
    shadows: dict[str, Shadow]
    problems: list[str] = Field(
        description="what is wrong with the repository, its routes and held versions"
    )
    store: StoreInfo | None = Field(description="null: models lie in a directory")


@router.get("/models", summary="List the models")
async def list_models(request: Request) -> ModelList:
    """Every model of the repository, loaded or not."""
    service = service_of(request)
    registry = service.registry
    routes = registry.routes
    return ModelList(
        default=registry.default,
        models=[describe(service, name) for name in registry.versions],
        cascades=[
            CascadeInfo(
                name=name,
                chain=list(cascade.chain),
                versions={model: fitted.version for model, fitted in cascade.models.items()},
                hops=list(cascade.hops),
                fit=cascade.fit,
                overload=cascade.overload,
                objective_ms=cascade.objective_ms,
                accuracy_degraded=cascade.accuracy_degraded,
                promised=cascade.fit.promised(cascade.chain[-1]),
                stale=staleness(cascade, registry.able_manifest),
            )
            for name, cascade in routes.cascade.items()
        ],
        aliases=routes.aliases,
        shadows=routes.shadow,
        problems=service.control.problems,
        store=None if service.coming is None else store_info(service.coming.status()),
    )


@router.get("/models/{name}", summary="Describe one model", responses=problems_of(404))
async def get_model(request: Request, name: str) -> ModelInfo:
    """One model of the repository, loaded or not."""
    service = service_of(request)
    names = list(service.registry.versions)
    if name not in names:
        raise UnknownModel(f"no model {name!r}: there are {names}")
    return describe(service, name)


def describe(service: Service, name: str) -> ModelInfo:
    """What is known of a model: of the version that serves, if one does."""
    registry = service.registry
    serving = registry.serving(name)
    versions = sorted(
        (version for version in registry if version.name == name), key=lambda one: one.number
    )
    held = registry.held.get(name)
    info = ModelInfo(
        name=name,
        state="unavailable",
        version=None,
        versions=registry.versions.get(name, []),
        held="unloaded" if held == UNLOADED else held,
        held_outlives=None if held is None else service.control.outlives,
        each=[_version_info(service, version) for version in versions],
        problems={str(version.number): version.problem for version in versions if version.problem},
    )
    if serving is None or serving.manifest is None:
        return info
    manifest = serving.manifest
    return info.model_copy(
        update={
            "state": _STATES.get(serving.state, "unavailable"),
            "version": manifest.version,
            "task": manifest.task,
            "labels": list(manifest.labels),
            "problem_type": Kind.of(manifest).problem_type,
            "thresholds": thresholds_of(manifest),
            "precision": manifest.precision,
            "parameters": manifest.parameters,
            "bytes": sum(file.bytes for file in manifest.files.values()),
            "max_length": manifest.max_length,
            "pairs": manifest.pairs,
            "windows": manifest.windows,
            "special_tokens": manifest.special_tokens,
            **_of_embeddings(manifest),
            "metrics": manifest.metrics,
            "licence": manifest.licence,
            "created_at": manifest.created_at,
        }
    )


def store_info(status: Status) -> StoreInfo:
    """How a store is, with its time as others read it."""
    at = status.synced_at
    synced_at = None if at is None else datetime.fromtimestamp(int(at), UTC)
    return StoreInfo(**{**status._asdict(), "synced_at": synced_at})


def _of_embeddings(manifest: Manifest) -> dict[str, object]:
    if manifest.task != "feature-extraction":
        return {}
    return {
        "pooling": manifest.pooling,
        "normalize": manifest.normalize,
        "embedding_size": manifest.embedding_size,
        "dimensions": list(manifest.dimensions),
        "prompts": manifest.prompts,
    }


def thresholds_of(manifest: Manifest) -> dict[str, float] | None:
    """By label, of a model that has any."""
    if manifest.problem_type != "multi_label":
        return None
    return dict(zip(manifest.labels, manifest.threshold_of_each, strict=True))


def _version_info(service: Service, version: Version) -> VersionInfo:
    cascades = service.registry.routes.cascade
    return VersionInfo(
        version=version.number,
        state=version.state,
        problem=version.problem,
        serves=service.registry.serving(version.name) is version,
        cascades=[
            name
            for name, cascade in cascades.items()
            if (fitted := cascade.models.get(version.name)) and fitted.version == version.number
        ],
    )
