"""The queue and thread of one model, with a model that runs when the test lets it."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from service.errors import DeadlineExceeded, InferenceFailed, Overloaded, Unavailable
from service.runtime.classifier import Classifier, Reading
from service.runtime.speed import Speed
from service.runtime.tokenizer import Encoding
from service.serving.batcher import Batcher, BatchReport
from service.serving.jobs import Result


class GatedModel:
    """Answers with each text's first id, once its gate is open; remembers its batches."""

    def __init__(self) -> None:
        self.manifest = SimpleNamespace(name="fake", version=1)
        self.gate = threading.Event()
        self.batches: list[list[list[int]]] = []

    def classify(self, encodings: Sequence[Encoding]) -> list[Reading]:
        """As `Classifier.classify`; raises on a text that begins with 666."""
        self.batches.append([encoding.ids for encoding in encodings])
        assert self.gate.wait(10)
        if any(encoding.ids[0] == 666 for encoding in encodings):
            raise RuntimeError("a poisoned text")
        return [Reading([e.ids[0], len(e.ids)], [], 1.0, None) for e in encodings]


def text(first: int, length: int = 2) -> Encoding:
    """An encoding that `GatedModel` answers with (first, length)."""
    return Encoding([first] + [0] * (length - 1), truncated=False)


def logits(result: Result) -> list[list[float]]:
    """Those of each text."""
    return [reading.logits for reading in result.readings]


def soon() -> float:
    """A deadline that no test reaches."""
    return time.monotonic() + 30


Scenario = Callable[[GatedModel, Batcher], Coroutine[Any, Any, None]]


def run(scenario: Scenario, max_queue: int = 100, batch_tokens: int = 64) -> GatedModel:
    """Runs a scenario against a started batcher, and drains it."""
    model = GatedModel()
    batcher = Batcher(cast(Classifier, model), batch_tokens, max_queue)

    async def main() -> None:
        batcher.start()
        await scenario(model, batcher)
        model.gate.set()
        await batcher.drain()

    asyncio.run(main())
    return model


async def busy(model: GatedModel, batcher: Batcher) -> "asyncio.Task[Any]":
    """Occupies the model's thread until its gate opens."""
    task = asyncio.create_task(batcher.submit([text(0)], soon()))
    while not model.batches:
        await asyncio.sleep(0.001)
    return task


def test_waiting_texts_share_a_batch_and_get_their_own_answers() -> None:
    """What waits while a batch runs goes together, and each job gets its own rows in order."""

    async def scenario(model: GatedModel, batcher: Batcher) -> None:
        first = await busy(model, batcher)
        jobs = [
            asyncio.create_task(batcher.submit([text(n), text(n + 100)], soon()))
            for n in range(1, 4)
        ]
        await asyncio.sleep(0.01)
        model.gate.set()
        await first
        for n, job in enumerate(jobs, start=1):
            assert logits(await job) == [[n, 2], [n + 100, 2]]

    assert len(run(scenario).batches) == 2


def test_cancelled_job_is_dropped_and_disturbs_nobody() -> None:
    """A job whose client left never reaches the model; its neighbours are answered."""

    async def scenario(model: GatedModel, batcher: Batcher) -> None:
        first = await busy(model, batcher)
        left = asyncio.create_task(batcher.submit([text(41)], soon()))
        stays = asyncio.create_task(batcher.submit([text(42)], soon()))
        await asyncio.sleep(0.01)
        left.cancel()
        await asyncio.sleep(0)
        model.gate.set()
        await first
        assert logits(await stays) == [[42, 2]]
        assert batcher.depth == 0

    ran = [ids for batch in run(scenario).batches for ids in batch]
    assert [41, 0] not in ran
    assert [42, 0] in ran


def test_late_job_gets_deadline_exceeded_and_is_not_run() -> None:
    """A job whose deadline passes while it waits fails on time and costs the model nothing."""

    async def scenario(model: GatedModel, batcher: Batcher) -> None:
        first = await busy(model, batcher)
        with pytest.raises(DeadlineExceeded):
            await batcher.submit([text(41)], time.monotonic() + 0.02)
        model.gate.set()
        await first

    assert all(ids[0] != 41 for batch in run(scenario).batches for ids in batch)


def test_full_queue_refuses_at_once() -> None:
    """Texts over the limit are refused while those before them are still answered."""

    async def scenario(model: GatedModel, batcher: Batcher) -> None:
        first = await busy(model, batcher)
        accepted = asyncio.create_task(batcher.submit([text(1), text(2)], soon()))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await batcher.submit([text(3)], soon())
        model.gate.set()
        await asyncio.gather(first, accepted)

    run(scenario, max_queue=3)


def test_wait_that_may_outlast_the_deadline_is_refused() -> None:
    """A prediction that only just fits is not trusted: a late answer would be work for nothing."""

    async def scenario(model: GatedModel, batcher: Batcher) -> None:
        first = await busy(model, batcher)
        batcher._seconds_per_token = 5.0
        wait = batcher.predicted_wait
        assert wait == pytest.approx(10)
        with pytest.raises(Overloaded, match="longer than the deadline allows"):
            await batcher.submit([text(1)], time.monotonic() + 1.1 * wait)
        accepted = asyncio.create_task(batcher.submit([text(2)], time.monotonic() + 1.4 * wait))
        await asyncio.sleep(0)
        model.gate.set()
        assert logits(await accepted) == [[2, 2]]
        await first

    run(scenario)


