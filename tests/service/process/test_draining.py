"""The order of a stop, with a service that is made up."""

import asyncio

import pytest

from service.process.draining import Stop

LONG = 600.0


class Made:
    """A service that writes down what it is told.

    Attributes:
        told: in order.
        looks: how often to say that there is work left.
    """

    def __init__(self, looks: int = 0) -> None:
        self.told: list[str] = []
        self.looks = looks

    def stop(self, notice_seconds: float = 0.0, drain_seconds: float = LONG) -> Stop:
        """How it stops."""
        return Stop(
            notice=lambda: self.told.append("notice"),
            close=lambda: self.told.append("close"),
            busy=self._busy,
            notice_seconds=notice_seconds,
            drain_seconds=drain_seconds,
        )

    def _busy(self) -> bool:
        self.told.append("busy?")
        self.looks -= 1
        return self.looks >= 0


def test_notice_then_close_then_the_rest() -> None:
    """Notice comes first, then it closes, then it waits for what was accepted."""
    made = Made(looks=2)
    asyncio.run(made.stop().run(asyncio.Event()))
    assert made.told == ["notice", "close", "busy?", "busy?", "busy?"]


def test_work_without_end_is_left() -> None:
    """The wait has a limit."""
    made = Made(looks=10**9)
    asyncio.run(made.stop(drain_seconds=0.05).run(asyncio.Event()))
    assert made.told[:2] == ["notice", "close"]


@pytest.mark.parametrize("looks", [0, 10**9])
def test_hurry_ends_notice_and_wait(looks: int) -> None:
    """Where the port must be free at once neither is waited for, but both are said."""

    async def hurried(made: Made) -> None:
        hurry = asyncio.Event()
        task = asyncio.create_task(made.stop(notice_seconds=LONG).run(hurry))
        while "notice" not in made.told:
            await asyncio.sleep(0)
        assert "close" not in made.told
        hurry.set()
        await task

    made = Made(looks)
    asyncio.run(hurried(made))
    assert made.told == ["notice", "close", "busy?"]
