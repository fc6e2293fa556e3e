"""What a connection may ask of the service before its request is one: bytes, time, and turns.

uvicorn's protocol, with bounds on heads, on requests sent ahead of answers, and on how long a
client may take to send or to read. One sweep a second looks at all connections; no request has
a timer. Knows no paths but the probes', and no bodies: their bounds are the middleware's.
"""

import asyncio
import enum
import logging
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import httptools
import uvicorn
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from service.process.refusals import Refused, full, problem

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
LINGER_SECONDS = 2.0  # for a client that still sends to read why it was refused
MOST_AHEAD = 16  # requests of a connection that wait for the answer to the one before them
PROBES = ("/livez", "/readyz")

_sweeping: weakref.WeakSet[ServerState] = weakref.WeakSet()


@dataclass(frozen=True)
class Limits:
    """Bounds on one connection.

    Attributes:
        head_bytes: most bytes of a request's line and headers, and of trailers.
        head_seconds: in which a head must arrive, the first one from when the connection began.
        body_seconds: in which a body must arrive that nobody waits for any more.
        read_seconds: in which a client must read some of its answer.
    """

    head_bytes: int
    head_seconds: float
    body_seconds: float
    read_seconds: float


class BoundedConfig(uvicorn.Config):
    """uvicorn's configuration for `BoundedHttp`, which finds its limits here."""

    def __init__(self, app: Any, limits: Limits, **options: Any) -> None:
        super().__init__(app, **options, http=BoundedHttp, ws="none")
        self.limits = limits


class Awaits(enum.Enum):
    """What a connection waits for."""

    REQUEST = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    ANSWERS = enum.auto()  # the last ones; nothing more is read
    CLOSE = enum.auto()  # by a client that was refused


