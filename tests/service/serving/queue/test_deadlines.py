"""One timer for many deadlines."""

import asyncio
import time

from service.serving.queue.deadlines import Deadlines
from tests.service.serving.fakes import until


def test_each_is_called_once_after_its_time_unless_removed() -> None:
    """Whatever the order in which they were added."""
    called: list[tuple[str, float]] = []

    async def main() -> None:
        deadlines = Deadlines()
        now = time.monotonic()

        def add(name: str, after: float) -> int:
            return deadlines.add(
                now + after, lambda: called.append((name, time.monotonic() - now - after))
            )

        add("far", 3600)
        add("second", 0.04)
        gone = add("gone", 0.03)
        add("first", 0.02)
        add("past", -1)
        deadlines.remove(gone)
        assert called == []  # never within the call that adds it
        await until(lambda: len(called) == 3)
        assert len(deadlines) == 1

    asyncio.run(main())
    assert sorted(name for name, _ in called) == ["first", "past", "second"]
    assert all(late >= 0 for _, late in called)


def test_one_that_fails_holds_up_none() -> None:
    """The loop is told; the others are called, those that were due at the same time too."""
    called: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: called.append("told"))
        deadlines = Deadlines()
        now = time.monotonic()
        first = deadlines.add(now, lambda: 1 / 0)
        deadlines.add(now, lambda: called.append("beside it"))
        deadlines.add(now + 0.02, lambda: called.append("after it"))
        await until(lambda: len(called) == 3)
        deadlines.remove(first)  # is gone already, and no error
        assert len(deadlines) == 0

    asyncio.run(main())
    assert called == ["told", "beside it", "after it"]


def test_callback_may_remove_another_that_is_due() -> None:
    """As when one request's end ends another."""
    called: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: called.append("told"))
        deadlines = Deadlines()
        now = time.monotonic()
        deadlines.add(now, lambda: deadlines.remove(second))
        second = deadlines.add(now, lambda: called.append("removed"))
        deadlines.add(now, lambda: called.append("third"))
        await until(lambda: called)

    asyncio.run(main())
    assert called == ["third"]
