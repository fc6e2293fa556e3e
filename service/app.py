"""Builds the application: settings in, rooms wired together, routes and lifespan out."""

import gc
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api import admin, docs, models, openapi, ops, page, problems
from service.api.dialects import predict
from service.api.dialects.served import DIALECTS
from service.api.edge.guards import Guards
from service.api.edge.middleware import RequestMiddleware
from service.api.edge.security import Keys
from service.api.endpoint import Endpoint, Predictions
from service.api.state import Parts, Service
from service.process.draining import Stop, drained_on_signal
from service.process.listening import check_grpc
from service.rpc import spoken
from service.runtime.engine import check_bfloat16
from service.runtime.speed import measure
from service.runtime.tasks.loading import load_model
from service.serving.predictor import Predictor
from service.serving.queue.admission import Admission
from service.serving.queue.batcher import Batcher
from service.serving.queue.tokenizing import TokenizerPool
from service.serving.queue.turns import Turns
from service.serving.shadow import Shadows
from service.serving.versions.control import Control
from service.serving.versions.registry import Registry
from service.serving.versions.version import Loaded
from service.settings import Settings
from service.sourcing import follower_of, held_file_of, mirror_of, repository_of
from service.telemetry.gauges import SHARED_FOLDER
from service.telemetry.telemetry import Telemetry

log = logging.getLogger(__name__)


class Application(FastAPI):
    """FastAPI, the predictions before its own stack, and our middleware around both."""

    service: Service
    predictions: Sequence[Route] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As FastAPI's and Starlette's own, in one step: the server knows the root path."""
        scope["app"] = self
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """FastAPI's own way to put its stack together, which runs at the first request."""
        rest = super().build_middleware_stack()
        app: ASGIApp = RequestMiddleware(Predictions(self.predictions, rest), self.service)
        if origins := self.service.settings.allowed_origins:
            app = CORSMiddleware(
                app,
                allow_origins=origins,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=["x-request-id", "retry-after", "x-stillhouse-degraded"],
            )
        return app


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI application.

    Nothing is read or started here; the lifespan does that, and fails where `routes.toml`
    cannot be used. A version that cannot be served is logged and listed, and the others serve.
    """
    settings = settings or Settings()
    app = Application(
        title="Stillhouse",
        summary="Teacher and students behind one endpoint.",
        version="0.2.0",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        lifespan=_lifespan,
        redirect_slashes=False,  # to a URL of the Host header's: behind a proxy, to one without TLS
        # Ours tells of requests; FastAPI's would send messages of errors, which may hold texts.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    service = app.service = app.state.service = _new_service(settings, app.version)
    dialects = [DIALECTS[name] for name in sorted(settings.served_dialects)]
    predictions = [*predict.ROUTES, *(route for one in dialects for route in one.routes)]
    app.predictions = [
        Route(route.path, Endpoint(service, route.make(service)), methods=["POST"])
        for route in predictions
    ]
    app.router.routes += app.predictions  # for the methods that a path takes
    for router in (models.router, admin.router, ops.router):
        app.include_router(router)
    for dialect in dialects:
        for router in dialect.routers:
            app.include_router(router)
    if settings.page:
        app.include_router(page.router)
    if settings.docs:
        app.include_router(docs.router)
    app.mount("/static", page.files, name="static")
    openapi.install(app, predictions, [admin.LoadRequest])
    problems.install(app)
    return app


def _new_service(settings: Settings, version: str) -> Service:
    if settings.grpc_port is not None:
        check_grpc()
    if settings.bfloat16_models:
        check_bfloat16()
    telemetry = Telemetry(settings.access_log, settings.otlp_endpoint)
    mirror = mirror_of(settings)
    registry = Registry(
        repository_of(settings, mirror),
        partial(_load, settings, telemetry, Turns(settings.batches_at_once)),
        max_loads=settings.max_loads,
        max_pinned=settings.max_pinned,
    )
    pool = TokenizerPool(settings.model_threads)
    predictor = Predictor(
        registry,
        pool,
        settings.max_texts,
        settings.max_characters,
        settings.answer_cache,
    )
    folder = os.environ.get(SHARED_FOLDER)
    shared = Path(folder) if folder else None
    control = Control(
        registry,
        held_file_of(settings, mirror, shared),
        shared,
        watch_seconds=settings.watch_seconds,
        idle_seconds=settings.idle_seconds,
    )
    parts = Parts(
        settings=settings,
        pool=pool,
        registry=registry,
        predictor=predictor,
        control=control,
        shadows=Shadows(registry, predictor, telemetry),
        telemetry=telemetry,
        keys=Keys.of(settings),
        guards=Guards(settings.max_body_bytes, settings.body_seconds),
        follower=follower_of(settings, mirror),
    )
    return Service(parts, version)


def _load(settings: Settings, telemetry: Telemetry, turns: Turns, directory: Path) -> Loaded:
    """Brings a version into memory; called in a thread."""
    rounded = directory.parent.name in settings.bfloat16_models
    model = load_model(directory, settings.model_threads, rounded)
    # Dynamic quantisation scales a batch's activations together, and bfloat16 rounds by its shape:
    # alone, a text's answer is always the same.
    alone = settings.exact and (model.manifest.depends_on_batch or rounded)
    batcher = Batcher(
        model,
        settings.batch_tokens,
        1 if alone else settings.max_texts,
        partial(telemetry.batch, model.manifest.name, model.manifest.version),
        measure(model.run_shape),
        turns,
    )
    return Loaded(model, Admission(batcher, settings.max_queue), batcher)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    settings = service.settings
    service.registry.repository.check()
    service.telemetry.start()
    await service.begin()
    service.shadows.start()
    service.guards.start()
    if not service.registry.versions and service.coming is None:
        log.warning("there is no model yet", extra={"models": str(settings.models)})
    unknown = sorted(settings.bfloat16_models - service.registry.versions.keys())
    if unknown and service.coming is None:
        log.warning("no such model to run in bfloat16", extra={"models": unknown})
    # What is there now stays, and need not be searched for garbage: 1.5 ms a time and not 50.
    gc.collect()
    gc.freeze()
    try:
        async with spoken(service) as close_grpc:

            def close() -> None:
                service.close()
                close_grpc()

            stop = Stop(
                notice=service.notice,
                close=close,
                busy=lambda: bool(service.registry.depth),
                notice_seconds=settings.notice_seconds,
                drain_seconds=settings.drain_seconds,
            )
            with drained_on_signal(stop):
                yield
            service.close()
    finally:
        gc.unfreeze()
        await service.stop()
