"""Clients that do harm: slow ones, ones that leave, and ones that speak no HTTP."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from benchmarks.reliability.faults.common import Harm, Scene, under_load
from benchmarks.reliability.questions import dialects
from benchmarks.reliability.results import Fault
from benchmarks.reliability.service import wire
from benchmarks.reliability.service.process import Service

SLOW_CLIENTS = 64
SLOW_SECONDS = 25.0  # within which the service must be rid of them
LEAVERS = 16
GARBLERS = 8
ENDED_SECONDS = 20.0

CHANCE = random.Random(3)  # noqa: S311  # no secret
GARBAGE: tuple[bytes, ...] = (
    CHANCE.randbytes(512),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + CHANCE.randbytes(500),  # TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"GET /\r\n",
    b"\r\n" * 2000 + b"x",
    b"\x00" * 4096,
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 9\r\n\r\n{}x",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 200_000,
    b"GET / HTTP/1.1\r\n" + b"X-Many: 1\r\n" * 20_000 + b"\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
)
LEAVING = dialects.build("predict", "teacher", [f"a long film, part {n} " * 40 for n in range(8)])


def slow_clients(scene: Scene) -> Fault:
    """A byte a second, of the head or of the body; the service must end it."""

    async def one(service: Service, number: int) -> str:
        request = dialects.build("predict", "student", ["a film that goes on"])
        split = request.index(b"\r\n\r\n") + 4
        sent = split + 2 if number % 2 else 4  # half of them are at their body already
        connection = await wire.Connection.open(service.port)
        begun = time.monotonic()
        answer = asyncio.create_task(_ended(connection, SLOW_SECONDS))
        await connection.send(request[:sent])
        while not answer.done() and sent < len(request) - 1:
            await asyncio.wait([answer], timeout=1.0)
            await connection.send(request[sent : sent + 1])
            sent += 1
        said = await answer
        connection.close()
        return said if time.monotonic() - begun < SLOW_SECONDS else "not ended"

    def harm(service: Service) -> Harm:
        async def all_of_them() -> list[str]:
            return await asyncio.gather(*(one(service, number) for number in range(SLOW_CLIENTS)))

        begun = time.monotonic()
        found = Counter(asyncio.run(all_of_them()))
        findings = {"ended": _said(found), "the last after": f"{time.monotonic() - begun:.1f} s"}
        left = found["not ended"]
        missed = (f"{left} slow clients were not ended",) if left else ()
        return Harm(findings, missed)

    what = f"{SLOW_CLIENTS} clients that send a byte a second, of a head or of a body"
    return under_load(scene, "slow-clients", what, scene.launch(), harm)


def leaving_clients(scene: Scene) -> Fault:
    """They go in the middle of their body, or of their answer."""

    async def one(service: Service, chance: random.Random) -> str:
        connection = await wire.Connection.open(service.port)
        reset = chance.random() < 0.5
        if chance.random() < 0.5:
            await connection.send(LEAVING[: chance.randrange(1, len(LEAVING))])
            await asyncio.sleep(chance.uniform(0, 0.05))
            connection.close(reset=reset)
            return "in mid-body"
        await connection.send(LEAVING)
        if chance.random() < 0.5:
            await asyncio.sleep(chance.uniform(0, 0.2))
            connection.close(reset=reset)
            return "while they waited"
        async with asyncio.timeout(60):
            await connection.read(1)
        connection.close(reset=reset)
        return "in mid-answer"

    return _many(
        scene,
        "leaving-clients",
        f"{LEAVERS} clients at a time that leave in mid-body, while they wait, or in mid-answer",
        LEAVERS,
        one,
        "left",
    )


def garbage(scene: Scene) -> Fault:
    """Bytes that are no HTTP, or broken HTTP."""

    async def one(service: Service, chance: random.Random) -> str:
        connection = await wire.Connection.open(service.port)
        await connection.send(chance.choice(GARBAGE))
        said = await _ended(connection, ENDED_SECONDS)
        connection.close()
        return said

    return _many(
        scene,
        "garbage",
        f"{GARBLERS} clients at a time that send garbage bytes",
        GARBLERS,
        one,
        "ended",
    )


def _many(
    scene: Scene,
    name: str,
    what: str,
    at_once: int,
    one: Callable[[Service, random.Random], Awaitable[str]],
    word: str,
) -> Fault:
    """So many clients at a time, each again and again until the time has passed."""

    def harm(service: Service) -> Harm:
        found: Counter[str] = Counter()
        ends = time.monotonic() + scene.seconds

        async def again(number: int) -> None:
            chance = random.Random(number)  # noqa: S311  # no secret
            while time.monotonic() < ends:
                try:
                    found[await one(service, chance)] += 1
                except (wire.Unreached, TimeoutError) as error:
                    found[f"not ended: {type(error).__name__}"] += 1
                await asyncio.sleep(0.02)

        async def all_of_them() -> None:
            await asyncio.gather(*(again(number) for number in range(at_once)))

        asyncio.run(all_of_them())
        bad = {said: n for said, n in found.items() if said.startswith(("5", "not ended"))}
        return Harm({word: _said(found)}, tuple(f"{n} {said}" for said, n in bad.items()))

    return under_load(scene, name, what, scene.launch(), harm)


async def _ended(connection: wire.Connection, seconds: float) -> str:
    """How the service ends what a client has begun: by a status, by closing, or not at all."""
    try:
        async with asyncio.timeout(seconds):
            return str((await connection.receive()).status)
    except wire.Lost:
        return "closed"
    except TimeoutError:
        return "not ended"


def _said(found: Counter[str]) -> str:
    return ", ".join(f"{said}: {count}" for said, count in found.most_common())
