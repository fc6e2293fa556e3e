"""A batcher by itself, over a model that runs when the test lets it."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from service.runtime.model import Item
from service.runtime.speed import Speed
from service.serving.queue.batcher import Batcher
from service.serving.queue.jobs import Job, Result
from tests.service.serving.fakes import FakeModel, Said, item, soon, until

SLOW = Speed(batch=0.0, step=0.0, token=1.0)  # a token a second: turns are far apart


async def answer(
    batcher: Batcher, *items: Item, deadline: float | None = None, alone: bool = False
) -> Result:
    """What the model says of items that have just come."""
    tokens = sum(len(one.ids) for one in items)
    with Job(len(items), tokens, time.monotonic(), deadline or soon(), alone=alone) as job:
        return await batcher.answer(job, items)


async def send(
    batcher: Batcher, *items: Item, deadline: float | None = None, alone: bool = False
) -> "asyncio.Task[Result]":
    """The same, waited for by a task; the items are in the queue."""
    task = asyncio.create_task(answer(batcher, *items, deadline=deadline, alone=alone))
    await asyncio.sleep(0)
    return task


def said(result: Result) -> list[tuple[int, int]]:
    """First id and length of each text, as `FakeModel` tells them."""
    outputs = [output for output in result.outputs if isinstance(output, Said)]
    return [(output.first, output.length) for output in outputs]


async def busy(model: FakeModel, batcher: Batcher) -> "asyncio.Task[Result]":
    """Occupies the model's thread until its gate opens."""
    job = await send(batcher, item(0))
    await until(lambda: model.batches)
    return job


def run(
    scenario: Callable[[FakeModel, Batcher], Coroutine[Any, Any, None]],
    *,
    is_open: bool = False,
    **options: Any,
) -> FakeModel:
    """Runs a scenario against a started batcher, and stops it."""
    model = FakeModel(is_open=is_open)
    batcher = Batcher(model, 64, **options)

    async def main() -> None:
        batcher.start()
        try:
            await scenario(model, batcher)
        finally:
            model.gate.set()
            await batcher.stop()

    asyncio.run(main())
    assert not batcher.is_alive
    return model
