"""A tiny application on bounded connections, and raw clients for it."""

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from service.process.connections import BoundedConfig, Limits

LIMITS = Limits(head_bytes=2048, head_seconds=60, body_seconds=60, read_seconds=60)
ANSWER = b'{"read": 2}'


class Echo:
    """Reads the body, unless the path is /early, and says how long it was; /large says more.

    Attributes:
        seen: scopes of requests, in order.
        left: set when a client has gone before its body was there.
    """

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.left = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        self.seen.append(scope)
        body = b""
        more = scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            body += message["body"]
            more = message["more_body"]
        if scope["path"] == "/large":
            body = b"x" * (64 << 20)
        else:
            body = json.dumps({"path": scope["path"], "read": len(body)}).encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for an event; the time is for what never happens."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.01)


@contextmanager
def bounded(app: Any, limits: Limits = LIMITS, **options: Any) -> Iterator[uvicorn.Server]:
    """Serves `app` on a free port of this machine."""
    sock = socket.create_server(("127.0.0.1", 0))
    config = BoundedConfig(
        app, limits, lifespan="off", log_config=None, access_log=False, **options
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([sock],), name="bounded")
    server.address = sock.getsockname()  # type: ignore[attr-defined]  # where clients find it
    thread.start()
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(timeout=60)
    assert not thread.is_alive()


class Client:
    """A connection that says what it is told, byte by byte."""

    def __init__(self, server: uvicorn.Server) -> None:
        self.socket = socket.create_connection(server.address, timeout=60)  # type: ignore[attr-defined]

    def say(self, text: bytes) -> "Client":
        """Sends bytes; a peer that hangs up meanwhile is no error."""
        with suppress(OSError):
            self.socket.sendall(text)
        return self

    def hear(self) -> bytes:
        """All bytes until the other side closes."""
        found = b""
        while data := self.socket.recv(65536):
            found += data
        return found

    def hear_answers(self, count: int) -> list[tuple[int, Any]]:
        """Statuses and documents of so many answers, without waiting for a close."""
        reader = self.socket.makefile("rb")
        return [_answer(reader) for _ in range(count)]

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def _answer(reader: Any) -> tuple[int, Any]:
    status = int(reader.readline().split()[1])
    headers = {}
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    return status, json.loads(reader.read(int(headers[b"content-length"])))


def answers_in(text: bytes) -> list[tuple[int, Any]]:
    """Statuses and documents of all answers in what a connection said."""
    reader = io.BytesIO(text)
    found = []
    while reader.tell() < len(text):
        found.append(_answer(reader))
    return found
