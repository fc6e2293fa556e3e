"""Asking questions: at a rate, or by clients that each wait for their answers."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from benchmarks.reliability.fate import Fate, Sample
from benchmarks.reliability.load.balancer import Balancer
from benchmarks.reliability.load.orders import Clients, Rate
from benchmarks.reliability.questions.reference import Question, judge
from benchmarks.reliability.service import wire
from loadtest.load import steady
from loadtest.traffic.arrivals import intended_times

MOST_ON_THEIR_WAY = 512
UNREACHED_PAUSE = 0.05  # seconds, before a client turns to the balancer again

Report = Callable[[Sample], None]


async def ask(connection: wire.Connection, question: Question, timeout: float) -> tuple[Fate, str]:
    """Asks once, and says what became of it; a connection without an answer is closed."""
    try:
        async with asyncio.timeout(timeout):
            return judge(question, await connection.ask(question.request()))
    except TimeoutError:
        connection.close(reset=True)
        return Fate.HUNG, f"no answer within {timeout:g} s"
    except wire.Lost as error:
        connection.close()
        return Fate.LOST, str(error)


async def at_a_rate(
    order: Rate, questions: Sequence[Question], report: Report, stop: asyncio.Event
) -> None:
    """Asks questions by chance when they are due, until told to stop; then awaits the answers.

    A time counts from when a request was due, so that a service which stalls is seen to.
    """
    chance = random.Random(order.seed)  # noqa: S311  # no secret
    pool = wire.Pool(order.port)
    places = asyncio.Semaphore(MOST_ON_THEIR_WAY)
    started = time.monotonic()

    async def one(question: Question, due: float) -> None:
        try:
            connection = await pool.take()
        except wire.Unreached as error:
            fate, detail = Fate.UNREACHED, str(error)
        else:
            fate, detail = await ask(connection, question, order.timeout)
            pool.give(connection)
        finally:
            places.release()
        report(Sample(due, (time.monotonic() - due) * 1000, fate, detail))

    async with asyncio.TaskGroup() as tasks:
        schedule = steady(order.per_second, order.seconds, order.arrivals)
        for offset in intended_times(schedule, chance):
            due = started + offset
            if await _stopped(stop, due):
                break
            await places.acquire()
            tasks.create_task(one(chance.choice(questions), due))
    pool.close()


async def by_clients(
    order: Clients, questions: Sequence[Question], report: Report, stop: asyncio.Event
) -> None:
    """Has clients ask until they are told to stop."""
    balancer = Balancer(order.ports)
    watch = asyncio.create_task(balancer.watch())
    ends = time.monotonic() + order.seconds
    try:
        async with asyncio.TaskGroup() as tasks:
            for number in range(order.clients):
                chance = random.Random(f"{order.seed}/{number}")  # noqa: S311  # no secret
                tasks.create_task(_client(order, balancer, questions, chance, report, stop, ends))
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def _client(
    order: Clients,
    balancer: Balancer,
    questions: Sequence[Question],
    chance: random.Random,
    report: Report,
    stop: asyncio.Event,
    ends: float,
) -> None:
    notices_after = chance.uniform(*order.notices_after)
    connection: wire.Connection | None = None
    while not await _stopped(
        stop, min(ends, time.monotonic() + chance.uniform(0, 2 * order.pause))
    ):
        if time.monotonic() >= ends:
            break
        began = time.monotonic()
        if connection is None or not connection.usable:
            if connection is not None:
                connection.close()
            try:
                connection = await wire.Connection.open(balancer.pick(notices_after))
            except wire.Unreached as error:
                # Nothing was sent: a balancer takes another instance, and so does this client.
                report(Sample(began, 0.0, Fate.UNREACHED, str(error)))
                await asyncio.sleep(UNREACHED_PAUSE)
                continue
        fate, detail = await ask(connection, chance.choice(questions), order.timeout)
        report(Sample(began, (time.monotonic() - began) * 1000, fate, detail))
    if connection is not None:
        connection.close()


async def _stopped(stop: asyncio.Event, until: float) -> bool:
    """Waits until a time, or until told to stop: whether that was so."""
    left = until - time.monotonic()
    if left > 0 and not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), left)
    return stop.is_set()
