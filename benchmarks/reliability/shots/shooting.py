"""Sends requests that are no good ones, as many at once as told, and questions between them.

A question on the connection that a shot has used must still get its own answer.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.reliability.fate import SHOT, Fate, Sample, fate_of
from benchmarks.reliability.load.loops import Report, ask
from benchmarks.reliability.load.orders import Shots
from benchmarks.reliability.questions.reference import Question
from benchmarks.reliability.service import wire
from benchmarks.reliability.shots import catalogue, mutate, schemas

EACH = 9  # shots between two questions of a connection
PATIENCE = 1.0  # seconds, with what is not certainly one request: the service may wait for more
MUTATED, SERVICE = "mutated", "service"
UNREACHED_PAUSE = 0.1


async def shoot(
    order: Shots, questions: Sequence[Question], report: Report, stop: asyncio.Event
) -> None:
    """Sends so many, or until told to stop."""
    shots = await _shots(order)
    ends = time.monotonic() + order.seconds
    async with asyncio.TaskGroup() as tasks:
        for number in range(order.at_once):
            chance = random.Random(f"{order.seed}/{number}")  # noqa: S311  # no secret
            tasks.create_task(_shooter(order, shots, questions, chance, report, stop, ends))


async def _shots(order: Shots) -> Iterator[bytes]:
    if order.source == MUTATED:
        chance = random.Random(order.seed)  # noqa: S311  # no secret
        valid = catalogue.requests()
        return (mutate.mutated(valid, chance) for _ in range(order.count))
    own = schemas.load((await wire.get(order.port, "/openapi.json", 30)).body)
    document = own
    if order.source != SERVICE:
        document = schemas.load(Path(order.source).read_bytes())
        if "/v2/health/live" not in document["paths"]:
            document = schemas.under(document, "/tei")
    # All are made before the first is sent: to make one takes longer than to answer it.
    return iter(schemas.requests(document, order.count, order.seed, schemas.served(own)))


async def _shooter(
    order: Shots,
    shots: Iterator[bytes],
    questions: Sequence[Question],
    chance: random.Random,
    report: Report,
    stop: asyncio.Event,
    ends: float,
) -> None:
    connection: wire.Connection | None = None
    for number, shot in enumerate(shots, 1):
        if stop.is_set() or time.monotonic() > ends:
            break
        began = time.monotonic()
        try:
            connection = await _fresh(connection, order.port)
            fate, detail = await fire(connection, shot, order.timeout)
            report(Sample(began, (time.monotonic() - began) * 1000, fate, detail, SHOT))
            if number % EACH == 0:
                began = time.monotonic()
                connection = await _fresh(connection, order.port)
                fate, detail = await ask(connection, chance.choice(questions), order.timeout)
                report(Sample(began, (time.monotonic() - began) * 1000, fate, detail))
        except wire.Unreached as error:
            report(Sample(began, 0.0, Fate.UNREACHED, str(error), SHOT))
            await asyncio.sleep(UNREACHED_PAUSE)
    if connection is not None:
        connection.close()


async def _fresh(connection: wire.Connection | None, port: int) -> wire.Connection:
    """The same one while it may be used."""
    if connection is not None:
        if connection.usable:
            return connection
        connection.close()
    return await wire.Connection.open(port)


async def fire(connection: wire.Connection, shot: bytes, timeout: float) -> tuple[Fate, str]:
    """Sends a shot, and says what became of it; the connection is left only where it is clean.

    A whole request must get an answer. What may be half a one, or two, is sent as all there is,
    and the service may answer or close.
    """
    whole = mutate.is_one(shot)
    try:
        async with asyncio.timeout(timeout if whole else PATIENCE):
            await connection.send(shot, last=not whole)
            answer = await connection.receive(no_body=shot.startswith(b"HEAD "))
    except TimeoutError:
        connection.close(reset=True)
        return (Fate.HUNG, f"{_line(shot)}") if whole else (Fate.CLOSED, "left after a while")
    except wire.Lost as error:
        connection.close()
        return (Fate.LOST, f"{error}: {_line(shot)}") if whole else (Fate.CLOSED, "by the service")
    if not whole:
        connection.close()
    fate = fate_of(answer.status)
    said = f"{answer.status}: {_line(shot)}" if fate is Fate.FAILED else str(answer.status)
    return fate, said


def _line(shot: bytes) -> str:
    return repr(shot.partition(b"\r\n")[0][:60])[2:-1]
