"""A stop that loses no request.

On the first SIGTERM the service gives notice: `/readyz` says no, and predictions go on while
balancers see it. Then it closes: new predictions are refused, and what was accepted is answered.
When that is done, or the limit has passed, the server's own handler runs, which closes the socket.

SIGINT, which a person sends, SIGHUP, which a terminal does that closes, and `ORPHANED` skip the
notice and go to the server's own handler at once: that closes the port first, and then waits for
what was accepted as well. A second signal ends the process as it is.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

ORPHANED = signal.SIGUSR1  # what a worker tells itself when its supervisor is gone
LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Stop:
    """How a service stops.

    Attributes:
        notice: called on the loop when the first signal comes.
        close: called on the loop when the notice is over: nothing new is taken any more.
        busy: whether accepted work is unanswered.
        notice_seconds: between the two calls.
        drain_seconds: how long to wait for accepted work after that.
    """

    notice: Callable[[], None]
    close: Callable[[], None]
    busy: Callable[[], bool]
    notice_seconds: float
    drain_seconds: float

    async def run(self, hurry: asyncio.Event) -> None:
        """Gives notice, closes, and waits for accepted work, until `hurry` is set."""
        self.notice()
        with suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), self.notice_seconds)
        self.close()
        give_up = time.monotonic() + self.drain_seconds
        while self.busy() and not hurry.is_set() and time.monotonic() < give_up:
            await asyncio.sleep(LOOK_SECONDS)


@contextmanager
def drained_on_signal(stop: Stop) -> Iterator[None]:
    """Puts `stop` before the handlers that are installed, ignored signals left ignored.

    Outside the main thread, which alone gets signals, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, ORPHANED)
    handlers = {sig: signal.getsignal(sig) for sig in signals}
    handlers = {sig: found for sig, found in handlers.items() if found is not signal.SIG_IGN}
    stopper = _Stopper(stop, handlers[signal.SIGTERM])
    for sig in handlers:
        signal.signal(sig, stopper.on_signal)
    try:
        yield
    finally:
        for sig, handler in handlers.items():
            signal.signal(sig, handler)


class _Stopper:
    """Runs a stop when a signal comes, and then the handler that was there before.

    Args:
        stop: what to run.
        end: the server's own handler of SIGTERM.
    """

    def __init__(self, stop: Stop, end: object) -> None:
        self._stop = stop
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._hurry = asyncio.Event()
        self._begun = False
        self._task: asyncio.Task[None] | None = None

    def on_signal(self, sig: int, _: FrameType | None) -> None:
        """Begins the stop; a second signal ends the process.

        Not that of a worker: where a whole group is told, its supervisor tells it once more, and
        ends it itself if it is told twice.
        """
        if self._begun and sig != ORPHANED:
            if multiprocessing.parent_process() is None:
                os._exit(128 + sig)
            return
        # A signal handler runs between two bytecodes: only this call also wakes the loop.
        if sig != signal.SIGTERM:
            self._loop.call_soon_threadsafe(self._hurry.set)
        if not self._begun:
            self._begun = True
            self._loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._stop.run(self._hurry)
        finally:  # whatever fails, the process ends
            if callable(self._end):
                self._end(signal.SIGTERM, None)
