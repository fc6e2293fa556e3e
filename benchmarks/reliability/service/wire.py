"""HTTP/1.1 by hand: requests are bytes, so that broken ones can be sent, and losses are told apart.

To the loopback alone.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

HOST = "127.0.0.1"
MOST_HEAD_BYTES = 1 << 16


class Unreached(Exception):
    """No connection was made."""


class Lost(Exception):
    """The connection ended before a whole answer had come."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One connection, for one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._closing = False

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connects.

        Raises:
            Unreached: nobody listens.
        """
        try:
            return cls(*await asyncio.open_connection(HOST, port, limit=MOST_HEAD_BYTES))
        except OSError as error:
            raise Unreached(type(error).__name__) from error

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on it."""
        return not (self._closing or self._writer.is_closing() or self._reader.at_eof())

    async def ask(self, request: bytes) -> Answer:
        """Sends a request and waits for its answer.

        Raises:
            Lost: there was none, or half of one.
        """
        await self.send(request)
        return await self.receive(no_body=request.startswith(b"HEAD "))

    async def send(self, content: bytes, *, last: bool = False) -> None:
        """Sends bytes; after the last of them the sending side is closed.

        Raises:
            Lost: the other side has gone.
        """
        try:
            self._writer.write(content)
            await self._writer.drain()
            if last:
                self._writer.write_eof()
        except (OSError, RuntimeError):
            # It may have answered before it closed: what there is is read by `receive`.
            self._closing = True

    async def receive(self, *, no_body: bool = False) -> Answer:
        """Waits for an answer; interim ones are passed over.

        Args:
            no_body: it is the answer to a HEAD.

        Raises:
            Lost: the connection ended before all of it.
        """
        try:
            while True:
                status, headers = _parse(await self._reader.readuntil(b"\r\n\r\n"))
                if status >= 200:
                    break
            body = b"" if no_body or status in (204, 304) else await self._body(headers)
        except asyncio.CancelledError:
            self._closing = True  # the answer may come, and is nobody's
            raise
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self._closing = True
            some = getattr(error, "partial", b"")
            raise Lost("after a part of the answer" if some else type(error).__name__) from error
        except ValueError as error:
            self._closing = True
            raise Lost(f"no HTTP: {error}") from error
        self._closing |= headers.get("connection", "").lower() == "close"
        return Answer(status, headers, body)

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            found = b""
            while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
                found += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readuntil(b"\r\n")
            return found
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        self._closing = True
        return await self._reader.read()

    async def read(self, count: int) -> bytes:
        """Up to so many bytes of whatever comes; none at the end."""
        try:
            return await self._reader.read(count)
        except OSError:
            return b""

    def close(self, *, reset: bool = False) -> None:
        """Ends the connection; with a reset the other side learns it the hard way."""
        self._closing = True
        if reset:
            self._writer.transport.abort()
        else:
            self._writer.close()


class Pool:
    """Connections to one port that wait for their next request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def take(self) -> Connection:
        """One that is open, made now if none waits.

        Raises:
            Unreached: nobody listens.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return await Connection.open(self._port)

    def give(self, connection: Connection) -> None:
        """Has it wait, if it may be used again."""
        if connection.usable:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Closes all that wait."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()


def request(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """A request in its bytes."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
        if not any(name.lower() == "content-type" for name in headers or {}):
            lines.append("Content-Type: application/json")
    return "\r\n".join([*lines, "", ""]).encode() + body


async def get(port: int, path: str, seconds: float = 5.0) -> Answer:
    """One GET on a connection of its own.

    Raises:
        Unreached, Lost, TimeoutError: there is no answer.
    """
    return await once(port, request("GET", path), seconds)


async def once(port: int, content: bytes, seconds: float = 30.0) -> Answer:
    """One request on a connection of its own.

    Raises:
        Unreached, Lost, TimeoutError: there is no answer.
    """
    async with asyncio.timeout(seconds):
        connection = await Connection.open(port)
        try:
            return await connection.ask(content)
        finally:
            connection.close()


def _parse(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1."):
        raise ValueError(first[:40])
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}
