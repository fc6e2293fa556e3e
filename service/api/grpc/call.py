"""Around every call: its id, its key, the bound on its message, its errors, and its record.

What `RequestMiddleware` is for HTTP.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import grpc
from google.protobuf.message import DecodeError, Message

from service.api.edge.security import GRPC
from service.api.edge.trail import Trail
from service.api.endpoint import TIMEOUT_HEADER, timeout_seconds
from service.api.grpc.codes import failure_of
from service.api.problems import CLIENT_GONE
from service.api.state import Service
from service.errors import BodyTooLarge, BodyTooSlow, ClientGone, DeadlineExceeded, InvalidInput
from service.telemetry.logs import request_id

Metadata = Sequence[tuple[str, str]]
REFUSED_SECONDS = 0.1  # within which grpc ends a call whose message it has refused


class Call:
    """One call, as a method sees it.

    Attributes:
        service: whose method it is.
        trail: of the call.
        deadline: on the clock of `time.monotonic`.
        metadata: what goes after the answer.
        unread: its message ended before it began.
    """

    __slots__ = ("deadline", "metadata", "service", "trail", "unread")

    def __init__(self, service: Service, trail: Trail, deadline: float) -> None:
        self.service = service
        self.trail = trail
        self.deadline = deadline
        self.metadata: list[tuple[str, str]] = [("x-request-id", trail.request_id)]
        self.unread = False


class Method(NamedTuple):
    """A method of the protocol.

    Attributes:
        request: the class of its message.
        answer: what it does.
        predicts: it is a prediction.
    """

    request: type[Message]
    answer: Callable[[Call, Any], Awaitable[Message]]
    predicts: bool = False


class Handler:
    """Answers the calls of one method; an error becomes a code, see `codes`."""

    def __init__(self, service: Service, name: str, method: Method) -> None:
        self._service = service
        self._path = f"{GRPC}{name}"
        self._method = method

    async def call(self, _: object, context: Any) -> bytes:
        """Answers one call.

        Args:
            context: grpc's, of the call.
        """
        service = self._service
        headers = [(key.encode(), _bytes(value)) for key, value in context.invocation_metadata()]
        trail = Trail({"method": "POST", "path": self._path, "headers": headers})
        trail.predicts = self._method.predicts
        request_id.set(trail.request_id)
        call = Call(service, trail, trail.started + service.settings.timeout_ms / 1000)
        try:
            reply: bytes = await self._answer(call, context)
            trail.status = 200
            context.set_trailing_metadata(tuple(call.metadata))
            return reply
        except asyncio.CancelledError:  # nobody waits any more
            trail.error, trail.status = _ended(call)
            raise
        except Exception as error:
            failure = failure_of(error, self._path)
            trail.error, trail.status = type(error).__name__, failure.status
            metadata = (*call.metadata, *failure.metadata)
            await context.abort(failure.code, failure.details, metadata)
            raise  # abort has raised
        finally:
            service.telemetry.add(trail.record())

    async def _answer(self, call: Call, context: Any) -> bytes:
        service, trail = self._service, call.trail
        service.keys.check(self._path, trail.headers)
        seconds = timeout_seconds(trail.headers.get(TIMEOUT_HEADER), service.settings)
        if (remaining := context.time_remaining()) is not None:
            seconds = min(seconds, remaining)
        call.deadline = trail.started + seconds
        content = await self._read(call, context)
        if len(content) > service.settings.max_body_bytes:
            raise service.guards.too_large()
        message = self._method.request()
        try:
            message.ParseFromString(content)
        except DecodeError as error:
            raise InvalidInput("the message is not of the protocol's form") from error
        reply = await self._method.answer(call, message)
        written: bytes = reply.SerializeToString()
        return written

    async def _read(self, call: Call, context: Any) -> bytes:
        limit = self._service.settings.body_seconds
        try:
            async with asyncio.timeout(limit):
                content = await context.read()
        except TimeoutError:
            raise BodyTooSlow(f"the message did not arrive within {limit:g} s") from None
        if not isinstance(content, bytes):  # grpc's mark of an end
            call.unread = True
            await asyncio.sleep(REFUSED_SECONDS)
            raise InvalidInput("the call came without a message")
        return content


def handlers(service: Service, methods: dict[str, Method]) -> dict[str, Any]:
    """What grpc is given.

    Of one message each, and to grpc a stream of requests: so the key is looked at before the
    message is waited for, and that wait has a bound. Messages come and go as bytes.
    """
    return {
        name: grpc.stream_unary_rpc_method_handler(Handler(service, name, method).call)
        for name, method in methods.items()
    }


def _ended(call: Call) -> tuple[str, int]:
    """The error and the status of a call that grpc has ended."""
    if call.unread:  # a message that it does not take into memory
        return BodyTooLarge.__name__, 413
    if time.monotonic() >= call.deadline:
        return DeadlineExceeded.__name__, 504
    return ClientGone.__name__, CLIENT_GONE


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
