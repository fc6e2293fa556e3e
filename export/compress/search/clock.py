"""How much of the budget is left."""

import time


class Clock:
    """Counts down from its making.

    Args:
        seconds: the budget.
    """

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, none of them negative."""
        return max(0.0, self._ends - time.monotonic())

    def part(self, share: float) -> "Clock":
        """A clock for a share of what is left."""
        return Clock(share * self.left)