def test_speed_is_known_before_a_batch_has_run() -> None:
    """From what was measured when the model was loaded, so that the first wait is predicted."""
    speed = Speed(batch=0.0, step=0.0, token=0.25)
    model = GatedModel()
    batcher = Batcher(cast(Classifier, model), 64, 100, speed=speed)

    async def main() -> None:
        batcher.start()
        waiting = asyncio.create_task(batcher.submit([text(1, 8)], soon()))
        await asyncio.sleep(0)
        assert batcher.predicted_wait == pytest.approx(2.0)
        model.gate.set()
        await waiting
        await batcher.drain()

    asyncio.run(main())


def test_one_bad_text_fails_alone() -> None:
    """A text on which the model raises fails its own job; others in its batch are answered."""

    async def scenario(model: GatedModel, batcher: Batcher) -> None:
        first = await busy(model, batcher)
        good = asyncio.create_task(batcher.submit([text(1), text(2)], soon()))
        bad = asyncio.create_task(batcher.submit([text(666)], soon()))
        await asyncio.sleep(0.01)
        model.gate.set()
        await first
        assert logits(await good) == [[1, 2], [2, 2]]
        with pytest.raises(InferenceFailed):
            await bad

    run(scenario)


def test_drain_answers_what_was_accepted_and_refuses_the_rest() -> None:
    """Draining loses no accepted job, and takes no new one."""

    async def scenario(model: GatedModel, batcher: Batcher) -> None:
        first = await busy(model, batcher)
        accepted = asyncio.create_task(batcher.submit([text(5)], soon()))
        await asyncio.sleep(0)
        draining = asyncio.create_task(batcher.drain())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await batcher.submit([text(6)], soon())
        model.gate.set()
        await draining
        assert logits(await accepted) == [[5, 2]]
        await first

    model = GatedModel()
    batcher = Batcher(cast(Classifier, model), 64, 100)

    async def main() -> None:
        batcher.start()
        await scenario(model, batcher)

    asyncio.run(main())


class Watched(GatedModel):
    """Remembers the threads it ran on; its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate.set()
        self.threads: list[int] = []

    def classify(self, encodings: Sequence[Encoding]) -> list[Reading]:
        """As `GatedModel.classify`."""
        self.threads.append(threading.get_ident())
        return super().classify(encodings)


def on_loop(model: Watched, seconds: float, *texts: int) -> list[bool]:
    """Which batches of `texts`, sent at once, ran on the loop.

    Args:
        seconds: that a text is known to take.
    """
    batcher = Batcher(cast(Classifier, model), 64, 100)

    async def main() -> None:
        batcher.start()
        await batcher.submit([text(9)], soon())
        batcher._seconds_per_token = seconds / 2
        del model.threads[:], model.batches[:]
        results = await asyncio.gather(*(batcher.submit([text(n)], soon()) for n in texts))
        assert [logits(result)[0][0] for result in results] == list(texts)
        await batcher.drain()

    asyncio.run(main())
    return [thread == threading.get_ident() for thread in model.threads]


def test_quick_text_that_is_alone_runs_on_the_loop() -> None:
    """There is nothing to gain from the thread; it takes what comes beside."""
    assert on_loop(Watched(), 1e-3, 1) == [True]
    assert sorted(on_loop(Watched(), 1e-3, 1, 2, 3)) in ([False, True], [False, False, True])


def test_slow_text_never_holds_up_the_loop() -> None:
    """It runs on the thread."""
    assert not any(on_loop(Watched(), 4e-3, 1, 2))


def test_late_answer_on_the_loop_is_late() -> None:
    """A model that is slower than it was keeps the loop from its timers, and no deadline."""

    class Slower(Watched):
        def classify(self, encodings: Sequence[Encoding]) -> list[Reading]:
            time.sleep(0.05)
            return super().classify(encodings)

    model = Slower()
    batcher = Batcher(cast(Classifier, model), 64, 100)

    async def main() -> None:
        batcher.start()
        batcher._seconds_per_token = 1e-5
        with pytest.raises(DeadlineExceeded):
            await batcher.submit([text(1)], time.monotonic() + 0.02)
        await batcher.drain()

    asyncio.run(main())
    assert model.threads == [threading.get_ident()]


def test_bad_text_on_the_loop_fails() -> None:
    """As on the thread, and the next is answered."""
    model = Watched()
    batcher = Batcher(cast(Classifier, model), 64, 100)

    async def main() -> None:
        batcher.start()
        await batcher.submit([text(1)], soon())
        batcher._seconds_per_token = 1e-5
        del model.threads[:]
        with pytest.raises(InferenceFailed):
            await batcher.submit([text(2), text(666)], soon())
        batcher._seconds_per_token = 1e-5
        assert logits(await batcher.submit([text(3)], soon()))[0][0] == 3
        await batcher.drain()

    asyncio.run(main())
    assert set(model.threads) == {threading.get_ident()}


def test_reports_each_batch() -> None:
    """Metrics hear of each batch with its texts and tokens."""
    model = GatedModel()
    model.gate.set()
    reports: list[BatchReport] = []
    batcher = Batcher(cast(Classifier, model), 64, 100, reports.append)

    async def main() -> None:
        batcher.start()
        await batcher.submit([text(1, 3), text(2, 3)], soon())
        await batcher.drain()

    asyncio.run(main())
    assert [(report.texts, report.tokens) for report in reports] == [(2, 6)]
