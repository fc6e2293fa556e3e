"""Models that share a core: whose batch runs next."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from service.serving.queue.batcher import Batcher
from service.serving.queue.turns import Turns
from tests.service.serving.fakes import PATIENCE, FakeModel, item, until
from tests.service.serving.queue.batching import busy, send

Scenario = Callable[["Told", "Told", Batcher, Batcher], Awaitable[None]]


class Told(FakeModel):
    """Writes down when its batches begin and end."""

    def __init__(self, name: str, events: list[str]) -> None:
        super().__init__(is_open=False)
        self.name = name
        self.events = events

    def run(self, batch):  # type: ignore[no-untyped-def]  # as `FakeModel.run`
        """As `FakeModel.run`."""
        self.events.append(f"{self.name} begins")
        found = super().run(batch)
        self.events.append(f"{self.name} ends")
        return found


def run(scenario: Scenario, places: int = 1) -> list[str]:
    """Two models that share places, one text a batch; returns what they did."""
    events: list[str] = []
    both = Turns(places)

    async def main() -> None:
        dear, cheap = Told("dear", events), Told("cheap", events)
        batchers = [Batcher(model, 64, 1, turns=both) for model in (dear, cheap)]
        for batcher in batchers:
            batcher.start()
        try:
            await scenario(dear, cheap, *batchers)
        finally:
            for model, batcher in zip((dear, cheap), batchers, strict=True):
                model.gate.set()
                await batcher.stop()

    asyncio.run(main())
    return events


async def in_line(batcher: Batcher) -> None:
    """Waits until a model waits for its turn."""
    await until(lambda: batcher._turn in batcher._turn._turns._waiting)


def test_one_batch_at_a_time_and_the_one_that_had_least_is_next() -> None:
    """A text of the cheap model comes before what the dear one has left, and not in its midst."""

    async def scenario(dear: Told, cheap: Told, first: Batcher, second: Batcher) -> None:
        cheap.gate.set()
        jobs = [await busy(dear, first), *[await send(first, item(n)) for n in (1, 2)]]
        jobs.append(await send(second, item(3)))
        await in_line(second)
        dear.gate.set()
        await asyncio.gather(*jobs)

    cheap = ["cheap begins", "cheap ends"]
    dear = ["dear begins", "dear ends"]
    assert run(scenario) == [*dear, *cheap, *dear, *dear]


def test_as_many_at_a_time_as_there_are_places() -> None:
    """With two cores neither waits."""

    async def scenario(dear: Told, cheap: Told, first: Batcher, second: Batcher) -> None:
        cheap.gate.set()
        job = await busy(dear, first)
        await (await send(second, item(3)))
        assert dear.batches
        dear.gate.set()
        await job

    expected = ["dear begins", "cheap begins", "cheap ends", "dear ends"]
    assert run(scenario, places=2) == expected


def test_who_had_nothing_to_do_has_saved_nothing_up() -> None:
    """After a pause a model gets its share, and not all that it could have had."""
    both = Turns()
    busy, idle = both.join(), both.join()
    for _ in range(3):
        with busy:
            pass
        busy.stands += 10  # as if it had taken so long
    with idle:
        pass
    assert 20 <= idle.stands < busy.stands


def test_a_batch_that_fails_gives_its_place_back() -> None:
    """Others go on."""
    both = Turns()
    broken, other = both.join(), both.join()
    with pytest.raises(ZeroDivisionError), broken:
        raise ZeroDivisionError
    with other:
        assert both._free == 0
    assert both._free == 1


def test_what_waits_for_its_turn_is_late_by_it() -> None:
    """What a token takes is reckoned from when the model had work, so admission is not misled."""

    async def scenario(dear: Told, cheap: Told, first: Batcher, second: Batcher) -> None:
        cheap.gate.set()
        job = await busy(dear, first)
        waiting = await send(second, item(3))
        await in_line(second)
        await asyncio.sleep(0.2)
        dear.gate.set()
        await asyncio.gather(job, waiting)
        await until(lambda: second.token_seconds > 0)
        assert second.token_seconds > 0.05  # 0.2 s, two tokens

    run(scenario)


def test_a_place_is_not_left_free_while_somebody_waits() -> None:
    """Of two places that come free at once, the second is for who looked when it was not next."""
    both = Turns(2)
    first, second = both.join(), both.join()
    second.stands = 1.0
    began = threading.Event()

    def run_second() -> None:
        with second:
            began.set()

    thread = threading.Thread(target=run_second, daemon=True)
    both._waiting.append(first)  # it waits, and has not been woken yet
    thread.start()
    while True:  # until the other has looked, and sleeps: it lets go of the lock by that alone
        with both._changed:
            if second in both._waiting:
                both._waiting.remove(first)
                break
    with first:
        assert began.wait(PATIENCE)
    thread.join()
