"""Which model's batch runs next, where there are fewer cores than models that have work.

Threads that run at once on one core take its time from each other, so that every batch is late.
Here batches run one after another, and models share the time by start-time fair queueing (Goyal,
Vin and Cheng 1996): the next is of the model that has had the least of it since it has had work
without a pause. So a model that needs little of the core is answered at once, however much others
have waiting; one that needs more than its share waits for nothing but its share.
"""

import threading
import time
from types import TracebackType


class Turns:
    """The places on which models run their batches.

    Args:
        places: batches that run at the same time.
    """

    def __init__(self, places: int = 1) -> None:
        self._changed = threading.Condition()
        self._free = places
        self._waiting: list[Turn] = []
        self._now = 0.0  # where the model stands, in seconds of its own, that began last

    def join(self) -> "Turn":
        """A model's turns, one after another."""
        return Turn(self)

    def _begin(self, turn: "Turn") -> None:
        with self._changed:
            turn.stands = max(turn.stands, self._now)  # nobody saves time up for later
            self._waiting.append(turn)
            self._changed.wait_for(lambda: self._free and self._next() is turn)
            self._waiting.remove(turn)
            self._free -= 1
            self._now = turn.stands
            if self._free:  # the next may have looked while it was not yet
                self._changed.notify_all()

    def _end(self, turn: "Turn", seconds: float) -> None:
        with self._changed:
            turn.stands += seconds
            self._free += 1
            self._changed.notify_all()

    def _next(self) -> "Turn":
        return min(self._waiting, key=_stands)


class Turn:
    """A model's place in line; the `with` waits for it, and ends when the batch has run.

    Used by one thread.

    Attributes:
        stands: seconds that the model has had, and those it let pass while it had no work.
    """

    __slots__ = ("_started", "_turns", "stands")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._started = 0.0
        self.stands = 0.0

    def __enter__(self) -> None:
        self._turns._begin(self)
        self._started = time.monotonic()

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._turns._end(self, time.monotonic() - self._started)


def _stands(turn: Turn) -> float:
    return turn.stands
