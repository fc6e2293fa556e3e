"""Builds the FastAPI application: settings in, routes and lifespan out."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from service.api import admin, models, ops, page, problems
from service.api.dialects import hf, oip, oip_models, predict, tei
from service.api.dialects.oip_schemas import InferRequest
from service.api.dialects.tei_schemas import TeiRequest
from service.api.documented import schemas_of
from service.api.middleware import RequestMiddleware
from service.api.schemas import PredictRequest, Problem
from service.api.security import Keys
from service.api.state import State
from service.draining import drained_on_signal
from service.repository.routes import read_routes
from service.repository.sources import ModelRepository
from service.runtime.classifier import Classifier
from service.runtime.engine import check_bfloat16
from service.runtime.speed import measure
from service.serving.batcher import Batcher, BatchReport
from service.serving.control import Control, shared_state
from service.serving.deadlines import Deadlines
from service.serving.predictor import Predictor
from service.serving.registry import Registry
from service.serving.shadow import Shadows
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.telemetry.traces import Traces

log = logging.getLogger(__name__)


class Application(FastAPI):
    """FastAPI, with its busiest path before its own stack of middleware and routing.

    `POST /predict` reads its own body and makes its own response, so that the stack does
    nothing for it but take time: 0.11 ms of the 0.29 ms that a request takes outside its model.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or runs the lifespan."""
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/predict"):
            scope["app"] = self
            await self.state.predict(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def _predict(scope: Scope, receive: Receive, send: Send) -> None:
    body = await predict.answer(Request(scope, receive))
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI application.

    Nothing is read or started here; the lifespan does that, and fails where `routes.toml`
    cannot be used. A model that cannot be served is logged and listed, and the others serve.
    """
    settings = settings or Settings()
    app = Application(
        title="Stillhouse",
        summary="Teacher and students behind one endpoint.",
        version="0.1.0",
        lifespan=_lifespan,
    )
    app.state.service = _new_state(settings)
    around = partial(
        RequestMiddleware,
        keys=Keys(settings.prediction_keys, settings.administrator_key),
        max_body_bytes=settings.max_body_bytes,
        access_log=settings.access_log,
    )
    app.add_middleware(around)
    app.state.predict = around(_predict)
    problems.install(app)
    for module in (predict, models, admin, ops, page, hf, oip, oip_models, tei):
        app.include_router(module.router)
    app.mount("/static", page.files, name="static")
    _document_bodies(app)
    return app


def _new_state(settings: Settings) -> State:
    if settings.bfloat16_models:
        check_bfloat16()
    metrics = Metrics()
    registry = Registry(
        ModelRepository(settings.models),
        load=partial(_load, settings),
        serve=partial(_serve, settings, metrics),
    )
    predictor = Predictor(
        registry, settings.max_texts, settings.max_characters, settings.answer_cache
    )
    state = State(
        settings=settings,
        registry=registry,
        predictor=predictor,
        metrics=metrics,
        routes=read_routes(settings.models),
        shadows=Shadows(registry, predictor, metrics),
        traces=Traces(settings.otlp_endpoint),
    )
    state.control = Control(
        settings.models,
        registry,
        state.set_routes,
        watch_seconds=settings.watch_seconds,
        idle_seconds=settings.idle_seconds,
        shared=shared_state(),
    )
    return state


def _load(settings: Settings, directory: Path) -> Classifier:
    bfloat16 = directory.parent.name in settings.bfloat16_models
    classifier = Classifier.load(directory, settings.model_threads, bfloat16)
    classifier.speed = measure(classifier.run_shape)
    return classifier


def _serve(settings: Settings, metrics: Metrics, classifier: Classifier) -> Batcher:
    name = classifier.manifest.name
    texts = metrics.batch_texts.labels(name)
    tokens = metrics.batch_tokens.labels(name)

    def count(report: BatchReport) -> None:
        texts.observe(report.texts)
        tokens.observe(report.tokens)

    # Dynamic quantisation scales a batch's activations together, and bfloat16 rounds by its shape:
    # alone, a text's answer is always the same.
    rounded = classifier.manifest.name in settings.bfloat16_models
    alone = settings.exact and (classifier.manifest.depends_on_batch or rounded)
    return Batcher(
        classifier,
        settings.batch_tokens,
        settings.max_queue,
        count,
        batch_texts=1 if alone else settings.max_texts,
        speed=classifier.speed,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: State = app.state.service
    state.watches = Deadlines()  # of this loop
    await state.registry.start()
    state.control.start()
    state.shadows.start()
    if unknown := sorted(state.settings.bfloat16_models - state.registry.versions.keys()):
        log.warning("no such model to run in bfloat16", extra={"models": unknown})
    # What is there now stays, and need not be searched for garbage: 1.5 ms a time and not 50.
    gc.collect()
    gc.freeze()
    try:
        with drained_on_signal(
            state.begin_draining, lambda: bool(state.registry.depth), state.settings.drain_seconds
        ):
            yield
    finally:
        gc.unfreeze()
        state.begin_draining()
        state.tally.catch_up()
        await state.shadows.stop()
        await state.control.stop()
        await state.registry.stop()
        await asyncio.to_thread(state.traces.stop)


def _document_bodies(app: FastAPI) -> None:
    """Adds the schemas that handlers read by hand to the OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, object]:
        document = generate()
        document["components"]["schemas"] |= schemas_of(
            PredictRequest, hf.HfRequest, InferRequest, TeiRequest, Problem
        )
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
