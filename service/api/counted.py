"""One prediction request from any dialect: its deadline, its run, and its metrics."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from fastapi import Request

from service.api.disconnect import CancelledOnDisconnect
from service.api.problems import status_of
from service.api.state import state_of
from service.api.tally import Ended
from service.errors import InvalidInput
from service.repository.routes import Plan, Shadow
from service.serving.predictor import Outcome

log = logging.getLogger(__name__)

TIMEOUT_HEADER = b"x-request-timeout-ms"


class Answered(NamedTuple):
    """What a request got.

    Attributes:
        model: the route that was asked for, or the default that took its place.
        total: seconds since the request came.
    """

    model: str
    outcome: Outcome
    total: float


class Counted:
    """A request while it is being answered, counted by model and the status it ends with.

    Enter it around all that may fail.
    """

    def __init__(self, request: Request) -> None:
        self.model = "-"  # a name from a client is no metric's label until it is known
        self._request = request
        self.started = time.monotonic()
        self._state = state_of(request)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            state = self._state
            status = status_of(self._request, error)
            state.metrics.requests.labels(self.model, int(status)).inc()
            state.metrics.rejected.labels(type(error).__name__).inc()
            state.live.failed(self.model, time.monotonic() - self.started)

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
        limit = timeout_ms(self._request.scope["headers"], state.settings.timeout_ms) / 1000
        with CancelledOnDisconnect(self._request, state.watches):
            outcome = await state.predictor.predict(
                texts, plan, deadline=self.started + limit, truncate=truncate
            )
        ended = time.monotonic()
        answered = Answered(named, outcome, ended - self.started)
        state.tally.add(Ended(plan.route, outcome, answered.total, ended))
        shadow = state.routes.shadow.get(plan.route)
        if shadow is not None or state.traces.wanted or state.settings.log_texts:
            # After the answer has gone out.
            asyncio.get_running_loop().call_soon(self._follow_up, plan, shadow, texts, answered)
        return answered

    def _follow_up(
        self, plan: Plan, shadow: Shadow | None, texts: Sequence[str], answered: Answered
    ) -> None:
        state = self._state
        outcome = answered.outcome
        if shadow is not None:
            state.shadows.offer(shadow, texts, outcome.answers)
        if state.traces.wanted:
            attributes: dict[str, str | int] = {
                "stillhouse.model": plan.route,
                "stillhouse.texts": len(texts),
            }
            state.traces.record(self._request.headers, attributes, outcome.stages, answered.total)
        if state.settings.log_texts:
            log.info(
                "texts", extra={"request_id": self._request.state.request_id, "texts": list(texts)}
            )


def timeout_ms(headers: Iterable[tuple[bytes, bytes]], default: int) -> int:
    """The request's own timeout, never longer than the service's.

    Args:
        headers: as ASGI has them.
        default: of the service.

    Raises:
        InvalidInput: the header is not a whole number of milliseconds.
    """
    for name, given in headers:
        if name == TIMEOUT_HEADER:
            if not given.isdigit() or not int(given[:12]) > 0:
                raise InvalidInput("X-Request-Timeout-Ms is not a positive whole number")
            return min(int(given[:12]), default)
    return default
