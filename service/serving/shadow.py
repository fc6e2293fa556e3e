"""Shadows: some answered requests are answered again by another model, on idle capacity.

Nothing waits for a shadow: it runs after the response has gone out, text by text, only while
no request waits or runs, and what does not find such a moment soon is dropped.
"""

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import StillhouseError
from service.repository.routes import Plan, Shadow, parse_target
from service.serving.predictor import Answer, Predictor
from service.serving.registry import Registry
from service.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

MAX_WAITING = 64
PATIENCE_SECONDS = 5.0  # how old an offer may become before it is dropped
LOOK_SECONDS = 0.005  # between looks for an idle moment


@dataclass(frozen=True, slots=True)
class _Offer:
    text: str
    answer: Answer
    with_: str
    made: float


class Shadows:
    """The queue of texts to be answered again, and the task that does it."""

    def __init__(self, registry: Registry, predictor: Predictor, metrics: Metrics) -> None:
        self._registry = registry
        self._predictor = predictor
        self._metrics = metrics
        self._offers: asyncio.Queue[_Offer] = asyncio.Queue(MAX_WAITING)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the task."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Ends the task; what waits is dropped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def offer(self, shadow: Shadow, texts: Sequence[str], answers: Sequence[Answer]) -> None:
        """Draws whether a request is shadowed, and queues its texts if there is room."""
        if random.random() >= shadow.share:  # noqa: S311  a sample, not a secret
            return
        now = time.monotonic()
        for text, answer in zip(texts, answers, strict=True):
            try:
                self._offers.put_nowait(_Offer(text, answer, shadow.with_, now))
            except asyncio.QueueFull:
                self._metrics.shadow_dropped.labels(answer.model, shadow.with_).inc()

    async def _work(self) -> None:
        while True:
            offer = await self._offers.get()
            try:
                await self._answer(offer)
            except StillhouseError as error:
                self._drop(offer, str(error))
            except Exception:
                log.exception("shadow failed")

    async def _answer(self, offer: _Offer) -> None:
        give_up = offer.made + PATIENCE_SECONDS
        # One turn of the loop at least: the response is written before the shadow begins.
        await asyncio.sleep(LOOK_SECONDS)
        while self._registry.depth:
            if time.monotonic() > give_up:
                self._drop(offer, "no idle moment")
                return
            await asyncio.sleep(LOOK_SECONDS)
        target = parse_target(offer.with_)
        plan = Plan.of(target)
        deadline = time.monotonic() + PATIENCE_SECONDS
        outcome = await self._predictor.predict(
            [offer.text], plan, deadline=deadline, truncate=True
        )
        agrees = outcome.answers[0].label == offer.answer.label
        self._metrics.shadow.labels(
            offer.answer.model, offer.with_, offer.answer.label, str(agrees).lower()
        ).inc()

    def _drop(self, offer: _Offer, why: str) -> None:
        self._metrics.shadow_dropped.labels(offer.answer.model, offer.with_).inc()
        log.debug("shadow dropped", extra={"why": why})
