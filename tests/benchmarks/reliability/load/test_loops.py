"""What a service does wrong is counted as what it is, by both ways of asking."""

import asyncio
import time
from collections import Counter

import pytest

from benchmarks.reliability.fate import Fate, Sample
from benchmarks.reliability.load import loops
from benchmarks.reliability.load.orders import Clients, Rate
from tests.benchmarks.reliability.builders import in_every_dialect
from tests.benchmarks.reliability.fake_service import FakeService

FATES = {
    "wrong": Fate.WRONG,
    "off": Fate.WRONG,
    "bad": Fate.WRONG,
    "broken": Fate.FAILED,
    "busy": Fate.REFUSED,
    "lost": Fate.LOST,
    "half": Fate.LOST,
    "hang": Fate.HUNG,
}
QUESTIONS = in_every_dialect()


def at_a_rate(port: int, timeout: float = 30.0) -> Rate:
    """Forty requests."""
    return Rate(port, "", 40, "constant", 1, 1, timeout)


def count(samples: list[Sample]) -> Counter[Fate]:
    """By fate."""
    return Counter(sample.fate for sample in samples)


async def ask(service: FakeService, timeout: float = 30.0) -> list[Sample]:
    """Forty requests at a rate."""
    found: list[Sample] = []
    order = at_a_rate(service.port, timeout)
    await loops.at_a_rate(order, QUESTIONS, found.append, asyncio.Event())
    return found


@pytest.mark.parametrize(("does", "fate"), FATES.items())
def test_every_misdeed_is_counted(does: str, fate: Fate) -> None:
    """Just those requests to which it was done."""

    async def run() -> tuple[list[Sample], int]:
        async with FakeService(does, every=8) as service:
            return await ask(service, timeout=1.0 if does == "hang" else 30.0), service.heard

    found, heard = asyncio.run(run())
    assert heard == 40
    assert count(found) == {Fate.OK: 35, fate: 5}
    assert all(sample.detail for sample in found if sample.fate is not Fate.OK)


def test_nobody_there_is_not_lost() -> None:
    """Nothing was sent."""

    async def run() -> list[Sample]:
        async with FakeService() as service:
            pass
        return await ask(service)

    assert count(asyncio.run(run())) == {Fate.UNREACHED: 40}


def test_a_slow_start_is_in_the_times() -> None:
    """Times count from when a request was due, not from when it was sent."""

    async def run() -> list[Sample]:
        async with FakeService() as service:
            found: list[Sample] = []
            asked = asyncio.create_task(
                loops.at_a_rate(at_a_rate(service.port), QUESTIONS, found.append, asyncio.Event())
            )
            await asyncio.sleep(0)
            time.sleep(0.5)  # nothing of ours runs meanwhile
            await asked
            return found

    found = asyncio.run(run())
    assert len(found) == 40
    assert max(sample.milliseconds for sample in found) > 400


def test_a_rate_stops_when_told() -> None:
    """Long before its time, and with all that was sent accounted for."""

    async def run() -> tuple[list[Sample], int]:
        found: list[Sample] = []
        stop = asyncio.Event()

        def hear(sample: Sample) -> None:
            found.append(sample)
            if len(found) == 5:
                stop.set()

        async with FakeService() as service:
            order = Rate(service.port, "", 100, "constant", 1, 3600)
            await loops.at_a_rate(order, QUESTIONS, hear, stop)
            return found, service.heard

    found, heard = asyncio.run(run())
    assert len(found) == heard


def test_clients_keep_their_connections() -> None:
    """Until the service says that it closes; then they connect anew, and lose nothing."""

    async def run(does: str | None) -> tuple[list[Sample], FakeService]:
        found: list[Sample] = []
        stop = asyncio.Event()

        def hear(sample: Sample) -> None:
            found.append(sample)
            if len(found) >= 40:
                stop.set()

        async with FakeService(does) as service:
            order = Clients((service.port,), "", 4, 0.0, (0.0, 0.0), 1, 3600)
            await loops.by_clients(order, QUESTIONS, hear, stop)
            predictions = service.connections - service.asked["/readyz"]
            assert count(found) == {Fate.OK: len(found)}
            assert predictions == (4 if does is None else len(found))
            return found, service

    asyncio.run(run(None))
    asyncio.run(run("last"))


def test_clients_turn_away_from_the_unready() -> None:
    """A balancer that notices at once sends them to the other instance alone."""

    async def run() -> tuple[int, int]:
        stop = asyncio.Event()
        async with FakeService("last") as one, FakeService("last") as other:
            one.ready = False

            def hear(sample: Sample) -> None:
                assert sample.fate is Fate.OK
                if other.heard >= 40:
                    stop.set()

            order = Clients((one.port, other.port), "", 2, 0.005, (0.0, 0.0), 1, 3600)
            await loops.by_clients(order, QUESTIONS, hear, stop)
            return one.heard, other.heard

    heard, others = asyncio.run(run())
    assert heard < 10  # before the balancer had looked
    assert others >= 40
