"""`GET /models` and `GET /models/{name}`: what there is, and what serves."""

from fastapi import APIRouter, Request

from service.api.problems import RESPONSES
from service.api.schemas import CascadeInfo, ModelInfo, ModelList
from service.api.state import State, state_of
from service.errors import UnknownModel
from service.repository.routes import staleness

router = APIRouter(tags=["models"])


@router.get("/models", summary="List the models")
async def list_models(request: Request) -> ModelList:
    """Every model of the repository, loaded or not."""
    state = state_of(request)
    routes = state.routes
    return ModelList(
        default=routes.default,
        models=[describe(state, name) for name in _names(state)],
        cascades=[
            CascadeInfo(
                name=name,
                chain=list(cascade.chain),
                hops=list(cascade.hops),
                fit=cascade.fit,
                stale=staleness(cascade, state.registry.fitted),
            )
            for name, cascade in routes.cascade.items()
        ],
        aliases=routes.aliases,
        shadows=routes.shadow,
    )


@router.get("/models/{name}", summary="Describe one model", responses={404: RESPONSES[404]})
async def get_model(request: Request, name: str) -> ModelInfo:
    """One model of the repository, loaded or not."""
    state = state_of(request)
    if name not in _names(state):
        raise UnknownModel(f"no model {name!r}: there are {_names(state)}")
    return describe(state, name)


def describe(state: State, name: str) -> ModelInfo:
    """What is known of a model: of the version that serves, if one does."""
    versions = state.registry.versions.get(name, [])
    problems = {
        key.partition("@")[2]: why
        for key, why in state.registry.problems.items()
        if key.startswith(f"{name}@")
    }
    manifest = state.registry.manifest(name)
    if manifest is None:
        return ModelInfo(
            name=name, state="unavailable", version=None, versions=versions, problems=problems
        )
    serving = {batcher.classifier.manifest.name for batcher in state.registry}
    return ModelInfo(
        name=name,
        state="ready" if name in serving else "asleep",
        version=manifest.version,
        versions=versions,
        problems=problems,
        labels=list(manifest.labels),
        problem_type=manifest.problem_type,
        precision=manifest.precision,
        parameters=manifest.parameters,
        bytes=sum(file.bytes for file in manifest.files.values()),
        max_length=manifest.max_length,
        metrics={name: metrics.model_dump() for name, metrics in manifest.metrics.items()},
        licence=manifest.licence,
        created_at=manifest.created_at,
    )


def _names(state: State) -> list[str]:
    return sorted(state.registry.versions)
