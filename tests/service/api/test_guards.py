"""Requests in flight: bodies bounded in bytes and time, clients that leave."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.api.edge import guards
from service.api.edge.guards import Guard, Guards
from service.errors import BodyTooLarge, BodyTooSlow, ClientGone, Unavailable

Receive = Callable[[], Awaitable[Any]]


def messages(*given: Any) -> Receive:
    """A `receive` that gives these, and then nothing more for ever."""
    left = list(given)

    async def receive() -> Any:
        if left:
            return left.pop(0)
        await asyncio.Event().wait()

    return receive


CHUNKED = {b"transfer-encoding": b"chunked"}
PART = {"type": "http.request", "body": b"12345", "more_body": True}
LAST = {"type": "http.request", "body": b"678", "more_body": False}
GONE = {"type": "http.disconnect"}


def test_body_that_is_late_is_refused() -> None:
    """A client that sends a part of its body and no more ends in BodyTooSlow."""

    async def main() -> None:
        all_guards = Guards(100, body_seconds=0.0)
        all_guards.start()

        async def request() -> None:
            with Guard(all_guards, messages(PART), CHUNKED, started=0.0) as guard:
                while not guard.has_body:
                    await guard.receive()

        with pytest.raises(BodyTooSlow, match="within 0 s"):
            await request()
        await all_guards.stop()
        assert not all_guards.in_flight

    asyncio.run(main())


@pytest.mark.parametrize("headers", [{}, {b"content-length": b"5"}])
def test_body_that_nobody_reads_ends_nothing(headers: dict[bytes, bytes]) -> None:
    """A handler that has no use for it may take its time, also while the service stops."""

    async def main() -> None:
        all_guards = Guards(100, body_seconds=0.0)
        with Guard(all_guards, messages(), headers, started=0.0) as guard:
            guard.look(now=1e9)
            all_guards.end_bodies(Unavailable("stopping"))
            await asyncio.sleep(0)

    asyncio.run(main())


def test_request_leaves_no_circle() -> None:
    """What it held is free when it ends, and not when garbage is next collected."""

    class Held:
        """What a server's `receive` belongs to."""

        async def receive(self) -> Any:
            return LAST

    async def request() -> "weakref.ref[Held]":
        held = Held()
        with Guard(Guards(100, 10.0), held.receive, {}, started=0.0) as guard:
            held.guard = guard  # type: ignore[attr-defined]  # as a scope leads to it
            await guard.receive()
        return weakref.ref(held)

    gc.disable()
    try:
        assert asyncio.run(request())() is None
    finally:
        gc.enable()


def test_work_after_the_body_is_not_held_to_its_time() -> None:
    """The limit is the body's, not the answer's."""

    async def main() -> None:
        all_guards = Guards(100, body_seconds=0.0)
        with Guard(all_guards, messages(LAST), {}, started=0.0) as guard:
            await guard.receive()
            guard.look(now=1e9)
            await asyncio.sleep(0)

    asyncio.run(main())


@pytest.mark.parametrize(("limit", "fits"), [(8, True), (7, False)])
def test_bytes_are_counted_as_they_come(limit: int, fits: bool) -> None:
    """A body without a length is refused as soon as it is too large."""

    async def main() -> None:
        with Guard(Guards(limit, 10.0), messages(PART, LAST), CHUNKED, started=0.0) as guard:
            await guard.receive()
            await guard.receive()
            assert guard.has_body

    if fits:
        asyncio.run(main())
    else:
        with pytest.raises(BodyTooLarge, match="more than 7 bytes"):
            asyncio.run(main())


def test_length_that_is_too_much_is_refused_before_the_body() -> None:
    """By Content-Length alone."""
    with pytest.raises(BodyTooLarge):
        Guard(Guards(10, 10.0), messages(), {b"content-length": b"11"}, started=0.0)


def test_client_that_leaves_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only while the answer is waited for, and the error is ClientGone, not a cancellation."""
    monkeypatch.setattr(guards, "GRACE_SECONDS", 0.0)

    async def main() -> None:
        all_guards = Guards(100, 10.0)
        all_guards.start()

        async def request() -> None:
            with Guard(all_guards, messages(LAST, GONE), {}, started=0.0) as guard:
                await guard.receive()
                guard.answering = True
                await asyncio.Event().wait()

        with pytest.raises(ClientGone):
            await request()
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        await all_guards.stop()

    asyncio.run(main())


def test_answer_that_is_done_is_not_ended() -> None:
    """A client that leaves while its answer is being sent cancels nothing."""

    async def main() -> None:
        all_guards = Guards(100, 10.0)
        with Guard(all_guards, messages(LAST, GONE), {}, started=0.0) as guard:
            await guard.receive()
            guard.answering = True
            guard.look(now=1e9)
            guard.answering = False
            await asyncio.sleep(0.01)

    asyncio.run(main())


def test_stop_refuses_bodies_that_have_not_arrived() -> None:
    """Those that have arrived are answered."""

    async def main() -> None:
        all_guards = Guards(100, 10.0)
        ended = []

        async def request(*given: Any) -> None:
            try:
                with Guard(all_guards, messages(*given), CHUNKED, started=0.0) as guard:
                    while not guard.has_body:
                        await guard.receive()
                    await asyncio.sleep(0.01)
                    ended.append("answered")
            except Unavailable:
                ended.append("refused")

        tasks = [asyncio.create_task(request(LAST)), asyncio.create_task(request(PART))]
        await asyncio.sleep(0)
        all_guards.end_bodies(Unavailable("stopping"))
        await asyncio.gather(*tasks)
        assert sorted(ended) == ["answered", "refused"]

    asyncio.run(main())


def test_cancellation_from_elsewhere_stays_one() -> None:
    """A server that cancels a request gets its cancellation."""

    async def main() -> None:
        async def request() -> None:
            with Guard(Guards(100, 10.0), messages(), {}, started=0.0):
                await asyncio.Event().wait()

        task = asyncio.create_task(request())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
