"""Shadows: some answered requests are answered again by another route, on idle capacity.

Nothing waits for a shadow: it runs after the response has gone out, text by text, only while
no request waits or runs, and what does not find such a moment soon is dropped.
"""

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from service.errors import StillhouseError, WrongTask
from service.repository.kinds import Kind
from service.repository.routes import Shadow
from service.serving.predictor import Predictor
from service.serving.shapes import Answer, Ask
from service.serving.versions.registry import Registry

log = logging.getLogger(__name__)

MAX_WAITING = 64
PATIENCE_SECONDS = 5.0  # how old an offer may become before it is dropped
LOOK_SECONDS = 0.005  # between looks for an idle moment


class Counts(Protocol):
    """Who is told what shadows said."""

    def shadowed(self, model: str, shadow: str, label: str, agrees: bool) -> None:
        """A shadow answered a text of `model`, which had given it `label`."""

    def shadow_dropped(self, model: str, shadow: str) -> None:
        """A text found no idle moment, or the shadow failed."""


class _Offer(NamedTuple):
    ask: Ask
    answer: Answer
    with_: str
    made: float

    @property
    def model(self) -> str:
        return self.answer.manifest.name


class Shadows:
    """The queue of texts to be answered again, and the task that does it."""

    def __init__(self, registry: Registry, predictor: Predictor, counts: Counts) -> None:
        self._registry = registry
        self._predictor = predictor
        self._counts = counts
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

    def offer(self, shadow: Shadow, ask: Ask, answers: Sequence[Answer]) -> None:
        """Draws whether a request is shadowed, and queues its texts if there is room."""
        if random.random() >= shadow.share:  # noqa: S311  a sample, not a secret
            return
        now = time.monotonic()
        for one, answer in zip(ask.inputs, answers, strict=True):
            offer = _Offer(ask._replace(inputs=[one]), answer, shadow.with_, now)
            try:
                self._offers.put_nowait(offer)
            except asyncio.QueueFull:
                self._counts.shadow_dropped(offer.model, offer.with_)

    async def _work(self) -> None:
        while True:
            offer = await self._offers.get()
            try:
                await self._answer(offer)
            except StillhouseError:
                self._counts.shadow_dropped(offer.model, offer.with_)
            except Exception:
                log.exception("shadow failed")

    async def _answer(self, offer: _Offer) -> None:
        give_up = offer.made + PATIENCE_SECONDS
        # One turn of the loop at least: the response is written before the shadow begins.
        await asyncio.sleep(LOOK_SECONDS)
        while self._registry.depth:
            if time.monotonic() > give_up:
                self._counts.shadow_dropped(offer.model, offer.with_)
                return
            await asyncio.sleep(LOOK_SECONDS)
        plan = self._registry.plan(offer.with_)
        kind = Kind.of(self._registry.describe(plan.last))
        if not kind.comparable(Kind.of(offer.answer.manifest)):
            raise WrongTask(f"{offer.with_} is {kind}, and no shadow of {offer.model}")
        deadline = time.monotonic() + PATIENCE_SECONDS
        ask = offer.ask._replace(model=offer.with_, truncate=True, deadline=deadline)
        (answer,) = await self._predictor.answer(ask, plan, [])
        first, labels = offer.answer.output, offer.answer.manifest.labels
        agrees = first.agrees(labels, answer.output, answer.manifest.labels)
        self._counts.shadowed(offer.model, offer.with_, first.word(labels), agrees)
