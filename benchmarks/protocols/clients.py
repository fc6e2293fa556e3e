"""Clients that send one request after another, so many at once; each waits for its answer.

Both kinds run in one process on the event loop, and read no more of an answer than that it is one.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

Send = Callable[[bytes], Awaitable[None]]


class Refused(Exception):
    """A request got no good answer."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of the requests of a while.

    Attributes:
        seconds: of each that was answered.
        failures: why others were not, each once.
    """

    seconds: tuple[float, ...]
    failures: tuple[str, ...]


async def ask(sends: Sequence[Send], requests: Sequence[bytes], seconds: float) -> Heard:
    """Has every sender send, for so long."""
    took: list[float] = []
    failures: set[str] = set()
    turn = itertools.cycle(requests)
    until = time.perf_counter() + seconds

    async def one_after_another(send: Send) -> None:
        while (begun := time.perf_counter()) < until:
            try:
                await send(next(turn))
            except Exception as error:
                failures.add(f"{type(error).__name__}: {error}"[:200])
                await asyncio.sleep(0.01)
            else:
                took.append(time.perf_counter() - begun)

    await asyncio.gather(*map(one_after_another, sends))
    return Heard(tuple(took), tuple(sorted(failures)))


class HttpConnection:
    """A connection that is kept alive."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, request: bytes) -> None:
        """Sends a request and reads its answer.

        Raises:
            Refused: it is not a 200.
        """
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await self._reader.readexactly(int(length))
        if not head.startswith(b"HTTP/1.1 200"):
            raise Refused(body.decode(errors="replace"))

    async def close(self) -> None:
        """Closes it."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


async def over_http(port: int, requests: Sequence[bytes], at_once: int, seconds: float) -> Heard:
    """So many connections that are kept alive."""
    found = [
        HttpConnection(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(at_once)
    ]
    try:
        return await ask([one.send for one in found], requests, seconds)
    finally:
        for one in found:
            await one.close()


async def over_grpc(port: int, requests: Sequence[bytes], at_once: int, seconds: float) -> Heard:
    """So many calls at once on one connection, as gRPC's clients have it."""
    import grpc

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")

        async def send(request: bytes) -> None:
            await call(request)

        return await ask([send] * at_once, requests, seconds)
