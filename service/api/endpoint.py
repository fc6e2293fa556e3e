"""The endpoint of every prediction, in whatever dialect: bytes to an ask, an outcome to bytes."""

import time
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.dialects.protocol import Dialect, Head
from service.api.edge.bodies import whole_body
from service.api.edge.trail import Trail
from service.api.state import Service
from service.errors import InvalidInput, Unavailable
from service.serving.shapes import Answer, Outcome
from service.settings import Settings

TIMEOUT_HEADER = b"x-request-timeout-ms"
DEGRADED_HEADER = b"x-stillhouse-degraded"


class Endpoint:
    """An ASGI application for the requests of one dialect's endpoint."""

    def __init__(self, service: Service, dialect: Dialect) -> None:
        self._service = service
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; errors are raised, and said by the middleware."""
        trail: Trail = scope["state"]["trail"]
        trail.predicts = True
        service = self._service
        if service.closed:
            raise Unavailable("the service is stopping", retry_after=1)
        head = Head(
            scope.get("path_params", {}),
            _query(scope["query_string"]) if scope["query_string"] else {},
            trail.headers,
            trail.started + timeout_seconds(trail.headers.get(TIMEOUT_HEADER), service.settings),
        )
        asked = self._dialect.parse(head, await whole_body(receive))
        plan = service.registry.plan(asked.ask.model)
        trail.route = plan.route
        if service.settings.log_texts:
            trail.texts = asked.ask.inputs
        trail.guard.answering = True
        answers = await service.predictor.answer(asked.ask, plan, trail.hops)
        trail.guard.answering = False
        trail.answers = answers
        outcome = Outcome(plan.named, plan.route, answers, trail.hops)
        reply = asked.render(outcome, time.monotonic() - trail.started)
        headers = [
            (b"content-length", b"%d" % len(reply.content)),
            (b"content-type", reply.media_type),
            *reply.headers,
        ]
        if plan.spare is not None and (rows := degraded_rows(answers)):
            headers.append((DEGRADED_HEADER, rows))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": reply.content})
        routes = service.registry.routes
        if routes.shadow and (shadow := routes.shadow_of(plan.named, plan.route)):
            service.shadows.offer(shadow, asked.ask, answers)


class Predictions:
    """The prediction endpoints before the rest of the application, and its stack.

    That stack has nothing to do for them: they read their own bodies, make their own responses,
    and have their errors said by our middleware, which is around both.

    Args:
        routes: POST alone; any other method is the rest's.
        otherwise: the rest of the application.
    """

    def __init__(self, routes: Sequence[Route], otherwise: ASGIApp) -> None:
        self._exact = {route.path: route.app for route in routes if "{" not in route.path}
        self._routes = [route for route in routes if "{" in route.path]
        self.otherwise = otherwise

    def answering(self, scope: Scope, path: str) -> ASGIApp:
        """What answers a request: the endpoint of its path, or the rest."""
        if scope["method"] == "POST":
            exact = self._exact.get(path)
            if exact is not None:
                return exact
            for route in self._routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    return route.app
        return self.otherwise


def degraded_rows(answers: Sequence[Answer]) -> bytes:
    """The places, from 0, of the texts with degraded answers, with commas; empty: there are none.

    For dialects whose bodies have no place for it.
    """
    return b",".join([b"%d" % row for row, one in enumerate(answers) if one.degraded])


def _query(text: bytes) -> Mapping[str, str]:
    return dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True))


def timeout_seconds(given: bytes | None, settings: Settings) -> float:
    """The request's own timeout, never longer than the service's.

    Raises:
        InvalidInput: the header is not a whole number of milliseconds.
    """
    if given is None:
        return settings.timeout_ms / 1000
    digits = given.lstrip(b"0")
    if not digits.isdigit():
        raise InvalidInput("X-Request-Timeout-Ms is not a positive whole number")
    return min(int(digits[:12]), settings.timeout_ms) / 1000
