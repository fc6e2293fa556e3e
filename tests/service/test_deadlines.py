"""One timer for many deadlines."""

import asyncio
import time

from service.serving.deadlines import Deadlines


def test_each_is_called_once_at_its_time_unless_removed() -> None:
    """Whatever the order they were added in; what is removed is not called."""
    called: list[str] = []

    async def main() -> None:
        deadlines = Deadlines()
        now = time.monotonic()
        deadlines.add(now + 30, lambda: called.append("far"))
        deadlines.add(now + 0.04, lambda: called.append("second"))
        gone = deadlines.add(now + 0.03, lambda: called.append("gone"))
        deadlines.add(now + 0.02, lambda: called.append("first"))
        deadlines.add(now - 1, lambda: called.append("past"))
        deadlines.remove(gone)
        await asyncio.sleep(0.01)
        assert called == ["past"]
        await asyncio.sleep(0.09)
        assert called == ["past", "first", "second"]
        assert len(deadlines) == 1

    asyncio.run(main())


def test_one_that_fails_or_is_gone_disturbs_none() -> None:
    """The others are called; removing what was called already is no error."""
    called: list[int] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: called.append(0))
        deadlines = Deadlines()
        now = time.monotonic()
        first = deadlines.add(now, lambda: 1 / 0)
        deadlines.add(now, lambda: called.append(1))
        await asyncio.sleep(0.02)
        deadlines.remove(first)
        deadlines.add(time.monotonic(), lambda: called.append(2))
        await asyncio.sleep(0.02)

    asyncio.run(main())
    assert called == [0, 1, 2]