class BoundedHttp(HttpToolsProtocol):
    """One connection, bounded."""

    def connection_made(self, transport: Any) -> None:
        """Begins to wait for the first head."""
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, _Closing(transport, self._close))
        self._limits = cast(BoundedConfig, self.config).limits
        self._awaits = Awaits.HEAD
        self._turn = self._turn_seen = 0  # what is waited for, and what the sweep has seen
        self._since = self.loop.time()
        self._bytes = 0  # fed to the parser since it last gave a body or ended a request
        self._running: RequestResponseCycle | None = None
        self._unread_since = 0.0
        self._closing = False
        self.access_log = False  # the service writes its own, without queries
        if self.server_state not in _sweeping:
            _sweeping.add(self.server_state)
            self.loop.call_later(SWEEP_SECONDS, _sweep, self.server_state, self.loop)

    def data_received(self, data: bytes) -> None:
        """Parses what came, unless the connection is ending."""
        if self._awaits in (Awaits.ANSWERS, Awaits.CLOSE):
            return
        self._bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            head = self._without_upgrade()
            # Where the head says that the connection closes, the parser that read it reads no more.
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
            self.data_received(head + data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            cause = error.__context__
            if not isinstance(cause, Refused):
                cause = Refused(HTTPStatus.BAD_REQUEST, "this is not HTTP/1.1")
            self._refuse(cause)
            return
        if self._bytes > self._limits.head_bytes:
            self._refuse(self._head_too_large())

    def on_message_begin(self) -> None:
        """A head begins."""
        if len(self.pipeline) >= MOST_AHEAD:
            raise Refused(HTTPStatus.BAD_REQUEST, "too many requests ahead of their answers")
        super().on_message_begin()
        self._awaits = Awaits.HEAD
        self._turn += 1

    def on_headers_complete(self) -> None:
        """Starts the request, unless its head is too large."""
        if self._bytes > self._limits.head_bytes:  # perhaps of the body that came with it
            size = sum(len(name) + len(value) + 4 for name, value in self.headers)
            if len(self.url) + size > self._limits.head_bytes:
                raise self._head_too_large()
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "this is no proxy")
            return  # it comes again; see _without_upgrade
        super().on_headers_complete()
        self.headers = []  # trailers are no headers of the request
        self._awaits = Awaits.BODY
        self._turn += 1

    def on_body(self, body: bytes) -> None:
        """Keeps a part of the body."""
        self._bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there."""
        self._bytes = 0
        if self.parser.should_upgrade():
            return
        self._awaits = Awaits.REQUEST
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Goes on with the next request; as uvicorn's own, whose timer the sweep stands for."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._turn += 1
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def pause_writing(self) -> None:
        """The client does not read."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def look(self, now: float) -> None:
        """Ends the connection if its client takes too long."""
        if self._turn != self._turn_seen:
            self._turn_seen, self._since = self._turn, now
        waited = now - self._since
        if self.transport.is_closing() and not self._closing:
            self._closing = True
            self._unread_since = now
        if self._closing or self.flow.write_paused:
            if now - self._unread_since > self._limits.read_seconds:
                self.transport.abort()
        elif self._awaits is Awaits.CLOSE:
            if waited > LINGER_SECONDS:
                self.transport.abort()
        elif self.flow.read_paused:
            self._since = now  # it is the client that waits
        elif self._awaits is Awaits.HEAD and waited > self._limits.head_seconds:
            detail = f"no request arrived in {self._limits.head_seconds:g} s"
            self._refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, detail))
        elif self._awaits is Awaits.REQUEST and self._idle and waited > self.timeout_keep_alive:
            self.transport.close()
        elif self._awaits is Awaits.BODY and waited > self._limits.body_seconds and self._idle:
            self.transport.abort()

    @property
    def _idle(self) -> bool:
        """Whether every request was answered."""
        return self.cycle is None or self.cycle.response_complete

    def _await(self, what: Awaits) -> None:
        self._awaits = what
        self._turn += 1

    def _head_too_large(self) -> Refused:
        return Refused(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the head has more than {self._limits.head_bytes} bytes",
        )

    def _without_upgrade(self) -> bytes:
        """The head just read, without its offer of another protocol, which is not taken.

        Java's client makes one with every first request, and the parser takes what follows such a
        head, the body, for bytes of the other protocol.
        """
        lines = [b"%s: %s\r\n" % pair for pair in self.headers if pair[0] != b"upgrade"]
        version = self.parser.get_http_version().encode()
        first = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, version)
        return b"".join([first, *lines, b"\r\n"])

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        if app is service_unavailable:
            path = cycle.scope["path"].removeprefix(self.root_path)
            app = self.app if path in PROBES else full
        super()._start_asgi_task(cycle, app)

    def _refuse(self, cause: Refused) -> None:
        """Reads no more: answers the requests that came whole, or else says what was wrong."""
        ahead = [cycle for cycle, _ in reversed(self.pipeline)]
        accepted = [
            cycle
            for cycle in (self._running, *ahead)
            if cycle is not None and not cycle.response_complete and not cycle.more_body
        ]
        if accepted:
            self.pipeline = deque(pair for pair in self.pipeline if pair[0] in accepted)
            self.cycle = accepted[-1]
            self.cycle.keep_alive = False
            self._await(Awaits.ANSWERS)
            return
        self._await(Awaits.CLOSE)
        if not self._idle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.abort()
                return
        head, body = problem(cause)
        lines = [b"%s: %s\r\n" % pair for pair in (*self.server_state.default_headers, *head)]
        status = b"HTTP/1.1 %d %s\r\n" % (cause.status, cause.status.phrase.encode())
        self.transport.write(b"".join([status, *lines, b"\r\n", body]))
        self.transport.write_eof()

    def _close(self, transport: asyncio.Transport) -> None:
        """Closes, at once or when the client has read its answer.

        While a body is still on its way, a close would reset the connection, and take with it the
        answer that came before the body: that it is too large, or that there is no key.
        """
        if self._awaits is Awaits.BODY and self._idle and transport.can_write_eof():
            self._await(Awaits.CLOSE)
            transport.write_eof()
        elif self._awaits is not Awaits.CLOSE:
            transport.close()


class _Closing:
    """A transport whose `close` is the connection's, and all else its own.

    Args:
        transport: as the server gives it.
        close: is given it.
    """

    def __init__(
        self, transport: asyncio.Transport, close: Callable[[asyncio.Transport], None]
    ) -> None:
        self.write = transport.write  # of every answer, and found at once
        self.is_closing = transport.is_closing
        self._transport = transport
        self._close = close

    def close(self) -> None:
        """See `BoundedHttp._close`."""
        self._close(self._transport)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _sweep(state: ServerState, loop: Any) -> None:
    now = loop.time()
    for connection in list(state.connections):
        try:
            cast(BoundedHttp, connection).look(now)
        except Exception:  # of one, and the others are looked at all the same
            log.exception("a connection could not be looked at")
    if state.connections:
        loop.call_later(SWEEP_SECONDS, _sweep, state, loop)
    else:
        _sweeping.discard(state)
