"""Encoding: on the loop where it is little, in the pool where it is not, and never unbounded."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from service.errors import DeadlineExceeded, Overloaded
from service.runtime.model import Input, Item
from service.serving.queue.tokenizing import INLINE_CHARACTERS, TokenizerPool
from tests.service.serving.fakes import FakeModel, soon, until

PART = 20_000  # characters that are encoded before another has its turn
LONG = "7 " * (PART // 2)


class Slow(FakeModel):
    """Encodes in the pool a text at a time, as the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads.clear()
        self.where: list[str] = []

    def encode(self, inputs: Any, windows: Any = None) -> Any:
        """As `FakeModel.encode`; remembers on which thread."""
        self.where.append(threading.current_thread().name)
        return super().encode(inputs, windows)


Scenario = Callable[[Slow, TokenizerPool], Coroutine[Any, Any, None]]


def run(scenario: Scenario, *, max_characters: int = 10**9) -> Slow:
    """Runs a scenario with a pool of one thread."""
    model = Slow()
    pool = TokenizerPool(1, max_characters)

    async def main() -> None:
        try:
            await scenario(model, pool)
        finally:
            model.reads.set()
            pool.stop()
        assert pool.characters == 0

    asyncio.run(main())
    return model


async def encode(
    pool: TokenizerPool, model: FakeModel, *texts: str, deadline: float | None = None
) -> list[Item]:
    """The texts' items, in their order."""
    items: dict[Input, Item] = {}
    await pool.encode(model, texts, items, deadline or soon())
    return [items[text] for text in texts]


def named(name: str) -> str:
    """A long text that begins with its name."""
    return f"{name} {LONG}"


def many(first: int, end: int) -> list[str]:
    """Long texts with these numbers for names."""
    return [named(str(number)) for number in range(first, end)]


def read(model: Slow) -> list[str]:
    """The names of the texts that were encoded, in order."""
    return [str(text).split()[0] for texts in model.encoded for text in texts]


def test_little_is_encoded_on_the_loop_and_much_in_the_pool() -> None:
    """In the order of the texts, whatever the parts."""

    async def scenario(model: Slow, pool: TokenizerPool) -> None:
        model.reads.set()
        few = await encode(pool, model, "1", "2 2")
        assert [item.ids for item in few] == [[1], [2, 2]]
        assert model.where == ["MainThread"]
        texts = [named("3"), "x" * INLINE_CHARACTERS, named("4"), "5"]
        many = await encode(pool, model, *texts)
        assert [item.ids[0] for item in many] == [3, 1, 4, 5]
        assert "MainThread" not in model.where[1:]
        assert len(model.where) > 2

    run(scenario)


def test_deadline_ends_a_wait_and_the_work_behind_it() -> None:
    """A caller whose time is over costs no more than the part that is being encoded."""

    async def scenario(model: Slow, pool: TokenizerPool) -> None:
        late = encode(pool, model, *many(10, 16), deadline=time.monotonic() + 0.05)
        with pytest.raises(DeadlineExceeded):
            await late
        assert pool.characters == 0
        model.reads.set()
        await encode(pool, model, named("20"))

    assert read(run(scenario)) in (["10", "20"], ["20"])


def test_deadline_is_kept_while_others_are_encoded() -> None:
    """Behind somebody else's text too; what waits there is never begun."""

    async def scenario(model: Slow, pool: TokenizerPool) -> None:
        other = asyncio.create_task(encode(pool, model, named("10")))
        await until(lambda: model.encoded)
        with pytest.raises(DeadlineExceeded):
            await encode(pool, model, named("20"), deadline=time.monotonic() + 0.05)
        assert not other.done()
        model.reads.set()
        await other

    assert read(run(scenario)) == ["10"]


def test_cancelled_caller_stops_its_work() -> None:
    """The part that runs is the last."""

    async def scenario(model: Slow, pool: TokenizerPool) -> None:
        leaving = asyncio.create_task(encode(pool, model, *many(10, 16)))
        await until(lambda: model.encoded)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert pool.characters == 0
        model.reads.set()
        await encode(pool, model, named("20"))

    assert read(run(scenario)) == ["10", "20"]


def test_a_request_of_many_long_texts_gives_way() -> None:
    """After each part of it the next request has its turn."""

    async def scenario(model: Slow, pool: TokenizerPool) -> None:
        large = asyncio.create_task(encode(pool, model, *many(10, 14)))
        await until(lambda: model.encoded)
        small = asyncio.create_task(encode(pool, model, named("20")))
        await until(lambda: pool.characters > 5 * PART)
        model.reads.set()
        await asyncio.gather(large, small)

    assert read(run(scenario)) == ["10", "20", "11", "12", "13"]


def test_what_waits_is_bounded_in_characters() -> None:
    """More is refused at once; a request that is larger by itself is taken when nothing waits."""

    async def scenario(model: Slow, pool: TokenizerPool) -> None:
        first = asyncio.create_task(encode(pool, model, *many(10, 12)))
        await until(lambda: model.encoded)
        with pytest.raises(Overloaded, match="characters wait"):
            await encode(pool, model, named("20"))
        model.reads.set()
        await first
        await encode(pool, model, named("30"))

    assert "20" not in read(run(scenario, max_characters=PART))


def test_text_that_cannot_be_encoded_fails_its_request_alone() -> None:
    """The error is raised where the request waits, and the pool goes on."""

    async def scenario(model: Slow, pool: TokenizerPool) -> None:
        model.reads.set()

        class Broken(Slow):
            def encode(self, inputs: Any, windows: Any = None) -> Any:  # noqa: ARG002
                raise ValueError("not a text")

        with pytest.raises(ValueError, match="not a text"):
            await encode(pool, Broken(), named("10"))
        (found,) = await encode(pool, model, named("20"))
        assert found.ids[0] == 20

    run(scenario)
