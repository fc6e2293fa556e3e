"""What is to be ended at its time unless it is over before: one timer of the loop for all.

Hardly any is ever ended, and a timer for each would be made and taken back with every request.
"""

import asyncio
import time
from collections.abc import Callable
from itertools import count


class Deadlines:
    """Callbacks of one event loop, each with its time on the clock of `time.monotonic`."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[float, Callable[[], object]]] = {}
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0  # when the timer goes off

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, when: float, callback: Callable[[], object]) -> int:
        """Has `callback` called at `when`, or soon after; returns what `remove` takes."""
        number = next(self._numbers)
        self._waiting[number] = (when, callback)
        if self._timer is None or when < self._next:
            self._set(when)
        return number

    def remove(self, number: int) -> None:
        """Forgets a callback; one that was called is forgotten already."""
        self._waiting.pop(number, None)

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, when - time.monotonic()), self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = time.monotonic()
        due = [number for number, (when, _) in self._waiting.items() if when <= now]
        try:
            while due:
                if one := self._waiting.pop(due.pop(0), None):
                    one[1]()
        finally:  # what a callback raises is the loop's to tell, and holds none of the others up
            if self._waiting:
                self._set(min(when for when, _ in self._waiting.values()))
