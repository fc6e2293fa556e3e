"""A stop that loses no request.

On the first SIGTERM or SIGINT `/readyz` says no and new predictions get 503, while what was
accepted is answered; when that is done, or the limit has passed, the server's own handler
runs, which closes the socket. A second signal goes to the server's handler at once.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NOTICE_SECONDS = 1.0  # for a load balancer to see /readyz, if it looks every second
LOOK_SECONDS = 0.02


@contextmanager
def drained_on_signal(
    begin: Callable[[], None], busy: Callable[[], bool], limit_seconds: float
) -> Iterator[None]:
    """Puts itself before the handlers that are installed; outside the main thread does nothing.

    Args:
        begin: called on the loop when the first signal comes.
        busy: whether accepted work is unanswered.
        limit_seconds: how long to wait for it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {sig: signal.getsignal(sig) for sig in (signal.SIGTERM, signal.SIGINT)}
    tasks: list[asyncio.Task[None]] = []

    def pass_on(sig: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(sig)]
        if callable(handler):
            handler(sig, frame)

    async def drain(sig: int) -> None:
        give_up = time.monotonic() + limit_seconds
        await asyncio.sleep(min(NOTICE_SECONDS, limit_seconds))
        while busy() and time.monotonic() < give_up:
            await asyncio.sleep(LOOK_SECONDS)
        pass_on(sig, None)

    def start(sig: int) -> None:
        begin()
        tasks.append(asyncio.create_task(drain(sig)))

    stopping = False

    def on_signal(sig: int, frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            pass_on(sig, frame)
            return
        stopping = True
        # A signal handler runs between two bytecodes: only this call also wakes the loop.
        loop.call_soon_threadsafe(start, sig)

    for sig in before:
        signal.signal(sig, on_signal)
    try:
        yield
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)
