"""Batches that run on the event loop: quick ones that nothing else waits beside."""

import asyncio
import logging
import threading
import time
from typing import Any

import pytest

from service.errors import DeadlineExceeded, InferenceFailed
from service.runtime.model import Item
from service.runtime.speed import Speed
from service.serving.queue.batcher import Batcher
from tests.service.serving.fakes import FakeModel, Said, item
from tests.service.serving.queue.batching import answer, run, said, send


def on_loop(seconds: float, *texts: int) -> list[bool]:
    """Which batches ran on the loop.

    Args:
        seconds: that a text is known to take.
        texts: sent one after the other, without a wait.
    """

    async def scenario(_: FakeModel, batcher: Batcher) -> None:
        jobs = [await send(batcher, item(n), alone=not i) for i, n in enumerate(texts)]
        results = [await job for job in jobs]
        assert [said(result)[0][0] for result in results] == list(texts)

    speed = Speed(batch=0.0, step=0.0, token=seconds / 2)
    model = run(scenario, is_open=True, speed=speed)
    return [thread == threading.get_ident() for thread in model.threads]


def test_quick_text_that_is_alone_runs_on_the_loop() -> None:
    """There is nothing to gain from the thread; it takes what comes beside."""
    assert on_loop(1e-3, 1) == [True]
    assert sorted(on_loop(1e-3, 1, 2, 3)) in ([False, True], [False, False, True])


def test_slow_text_never_holds_up_the_loop() -> None:
    """It runs on the thread."""
    assert not any(on_loop(4e-3, 1, 2))


def test_late_answer_on_the_loop_is_late() -> None:
    """A model that is slower than it was keeps the loop from its timers, and no deadline."""
    deadline = 0.0

    class Slower(FakeModel):
        def run(self, batch: Any) -> list[Said]:
            while time.monotonic() <= deadline:
                time.sleep(0.001)
            return super().run(batch)

    async def main() -> None:
        nonlocal deadline
        model = Slower()
        batcher = Batcher(model, 64, speed=Speed(0.0, 0.0, 1e-5))
        batcher.start()
        deadline = time.monotonic() + 0.5
        with pytest.raises(DeadlineExceeded):
            await answer(batcher, item(1), deadline=deadline, alone=True)
        assert model.threads == [threading.get_ident()]
        await batcher.stop()

    asyncio.run(main())


def test_bad_text_on_the_loop_fails() -> None:
    """As on the thread, and so does a defect; the next is answered."""

    async def scenario(model: FakeModel, batcher: Batcher) -> None:
        with pytest.raises(InferenceFailed):
            await answer(batcher, item(2), item(model.poison), alone=True)
        batcher.token_seconds = 1e-5
        with pytest.raises(InferenceFailed):
            await answer(batcher, Item([], truncated=False), item(4), alone=True)
        batcher.token_seconds = 1e-5
        assert said(await answer(batcher, item(3), alone=True)) == [(3, 2)]

    logging.getLogger("service.serving.queue.batcher").disabled = True
    try:
        model = run(scenario, is_open=True, speed=Speed(0.0, 0.0, 1e-5))
    finally:
        logging.getLogger("service.serving.queue.batcher").disabled = False
    assert set(model.threads) == {threading.get_ident()}
