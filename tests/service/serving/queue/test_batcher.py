"""The queue and thread of one model."""

import asyncio
import threading
import time
from typing import Any

import pytest

from service.errors import DeadlineExceeded, InferenceFailed, Unavailable
from service.runtime.model import Item
from service.serving.queue.batcher import Batcher
from tests.service.serving.fakes import FakeModel, Said, item, turns, until
from tests.service.serving.queue.batching import SLOW, answer, busy, run, said, send


def test_waiting_texts_share_a_batch_and_get_their_own_answers() -> None:
    """What waits while a batch runs goes together, and each job gets its own rows in order."""

    async def scenario(model: FakeModel, batcher: Batcher) -> None:
        first = await busy(model, batcher)
        jobs = [await send(batcher, item(n), item(n + 100)) for n in range(1, 4)]
        model.gate.set()
        await first
        for n, job in enumerate(jobs, start=1):
            assert said(await job) == [(n, 2), (n + 100, 2)]

    assert len(run(scenario).batches) == 2


def test_what_nobody_waits_for_is_dropped_and_disturbs_nobody() -> None:
    """A job whose client left never reaches the model; its neighbours are answered."""

    async def scenario(model: FakeModel, batcher: Batcher) -> None:
        await busy(model, batcher)
        left, stays = await send(batcher, item(41)), await send(batcher, item(42))
        left.cancel()
        await turns()
        model.gate.set()
        assert said(await stays) == [(42, 2)]

    assert run(scenario).firsts == [[0], [42]]


def test_late_job_fails_at_its_deadline_and_is_not_run() -> None:
    """While the model is still busy with what came before it."""

    async def scenario(model: FakeModel, batcher: Batcher) -> None:
        first = await busy(model, batcher)
        deadline = time.monotonic() + 0.02
        with pytest.raises(DeadlineExceeded):
            await answer(batcher, item(41), deadline=deadline)
        assert not first.done()
        assert time.monotonic() >= deadline
        model.gate.set()
        await first

    assert run(scenario).firsts == [[0]]


def test_one_bad_text_fails_alone() -> None:
    """A text on which the model raises fails its own job; others in its batch are answered."""

    async def scenario(model: FakeModel, batcher: Batcher) -> None:
        await busy(model, batcher)
        good, bad = await send(batcher, item(1), item(2)), await send(batcher, item(model.poison))
        model.gate.set()
        assert said(await good) == [(1, 2), (2, 2)]
        with pytest.raises(InferenceFailed) as failed:
            await bad
        assert "poisoned" in str(failed.value.__cause__)  # for the log
        assert "poisoned" not in str(failed.value)  # for the client

    run(scenario)


def test_thread_that_meets_a_defect_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """A text without tokens, which divides by zero, fails what waits; the next is answered."""

    async def scenario(model: FakeModel, batcher: Batcher) -> None:
        await busy(model, batcher)
        jobs = [await send(batcher, Item([], truncated=False)), await send(batcher, item(1))]
        model.gate.set()
        for job in jobs:
            with pytest.raises(InferenceFailed):
                await job
        assert said(await answer(batcher, item(2))) == [(2, 2)]
        assert batcher.is_alive

    run(scenario)
    assert [record.message for record in caplog.records] == ["batching failed"]
    assert caplog.records[0].exc_info


def test_model_that_answers_too_few_fails_them(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is left waiting for an output that will not come."""

    class Mute(FakeModel):
        def run(self, batch: Any) -> list[Said]:
            return super().run(batch)[1:]

    async def main() -> None:
        batcher = Batcher(Mute(), 64)
        batcher.start()
        with pytest.raises(InferenceFailed):
            await answer(batcher, item(1), item(2))
        await batcher.stop()

    asyncio.run(main())
    assert not caplog.records  # said where the request is known


def test_metric_that_fails_loses_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    """And costs no second run of the texts."""

    def broken(*_: object) -> None:
        raise OSError("no space left on device")

    async def scenario(_: FakeModel, batcher: Batcher) -> None:
        assert said(await answer(batcher, item(1), item(2))) == [(1, 2), (2, 2)]

    model = run(scenario, is_open=True, on_batch=broken)
    assert model.firsts == [[1, 2]]
    assert [record.message for record in caplog.records] == ["a batch was not counted"]


def test_dead_thread_is_seen_and_takes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no `except` catches ends the thread: what waits fails, and what comes is refused."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    class Deadly(FakeModel):
        def run(self, batch: Any) -> list[Said]:
            super().run(batch)
            raise KeyboardInterrupt

    async def main() -> None:
        model = Deadly(is_open=False)
        batcher = Batcher(model, 64, speed=SLOW)
        batcher.start()
        assert batcher.is_alive
        await busy(model, batcher)
        waits = await send(batcher, item(2, 60), item(3, 60))
        model.gate.set()
        with pytest.raises(InferenceFailed):
            await waits
        await until(lambda: not batcher.is_alive)
        with pytest.raises(Unavailable):
            await answer(batcher, item(4))
        await batcher.stop()

    asyncio.run(main())


def test_stop_answers_what_was_accepted_and_refuses_the_rest() -> None:
    """All of it, in as many batches as it takes."""

    async def scenario(model: FakeModel, batcher: Batcher) -> None:
        first = await busy(model, batcher)
        accepted = [await send(batcher, item(n, 60)) for n in range(1, 5)]
        stopping = asyncio.create_task(batcher.stop())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await answer(batcher, item(6))
        model.gate.set()
        await stopping
        for n, job in enumerate(accepted, start=1):
            assert said(await asyncio.wait_for(job, 60)) == [(n, 60)]
        await first

    assert len(run(scenario).batches) == 5


def test_small_request_does_not_stand_behind_a_large_one() -> None:
    """It is in the batch after the one that runs when it comes, however many texts wait."""

    async def scenario(model: FakeModel, batcher: Batcher) -> None:
        large = await send(batcher, *[item(n, 60) for n in range(100, 228)])
        await until(lambda: model.batches)
        small = await send(batcher, item(1, 60))
        model.gate.set()
        assert said(await small) == [(1, 60)]
        assert len((await large).outputs) == 128

    assert run(scenario, speed=SLOW).firsts[:2] == [[100], [1]]


def test_reports_each_batch() -> None:
    """Metrics hear of each batch with its texts, its tokens and its seconds."""
    reports: list[tuple[int, int, float]] = []

    async def scenario(_: FakeModel, batcher: Batcher) -> None:
        await answer(batcher, item(1, 3), item(2, 3))

    run(scenario, is_open=True, on_batch=lambda *report: reports.append(report))
    ((texts, tokens, seconds),) = reports
    assert (texts, tokens) == (2, 6)
    assert seconds >= 0


def test_speed_is_what_was_measured_until_batches_have_run() -> None:
    """And moves by little with each of them."""

    async def scenario(_: FakeModel, batcher: Batcher) -> None:
        assert batcher.token_seconds == pytest.approx(1.0)
        await answer(batcher, item(1))
        assert 0.9 <= batcher.token_seconds < 1.0

    run(scenario, is_open=True, speed=SLOW)
