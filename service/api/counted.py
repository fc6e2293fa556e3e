"""One prediction request from any dialect: its deadline, its run, and its metrics."""

import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from service.api.disconnect import cancelled_on_disconnect
from service.api.problems import status_of
from service.api.state import State, state_of
from service.errors import InvalidInput
from service.predictor import Outcome
from service.routing import Plan

log = logging.getLogger(__name__)

TIMEOUT_HEADER = "x-request-timeout-ms"


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request got.

    Attributes:
        model: the route that was asked for, or the default that took its place.
        total: seconds since the request came.
    """

    model: str
    outcome: Outcome
    total: float


class Count:
    """A request while it is being answered."""

    def __init__(self, request: Request, state: State) -> None:
        self.model = "-"  # a name from a client is no metric's label until it is known
        self._request = request
        self.started = time.monotonic()
        self._state = state

    async def answer(
        self, model: str | None, texts: Sequence[str], *, truncate: bool = True
    ) -> Answered:
        """Runs the request; `model` is `name`, `name@version` or None for the default.

        Raises:
            StillhouseError: see `service.errors`.
        """
        state = self._state
        state.refuse_while_draining()
        named = model or state.default_model
        plan = state.plan(named)
        self.model = plan.route
        limit = timeout_ms(self._request.headers, state.settings.timeout_ms) / 1000
        async with cancelled_on_disconnect(self._request):
            outcome = await state.predictor.predict(
                texts, plan, deadline=self.started + limit, truncate=truncate
            )
        answered = Answered(named, outcome, time.monotonic() - self.started)
        state.observe(self.model, outcome, answered.total)
        self._follow_up(plan, texts, answered)
        return answered

    def _follow_up(self, plan: Plan, texts: Sequence[str], answered: Answered) -> None:
        state = self._state
        outcome = answered.outcome
        shadow = state.routes.shadow.get(plan.route)
        if shadow is not None:
            state.shadows.offer(shadow, texts, outcome.answers)
        attributes: dict[str, str | int] = {
            "stillhouse.model": plan.route,
            "stillhouse.texts": len(texts),
        }
        state.traces.record(self._request.headers, attributes, outcome.stages, answered.total)
        if state.settings.log_texts:
            log.info(
                "texts", extra={"request_id": self._request.state.request_id, "texts": list(texts)}
            )


@asynccontextmanager
async def counted(request: Request) -> AsyncIterator[Count]:
    """Counts the request by model and by the status that it ends with."""
    state = state_of(request)
    count = Count(request, state)
    try:
        yield count
    except Exception as error:
        status = status_of(request, error)
        state.metrics.requests.labels(count.model, int(status)).inc()
        state.metrics.rejected.labels(type(error).__name__).inc()
        state.live.failed(count.model, time.monotonic() - count.started)
        raise


def timeout_ms(headers: Mapping[str, str], default: int) -> int:
    """The request's own timeout, never longer than the service's.

    Raises:
        InvalidInput: the header is not a whole number of milliseconds.
    """
    given = headers.get(TIMEOUT_HEADER)
    if given is None:
        return default
    if not given.isascii() or not given.isdigit() or not int(given[:12]) > 0:
        raise InvalidInput("X-Request-Timeout-Ms is not a positive whole number")
    return min(int(given[:12]), default)
