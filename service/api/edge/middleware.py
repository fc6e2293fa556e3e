"""Around every request: its id, its key, the bounds on its body, its errors, and its record.

Plain ASGI: Starlette's BaseHTTPMiddleware costs a task a request.
"""

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from service.api.edge.bodies import decompressed
from service.api.edge.compression import compressing
from service.api.edge.guards import Guard
from service.api.edge.trail import Trail
from service.api.endpoint import Predictions
from service.api.problems import CLIENT_GONE, problem_response
from service.api.state import Service
from service.errors import ClientGone
from service.telemetry.logs import request_id

BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})  # a body of theirs means nothing


class RequestMiddleware:
    """The one way in: no path goes around it."""

    def __init__(self, predictions: Predictions, service: Service) -> None:
        self._predictions = predictions
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs a request; see the module."""
        if scope["type"] != "http":
            await self._predictions.otherwise(scope, receive, send)
            return
        service = self._service
        trail = Trail(scope)
        scope.setdefault("state", {})["trail"] = trail
        request_id.set(trail.request_id)
        tag = (b"x-request-id", trail.request_id.encode())

        async def tagged_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                trail.status = message["status"]
                message["headers"] = [*message["headers"], tag]
                if service.stopping:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        reply: Send = tagged_send
        if accepted := trail.headers.get(b"accept-encoding"):
            reply = compressing(reply, accepted)
        try:
            service.keys.check(trail.path, trail.headers)
            reads = trail.method not in BODILESS
            guard = Guard(service.guards, receive, trail.headers, trail.started, reads_body=reads)
            with guard:
                trail.guard = guard
                body: Receive = guard.receive
                if reads and (coding := trail.headers.get(b"content-encoding")):
                    body = decompressed(body, coding, service.settings.max_body_bytes)
                await self._predictions.answering(scope, trail.path)(scope, body, reply)
        except (ClientGone, ClientDisconnect):  # ours, and Starlette's
            trail.error, trail.status = ClientGone.__name__, CLIENT_GONE
        except Exception as error:
            if trail.error is None:  # else the framework has said it, and raised it again
                trail.error = type(error).__name__
                if trail.status:  # too late for an answer; the server closes the connection
                    raise
                await problem_response(scope, error)(scope, receive, reply)
        finally:
            service.telemetry.add(trail.record())
