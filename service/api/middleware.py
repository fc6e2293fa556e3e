"""Around every request: its id, one line of log, the limit on its body, and a last net.

Plain ASGI: Starlette's BaseHTTPMiddleware costs a task a request.
"""

import re
import time
import uuid
from itertools import count

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import problem_response
from service.api.security import Keys
from service.errors import BodyTooLarge
from service.telemetry.logs import AccessLog

# Unique without asking the kernel for randomness each time.
_PROCESS = uuid.uuid4().hex[:16].encode()
_numbers = count()
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class RequestMiddleware:
    """Gives a request its id, checks its key, limits its body, and logs how it ended."""

    def __init__(self, app: ASGIApp, keys: Keys, max_body_bytes: int, access_log: bool) -> None:
        self._app = app
        self._keys = keys
        self._max_body_bytes = max_body_bytes
        self._access_log = AccessLog() if access_log else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the request; see the class."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = (
            given if _REQUEST_ID.fullmatch(given) else b"%s%016x" % (_PROCESS, next(_numbers))
        )
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        status = 0
        seen = 0

        async def limited_receive() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self._max_body_bytes:
                    raise self._too_large()
            return message

        async def tagged_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            self._keys.check(scope["path"], headers)
            length = headers.get(b"content-length", b"")
            if length.isdigit() and int(length) > self._max_body_bytes:
                raise self._too_large()
            await self._app(scope, limited_receive, tagged_send)
        except Exception as error:
            if status:  # too late for another answer; the server closes the connection
                raise
            response = problem_response(Request(scope), error)
            await response(scope, receive, tagged_send)
        finally:
            if self._access_log is not None:
                self._access_log.write(
                    request_id=request_id.decode(),
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round((time.perf_counter() - started) * 1000, 2),
                )

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body has more than {self._max_body_bytes} bytes")
