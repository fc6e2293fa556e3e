"""Who is let in: by number, and by a predicted wait."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from service.errors import DeadlineExceeded, InvalidInput, Overloaded
from service.repository.sections import Windows
from service.runtime.model import Pair
from service.runtime.speed import EVEN, Speed
from service.serving.queue.admission import WAIT_MARGIN, Admission
from service.serving.queue.batcher import Batcher
from service.serving.queue.jobs import STRETCH, Job
from tests.service.builders import manifest_of
from tests.service.serving.fakes import FakeModel, item, soon, until


def admission(max_texts: int = 100, *, token: float = 1.0, max_length: int = 16) -> Admission:
    """Of a model that takes so many seconds a token (0: not known), and is not started."""
    model = FakeModel(manifest_of(max_length=max_length))
    speed = Speed(batch=0.0, step=0.0, token=token) if token else EVEN
    return Admission(Batcher(model, 64, speed=speed), max_texts)


def wait(admission: Admission, *texts: str) -> float:
    """What the wait for such a request is predicted to be."""
    return admission.wait(time.monotonic(), len(texts))


def let_in(admission: Admission, texts: int, tokens: int) -> Job:
    """A request of so many texts, whose tokens are known."""
    job = admission.admit(["x"] * texts, soon())
    admission.settle(job, tokens, texts)
    return job


Scenario = Callable[[], Coroutine[Any, Any, None]]


def on_loop(scenario: Scenario) -> Callable[[], None]:
    """A test that runs on a loop, as admission does."""

    def run() -> None:
        asyncio.run(scenario())

    run.__doc__ = scenario.__doc__
    return run


@on_loop
async def test_full_queue_refuses_at_once_and_leaving_makes_room() -> None:
    """Answered or not, a request that ends gives its places back."""
    three = admission(3)
    with three.admit(["a", "b"], soon()):
        with pytest.raises(Overloaded, match="2 texts wait for tiny@1"):
            three.admit(["c", "d"], soon())
        with suppress(ZeroDivisionError), three.admit(["c"], soon()):
            assert three.texts == 3
            raise ZeroDivisionError  # whatever happens to it
    assert three.texts == 0
    with three.admit(["a"] * 3, soon()) as job:
        assert job.alone


@on_loop
async def test_tokens_are_counted_by_characters_until_they_are_known() -> None:
    """No text is tokenised to find out whether it may be; none has more than the model reads."""
    one = admission(max_length=16)
    with one.admit(["x" * 20], soon()) as first:
        assert wait(one, "x") == 20 / 4 + 2
        one.settle(first, 3, 1)
        assert wait(one, "x") == 3
        with one.admit(["x" * 100_000], soon()) as second:
            assert not second.alone
            assert wait(one, "x") == 3 + 16


@on_loop
async def test_windows_are_counted_with_what_they_share() -> None:
    """All of a text, and what is read again; of a pair, its first text in every window."""
    one, windows = admission(max_length=16), Windows(stride=4)
    for text, expected in (
        ("x" * 56, 16),  # fits
        ("x" * 60, 17 + 6),
        ("x" * 4 * 114, 116 + 10 * 6),
        (Pair("x" * 16, "x" * 4 * 32), 38 + 4 * (6 + 4)),
    ):
        with one.admit([text], soon(), windows):
            assert wait(one, "x") == expected


@on_loop
async def test_windows_that_take_too_long_are_refused_before_any_work() -> None:
    """Trying again would not help, so it is no overload."""
    one = admission(max_length=16)
    now = time.monotonic()
    with pytest.raises(InvalidInput, match="windows of this request are about 1596 tokens"):
        one.admit(["x" * 4000], now + 500, Windows(stride=4))
    one.admit(["x" * 4000], now + 500)
    one.admit(["x" * 4000], now + 5000, Windows(stride=4))
    # The same text is asked once, however often it is there.
    with pytest.raises(InvalidInput, match="windows of this request are about 1596 tokens"):
        admission(max_length=16).admit(["x" * 4000] * 8, now + 500, Windows(stride=4))


@on_loop
async def test_short_texts_make_windows_no_dearer() -> None:
    """What a token took of late may be that of a short text, or of a machine that stood still."""
    model = FakeModel(manifest_of(max_length=16))
    batcher = Batcher(model, 64, speed=Speed(batch=1.0, step=0.0, token=0.0))
    assert batcher.token_seconds == pytest.approx(1 / 24)
    batcher.token_seconds = 60.0
    one = Admission(batcher, 100)
    with one.admit(["x" * 4000], time.monotonic() + 101, Windows(stride=4)):  # 1,596 tokens
        assert one.tokens == 1596
    with pytest.raises(InvalidInput, match=r"take tiny@1 99\.8 s"):
        one.admit(["x" * 4000], time.monotonic() + 95, Windows(stride=4))


@on_loop
async def test_windows_without_room_are_left_to_the_tokenizer() -> None:
    """Which knows what is wrong with them: no number of seconds would tell it."""
    one = admission(max_length=16)
    for text, stride in (("x" * 4000, 14), ("x" * 4000, 1000), (Pair("x" * 80, "y" * 4000), 1)):
        one.admit([text], time.monotonic() + 5000, Windows(stride=stride))


@on_loop
async def test_windows_that_are_more_than_they_seemed_are_refused() -> None:
    """Of scripts without spaces each character may be a token."""
    one = admission(max_length=16)
    with one.admit(["x" * 400], time.monotonic() + 500, Windows(stride=0)) as job:
        one.settle(job, 400, 30)
        with pytest.raises(InvalidInput, match="windows of this request are about 600 tokens"):
            one.settle(job, 600, 40)


@on_loop
async def test_a_text_of_many_windows_stands_back_as_many_texts_do() -> None:
    """What comes after it does not wait for all of it."""
    one = admission(token=0.001)
    with one.admit(["x" * 400], soon(), Windows(stride=0)) as job:
        assert wait(one, "x") == pytest.approx(0.116, abs=0.03)
        one.settle(job, 100, 8)
        assert wait(one, "x") < 0.05


@on_loop
async def test_wait_that_may_outlast_the_deadline_is_refused() -> None:
    """A prediction that only just fits is not trusted: a late answer is work for nothing."""
    one = admission()
    with let_in(one, 1, 1000):
        now = time.monotonic()
        with pytest.raises(Overloaded, match="longer than the deadline allows") as refused:
            one.admit(["x"], now + 1000 * WAIT_MARGIN - 100)
        assert refused.value.retry_after == pytest.approx(1000)
        one.admit(["x"], now + 1000 * WAIT_MARGIN + 100)


@on_loop
async def test_a_start_sooner_than_the_deadline_may_be_asked_for() -> None:
    """Then the wait is held against that, and what is let in has until the deadline."""
    one = admission()
    with let_in(one, 1, 1000):
        now = time.monotonic()
        with pytest.raises(Overloaded, match="longer than the route's objective allows"):
            one.admit(["x"], now + 5000, start=now + 1000 * WAIT_MARGIN - 100)
        job = one.admit(["x"], now + 5000, start=now + 1000 * WAIT_MARGIN + 100)
        assert job.deadline == now + 5000


@on_loop
async def test_late_request_is_late_whoever_else_waits() -> None:
    """It is no overload that its deadline has passed."""
    one = admission()
    with pytest.raises(DeadlineExceeded):
        one.admit(["x"], time.monotonic())
    with let_in(one, 1, 1000), pytest.raises(DeadlineExceeded):
        one.admit(["x"], time.monotonic())


@on_loop
async def test_nothing_is_refused_for_a_wait_while_the_speed_is_not_known() -> None:
    """Of a model that has not run yet."""
    unknown = admission(token=0)
    with let_in(unknown, 1, 10**9):
        unknown.admit(["x"], soon())


@on_loop
async def test_small_request_does_not_wait_for_all_of_a_large_one() -> None:
    """Only for what of it is due before: so it is not refused for what it will not wait for."""
    one = admission(token=3600.0, max_length=200)  # time hardly passes in it
    with let_in(one, 50, 5000):
        assert wait(one, "x") < 3600
        assert wait(one, "x", "x") == pytest.approx(5000 * 3600)
        with let_in(one, 1, 10):
            assert wait(one, "x") == pytest.approx(10 * 3600, rel=0.01)


@on_loop
async def test_part_of_a_large_request_that_is_due_counts() -> None:
    """As much of it as its turns have come since it was let in."""
    one = admission(token=0.001, max_length=10_000)
    with let_in(one, 50, 10_000) as large:
        large.arrived -= 2.0
        least = 2.0 / STRETCH
        assert least <= wait(one, "x") <= (time.monotonic() - large.arrived) / STRETCH
        large.arrived -= 1000.0
        assert wait(one, "x") == pytest.approx(10.0)


@on_loop
async def test_part_of_a_large_request_that_is_done_counts_no_more() -> None:
    """As its batches are answered."""
    model = FakeModel(is_open=False)
    batcher = Batcher(model, 64, batch_texts=1, speed=Speed(batch=0.0, step=0.0, token=1.0))
    one = Admission(batcher, 100)
    batcher.start()
    with one.admit(["x"] * 4, soon()) as large:
        one.settle(large, 240, 4)
        answering = asyncio.create_task(batcher.answer(large, [item(n, 60) for n in range(4)]))
        await until(lambda: model.batches)
        assert wait(one, "x", "x") == pytest.approx(240)
        large.left = 1  # as three of them are answered
        assert wait(one, "x", "x") == pytest.approx(60)
        large.left = 4
        model.gate.set()
        await answering
        assert large.left == 0
        assert wait(one, "x", "x") == 0
    assert one.texts == 0
    await batcher.stop()
