"""Requests in flight: their bodies bounded in bytes and in time, their clients watched.

All of them are looked at ten times a second, so that a request which is soon answered, as most
are, costs neither a timer nor a task.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from starlette.types import Message, Receive

from service.errors import BodyTooLarge, BodyTooSlow, ClientGone, StillhouseError

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
GRACE_SECONDS = 0.2  # a request that is answered sooner is not watched


class Guard:
    """A request in flight; the body of the `with` answers it, and may be ended from outside.

    Args:
        guards: that look at it.
        receive: of the request.
        headers: of the request, by lower-case name.
        started: on the clock of `time.monotonic`.
        reads_body: False where what comes as a body is nobody's: its answer may be on its way when
            the rest comes, and is not to fail of it.

    Attributes:
        has_body: all of the request has arrived, or it has no body.
        answering: nothing but the answer is waited for: a client that goes ends it.
    """

    def __init__(
        self,
        guards: "Guards",
        receive: Receive,
        headers: Mapping[bytes, bytes],
        started: float,
        *,
        reads_body: bool = True,
    ) -> None:
        self.started = started
        self.answering = False
        self._guards = guards
        self._receive: Receive | None = receive
        self._is_reading = False  # a handler waits for the body; some never do
        self._bytes = 0
        self._error: Exception | None = None
        self._task: asyncio.Task[object] | None = None
        self._watcher: asyncio.Task[None] | None = None
        length = headers.get(b"content-length", b"0")
        has_none = length == b"0" and b"transfer-encoding" not in headers
        self.has_body = has_none or not reads_body
        self._reads_body = reads_body
        if length.isdigit() and int(length[:20]) > guards.max_bytes:
            raise guards.too_large()

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        self._guards.in_flight.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._guards.in_flight.discard(self)
        # Both lead back here: a circle would keep the request until the garbage is collected.
        task, self._task, self._receive = self._task, None, None
        if self._watcher is not None:
            self._watcher.cancel()
        if self._error is not None and task is not None:
            task.uncancel()
            if kind is asyncio.CancelledError:
                raise self._error from None

    async def receive(self) -> Message:
        """As the server's own, bounded.

        Raises:
            BodyTooLarge: the body is.
        """
        receive = self._receive
        if receive is None:  # the request has ended
            return {"type": "http.disconnect"}
        self._is_reading = not self.has_body
        message = await receive()
        self._is_reading = False
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._guards.max_bytes and self._reads_body:
            raise self._guards.too_large()
        if not message.get("more_body", False):
            self.has_body = True
        return message

    def end(self, error: Exception) -> None:
        """Ends the `with`, which raises `error`; called from outside it."""
        if self._error is None and self._task is not None:
            self._error = error
            self._task.cancel()

    def end_body(self, error: StillhouseError) -> None:
        """Ends it if its body is waited for."""
        if self._is_reading:
            self.end(error)

    def look(self, now: float) -> None:
        """Ends the request if its body is late; watches its client if it is not soon answered."""
        age = now - self.started
        if self._is_reading and age > self._guards.body_seconds:
            limit = f"{self._guards.body_seconds:g} s"
            self.end(BodyTooSlow(f"the body did not arrive within {limit}"))
        elif self.answering and age > GRACE_SECONDS and self._watcher is None:
            receive = self._receive
            assert receive is not None
            self._watcher = asyncio.get_running_loop().create_task(self._watch(receive))

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if self.answering:
            self.end(ClientGone("the client closed the connection"))


class Guards:
    """The requests in flight.

    Args:
        max_bytes: of a body.
        body_seconds: in which a body has to arrive.
    """

    def __init__(self, max_bytes: int, body_seconds: float) -> None:
        self.max_bytes = max_bytes
        self.body_seconds = body_seconds
        self.in_flight: set[Guard] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts to look."""
        self._task = asyncio.create_task(self._look_again_and_again())

    async def stop(self) -> None:
        """Ends looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def too_large(self) -> BodyTooLarge:
        """What a body that is too large gets."""
        return BodyTooLarge(f"the body has more than {self.max_bytes} bytes")

    def end_bodies(self, error: StillhouseError) -> None:
        """Refuses every request whose body is waited for."""
        for guard in list(self.in_flight):
            guard.end_body(error)

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            for guard in list(self.in_flight):
                try:
                    guard.look(now)
                except Exception:
                    log.exception("guarding failed")
